"""What one call needs from the rest of the product, as ports, so that a session can be tried with fakes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from koemori.assist.ladder import LadderStanding
from koemori.assist.types import (
    AssistEvent,
    AssistInput,
    CallFacts,
    EarlierCall,
    MatchedBy,
    ThirdOpinion,
)
from koemori.audio.call import CallEnded, CallId, CallStarted, Channel
from koemori.audio.frames import AudioFrame, Gap, SourceEvent
from koemori.audio.signals import CallDocument, CallUpdated
from koemori.models.types import TranscriptEvent

if TYPE_CHECKING:
    from collections import Counter

    import numpy as np
    from koemori.assist.third_opinion import Doubt
    from koemori.audio.recording import JournalHead
    from koemori.models.questions import ListenerCounts
    from koemori.server.archive.sealing import SealedRecording
    from numpy.typing import NDArray


class Pace(StrEnum):
    """How a source's time runs."""

    LIVE = "live"
    """Real time: never held up; latency is measured; overload skips assistance."""
    SCALED = "scaled"
    """A fixed multiple of real time: never held up; latency means nothing."""
    HELD = "held"
    """As fast as the assist side can follow: the source waits for it."""


class CallSource(Protocol):
    """Where a call comes from."""

    def events(self) -> AsyncIterator[SourceEvent]:
        """`CallStarted` first, then frames and gaps, `CallEnded` last."""
        ...


@runtime_checkable
class StoppableSource(Protocol):
    """A source that holds audio back (to put it in order) and can be asked to give it and end."""

    def stop(self, reason: str) -> None:
        """Yield what is held back, then `CallEnded` with this reason."""
        ...


class Recorder(Protocol):
    """The recorder lane; `CallRecorder` of the journal."""

    def push(self, event: AudioFrame | Gap) -> None:
        """Record; returns at once."""
        ...

    def note(self, event: CallUpdated | CallDocument) -> None:
        """Record what the phone system said; returns at once."""
        ...

    def mask(self, channel: int, start_sample: int, sample_count: int) -> None:
        """Say that samples which were pushed must not be kept; returns at once."""
        ...

    def mark(self, kind: str, facts: Mapping[str, str | int] | None = None) -> None:
        """Write something about this recording that a later reader should know; returns at once."""
        ...

    def close(self, ended: CallEnded) -> Future[JournalHead]:
        """End the journal of this call."""
        ...


class Listener(Protocol):
    """Audio → transcript events; `CallListener` of the models."""

    counts: ListenerCounts

    def push(self, channel: Channel, start_ms: int, samples: NDArray[np.float32]) -> None:
        """Add 16 kHz mono audio of one channel; returns at once."""
        ...

    def gap(self, channel: Channel, start_ms: int, duration_ms: int) -> None:
        """Say that this much of the channel will not come."""
        ...

    def events(self) -> AsyncIterator[TranscriptEvent]:
        """Transcript events as they come; ends after `finish`."""
        ...

    def finish(self) -> None:
        """No more audio comes; `events` ends when the last words are out."""
        ...

    async def drain_below(self, backlog_ms: int) -> None:
        """Wait until less than this is waiting; `events` must be iterated meanwhile."""
        ...

    @property
    def finals_from_ms(self) -> int:
        """Media time before which no final that is still to come ends."""
        ...

    @property
    def backlog_ms(self) -> int:
        """Audio that waits for the detector or for its words, over all channels."""
        ...


class Engine(Protocol):
    """Words → alerts, guidance, case; `AssistEngine`."""

    failures: Counter[str]
    """Parts that failed in this call, by name."""

    @property
    def ladder(self) -> LadderStanding | None:
        """Where the call stands on the warning ladder; None before anything called for it. Thread-safe."""
        ...

    def push(self, event: AssistInput) -> list[AssistEvent]:
        """Take one input; return what follows from it, in order."""
        ...

    def take_doubts(self) -> list[Doubt]:
        """What a third opinion should be asked about since this was last called."""
        ...


class Adviser(Protocol):
    """Who is asked for a third opinion; shared by all calls."""

    @property
    def most_per_call(self) -> int:
        """Doubts of one call that may be asked about."""
        ...

    @property
    def deadline_s(self) -> float:
        """How long `ask` takes at most."""
        ...

    async def ask(self, call_id: str, doubt: Doubt) -> ThirdOpinion | None:
        """The answer; None when there is none, whatever the cause. Raises nothing but cancellation."""
        ...


LookUp = Callable[[str, Mapping[MatchedBy, str]], Awaitable[tuple[EarlierCall, ...]]]
"""Earlier calls, newest first, of whoever has one of these keys; the first argument is this call's id."""


async def nobody(_call_id: str, _keys: Mapping[MatchedBy, str]) -> tuple[EarlierCall, ...]:
    """No memory of earlier calls."""
    return ()


@dataclass(frozen=True, slots=True)
class CallPorts:
    """Makers of a call's parts.

    Attributes:
        open_recorder: Opens the call's journal; raises `JournalError` when nothing can be recorded.
        seal: Writes the master and its manifest; blocking, run in a thread once the journal is durable.
        release: Lets go of the journal of a sealed call that is noted everywhere; blocking.
        make_listener: A listener for the call's channels; may raise, the call is then recorded only.
        make_engine: An engine; may raise, as above.
        look_up: Earlier calls of a person.
        adviser: Who is asked about doubtful utterances; None asks nobody.
        assisted: False where calls are recorded only; neither listener nor engine is made.
    """

    open_recorder: Callable[[CallStarted], Recorder]
    seal: Callable[[CallStarted, Future[JournalHead]], SealedRecording]
    release: Callable[[CallId], None]
    make_listener: Callable[[CallStarted], Listener]
    make_engine: Callable[[CallFacts], Engine]
    look_up: LookUp = nobody
    adviser: Adviser | None = None
    assisted: bool = True

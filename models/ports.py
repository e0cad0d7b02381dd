"""Ports of the speech models. Implementations are named for their technology and live beside this file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, Protocol

from koemori.models.types import Hypothesis, SpeakerTurn, SpeechSegment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class VoiceActivityDetector(Protocol):
    """Speech probability for many channels in one run; keeps each channel's state by key."""

    window_samples: int
    """Samples of one window at 16 kHz."""

    def probabilities(self, keys: tuple[str, ...], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Judge one window per channel.

        Args:
            keys: One state key per row, all different.
            windows: float32 in [-1, 1], shape `(len(keys), window_samples)`, 16 kHz.

        Returns:
            Speech probability per row, shape `(len(keys),)`.
        """
        ...

    def forget(self, key: str) -> None:
        """Drop a channel's state; its call has ended."""
        ...


class Purpose(IntEnum):
    """Why a window is asked for; lower goes first."""

    FINAL = 0
    """Speech has ended: this answer becomes the utterance. Never dropped silently."""
    ADVANCE = 1
    """A final asked for at a pause that may yet end; refused unless a worker is free."""
    PARTIAL = 2
    """Speech goes on: superseded by the channel's next question, dropped under load."""


class Effort(StrEnum):
    """How much a worker spends on a final; the pool chooses by its load."""

    FULL = "full"
    """Beam search and aligned word times."""
    FAST = "fast"
    """Greedy decoding and aligned word times: about a third cheaper, about one point of CER."""


@dataclass(frozen=True, slots=True, eq=False)
class TranscriptionRequest:
    """One window for a worker. Stateless: the same request and effort give the same hypothesis.

    Attributes:
        segment: The audio; its channel names the call.
        purpose: Final, advance or partial.
        language: Language the recogniser is held to; empty lets it find out.
        prompt: Text said before, or words to expect; conditions the recogniser, is not in the answer.
    """

    segment: SpeechSegment
    purpose: Purpose
    language: str = "ja"
    prompt: str = ""

    @property
    def final(self) -> bool:
        """Whether the answer may become an utterance."""
        return self.purpose is not Purpose.PARTIAL


class Transcriber(Protocol):
    """Turns windows into words, in the calling thread."""

    model_id: str

    def transcribe(
        self, batch: Sequence[TranscriptionRequest], effort: Effort = Effort.FULL
    ) -> list[Hypothesis]:
        """Transcribe windows together; word times are media time.

        Batching is for speed: windows of one length give the text that they would give alone; shorter ones
        are padded to the longest, which now and then changes a word.

        Returns:
            One hypothesis per request, in order.

        Raises:
            TranscriptionError: The model failed; nothing is kept of the windows.
        """
        ...


class LoadLevel(IntEnum):
    """What is being shed, in the order in which it goes. The recording never notices."""

    NORMAL = 0
    PARTIALS_REDUCED = 1
    """Partials come less often."""
    PARTIALS_OFF = 2
    """No text while someone speaks; finals only."""
    LARGE_WINDOWS = 3
    """Finals wait for longer pauses, so that a window holds more speech, and are decoded greedily."""
    SHEDDING = 4
    """Some finals are refused: their audio becomes a `not_assisted` span."""


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a pool is, and what its callers should do about it.

    Attributes:
        level: What is being shed.
        partial_interval_ms: New speech between two partials of an utterance; meaningless from
            `PARTIALS_OFF` on.
        waiting: Requests accepted and not yet begun.
    """

    level: LoadLevel = LoadLevel.NORMAL
    partial_interval_ms: int = 0
    waiting: int = 0


class WorkerPool(Protocol):
    """Runs transcription off the event loop: bounded, ordered by deadline, fair between calls.

    Belongs to one event loop. What is kept whatever happens: each accepted request is answered once, by its
    hypothesis or by an error; a worker that dies costs time, not a request; finals of one channel begin in
    the order in which they were asked.
    """

    model_id: str
    """Of finals; a hypothesis carries the one that made it."""
    capacity: int
    """Windows that can be worked on at once."""

    @property
    def load(self) -> Load:
        """How busy the pool is now; cheap, read it before each question."""
        ...

    async def transcribe(self, request: TranscriptionRequest) -> Hypothesis:
        """Wait for a worker and its answer; cancelling the awaiter drops a request not yet begun.

        Raises:
            TranscriptionError: The model failed on this window.
            WorkerPoolBusyError: No room, or (a partial) superseded or too late to matter.
            WorkerPoolClosedError: `aclose` was called.
        """
        ...

    async def aclose(self) -> None:
        """Finish running requests and release the workers."""
        ...


class Diarizer(Protocol):
    """Says who speaks when on a channel that carries several people."""

    model_id: str

    async def turns(self, samples: NDArray[np.float32], speakers: int | None = 2) -> tuple[SpeakerTurn, ...]:
        """Find the speakers.

        Args:
            samples: float32 in [-1, 1], shape `(n,)`, 16 kHz mono.
            speakers: How many speak, when that is known.

        Returns:
            Turns in order of time, each by one speaker; times are milliseconds of `samples`.

        Raises:
            DiarizationUnavailableError: Nothing is configured, or a needed package or file is missing.
        """
        ...

"""A listener for one channel that carries several people: words get speakers as the call goes on.

It stands around another listener. Words pass through at once, marked `unknown`; the audio is kept for a
while, and now and then a stretch of it goes to the diarizer, one at a time. What comes back names voices by
`SpeakersFound` events, which may be revised by the next look. Nothing waits for the diarizer but a held
source and, for a moment, the end of the call. Where it is unavailable, or too slow to follow, words stay
`unknown`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from koemori.audio.call import Channel
from koemori.models.errors import DiarizationUnavailableError
from koemori.models.ports import Diarizer
from koemori.models.speakers import continue_turns, label_words, shift_turns
from koemori.models.types import (
    NotAssisted,
    Quarantined,
    SpeakersFound,
    SpeakerTurn,
    TranscriptEvent,
    Utterance,
)

if TYPE_CHECKING:
    from koemori.models.questions import ListenerCounts
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

MOST_FAILURES = 3
"""Looks in a row that may fail before a call does without."""
_SAMPLES_PER_MS = 16
_Final = Utterance | Quarantined | NotAssisted


class PlainListener(Protocol):
    """What is stood around: `CallListener`."""

    counts: ListenerCounts

    def push(self, channel: Channel, start_ms: int, samples: NDArray[np.float32]) -> None: ...  # noqa: D102
    def gap(self, channel: Channel, start_ms: int, duration_ms: int) -> None: ...  # noqa: D102
    def events(self) -> AsyncIterator[TranscriptEvent]: ...  # noqa: D102
    def finish(self) -> None: ...  # noqa: D102
    async def drain_below(self, backlog_ms: int) -> None: ...  # noqa: D102
    @property
    def finals_from_ms(self) -> int: ...  # noqa: D102
    @property
    def backlog_ms(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class SpeakerConfig:
    """How much the diarizer hears, and when.

    Attributes:
        interval_ms: New audio between two looks.
        context_ms: Audio heard again before it, so that voices keep their names and cut turns are mended.
        kept_ms: Most audio kept; when the diarizer is further behind, the oldest is never looked at.
        grace_s: How long the end of the call may wait for the last look.
        voices: How many people share the channel.
    """

    interval_ms: int = 30_000
    context_ms: int = 60_000
    kept_ms: int = 240_000
    grace_s: float = 15.0
    voices: int = 2


class SpeakerListener:
    """See the module. A drop-in for the listener inside; belongs to one event loop.

    Args:
        inner: The channel's listener; it must have this one channel only.
        diarizer: Shared by all calls.
        config: See `SpeakerConfig`.
    """

    def __init__(self, inner: PlainListener, diarizer: Diarizer, config: SpeakerConfig | None = None) -> None:
        self.counts = inner.counts
        self._inner = inner
        self._diarizer = diarizer
        self._config = config or SpeakerConfig()
        self._tape = Tape(self._config.kept_ms)
        self._turns: tuple[SpeakerTurn, ...] = ()
        self._seen_ms = 0
        """End of what the diarizer has heard."""
        self._said: list[Utterance] = []
        """Utterances that a later look may still change, with the speakers last said."""
        self._out: asyncio.Queue[TranscriptEvent | Exception | None] = asyncio.Queue()
        self._not_taken: deque[_Final] = deque()
        """Finals among what waits there."""
        self._failures = 0
        """Looks that failed in a row."""
        self._finished = False
        self._ready = False
        self._gone = False
        self._changed = asyncio.Event()
        self._looked = asyncio.Event()

    @property
    def finals_from_ms(self) -> int:
        """See `Listener`; what the words' listener gave and nobody has taken yet is still to come."""
        return min([self._inner.finals_from_ms, *(final.end_ms for final in self._not_taken)])

    @property
    def backlog_ms(self) -> int:
        """Of the words; speakers are not waited for."""
        return self._inner.backlog_ms

    def push(self, channel: Channel, start_ms: int, samples: NDArray[np.float32]) -> None:
        """See `Listener`."""
        self._inner.push(channel, start_ms, samples)
        if not self._gone:
            self._tape.put(start_ms, samples)
            self._changed.set()

    def gap(self, channel: Channel, start_ms: int, duration_ms: int) -> None:
        """See `Listener`; the diarizer hears silence there."""
        self._inner.gap(channel, start_ms, duration_ms)

    def finish(self) -> None:
        """See `Listener`."""
        self._finished = True
        self._inner.finish()
        self._changed.set()

    async def drain_below(self, backlog_ms: int) -> None:
        """Wait for the words, and until the diarizer is there and has no look to catch up with."""
        await self._inner.drain_below(backlog_ms)
        while not self._gone and (not self._ready or self._next_end_ms() is not None):
            self._looked.clear()
            await self._looked.wait()

    async def events(self) -> AsyncIterator[TranscriptEvent]:
        """Transcript events, speakers among them; ends after `finish` and the last look."""
        tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._look())]
        try:
            while (event := await self._out.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                if self._not_taken and event is self._not_taken[0]:
                    self._not_taken.popleft()
                yield event
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _hear(self) -> None:
        """Pass on what the listener inside says; its failure ends everything, as it would without us."""
        try:
            async for came in self._inner.events():
                event = self._marked(came) if isinstance(came, Utterance) else came
                if isinstance(event, _Final):
                    self._not_taken.append(event)
                self._out.put_nowait(event)
            self._finished = True
            self._changed.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._config.grace_s):
                    while not self._gone and self._seen_ms < self._tape.end_ms:
                        self._looked.clear()
                        await self._looked.wait()
            self._out.put_nowait(None)
        except Exception as error:
            self._out.put_nowait(error)

    def _marked(self, event: Utterance) -> Utterance:
        look_to_come = self._seen_ms < min(event.end_ms, self._tape.end_ms)
        turns = () if look_to_come else self._turns
        marked = replace(event, words=label_words(event.words, turns))
        if not self._gone:
            self._said.append(marked)
        return marked

    async def _look(self) -> None:
        """Diarize stretch after stretch, as audio comes.

        A second of silence goes first: it says at once whether there is a diarizer, and loads its models.
        """
        try:
            await self._diarizer.turns(np.zeros(1000 * _SAMPLES_PER_MS, np.float32), self._config.voices)
            self._ready = True
            self._looked.set()
            while True:
                await self._changed.wait()
                self._changed.clear()
                while (until_ms := self._next_end_ms()) is not None:
                    await self._try_to_look(min(until_ms, self._tape.end_ms))
                    self._looked.set()
        except DiarizationUnavailableError as error:
            logger.warning("speakers are not told apart: %s", error)
        except Exception as error:  # assistance of assistance: words must not suffer from it
            logger.error("speakers are not told apart", exc_info=error)
        finally:
            self._gone = True
            self._tape.clear()
            self._said.clear()
            self._looked.set()

    def _next_end_ms(self) -> int | None:
        end_ms = self._tape.end_ms
        if end_ms - self._seen_ms >= self._config.interval_ms:
            return max(self._seen_ms, self._tape.start_ms) + self._config.interval_ms
        return end_ms if self._finished and end_ms > self._seen_ms else None

    async def _try_to_look(self, until_ms: int) -> None:
        """Look, or leave it to the next look, which hears most of this stretch again.

        Raises:
            DiarizationUnavailableError: So many looks in a row have failed that there will be no other.
        """
        try:
            await self._look_until(until_ms)
            self._failures = 0
        except DiarizationUnavailableError:
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                raise
            self._seen_ms = until_ms

    async def _look_until(self, until_ms: int) -> None:
        from_ms = max(self._tape.start_ms, self._seen_ms - self._config.context_ms)
        samples = self._tape.cut(from_ms, until_ms)
        found = await self._diarizer.turns(samples, self._config.voices)
        turns = shift_turns(found, from_ms)
        self._turns = continue_turns(self._turns, turns, from_ms, self._config.voices)
        self._seen_ms = until_ms
        still_open: list[Utterance] = []
        for utterance in self._said:
            if utterance.end_ms > from_ms:
                utterance = self._renamed(utterance)
                still_open.append(utterance)
        self._said = still_open

    def _renamed(self, utterance: Utterance) -> Utterance:
        """Say the speakers of an utterance when they are others than before."""
        words = label_words(utterance.words, self._turns)
        if words != utterance.words:
            self._out.put_nowait(
                SpeakersFound(
                    utterance.channel, utterance.utterance_id, utterance.start_ms, utterance.end_ms, words
                )
            )
        return replace(utterance, words=words)


class Tape:
    """The newest audio of one channel, 16 kHz, kept as 16-bit numbers.

    Args:
        kept_ms: Most audio kept.
    """

    def __init__(self, kept_ms: int) -> None:
        self._kept = kept_ms * _SAMPLES_PER_MS
        self._pieces: deque[tuple[int, NDArray[np.int16]]] = deque()
        self._end = 0

    @property
    def start_ms(self) -> int:
        """Where the oldest audio kept begins."""
        first = self._pieces[0][0] if self._pieces else self._end
        return -(-first // _SAMPLES_PER_MS)

    @property
    def end_ms(self) -> int:
        """Where the newest ends, in whole milliseconds."""
        return self._end // _SAMPLES_PER_MS

    def put(self, start_ms: int, samples: NDArray[np.float32]) -> None:
        """Add audio, shape `(n,)`; what overlaps audio that is there replaces it."""
        start = start_ms * _SAMPLES_PER_MS
        whole = np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16)
        self._pieces.append((start, whole))
        self._end = max(self._end, start + len(whole))
        while self._pieces and self._pieces[0][0] + len(self._pieces[0][1]) <= self._end - self._kept:
            self._pieces.popleft()

    def cut(self, start_ms: int, end_ms: int) -> NDArray[np.float32]:
        """A copy of a stretch, float32 in [-1, 1]; zero where nothing came."""
        start, end = start_ms * _SAMPLES_PER_MS, end_ms * _SAMPLES_PER_MS
        stretch = np.zeros(max(0, end - start), np.float32)
        for at, piece in self._pieces:
            first, last = max(at, start), min(at + len(piece), end)
            if first < last:
                stretch[first - start : last - start] = piece[first - at : last - at] / np.float32(32767)
        return stretch

    def clear(self) -> None:
        """Let go of everything."""
        self._pieces.clear()

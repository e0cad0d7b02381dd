"""A scripted call of two voices in one channel, and fakes around it; nothing here sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import numpy as np
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.errors import DiarizationUnavailableError
from koemori.models.questions import ListenerCounts
from koemori.models.types import SpeakerTurn, TranscriptEvent, Utterance, Word
from numpy.typing import NDArray

MONO = Channel(CallId("01JDKQ0000000000000000MONO"), LegId("a"), 0, ChannelRole.UNKNOWN, "test")
TURN_MS = 10_000
"""In the scripted audio the speakers take turns of ten seconds: level .25 is one voice, .5 the other."""


def audio(start_ms: int, end_ms: int) -> NDArray[np.float32]:
    levels = np.array([0.25, 0.5], np.float32)
    return levels[np.arange(start_ms * 16, end_ms * 16) // (16 * TURN_MS) % 2]


def utterance(start_ms: int, end_ms: int) -> Utterance:
    """A word each second."""
    words = tuple(Word("は", ms, ms + 1000, 0.9) for ms in range(start_ms, end_ms, 1000))
    text = "は" * len(words)
    return Utterance(MONO, f"0-{start_ms}", start_ms, end_ms, text, words, "ja", "test")


class ScriptedListener:
    """Gives an utterance for each ten seconds of audio that have come."""

    def __init__(self) -> None:
        self.counts = ListenerCounts()
        self.finals_from_ms = 0
        self.backlog_ms = 0
        self._queue: asyncio.Queue[TranscriptEvent | Exception | None] = asyncio.Queue()
        self._next_ms = TURN_MS

    def push(self, channel: Channel, start_ms: int, samples: NDArray[np.float32]) -> None:
        while start_ms + len(samples) // 16 >= self._next_ms:
            self._queue.put_nowait(utterance(self._next_ms - TURN_MS, self._next_ms))
            self._next_ms += TURN_MS
        self.finals_from_ms = self._next_ms - TURN_MS

    def gap(self, channel: Channel, start_ms: int, duration_ms: int) -> None:
        pass

    def hold(self) -> None:
        """Give nothing by itself any more."""
        self._next_ms = 1 << 40

    def say(self, event: TranscriptEvent | Exception) -> None:
        """Give this event now, or fail."""
        self._queue.put_nowait(event)

    def finish(self) -> None:
        self._queue.put_nowait(None)

    async def drain_below(self, backlog_ms: int) -> None:
        await asyncio.sleep(0)

    async def events(self) -> AsyncIterator[TranscriptEvent]:
        while (event := await self._queue.get()) is not None:
            if isinstance(event, Exception):
                raise event
            yield event


class LevelDiarizer:
    """Tells the voices of `audio` apart by their level; names the first voice of each question S1."""

    model_id = "levels"

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def turns(self, samples: NDArray[np.float32], speakers: int | None = 2) -> tuple[SpeakerTurn, ...]:
        self.asked.append(len(samples) // 16)
        await self.go_on.wait()
        levels = np.round(samples[::16], 2)
        edges = [0, *(np.flatnonzero(np.diff(levels)) + 1), len(levels)]
        names: dict[float, str] = {}
        return tuple(
            SpeakerTurn(names.setdefault(float(levels[start]), f"S{len(names) + 1}"), int(start), int(end))
            for start, end in pairwise(edges)
            if levels[start] > 0
        )


class NoDiarizer:
    """Nothing is configured."""

    model_id = ""

    async def turns(self, samples: NDArray[np.float32], speakers: int | None = 2) -> tuple[SpeakerTurn, ...]:
        raise DiarizationUnavailableError("weights in the section [diarization]")

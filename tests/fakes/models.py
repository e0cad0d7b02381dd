"""Speech models by script: a detector that hears loudness, a recogniser that says what the script says."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence

import numpy as np
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.energy_vad import EnergyVad
from koemori.models.ports import Effort, Load, LoadLevel, TranscriptionRequest
from koemori.models.segmenter import SpeechWindow
from koemori.models.types import Hypothesis, SpeechSegment, Word
from numpy.typing import NDArray

AGENT = Channel(CallId("01CALL"), LegId("a"), 0, ChannelRole.AGENT, "test")
CUSTOMER = Channel(CallId("01CALL"), LegId("c"), 1, ChannelRole.CUSTOMER, "test")
SAMPLES_PER_MS = 16


def tone(duration_ms: int, level: float = 0.1) -> NDArray[np.float32]:
    """Something loud enough for `EnergyVad`."""
    time_s = np.arange(duration_ms * SAMPLES_PER_MS) / 16_000
    return (level * np.sin(2 * np.pi * 300 * time_s)).astype(np.float32)


def silence(duration_ms: int) -> NDArray[np.float32]:
    return np.zeros(duration_ms * SAMPLES_PER_MS, dtype=np.float32)


def speech(*spans_ms: tuple[int, int], until_ms: int) -> NDArray[np.float32]:
    """Silence with a tone in each (start, end)."""
    samples = silence(until_ms)
    for start_ms, end_ms in spans_ms:
        samples[start_ms * SAMPLES_PER_MS : end_ms * SAMPLES_PER_MS] = tone(end_ms - start_ms)
    return samples


def hypothesis(text: str, **measures: float) -> Hypothesis:
    words = (Word(text, 0, 1000, 0.9),) if text else ()
    return Hypothesis(
        words=words,
        text=text,
        language="ja",
        audio_end_ms=1000,
        model_id="fake@0",
        no_speech_probability=measures.get("no_speech", 0.05),
        mean_log_probability=measures.get("log_probability", -0.2),
        compression_ratio=measures.get("compression", 1.0),
    )


def speech_window(
    samples: NDArray[np.float32], probability: float = 0.95, speech_ms: int | None = None
) -> SpeechWindow:
    length_ms = len(samples) // SAMPLES_PER_MS
    return SpeechWindow(
        segment=SpeechSegment(CUSTOMER, 0, length_ms, samples),
        speech_start_ms=0,
        speech_end_ms=length_ms,
        mean_probability=probability,
        speech_ms=length_ms if speech_ms is None else speech_ms,
    )


class FakeTranscriber:
    """A `Transcriber` that says what `say` makes of a request; counts and can be held."""

    def __init__(self, say: Callable[[TranscriptionRequest], Hypothesis] | None = None) -> None:
        self.model_id = "fake@0"
        self.requests: list[TranscriptionRequest] = []
        self.go = threading.Event()
        self.go.set()
        self._say = say or (lambda request: hypothesis(f"{request.segment.start_ms}"))

    def transcribe(
        self, batch: Sequence[TranscriptionRequest], effort: Effort = Effort.FULL
    ) -> list[Hypothesis]:
        self.requests.extend(batch)
        self.go.wait(timeout=30)
        return [self._say(request) for request in batch]


class ScriptedPool:
    """A `WorkerPool` in the event loop: answers at once, or when `release` is called."""

    def __init__(
        self, say: Callable[[TranscriptionRequest], Hypothesis] | None = None, *, held: bool = False
    ) -> None:
        self.model_id = "fake@0"
        self.capacity = 1
        self.asked: list[TranscriptionRequest] = []
        self.cancelled = 0
        self._say = say or (lambda request: hypothesis(f"{request.segment.start_ms}"))
        self._gate = asyncio.Event()
        if not held:
            self._gate.set()
        self.waiting = 0
        self.level = LoadLevel.NORMAL
        self.partial_interval_ms = 576

    @property
    def load(self) -> Load:
        return Load(self.level, self.partial_interval_ms, self.waiting)

    def release(self) -> None:
        self._gate.set()

    async def transcribe(self, request: TranscriptionRequest) -> Hypothesis:
        self.asked.append(request)
        try:
            await self._gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self._say(request)

    async def aclose(self) -> None:
        self._gate.set()


class FailingVad(EnergyVad):
    """A detector that raises while `broken`."""

    broken = False

    def probabilities(self, keys: tuple[str, ...], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.broken:
            raise RuntimeError("no detector")
        return super().probabilities(keys, windows)

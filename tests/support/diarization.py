"""What diarization tests need: an interpreter that has torch, two-speaker mono audio, the error rate."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from koemori.models.types import SpeakerTurn
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]


def diarize_python() -> Path:
    """The interpreter of `make diarize`; skips, or fails where every test is required."""
    python = Path(os.environ.get("DIARIZE_PYTHON") or ROOT / ".venv-diarize" / "bin" / "python")
    if not python.is_file():
        said = "no interpreter with pyannote.audio: run make diarize, or set DIARIZE_PYTHON"
        if os.environ.get("KOEMORI_REQUIRE_ALL") == "1":
            pytest.fail(said)
        pytest.skip(said)
    return python


def wrapped(python: Path, folder: Path, name: str, lines: str) -> Path:
    """An interpreter as `python`, for which the modules in `folder` come first; `lines` set more."""
    script = folder / name
    script.write_text(f'#!/bin/sh\nexport PYTHONPATH="{folder}"\n{lines}\nexec "{python}" "$@"\n')
    script.chmod(0o755)
    return script


@dataclass(frozen=True, slots=True)
class MonoCall:
    """A two-sided call of the corpus as one channel, and who speaks when."""

    samples: NDArray[np.float32]
    turns: tuple[SpeakerTurn, ...]


def mono_call(corpus: Path, name: str, end_s: float) -> MonoCall:
    """The first seconds of a call, both sides in one channel, 8 kHz brought to 16 kHz."""
    samples, rate_hz = soundfile.read(corpus / "audio" / f"{name}.flac", dtype="float32")
    mixed = samples[: int(end_s * rate_hz)].mean(axis=1)
    script = json.loads((corpus / "audio" / f"{name}.json").read_text(encoding="utf-8"))
    turns = tuple(
        SpeakerTurn(turn["speaker"], round(turn["start"] * 1000), round(min(turn["end"], end_s) * 1000))
        for turn in script["turns"]
        if turn["start"] < end_s
    )
    return MonoCall(soxr.resample(mixed, rate_hz, 16_000).astype(np.float32), turns)


def error_rate(python: Path, call: MonoCall, found: Sequence[SpeakerTurn]) -> float:
    """Diarization error rate by pyannote.metrics."""

    def plain(turns: Sequence[SpeakerTurn]) -> list[list[object]]:
        return [[turn.speaker, turn.start_ms, turn.end_ms] for turn in turns]

    question = {
        "reference": plain(call.turns),
        "found": plain(found),
        "end_ms": len(call.samples) // 16,
    }
    answer = subprocess.run(
        [python, ROOT / "benchmarks" / "der.py"],
        input=json.dumps({"calls": [question]}),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    rate: float = json.loads(answer.stdout)["overall"]
    return rate

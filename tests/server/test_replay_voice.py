"""`koemori replay` of a caller who raises the voice: the event, and what it adds to rough words."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.fakes.loudness import caller, raised, turns

pytestmark = pytest.mark.model

RATE_HZ = 8000
COMMAND = (sys.executable, "-c", "from koemori.server.cli import main; main()", "replay")


def _joined(samples: NDArray[np.float32], spans_ms: list[tuple[int, int]]) -> NDArray[np.float32]:
    """The turns one after the other, with a second between."""
    pause = np.zeros(RATE_HZ, np.float32)
    parts = [samples[start * 8 : end * 8] for start, end in spans_ms]
    return np.concatenate([piece for part in parts for piece in (part, pause)])


def _replay(customer: NDArray[np.float32], home: Path) -> list[dict[str, Any]]:
    path = home / "call.wav"
    agent = np.zeros_like(customer)
    soundfile.write(path, np.stack([agent, customer], axis=1), RATE_HZ, subtype="ULAW")
    command = [*COMMAND, str(path), "--speed", "max", "--archive", str(home / "archive")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


def test_rough_words_said_louder_and_higher_than_at_first_are_a_warning_that_says_so(
    corpus: Path, tmp_path: Path
) -> None:
    spans = turns(corpus, "c01")
    calm = _joined(caller(corpus, "c01", gain_db=-10), spans)
    rough = _joined(caller(corpus, "c01", gain_db=-10), spans[2:4])
    calm_ms = len(calm) // 8
    said_again = raised(rough, 8, 3)
    events = _replay(np.concatenate([calm, said_again]), tmp_path)

    first = _of(events, "voice")[0]
    assert (first["speaker"], first["raised"]) == ("customer", True)
    assert calm_ms <= first["since_ms"] < first["at_ms"] <= calm_ms + len(said_again) // 8
    assert first["level_db"] == pytest.approx(8, abs=3)
    assert first["pitch_semitones"] == pytest.approx(3, abs=2)

    supported = [one for one in _of(events, "alert") if "声量上昇(" in one["explanation"]]
    assert supported
    assert all(one["severity"] >= 2 and one["at_ms"] > calm_ms for one in supported)
    assert "verbal_abuse" in {one["category"] for one in supported}

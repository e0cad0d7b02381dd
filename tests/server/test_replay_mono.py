"""`koemori replay --roles mono` with Whisper and pyannote: each word ends up with a voice."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import soundfile
import soxr

from tests.support.diarization import diarize_python, mono_call

pytestmark = pytest.mark.model

COMMAND = (sys.executable, "-c", "from koemori.server.cli import main; main()", "replay")
CALL_S = 40.0
AGENTS_OWN = "premature_liability"


@pytest.fixture(scope="module")
def recording(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both sides of a scripted call in one channel."""
    call = mono_call(corpus, "c17", CALL_S)
    path = tmp_path_factory.mktemp("mono") / "call.wav"
    soundfile.write(path, soxr.resample(call.samples, 16_000, 8000), 8000, subtype="PCM_16")
    return path


def replayed(recording: Path, folder: Path, settings: str) -> tuple[list[dict[str, Any]], str]:
    config = folder / "koemori.toml"
    config.write_text(settings)
    arguments = (recording, "--roles", "mono", "--speed", "max", "--archive", folder / "archive")
    done = subprocess.run(
        [*COMMAND, *map(str, arguments), "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_words_are_given_to_the_voices_that_said_them(corpus: Path, recording: Path, tmp_path: Path) -> None:
    settings = f"""
        [assist]
        drain_s = 120
        [diarization]
        enabled = true
        pipeline = "open-voices"
        python = "{diarize_python()}"
    """
    events, _ = replayed(recording, tmp_path, settings)
    said = {event["utterance_id"]: event for event in events if event["type"] == "utterance"}
    # The voices of an utterance may be known when its words come; then nothing more is said about them.
    runs: dict[str, list[dict[str, Any]]] = {
        name: event["words"] for name, event in said.items() if event["words"][0]["speaker"] != "unknown"
    }
    for event in events:
        if event["type"] == "speakers":
            assert "".join(run["text"] for run in event["runs"]) == "".join(
                word["text"] for word in said[event["utterance_id"]]["words"]
            )
            runs[event["utterance_id"]] = event["runs"]
    assert runs.keys() == said.keys()
    pairs = Counter[tuple[str, str]]()
    for turn in mono_call(corpus, "c17", CALL_S).turns:
        for run in (run for each in runs.values() for run in each):
            shared_ms = min(turn.end_ms, run["end_ms"]) - max(turn.start_ms, run["start_ms"])
            pairs[turn.speaker, run["speaker"]] += max(0, shared_ms)
    right = pairs["agent", "S1"] + pairs["customer", "S2"]
    assert right / pairs.total() > 0.9
    # Only the agent can admit too much: which voice that is was told by what both say.
    assert AGENTS_OWN in {event["category"] for event in events if event["type"] == "alert"}


def test_without_diarization_every_word_says_unknown(recording: Path, tmp_path: Path) -> None:
    events, _ = replayed(recording, tmp_path, "[diarization]\nenabled = false\n")
    words = [word for event in events if event["type"] == "utterance" for word in event["words"]]
    assert words
    assert {word["speaker"] for word in words} == {"unknown"}
    assert not any(event["type"] == "speakers" for event in events)
    assert AGENTS_OWN not in {event["category"] for event in events if event["type"] == "alert"}

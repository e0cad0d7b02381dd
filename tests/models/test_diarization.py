"""pyannote itself, with open weights, in the interpreter of `make diarize`."""

from __future__ import annotations

import asyncio
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from koemori.models.catalog import ModelSources
from koemori.models.diarization import PipelineConfig
from koemori.models.diarizer import DiarizationConfig, PyannoteDiarizer
from koemori.models.errors import DiarizationUnavailableError
from koemori.models.open_voices import ensure_open_voices
from koemori.models.speakers import label_words
from koemori.models.types import SpeakerTurn, Word

from tests.support.diarization import MonoCall, diarize_python, error_rate, mono_call, wrapped

pytestmark = pytest.mark.model

CALL_S = 60.0
WATCH = """
import json, os, sys
events = open({path!r}, "a", buffering=1)
def watch(event, arguments):
    if event.startswith("socket.") and event not in ("socket.__new__", "socket.gethostname", "socket.bind"):
        events.write(json.dumps(event) + "\\n")
    if event == "import" and arguments[0] == "pyannote.audio":
        events.write(json.dumps("telemetry " + os.environ["PYANNOTE_METRICS_ENABLED"]) + "\\n")
sys.addaudithook(watch)
"""
"""A sitecustomize: the process notes its own network calls, before any code of ours can forbid them.

A bind is none: urllib3 tries one on loopback to see whether the machine has IPv6.
"""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one worker process said of a call, of silence and of noise, and what it did meanwhile."""

    call: MonoCall
    turns: tuple[SpeakerTurn, ...]
    silence: tuple[SpeakerTurn, ...]
    hiss: tuple[SpeakerTurn, ...]
    one_voice: tuple[SpeakerTurn, ...]
    watched: list[str]


@pytest.fixture(scope="module")
def python() -> Path:
    return diarize_python()


@pytest.fixture(scope="module")
def heard(python: Path, corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    folder = tmp_path_factory.mktemp("watched")
    noted = folder / "events.jsonl"
    (folder / "sitecustomize.py").write_text(WATCH.format(path=str(noted)))
    watched = wrapped(python, folder, "python", "")
    call = mono_call(corpus, "c17", CALL_S)
    weights = ensure_open_voices(ModelSources.from_environment())
    first = call.turns[0]
    alone = call.samples[first.start_ms * 16 : first.end_ms * 16]

    async def ask() -> list[tuple[SpeakerTurn, ...]]:
        diarizer = PyannoteDiarizer(DiarizationConfig(weights=weights, interpreter=watched))
        hiss = np.random.default_rng(3).normal(0, 0.01, 16_000 * 8).astype(np.float32)
        try:
            return [
                await diarizer.turns(samples, number)
                for samples, number in (
                    (call.samples, 2),
                    (np.zeros(16_000 * 8, np.float32), 2),
                    (hiss, 2),
                    (alone, 1),
                )
            ]
        finally:
            await diarizer.aclose()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYANNOTE_METRICS_ENABLED", "1")
        answers = asyncio.run(ask())
    return Heard(call, *answers, watched=[json.loads(line) for line in noted.read_text().splitlines()])


def test_two_voices_in_one_channel_are_told_apart(heard: Heard, python: Path):
    assert {turn.speaker for turn in heard.turns} == {"S1", "S2"}
    assert error_rate(python, heard.call, heard.turns) < 0.15


def test_turns_come_in_order_and_none_lies_over_another(heard: Heard):
    assert heard.turns[0].speaker == "S1"
    assert heard.turns[-1].end_ms <= CALL_S * 1000
    assert all(one.end_ms <= two.start_ms for one, two in zip(heard.turns, heard.turns[1:], strict=False))


def test_words_of_the_script_go_to_the_one_who_said_them(heard: Heard):
    """A word each half second of every scripted turn; the first speaker is the agent."""
    said = [
        (turn.speaker, Word("は", start_ms, start_ms + 500, 1.0))
        for turn in heard.call.turns
        for start_ms in range(turn.start_ms, turn.end_ms - 500, 500)
    ]
    names = {"agent": "S1", "customer": "S2"}
    labelled = label_words([word for _, word in said], heard.turns)
    right = sum(names[who] == word.speaker for (who, _), word in zip(said, labelled, strict=True))
    assert right / len(said) > 0.9


def test_where_nobody_speaks_there_are_no_speakers(heard: Heard):
    assert heard.silence == ()
    assert heard.hiss == ()


def test_one_voice_is_one_speaker(heard: Heard):
    assert {turn.speaker for turn in heard.one_voice} == {"S1"}


@pytest.fixture
def folder(python: Path, tmp_path: Path) -> Path:
    """A pipeline as pyannote lays it out."""
    weights = ensure_open_voices(ModelSources.from_environment())
    script = Path(__file__).resolve().parents[1] / "support" / "pipeline_folder.py"
    subprocess.run([python, script, weights.segmentation, tmp_path / "pipeline"], check=True, timeout=120)
    return tmp_path / "pipeline"


async def test_a_pipeline_folder_is_opened_as_pyannote_lays_it_out(python: Path, heard: Heard, folder: Path):
    diarizer = PyannoteDiarizer(
        DiarizationConfig(weights=PipelineConfig(pipeline=str(folder)), interpreter=python)
    )
    turns = await diarizer.turns(heard.call.samples[: 16_000 * 15], None)
    await diarizer.aclose()
    assert diarizer.model_id == "pyannote:pipeline"
    assert turns
    assert turns[-1].end_ms <= 15_000


async def test_a_pipeline_of_the_hub_is_not_fetched_without_leave(python: Path):
    weights = PipelineConfig(pipeline="nobody/speaker-diarization")
    diarizer = PyannoteDiarizer(DiarizationConfig(weights=weights, interpreter=python))
    with pytest.raises(DiarizationUnavailableError, match="nobody/speaker-diarization in the local cache"):
        await diarizer.turns(np.zeros(16_000, np.float32))
    await diarizer.aclose()


def test_telemetry_is_off_before_pyannote_is_imported_and_nothing_touches_the_network(heard: Heard):
    """The environment it was started from asks for telemetry."""
    assert heard.watched[0] == "telemetry 0"
    assert set(heard.watched) == {"telemetry 0"}

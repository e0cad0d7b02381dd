"""The commands over a few seconds of a real call, and the report on what they wrote."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import soundfile
from koemori.server import cli
from koemori.server.bench import capacity, latency
from koemori.server.bench.report import page
from koemori.server.bench.tapes import read_tape
from koemori.server.commands import exits
from koemori.server.config import ArchiveSettings, Settings

pytestmark = pytest.mark.model

SECONDS = 7.2


@pytest.fixture(autouse=True)
def own_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command sends logs to the stderr of its test, which is closed when the next one runs."""
    monkeypatch.setattr(logging.getLogger(), "handlers", list(logging.getLogger().handlers))


@pytest.fixture(scope="module")
def short(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent's first turn of a call, with its script."""
    folder = tmp_path_factory.mktemp("short")
    samples, rate_hz = soundfile.read(corpus / "audio" / "c21.flac", dtype="int16")
    soundfile.write(folder / "c.flac", samples[: int(SECONDS * rate_hz)], rate_hz)
    script = json.loads((corpus / "audio" / "c21.json").read_text(encoding="utf-8"))
    turns = [turn for turn in script["turns"] if turn["end"] < SECONDS]
    (folder / "c.json").write_text(json.dumps({"turns": turns}), encoding="utf-8")
    return folder / "c.flac"


def result(out: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """What the command wrote, which is what it printed."""
    written: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    assert json.loads(capsys.readouterr().out) == written
    assert {"measured_at", "command", "machine", "versions", "model_id"} <= written.keys()
    return written


def test_latency_of_a_short_call(short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "latency.json"
    assert cli.run(["bench", "latency", str(short), "--out", str(out)]) == exits.OK
    found = result(out, capsys)
    assert found["overall"]["latency"]["utterance_after_words"]["count"] == 1
    assert len(found["overall"]["distribution"]["utterance"]) == 101
    assert found["overall"]["text"]["cer"] < 0.3
    call = found["calls"][0]
    assert (call["recording_exact"], call["not_assisted_ms"], call["turns_heard"]) == (True, 0, 1)
    assert call["stable_text"]["unfinished"] == 0
    assert call["cpu_s_per_audio_s"] > 0.01
    assert "One call at a time" in page([found])


async def test_a_call_made_of_calls_has_figures_of_both_ends(short: Path, tmp_path: Path) -> None:
    settings = Settings(archive=ArchiveSettings(directory=tmp_path))
    found = await latency.measure_long([read_tape(short)], settings, minutes=0.24, speed=2.0)
    assert (found["turns"], found["recording_exact"], found["edge_minutes"]) == (2, True, 0.12)
    assert found["first"]["latency"]["utterance_after_words"]["count"] == 1
    assert found["last"]["latency"]["utterance_after_words"]["count"] == 1
    assert len(found["resident_mib_by_minute"]) == 2
    assert 0 < found["own_mib_by_minute"][-1] < found["resident_mib_by_minute"][-1]


@pytest.mark.parametrize("partials", [True, False])
async def test_two_calls_at_once_are_recorded_and_heard(short: Path, tmp_path: Path, partials: bool) -> None:
    settings = Settings(archive=ArchiveSettings(directory=tmp_path))
    plan = capacity.Plan(SECONDS, partials, warm_up_ms=0, stagger_ms=400)
    table: list[str] = []
    found = await capacity.measure([read_tape(short)], [2], settings, plan, table.append)
    row = found["runs"][0]
    assert (row["calls"], row["recordings_exact"], row["not_assisted_share"]) == (2, 2, 0.0)
    assert row["latency"]["utterance_after_words"]["count"] == row["turns"] == row["turns_heard"] == 2
    assert (row["latency"]["partial"]["count"] > 0) is partials
    assert row["cpu_s_per_call_s"] > 0.01
    assert sum(row["load_levels"].values()) == pytest.approx(1.0, abs=0.01)
    assert table[0] == capacity.HEADINGS
    assert len(table) == 2


def test_accuracy_of_a_short_call_and_of_nobody(
    short: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "accuracy.json"
    arguments = ["bench", "accuracy", str(short), "--phantom-minutes", "0.4", "--out", str(out)]
    assert cli.run(arguments) == exits.OK
    found = result(out, capsys)
    assert found["streaming"]["cer"] < 0.3
    assert found["offline"]["cer"] < 0.3
    assert found["streaming"]["characters"] == found["offline"]["characters"] > 20
    assert found["phantoms"]["utterances"] == 0
    assert len(found["phantoms"]["sounds"]) == 8
    assert found["calls"][0]["recording_exact"]

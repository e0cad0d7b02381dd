"""The demo: what it ships, what its phone sends, and how it judges a call."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.assist.types import Category, EndState
from koemori.audio.call import ChannelRole
from koemori.audio.errors import JournalError
from koemori.audio.journal import Journal
from koemori.server import cli
from koemori.server.demo.runner import prepare_directory
from koemori.server.demo.script import PLAYLIST, load_script
from koemori.server.demo.summary import missing_parts, summarize
from koemori.server.service import ServiceError
from koemori.server.wire import (
    AlertEvent,
    CallEndedEvent,
    CallStartedEvent,
    CaseEvent,
    GuidanceEvent,
    UtteranceEvent,
    WireEvent,
    WireFieldValue,
    WireLatency,
    WireLedger,
    WireRecording,
)

pytestmark = pytest.mark.integration


def _head(seq: int) -> dict[str, object]:
    return {"call_id": "c", "seq": seq, "at_ms": 0}


def _said(seq: int, speaker: ChannelRole) -> UtteranceEvent:
    facts = {
        "speaker": speaker,
        "utterance_id": "u",
        "start_ms": 0,
        "end_ms": 1,
        "text": "あ",
        "model_id": "m",
    }
    return UtteranceEvent.model_validate(_head(seq) | facts)


def _events(recording: Path | None) -> list[WireEvent]:
    sealed = None if recording is None else WireRecording(id="r", manifest_sha256="0", path=str(recording))
    return [
        CallStartedEvent.model_validate(_head(1) | {"started_at": datetime.now(UTC), "channels": []}),
        _said(2, ChannelRole.AGENT),
        _said(3, ChannelRole.CUSTOMER),
        AlertEvent.model_validate(
            _head(4)
            | {
                "alert_id": "a",
                "category": Category.THREAT,
                "severity": 2,
                "harassment": True,
                "rule_id": "r",
                "utterance_ids": ["u"],
                "quote": "あ",
                "explanation": "x",
            }
        ),
        GuidanceEvent.model_validate(
            _head(5)
            | {
                "guidance_id": "g",
                "stage": "step1",
                "say": "s",
                "why": "w",
                "source": "q",
                "playbook_version": "1",
                "expires_ms": 1,
            }
        ),
        CaseEvent.model_validate(
            _head(6)
            | {
                "revision": 1,
                "fields": {"phone": WireFieldValue(value="1", confidence=1)},
                "end_state": EndState.OPEN,
                "demand_validity": "unknown",
                "manner": "calm",
            }
        ),
        CallEndedEvent.model_validate(
            _head(7)
            | {
                "duration_ms": 1,
                "reason": "stop",
                "recording": sealed,
                "ledger": WireLedger(channels=()),
                "latency": WireLatency(),
            }
        ),
    ]


@pytest.mark.parametrize("name", PLAYLIST)
def test_a_scripted_call_is_what_the_wire_can_carry(name: str) -> None:
    script = load_script(name)
    assert script.mulaw.shape[0] == 2
    assert script.duration_ms > 60_000
    assert script.title
    assert script.customer_number.isdigit()


def test_a_whole_call_is_ok_and_anything_missing_is_named(tmp_path: Path) -> None:
    sent = np.arange(-400, 400, dtype=np.int16).reshape(2, 400)
    soundfile.write(tmp_path / "master.flac", sent.T, 8000, subtype="PCM_16")
    summary = summarize(_events(tmp_path), sent)
    assert (summary["ok"], summary["missing"]) == (True, [])
    assert json.loads(json.dumps(summary))["recording"]["samples_equal_input"] is True
    changed = sent.copy()
    changed[1, 7] += 1
    assert summarize(_events(tmp_path), changed)["missing"] == ["samples equal to the input"]
    assert "a sealed recording" in summarize(_events(None), sent)["missing"]
    assert len(missing_parts(summarize(_events(tmp_path)[:1], sent))) == 7


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(ServiceError, match="expected an empty folder"):
        prepare_directory(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_an_earlier_demos_folder_is_made_anew(tmp_path: Path) -> None:
    prepare_directory(tmp_path / "demo")
    (tmp_path / "demo" / "koemori.db").touch()
    prepare_directory(tmp_path / "demo")
    assert not (tmp_path / "demo" / "koemori.db").exists()


def test_a_full_disk_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))  # type: ignore[attr-defined]
    with pytest.raises(ServiceError, match="at least 300 MB free; got 0 MB"):
        prepare_directory(tmp_path / "demo")


def test_weights_that_no_source_has_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KOEMORI_MODELS__CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KOEMORI_MODELS__WHEELS", "false")
    monkeypatch.setenv("KOEMORI_MODELS__HUB", "false")
    assert cli.run(["demo", "--once", "--headless", "--port", "0"]) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("koemori: ")]
    assert len(errors) == 1
    assert "expected its weights" in errors[0]


def test_a_running_demo_keeps_its_folder(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    prepare_directory(home)
    running = Journal(home / "archive" / "journal")
    with pytest.raises(JournalError, match="only writer"):
        prepare_directory(home)
    running.close()
    prepare_directory(home)
    assert [path.name for path in home.iterdir()] == [".koemori-demo"]

"""What docs/recording-format.md tells a reader to run works on a sealed recording, and finds a change."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from koemori.audio.journal import Journal
from koemori.server.archive.manifest import MASTER_NAME
from koemori.server.archive.sealing import SealedRecording, seal_call
from koemori.server.archive.store import LocalRecordingStore

from tests.fakes.recorded import ended, new_call, steps

pytestmark = pytest.mark.integration
TEXT = (Path(__file__).resolve().parents[3] / "docs" / "recording-format.md").read_text(encoding="utf-8")


@pytest.fixture
def recording(tmp_path: Path) -> SealedRecording:
    journal = Journal(tmp_path / "journal")
    call = new_call()
    recorder = journal.open_call(call)
    for event in steps(call, 0, 20):
        recorder.push(event)
    recorder.close(ended(call.call_id, 400)).result(10)
    made = seal_call(journal, call.call_id, LocalRecordingStore(tmp_path))
    journal.close()
    return made


def run_the_documents_check(directory: Path) -> subprocess.CompletedProcess[str]:
    code = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)[0]
    return subprocess.run([sys.executable, "-c", code, str(directory)], capture_output=True, text=True)


def test_the_documents_check_passes_and_finds_a_change(recording: SealedRecording) -> None:
    assert run_the_documents_check(recording.directory).stdout == "whole\n"
    master = recording.directory / MASTER_NAME
    master.chmod(0o600)
    raw = bytearray(master.read_bytes())
    raw[-1] ^= 1
    master.write_bytes(raw)
    assert "master.flac was changed" in run_the_documents_check(recording.directory).stderr

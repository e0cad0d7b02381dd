"""Sealing in a process of its own: the same recordings, the same refusals, and no call lost with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from koemori.audio.journal import Journal, JournalCall
from koemori.server.archive.errors import SealError
from koemori.server.archive.manifest import MASTER_NAME, verify_recording
from koemori.server.archive.sealing_process import SealingProcess
from koemori.server.archive.store import LocalRecordingStore

from tests.fakes.recorded import ended, new_call, steps

pytestmark = pytest.mark.integration


@pytest.fixture
def sealer() -> Iterator[SealingProcess]:
    with closing(SealingProcess()) as opened:
        yield opened


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "journal")) as opened:
        yield opened


def recorded(journal: Journal, *, close: bool = True) -> JournalCall:
    call = new_call()
    recorder = journal.open_call(call)
    for event in steps(call, 0, 50):
        recorder.push(event)
    if close:
        recorder.close(ended(call.call_id, 1_000)).result(10)
    return journal.call(call.call_id)


def child_of(sealer: SealingProcess) -> int:
    assert sealer._process is not None
    return sealer._process.pid


def test_recordings_are_sealed_elsewhere_and_a_refusal_is_told(
    tmp_path: Path, journal: Journal, sealer: SealingProcess
) -> None:
    store = LocalRecordingStore(tmp_path)
    for _ in range(2):
        sealed = sealer.seal(recorded(journal), store)
        assert verify_recording(sealed.directory).ok
        assert (sealed.directory / MASTER_NAME).stat().st_size > 0
    with pytest.raises(SealError, match="no close record"):
        sealer.seal(recorded(journal, close=False), store)
    child = child_of(sealer)
    assert child != os.getpid()
    sealer.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_where_the_process_dies_the_recording_is_sealed_here(
    tmp_path: Path, journal: Journal, sealer: SealingProcess
) -> None:
    store = LocalRecordingStore(tmp_path)
    sealer.seal(recorded(journal), store)
    os.kill(child_of(sealer), signal.SIGKILL)
    for _ in range(2):
        assert verify_recording(sealer.seal(recorded(journal), store).directory).ok

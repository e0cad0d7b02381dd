"""Recovery finishes what a crash left: what was kept is unchanged, what is missing is told, twice is once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.audio.call import CallStarted
from koemori.audio.errors import JournalError
from koemori.audio.journal import Journal, read_calls
from koemori.server.archive import recover as recovery
from koemori.server.archive.flac import decode_pcm
from koemori.server.archive.manifest import MASTER_NAME, read_manifest, verify_recording
from koemori.server.archive.recover import RecoveredCall, recover
from koemori.server.archive.sealing import seal
from koemori.server.archive.store import LocalRecordingStore

from tests.fakes.recorded import FRAME, ended, frame, new_call, samples_of, steps

pytestmark = pytest.mark.unit


def cut_off_call(root: Path, step_count: int = 50, *, cut_bytes: int = 0) -> CallStarted:
    """Leave a journal as a killed process would; `cut_bytes` are missing from its last file."""
    journal = Journal(root / "journal")
    call = new_call()
    recorder = journal.open_call(call)
    for event in steps(call, 0, step_count):
        recorder.push(event)
    journal.close()
    last = sorted((root / "journal").glob("*.kmj"))[-1]
    if cut_bytes:
        last.write_bytes(last.read_bytes()[:-cut_bytes])
    return call


def check_samples(one: RecoveredCall, kept_per_channel: tuple[int, ...]) -> None:
    assert one.sealed is not None
    samples, _ = soundfile.read(one.sealed.directory / MASTER_NAME, dtype="int16", always_2d=True)
    for index, kept in enumerate(kept_per_channel):
        assert np.array_equal(samples[:kept, index], samples_of(index, 0, kept))
        assert not samples[kept:, index].any()
    assert verify_recording(one.sealed.directory, decode=decode_pcm).ok


def test_nothing_to_do_is_nothing(tmp_path: Path) -> None:
    assert recover(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_cut_off_call_becomes_a_recording(tmp_path: Path) -> None:
    call = cut_off_call(tmp_path)
    (one,) = recover(tmp_path)
    assert (one.call_id, one.started, one.ended.reason) == (call.call_id, call, "recovered")
    assert (one.kept_ms, one.lost_ms, one.cut_off, one.torn_bytes) == (1000, 0, True, 0)
    check_samples(one, (50 * FRAME, 50 * FRAME))
    assert read_calls(tmp_path / "journal") == []
    assert recover(tmp_path) == []


def test_a_torn_record_is_kept_aside_and_told_as_crash(tmp_path: Path) -> None:
    cut_off_call(tmp_path, cut_bytes=100)
    last = sorted((tmp_path / "journal").glob("*.kmj"))[-1]
    size = last.stat().st_size
    (one,) = recover(tmp_path)
    assert (one.kept_ms, one.lost_ms) == (1000, 20)
    check_samples(one, (50 * FRAME, 49 * FRAME))
    assert one.sealed is not None
    assert one.sealed.ledger.channels[1].ms["crash"] == 20
    assert read_manifest(one.sealed.directory)["gaps"] == [
        {"channel": 1, "start_sample": 49 * FRAME, "sample_count": FRAME, "cause": "crash"}
    ]
    (aside,) = (tmp_path / "journal" / "torn").iterdir()
    assert aside.name == f"journal-00000001-{size - one.torn_bytes}.bin"
    assert aside.stat().st_size == one.torn_bytes == 320 + 88 - 100


def test_a_damaged_record_in_the_middle_costs_only_itself(tmp_path: Path) -> None:
    call = cut_off_call(tmp_path)
    (path,) = (tmp_path / "journal").glob("*.kmj")
    (found,) = read_calls(tmp_path / "journal")
    raw = bytearray(path.read_bytes())
    raw[found.extents[0].offsets[21] + 100] ^= 1
    path.write_bytes(raw)
    (one,) = recover(tmp_path)
    assert one.call_id == call.call_id
    assert (one.kept_ms, one.lost_ms) == (1000, 0)
    assert one.sealed is not None
    lost = [channel.ms["lost"] for channel in one.sealed.ledger.channels]
    assert sorted(lost) == [0, 20]
    body = read_manifest(one.sealed.directory)
    assert body["journal"]["breaks"] == [{"after_records": 21}]
    assert body["gaps"][0]["sample_count"] == FRAME


def test_zeroes_after_the_end_are_not_kept(tmp_path: Path) -> None:
    cut_off_call(tmp_path)
    with sorted((tmp_path / "journal").glob("*.kmj"))[-1].open("ab") as stream:
        stream.write(bytes(4096))
    (one,) = recover(tmp_path)
    assert one.torn_bytes == 0
    assert not (tmp_path / "journal" / "torn").exists()


def test_several_calls_of_several_crashes_are_all_finished(tmp_path: Path) -> None:
    calls = [cut_off_call(tmp_path, count) for count in (10, 20, 30)]
    found = recover(tmp_path)
    assert [one.call_id for one in found] == [call.call_id for call in calls]
    assert [one.kept_ms for one in found] == [200, 400, 600]
    assert list((tmp_path / "journal").glob("*.kmj")) == []


def test_a_call_that_had_ended_is_only_sealed(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    call = new_call()
    recorder = journal.open_call(call)
    recorder.push(frame(call, 0, 0))
    recorder.close(ended(call.call_id, 20, "stop")).result(10)
    journal.close()
    (one,) = recover(tmp_path)
    assert (one.cut_off, one.lost_ms, one.ended.reason) == (False, 0, "stop")
    assert one.sealed is not None
    assert one.sealed.ledger.channels[1].ms["lost"] == 20


def test_a_call_sealed_but_not_released_is_not_sealed_twice(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    call = new_call()
    recorder = journal.open_call(call)
    recorder.close(ended(call.call_id, 0)).result(10)
    store = LocalRecordingStore(tmp_path)
    first = seal(journal.call(call.call_id), store)
    journal.close()
    (one,) = recover(tmp_path)
    assert one.sealed == first
    assert len(list(store.list_recordings())) == 1


def test_recovery_that_is_killed_in_the_middle_can_be_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off_call(tmp_path)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(recovery, "seal_call", die)
    with pytest.raises(KeyboardInterrupt):
        recover(tmp_path)
    monkeypatch.undo()
    (one,) = recover(tmp_path)
    assert (one.ended.reason, one.kept_ms, one.cut_off) == ("recovered", 1000, True)
    check_samples(one, (50 * FRAME, 50 * FRAME))


def test_the_journal_stays_when_noting_the_recording_fails(tmp_path: Path) -> None:
    cut_off_call(tmp_path)

    def fail(one: RecoveredCall) -> None:
        assert one.sealed is not None
        raise RuntimeError("no database")

    with pytest.raises(RuntimeError, match="no database"):
        recover(tmp_path, fail)
    noted: list[RecoveredCall] = []
    assert recover(tmp_path, noted.append) == noted
    assert len(noted) == 1


def test_one_call_that_cannot_be_sealed_does_not_keep_the_others(tmp_path: Path) -> None:
    bad, good = cut_off_call(tmp_path), cut_off_call(tmp_path)
    recording_id = next(
        call.facts.recording_id for call in read_calls(tmp_path / "journal") if call.call_id == bad.call_id
    )
    store = LocalRecordingStore(tmp_path)
    staged = store.stage(recording_id)
    (staged / "manifest.json").write_text("{}")
    store.commit(recording_id, staged)
    first, second = recover(tmp_path)
    assert first.sealed is None
    assert first.problem is not None
    assert second.call_id == good.call_id
    assert second.sealed is not None
    assert [call.call_id for call in read_calls(tmp_path / "journal")] == [bad.call_id]


def test_a_journal_in_use_is_left_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    with pytest.raises(JournalError, match="only writer"):
        recover(tmp_path)
    journal.close()


def test_the_recorder_can_go_on_beside_unrecovered_files(tmp_path: Path) -> None:
    cut_off_call(tmp_path, 10)
    cut_off_call(tmp_path, 20)
    assert len(list((tmp_path / "journal").glob("*.kmj"))) == 2
    assert [one.kept_ms for one in recover(tmp_path)] == [200, 400]

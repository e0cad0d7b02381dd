"""The journal keeps what is pushed, shares its files between calls, and outlives a disk that fails."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from koemori.audio.call import CallId, CallStarted
from koemori.audio.errors import JournalError
from koemori.audio.frames import GapCause
from koemori.audio.journal import LOSS_BOUND_MS, Journal, JournalAlarm, JournalCall, read_calls
from koemori.audio.journal_format import RecordType, from_json
from koemori.audio.journal_reader import scan
from koemori.audio.recording import CallRecorder

from tests.fakes.recorded import FRAME, ended, frame, gap, new_call, samples_of, steps
from tests.fakes.segments import Disk

pytestmark = pytest.mark.unit
WAIT_S = 10


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path)
    yield opened
    opened.close()


def finish(recorder: CallRecorder, end_ms: int = 0) -> None:
    recorder.close(ended(recorder.call_id, end_ms)).result(WAIT_S)


def kinds(call: JournalCall) -> list[RecordType]:
    return [record.header.type for _, _, record in call.records()]


def codes(alarms: list[JournalAlarm]) -> list[str]:
    """What was alarmed, but for slowness: that is the test machine's business."""
    return [alarm.code for alarm in alarms if alarm.code != "journal-slow"]


def audio_of(call: JournalCall, index: int) -> list[int]:
    return [
        value
        for _, _, record in call.records()
        if record.header.type is RecordType.AUDIO and record.header.channel == index
        for value in np.frombuffer(record.payload, "<i2").tolist()
    ]


def expect_whole(call: JournalCall, step_count: int) -> None:
    for index in range(len(call.started.channels)):
        assert audio_of(call, index) == samples_of(index, 0, step_count * FRAME).tolist()


def test_what_is_pushed_is_read_back(journal: Journal, tmp_path: Path) -> None:
    call = new_call()
    recorder = journal.open_call(call)
    for event in steps(call, 0, 3):
        recorder.push(event)
    recorder.push(gap(call, 0, 480, 160))
    recorder.push(frame(call, 0, 480, 80, late=True))
    head = recorder.close(ended(call.call_id, 80)).result(WAIT_S)
    (found,) = read_calls(tmp_path)
    assert found.started == call
    assert found.facts.recording_id == recorder.recording_id
    assert found.ended == ended(call.call_id, 80)
    assert found.head == head
    assert head.samples == {0: 640, 1: 480}
    assert head.record_count == len(kinds(found)) == 11
    late = [record for _, _, record in found.records() if record.header.late]
    assert [(record.header.first_sample, len(record.payload)) for record in late] == [(480, 160)]
    assert journal.call(call.call_id).head == head


def test_calls_share_the_files_and_keep_their_own_chains(journal: Journal, tmp_path: Path) -> None:
    calls = [new_call() for _ in range(5)]
    recorders = [journal.open_call(call) for call in calls]
    for step in range(20):
        for call, recorder in zip(calls, recorders, strict=True):
            for event in steps(call, step, 1):
                recorder.push(event)
    for recorder in recorders:
        finish(recorder, 400)
    assert len(list(tmp_path.glob("*.kmj"))) == 1
    for call in read_calls(tmp_path):
        expect_whole(call, 20)


def test_not_assisted_is_no_gap_in_a_recording(journal: Journal) -> None:
    call = new_call()
    recorder = journal.open_call(call)
    recorder.push(gap(call, 0, 0, 800, GapCause.NOT_ASSISTED))
    finish(recorder)
    assert kinds(journal.call(call.call_id)) == [RecordType.OPEN, RecordType.CLOSE]


def test_while_paused_samples_are_kept_out(journal: Journal) -> None:
    call = new_call()
    recorder = journal.open_call(call)
    recorder.pause("card-number")
    recorder.push(frame(call, 0, 0))
    recorder.resume()
    recorder.push(frame(call, 0, 160))
    finish(recorder)
    found = journal.call(call.call_id)
    bodies = [from_json(r.payload) for _, _, r in found.records() if r.header.type is RecordType.GAP]
    assert bodies == [{"cause": "paused", "sample_count": 160}]
    assert audio_of(found, 0) == samples_of(0, 160, 160).tolist()


@pytest.mark.parametrize("call_id", ["call-1", "", "0" * 25, "01ARZ3NDEKTSV4RRFFQ69G5FA!", "U" * 26])
def test_a_call_id_that_is_no_ulid_is_refused(journal: Journal, call_id: str) -> None:
    call = new_call()
    with pytest.raises(JournalError, match="26 ULID characters"):
        journal.open_call(CallStarted(CallId(call_id), call.started_at, 8000, call.channels))


def test_misuse_of_a_recorder_is_told(journal: Journal) -> None:
    call, other = new_call(1), new_call(2, 16_000)
    recorder = journal.open_call(call)
    with pytest.raises(JournalError, match="already holds"):
        journal.open_call(call)
    with pytest.raises(JournalError, match="8000 Hz as at the call's start; got 16000 Hz"):
        recorder.push(frame(other, 0, 0))
    with pytest.raises(JournalError, match="channel 0 to 0"):
        recorder.push(frame(new_call(2), 1, 0))
    with pytest.raises(JournalError, match="at sample 0 or later"):
        recorder.push(gap(call, 0, -5, 5))
    first = recorder.close(ended(call.call_id, 0))
    assert recorder.close(ended(call.call_id, 0)) is first
    with pytest.raises(JournalError, match="closed"):
        recorder.push(frame(call, 0, 0))
    first.result(WAIT_S)
    with pytest.raises(JournalError, match="unknown call id"):
        journal.call(other.call_id)


def test_one_process_writes_a_directory(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="only writer of the journal"):
        Journal(tmp_path)


def test_a_closed_journal_takes_no_call_and_frees_the_directory(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.close()
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.open_call(new_call())
    Journal(tmp_path).close()


def test_a_push_after_the_journals_end_is_an_error_not_a_silent_loss(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    call = new_call()
    recorder = journal.open_call(call)
    journal.close()
    with pytest.raises(JournalError, match="expected an open journal"):
        recorder.push(frame(call, 0, 0))


def test_files_are_private(journal: Journal, tmp_path: Path) -> None:
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_a_call_goes_on_in_the_next_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=20_000)
    call = new_call()
    recorder = journal.open_call(call)
    for event in steps(call, 0, 2000):
        recorder.push(event)
    finish(recorder, 40_000)
    assert len(list(tmp_path.glob("*.kmj"))) > 2
    expect_whole(journal.call(call.call_id), 2000)
    expect_whole(read_calls(tmp_path)[0], 2000)
    journal.release(call.call_id)
    journal.close()
    assert list(tmp_path.glob("*.kmj")) == []


def test_a_live_call_pins_the_files_it_lies_in(tmp_path: Path) -> None:
    journal = Journal(tmp_path, segment_bytes=20_000)
    live, done = new_call(), new_call()
    recorder, other = journal.open_call(live), journal.open_call(done)
    for event in steps(done, 0, 300):
        other.push(event)
    finish(other, 6000)
    recorder.push(frame(live, 0, 0))
    journal.release(done.call_id)
    journal.close()
    assert [call.call_id for call in read_calls(tmp_path)] == [live.call_id]
    assert scan(tmp_path).torn == ()


def test_released_audio_does_not_linger_once_no_call_is_live(tmp_path: Path) -> None:
    disk = Disk()
    journal = Journal(tmp_path, open_segment=disk.open)
    call = new_call()
    recorder = journal.open_call(call)
    for event in steps(call, 0, 100):
        recorder.push(event)
    finish(recorder, 2000)
    journal.release(call.call_id)
    deadline = time.monotonic() + WAIT_S
    while [path.name for path in tmp_path.glob("*.kmj")] != ["journal-00000002.kmj"]:
        assert time.monotonic() < deadline
        disk.synced.wait(0.01)
    journal.close()


@pytest.mark.parametrize("what", ["sync", "append"])
def test_a_failing_file_is_given_up_and_nothing_is_lost(tmp_path: Path, what: str) -> None:
    disk = Disk()
    alarms: list[JournalAlarm] = []
    journal = Journal(tmp_path, on_alarm=alarms.append, open_segment=disk.open)
    call = new_call()
    recorder = journal.open_call(call)
    for event in steps(call, 0, 10):
        recorder.push(event)
    assert disk.synced.wait(WAIT_S)
    disk.fail[what] = 1
    for event in steps(call, 10, 40):
        recorder.push(event)
    finish(recorder, 1000)
    assert codes(alarms) == ["journal-write-failed"]
    after = disk.calls[disk.calls.index(("open", "journal-00000002.kmj")) :]
    assert {name for _, name in after} == {"journal-00000002.kmj"}, "the failed file is never touched again"
    assert journal.metrics().write_failures == 1
    expect_whole(journal.call(call.call_id), 50)
    expect_whole(read_calls(tmp_path)[0], 50)
    journal.close()


def test_without_any_file_the_journal_waits_and_catches_up(tmp_path: Path) -> None:
    disk = Disk()
    alarms: list[JournalAlarm] = []
    journal = Journal(tmp_path, on_alarm=alarms.append, open_segment=disk.open)
    call = new_call()
    recorder = journal.open_call(call)
    disk.fail |= {"sync": 1, "open": 2}
    for event in steps(call, 0, 50):
        recorder.push(event)
    finish(recorder, 1000)
    assert codes(alarms) == ["journal-write-failed", "journal-no-file"]
    expect_whole(journal.call(call.call_id), 50)
    journal.close()


def test_tries_on_a_full_disk_leave_the_room_that_they_took(tmp_path: Path) -> None:
    disk = Disk()
    alarms: list[JournalAlarm] = []
    journal = Journal(tmp_path, on_alarm=alarms.append, open_segment=disk.open)
    call = new_call()
    recorder = journal.open_call(call)
    disk.fail["append"] = 4
    for event in steps(call, 0, 50):
        recorder.push(event)
    finish(recorder, 1000)
    assert codes(alarms) == ["journal-write-failed", "journal-no-file"]
    assert [path.name for path in sorted(tmp_path.glob("*.kmj"))] == [
        "journal-00000001.kmj",
        "journal-00000005.kmj",
    ]
    expect_whole(read_calls(tmp_path)[0], 50)
    journal.release(call.call_id)
    journal.close()
    assert list(tmp_path.glob("*.kmj")) == []


def test_push_never_waits_and_the_memory_bound_leaves_a_trace(tmp_path: Path) -> None:
    disk = Disk()
    disk.unblocked.clear()
    alarms: list[JournalAlarm] = []
    journal = Journal(tmp_path, on_alarm=alarms.append, open_segment=disk.open, memory_bytes=50_000)
    call = new_call()
    recorder = journal.open_call(call)
    for event in steps(call, 0, 200):
        recorder.push(event)
    assert recorder.overflow_samples > 0
    assert codes(alarms) == ["journal-overflow"]
    disk.unblocked.set()
    assert disk.synced.wait(WAIT_S)
    while journal.metrics().queued_bytes:
        disk.synced.wait(0.01)
    for event in steps(call, 200, 5):
        recorder.push(event)
    finish(recorder, 4100)
    found = journal.call(call.call_id)
    lost = [from_json(r.payload) for _, _, r in found.records() if r.header.type is RecordType.GAP]
    assert [body["cause"] for body in lost] == ["lost", "lost"]
    assert sum(body["sample_count"] for body in lost) == recorder.overflow_samples
    assert journal.metrics().overflow_samples == recorder.overflow_samples
    kept = len(audio_of(found, 0)) + len(audio_of(found, 1))
    assert kept + recorder.overflow_samples == 2 * 205 * FRAME
    assert found.head.samples == {0: 205 * FRAME, 1: 205 * FRAME}
    journal.close()


def test_a_disk_that_never_comes_back_is_told_at_the_end(tmp_path: Path) -> None:
    disk = Disk()
    journal = Journal(tmp_path, open_segment=disk.open)
    call = new_call()
    recorder = journal.open_call(call)
    disk.fail |= {"sync": 1, "open": 10_000}
    closing = recorder.close(ended(call.call_id, 0))
    with pytest.raises(JournalError, match="durable at the end"):
        journal.close(timeout_s=0.1)
    with pytest.raises(JournalError, match="did not take it"):
        closing.result(WAIT_S)


def test_an_alarm_listener_that_fails_does_not_stop_the_writer(tmp_path: Path) -> None:
    def listener(alarm: JournalAlarm) -> None:
        raise RuntimeError(alarm.code)

    disk = Disk()
    journal = Journal(tmp_path, on_alarm=listener, open_segment=disk.open)
    call = new_call()
    recorder = journal.open_call(call)
    disk.fail["sync"] = 1
    recorder.push(frame(call, 0, 0))
    finish(recorder, 20)
    assert audio_of(journal.call(call.call_id), 0) == samples_of(0, 0, FRAME).tolist()
    journal.close()


def test_a_disk_slower_than_the_promise_raises_an_alarm(tmp_path: Path) -> None:
    disk = Disk()
    disk.unblocked.clear()
    alarms: list[JournalAlarm] = []
    journal = Journal(tmp_path, on_alarm=alarms.append, open_segment=disk.open)
    call = new_call()
    recorder = journal.open_call(call)
    while journal.metrics().age_ms <= LOSS_BOUND_MS:
        disk.synced.wait(0.02)
    disk.unblocked.set()
    finish(recorder)
    assert [alarm.code for alarm in alarms] == ["journal-slow"]
    journal.close()


def test_what_a_rotation_leaves_over_is_synced_without_a_further_push(tmp_path: Path) -> None:
    disk = Disk()
    disk.unblocked.clear()
    journal = Journal(tmp_path, open_segment=disk.open, segment_bytes=110_000)
    call = new_call()
    recorder = journal.open_call(call)
    for event in steps(call, 0, 200):
        recorder.push(event)
    disk.unblocked.set()
    deadline = time.monotonic() + WAIT_S
    while journal.metrics().queued_bytes or len(list(tmp_path.glob("*.kmj"))) < 2:
        assert time.monotonic() < deadline
        disk.synced.wait(0.01)
    while journal.metrics().records_written < 402:
        assert time.monotonic() < deadline
        disk.synced.wait(0.01)
    assert journal.metrics().records_written == 402
    assert len(list(tmp_path.glob("*.kmj"))) == 2
    journal.close()


def test_metrics_tell_age_bytes_and_syncs(tmp_path: Path) -> None:
    disk = Disk()
    disk.unblocked.clear()
    journal = Journal(tmp_path, open_segment=disk.open)
    assert journal.metrics().age_ms == 0
    call = new_call()
    recorder = journal.open_call(call)
    recorder.push(frame(call, 0, 0))
    waiting = journal.metrics()
    assert waiting.age_ms > 0
    assert waiting.queued_bytes > 320
    assert waiting.open_calls == 1
    disk.unblocked.set()
    finish(recorder, 20)
    done = journal.metrics()
    assert (done.age_ms, done.queued_bytes) == (0, 0)
    assert done.records_written == 4
    assert done.bytes_written > 320
    assert len(done.sync_ms) == done.syncs > 0
    journal.close()

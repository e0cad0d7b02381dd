"""What is masked after it was written is silence in the master and `masked` in the ledger, and stays so."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from koemori.audio.journal import Journal, read_calls
from koemori.server.archive.manifest import MASTER_NAME, read_manifest
from koemori.server.archive.recover import recover
from koemori.server.archive.sealing import SealedRecording, seal_call
from koemori.server.archive.store import LocalRecordingStore

from tests.fakes.recorded import FRAME, ended, frame, gap, new_call, samples_of, steps

pytestmark = pytest.mark.unit
SAMPLES = 100 * FRAME


def sealed(home: Path, spans: list[tuple[int, int, int]]) -> SealedRecording:
    """Two seconds of two channels of which these stretches were masked: channel, start, count."""
    journal, call = Journal(home / "journal"), new_call()
    recorder = journal.open_call(call)
    for event in steps(call, 0, 100):
        recorder.push(event)
    for span in spans:
        recorder.mask(*span)
    recorder.close(ended(call.call_id, 2_000)).result(10)
    recording = seal_call(journal, call.call_id, LocalRecordingStore(home))
    journal.close()
    return recording


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    spans=st.lists(st.tuples(st.integers(0, 1), st.integers(0, SAMPLES), st.integers(0, SAMPLES)), max_size=4)
)
def test_every_masked_sample_is_silence_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int, int]]
) -> None:
    recording = sealed(tmp_path_factory.mktemp("masked"), spans)
    master = soundfile.read(recording.directory / MASTER_NAME, dtype="int16", always_2d=True)[0]
    for index in (0, 1):
        wanted = samples_of(index, 0, SAMPLES).copy()
        masked = np.zeros(SAMPLES, dtype=bool)
        for channel, start, count in spans:
            if channel == index:
                masked[start : start + count] = True
        wanted[masked] = 0
        assert np.array_equal(master[:, index], wanted)
        row = recording.ledger.channels[index].samples
        assert row["masked"] == masked.sum()
        assert sum(row.values()) == SAMPLES


def test_a_place_that_was_lost_stays_lost_within_what_is_masked(tmp_path: Path) -> None:
    journal, call = Journal(tmp_path / "journal"), new_call(1)
    recorder = journal.open_call(call)
    for event in (frame(call, 0, 0), gap(call, 0, FRAME, FRAME), frame(call, 0, 2 * FRAME)):
        recorder.push(event)
    recorder.mask(0, 0, 3 * FRAME)
    recorder.mark("masking", {"at_ms": 60, "masked": 1, "reason": "card-spoken", "until_ms": 30_060})
    recorder.close(ended(call.call_id, 60)).result(10)
    recording = seal_call(journal, call.call_id, LocalRecordingStore(tmp_path))
    journal.close()
    manifest = read_manifest(recording.directory)
    assert [(one["cause"], one["sample_count"]) for one in manifest["gaps"]] == [
        ("masked", FRAME),
        ("lost", FRAME),
        ("masked", FRAME),
    ]
    facts = {"masked": 1, "reason": "card-spoken", "until_ms": 30_060}
    assert manifest["told"]["facts"] == [{"at_ms": 60, "what": "masking", "facts": facts}]


def test_what_a_crash_left_is_recovered_without_what_was_masked(tmp_path: Path) -> None:
    journal, call = Journal(tmp_path / "journal"), new_call(1)
    recorder = journal.open_call(call)
    for event in steps(call, 0, 10):
        recorder.push(event)
    recorder.mask(0, 160, 320)
    journal.close()
    [recovered] = recover(tmp_path)
    [path] = tmp_path.rglob(MASTER_NAME)
    master = soundfile.read(path, dtype="int16", always_2d=True)[0][:, 0]
    assert not master[160:480].any(), recovered
    assert np.array_equal(master[480:1600], samples_of(0, 480, 1120))


def test_what_is_masked_leaves_the_journal_files_too_and_their_chain_still_holds(tmp_path: Path) -> None:
    journal, call = Journal(tmp_path / "journal", segment_bytes=4_000), new_call()
    recorder = journal.open_call(call)
    for event in steps(call, 0, 50):
        recorder.push(event)
    start, count = 5 * FRAME, 20 * FRAME
    recorder.mask(0, start, count)
    head = recorder.close(ended(call.call_id, 1_000)).result(10)
    files = b"".join(path.read_bytes() for path in (tmp_path / "journal").glob("*.kmj"))
    for step in range(50):
        gone = 5 <= step < 25
        for index in (0, 1):
            held = samples_of(index, step * FRAME, FRAME).tobytes() in files
            assert held is not (gone and index == 0), (index, step)
    [found] = read_calls(tmp_path / "journal")
    assert (found.head.chain, dict(found.breaks), found.unlinked_records) == (head.chain, {}, 0)
    recording = seal_call(journal, call.call_id, LocalRecordingStore(tmp_path))
    journal.close()
    assert recording.ledger.channels[0].samples["masked"] == count
    assert recording.ledger.channels[1].samples["masked"] == 0

"""Whatever happens to a journal's bytes, reading keeps the valid records of each call and no others."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from koemori.audio.errors import JournalError
from koemori.audio.journal import Journal
from koemori.audio.journal_format import RecordType, parse_close, parse_header, parse_open
from koemori.audio.journal_reader import JournalScan, read_calls, scan
from koemori.audio.journal_records import JournalCall, cipher_of

from tests.fakes.recorded import ended, gap, new_call, steps

pytestmark = pytest.mark.unit
CALLS, STEPS = 3, 12


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three calls side by side over several files; only the second has an end."""
    directory = tmp_path_factory.mktemp("journal")
    journal = Journal(directory, segment_bytes=12_000)
    calls = [new_call() for _ in range(CALLS)]
    recorders = [journal.open_call(call) for call in calls]
    for step in range(STEPS):
        for call, recorder in zip(calls, recorders, strict=True):
            for event in steps(call, step, 1):
                recorder.push(event)
            recorder.push(gap(call, 0, (step + 1) * 160, 1))
        if step % 4 == 3:
            marker = journal.open_call(new_call())
            marker.close(ended(marker.call_id, 0)).result(10)
            journal.release(marker.call_id)
    recorders[1].close(ended(calls[1].call_id, 240)).result(10)
    journal.close()
    assert len(list(directory.glob("*.kmj"))) > 1
    return directory


def chains(call: JournalCall) -> list[bytes]:
    return [record.chain for _, _, record in call.records()]


def whole(directory: Path) -> dict[str, list[bytes]]:
    return {call.call_id: chains(call) for call in read_calls(directory)}


def check_kept(found: JournalScan, original: dict[str, list[bytes]]) -> dict[str, int]:
    """What is read of a call is original records in order, breaks told; return how many of each are gone."""
    kept = {call.call_id: chains(call) for call in found.calls if call.call_id in original}
    for call in found.calls:
        records = kept.get(call.call_id, [])
        positions = [original[call.call_id].index(chain) for chain in records]
        assert positions == sorted(set(positions))
        leaps = [at for at in range(1, len(positions)) if positions[at] != positions[at - 1] + 1]
        assert not records or leaps == sorted(call.breaks)
    return {call_id: len(records) - len(kept.get(call_id, [])) for call_id, records in original.items()}


def copied(recorded: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    directory = tmp_path_factory.mktemp("copy", numbered=True) / "journal"
    shutil.copytree(recorded, directory)
    return sorted(directory.glob("*.kmj"))


PROPERTY = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def test_an_untouched_journal_is_read_whole(recorded: Path) -> None:
    found = scan(recorded)
    assert found.torn == ()
    assert [call.ended is not None for call in found.calls if not call.released] == [False, True, False]
    assert check_kept(found, whole(recorded)) == dict.fromkeys(whole(recorded), 0)


def test_a_missing_directory_is_an_empty_journal(tmp_path: Path) -> None:
    assert scan(tmp_path / "none") == JournalScan((), (), ())


@given(data=st.data())
@PROPERTY
def test_a_cut_end_loses_only_what_was_cut(
    recorded: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    last = copied(recorded, tmp_path_factory)[-1]
    size = last.stat().st_size
    keep = data.draw(st.integers(0, size))
    last.write_bytes(last.read_bytes()[:keep])
    found = scan(last.parent)
    lost = sum(check_kept(found, whole(recorded)).values())
    assert sum(tail.byte_count for tail in found.torn) <= size
    if keep == size:
        assert lost == 0


@given(data=st.data())
@PROPERTY
def test_a_flipped_bit_is_found_and_costs_two_records_at_most(
    recorded: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    files = copied(recorded, tmp_path_factory)
    path = data.draw(st.sampled_from(files))
    raw = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(raw)
    found = scan(path.parent)
    lost = check_kept(found, whole(recorded))
    assert [tail.path for tail in found.torn if tail.path == path] == [path]
    assert min(tail.offset for tail in found.torn if tail.path == path) <= at
    assert sum(count > 0 for count in lost.values()) <= 1
    for call_id, count in lost.items():
        assert count <= 2 or count == len(whole(recorded)[call_id]), "only a damaged open record costs a call"


@given(data=st.data())
@PROPERTY
def test_a_tail_of_zeroes_is_a_cut_end(
    recorded: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    last = copied(recorded, tmp_path_factory)[-1]
    raw = last.read_bytes()
    keep = data.draw(st.integers(0, len(raw)))
    last.write_bytes(raw[:keep] + bytes(data.draw(st.integers(1, 5000))))
    found = scan(last.parent)
    check_kept(found, whole(recorded))
    assert len(found.torn) == 1


@given(junk=st.binary(min_size=1, max_size=4000), data=st.data())
@PROPERTY
def test_foreign_bytes_in_the_middle_are_stepped_over(
    recorded: Path, tmp_path_factory: pytest.TempPathFactory, junk: bytes, data: st.DataObject
) -> None:
    path = copied(recorded, tmp_path_factory)[0]
    raw = path.read_bytes()
    starts = [at for at in range(len(raw)) if parse_header(raw, at) is not None]
    at = data.draw(st.sampled_from(starts))
    path.write_bytes(raw[:at] + b"x" + junk + raw[at:])
    found = scan(path.parent)
    assert sum(check_kept(found, whole(recorded)).values()) == 0


def test_only_zeroes_behind_the_records_are_blank(
    recorded: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    last = copied(recorded, tmp_path_factory)[-1]
    size = last.stat().st_size
    with last.open("ab") as stream:
        stream.write(bytes(4096))
    (tail,) = scan(last.parent).torn
    assert (tail.offset, tail.byte_count, tail.blank) == (size, 4096, True)
    assert sum(check_kept(scan(last.parent), whole(recorded)).values()) == 0


def test_a_cut_audio_record_still_tells_where_it_would_have_ended(
    recorded: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = copied(recorded, tmp_path_factory)
    call = read_calls(recorded)[0]
    extent, offset, record = [item for item in call.records() if item[2].header.type is RecordType.AUDIO][-1]
    for path in files[extent + 1 :]:
        path.unlink()
    path = files[[file.name for file in files].index(call.extents[extent].path.name)]
    path.write_bytes(path.read_bytes()[: offset + 100])
    cut = next(found for found in scan(path.parent).calls if found.call_id == call.call_id)
    end = record.header.first_sample + len(record.payload) // 2
    assert cut.cut_samples == {record.header.channel: end}


def test_records_that_change_after_the_scan_are_refused(
    recorded: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = copied(recorded, tmp_path_factory)[0]
    call = read_calls(path.parent)[0]
    raw = bytearray(path.read_bytes())
    raw[call.extents[0].offsets[3] + 70] ^= 1
    path.write_bytes(raw)
    with pytest.raises(JournalError, match="fit the chain"):
        list(call.records())


def test_records_behind_a_damaged_one_are_kept_and_the_break_is_told(
    recorded: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = copied(recorded, tmp_path_factory)[0]
    call = read_calls(path.parent)[0]
    original = chains(call)
    raw = bytearray(path.read_bytes())
    raw[call.extents[0].offsets[3] + 70] ^= 1
    path.write_bytes(raw)
    damaged = read_calls(path.parent)[0]
    assert chains(damaged) == original[:3] + original[4:]
    assert damaged.breaks == {3: original[3]}
    assert damaged.head.record_count == damaged.next_seq - 1 == len(original) - 1
    assert damaged.unlinked_records == 1


def test_an_unknown_cipher_is_told() -> None:
    with pytest.raises(JournalError, match="expected a cipher"):
        cipher_of("rot13")


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b"\xff", b'{"end_ms":"x","reason":1}'])
def test_bodies_that_do_not_fit_are_refused(payload: bytes) -> None:
    call_id = new_call().call_id
    with pytest.raises(JournalError, match="expected"):
        parse_open(call_id, payload)
    with pytest.raises(JournalError, match="expected"):
        parse_close(call_id, payload)

"""The local store writes once, finds by id, and reads by range."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from koemori.audio.ids import new_recording_id
from koemori.server.archive.errors import RecordingStoreError
from koemori.server.archive.manifest import MANIFEST_NAME
from koemori.server.archive.store import LocalRecordingStore

pytestmark = pytest.mark.unit
CONTENT = bytes(range(256)) * 1000


def stored(store: LocalRecordingStore, at: datetime) -> str:
    recording_id = new_recording_id(at)
    staged = store.stage(recording_id)
    (staged / "master.flac").write_bytes(CONTENT)
    (staged / MANIFEST_NAME).write_text("{}")
    store.commit(recording_id, staged)
    return recording_id


@pytest.fixture
def store(tmp_path: Path) -> LocalRecordingStore:
    return LocalRecordingStore(tmp_path)


def test_a_recording_lies_under_its_year_and_month(store: LocalRecordingStore, tmp_path: Path) -> None:
    recording_id = stored(store, datetime(2026, 3, 31, 23, 59, tzinfo=UTC))
    directory = tmp_path / "recordings" / "2026" / "03" / recording_id
    found = store.find(recording_id)
    assert found is not None
    assert found.directory == directory
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o400}
    assert list((tmp_path / "recordings" / ".staging").iterdir()) == []


def test_recordings_are_listed_oldest_first(store: LocalRecordingStore) -> None:
    later = stored(store, datetime(2026, 11, 2, tzinfo=UTC))
    earlier = stored(store, datetime(2025, 12, 31, tzinfo=UTC))
    store.stage(new_recording_id())
    assert [recording.recording_id for recording in store.list_recordings()] == [earlier, later]


def test_an_empty_store_has_nothing(store: LocalRecordingStore) -> None:
    assert list(store.list_recordings()) == []
    assert store.find(new_recording_id()) is None


def test_a_recording_is_written_once(store: LocalRecordingStore) -> None:
    recording_id = stored(store, datetime(2026, 11, 2, tzinfo=UTC))
    staged = store.stage(recording_id)
    with pytest.raises(RecordingStoreError, match="stored already"):
        store.commit(recording_id, staged)
    store.discard(staged)
    assert store.file_size(recording_id, "master.flac") == len(CONTENT)


def test_what_a_crashed_attempt_left_is_thrown_away(store: LocalRecordingStore) -> None:
    recording_id = new_recording_id()
    (store.stage(recording_id) / "half").write_text("x")
    assert list(store.stage(recording_id).iterdir()) == []


@pytest.mark.parametrize(
    ("start", "end"), [(0, 0), (0, 10), (255, 257), (70_000, 256_000), (0, 256_000), (256_000, 256_000)]
)
def test_ranges_are_the_bytes_asked_for(store: LocalRecordingStore, start: int, end: int) -> None:
    recording_id = stored(store, datetime(2026, 11, 2, tzinfo=UTC))
    chunks = list(store.read_range(recording_id, "master.flac", start, end))
    assert b"".join(chunks) == CONTENT[start:end]
    assert all(len(chunk) <= 65_536 for chunk in chunks)


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 4), (0, 256_001)])
def test_a_range_outside_the_file_is_refused_at_once(
    store: LocalRecordingStore, start: int, end: int
) -> None:
    recording_id = stored(store, datetime(2026, 11, 2, tzinfo=UTC))
    with pytest.raises(RecordingStoreError, match="range within 256000 bytes"):
        store.read_range(recording_id, "master.flac", start, end)


@pytest.mark.parametrize("name", ["other.flac", "../x", "", "."])
def test_only_files_of_the_recording_are_read(store: LocalRecordingStore, name: str) -> None:
    recording_id = stored(store, datetime(2026, 11, 2, tzinfo=UTC))
    with pytest.raises(RecordingStoreError, match="none of that name"):
        store.read_range(recording_id, name, 0, 1)


@pytest.mark.parametrize("recording_id", ["../../etc", "", "x", "01arz3ndektsv4rrffq69g5fav", "0" * 27])
def test_an_id_that_is_no_ulid_never_becomes_a_path(store: LocalRecordingStore, recording_id: str) -> None:
    with pytest.raises(RecordingStoreError, match="26 ULID characters"):
        store.find(recording_id)


def test_a_recording_that_is_not_there_is_told(store: LocalRecordingStore) -> None:
    with pytest.raises(RecordingStoreError, match="none of that id"):
        store.file_size(new_recording_id(), "master.flac")

"""Where sealed recordings lie: write once, read by range.

`LocalRecordingStore` keeps `<root>/recordings/YYYY/MM/<recording id>/`; year and month come from the id's
time (UTC). A recording is prepared under `recordings/.staging` and appears in one rename, complete and
durable, its files with mode 0400. That makes a change evident and an accident unlikely; it is no protection
against the machine's administrator.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Protocol

from koemori.server.archive.errors import RecordingStoreError
from koemori.server.archive.manifest import MANIFEST_NAME
from ulid import ULID

_CHUNK_BYTES = 1 << 16
_FILE_MODE = 0o400
_DIRECTORY_MODE = 0o700


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A recording that is in the store."""

    recording_id: str
    directory: Path


class RecordingStore(Protocol):
    """Write once; every reader gets the bytes that were sealed."""

    def stage(self, recording_id: str) -> Path:
        """Return an empty directory to prepare the recording in."""
        ...

    def commit(self, recording_id: str, staged: Path) -> Path:
        """Make a prepared recording part of the store, durably; an error when it is there already."""
        ...

    def discard(self, staged: Path) -> None:
        """Throw a prepared directory away."""
        ...

    def find(self, recording_id: str) -> StoredRecording | None:
        """Return a recording, or None."""
        ...

    def list_recordings(self) -> Iterator[StoredRecording]:
        """Yield all recordings, oldest first."""
        ...

    def file_size(self, recording_id: str, name: str) -> int:
        """Return the size of one of a recording's files in bytes."""
        ...

    def read_range(self, recording_id: str, name: str, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes [start, end) of one of a recording's files."""
        ...


class LocalRecordingStore:
    """Recordings on a local disk."""

    def __init__(self, root: Path) -> None:
        """Use `root`; nothing is created before the first recording."""
        self.root = root
        self._recordings = root / "recordings"
        self._staging = self._recordings / ".staging"

    def stage(self, recording_id: str) -> Path:
        """Return an empty directory to prepare the recording in; what a crashed attempt left there goes."""
        path = self._staging / _checked(recording_id)
        if path.exists():
            shutil.rmtree(path)
        path.mkdir(parents=True, mode=_DIRECTORY_MODE)
        return path

    def commit(self, recording_id: str, staged: Path) -> Path:
        """Make a prepared recording part of the store, durably.

        Raises:
            RecordingStoreError: A recording of that id is there already.
        """
        target = self._directory(recording_id)
        if target.exists():
            raise RecordingStoreError("expected a new recording id; got one that is stored already")
        for path in sorted(staged.iterdir()):
            _make_durable(path, _FILE_MODE)
        _make_durable(staged, _DIRECTORY_MODE)
        target.parent.mkdir(parents=True, mode=_DIRECTORY_MODE, exist_ok=True)
        try:
            staged.rename(target)
        except OSError as error:
            raise RecordingStoreError(
                f"expected to store a recording; got {error.strerror or 'an I/O error'}"
            ) from error
        for parent in (target.parent, target.parent.parent, self._recordings, self.root):
            _make_durable(parent, None)
        return target

    def discard(self, staged: Path) -> None:
        """Throw a prepared directory away."""
        shutil.rmtree(staged, ignore_errors=True)

    def find(self, recording_id: str) -> StoredRecording | None:
        """Return a recording, or None."""
        directory = self._directory(recording_id)
        return StoredRecording(recording_id, directory) if (directory / MANIFEST_NAME).is_file() else None

    def list_recordings(self) -> Iterator[StoredRecording]:
        """Yield all recordings, oldest first."""
        for directory in sorted(self._recordings.glob("[0-9][0-9][0-9][0-9]/[0-9][0-9]/*")):
            if (directory / MANIFEST_NAME).is_file():
                yield StoredRecording(directory.name, directory)

    def file_path(self, recording_id: str, name: str) -> Path:
        """Return the path of one of a recording's files.

        Raises:
            RecordingStoreError: No such recording or file.
        """
        stored = self.find(recording_id)
        if stored is None:
            raise RecordingStoreError("expected a stored recording; there is none of that id")
        path = stored.directory / name
        if name != Path(name).name or not path.is_file():
            raise RecordingStoreError("expected a file of the recording; there is none of that name")
        return path

    def file_size(self, recording_id: str, name: str) -> int:
        """Return the size of one of a recording's files in bytes.

        Raises:
            RecordingStoreError: No such recording or file.
        """
        return self.file_path(recording_id, name).stat().st_size

    def read_range(self, recording_id: str, name: str, start: int, end: int) -> Iterator[bytes]:
        """Yield the bytes [start, end) of one of a recording's files, in chunks of at most 64 KiB.

        Raises:
            RecordingStoreError: No such recording or file, or the range is not within it.
        """
        path = self.file_path(recording_id, name)
        size = path.stat().st_size
        if not 0 <= start <= end <= size:
            raise RecordingStoreError(f"expected a range within {size} bytes; got {start} to {end}")
        return _chunks(path, start, end)

    def _directory(self, recording_id: str) -> Path:
        moment = ULID.from_str(_checked(recording_id)).datetime.astimezone(UTC)
        return self._recordings / f"{moment.year:04d}" / f"{moment.month:02d}" / recording_id


def _checked(recording_id: str) -> str:
    """Return the id; only a ULID in its canonical spelling may become part of a path."""
    try:
        canonical = str(ULID.from_str(recording_id))
    except ValueError:
        canonical = None
    if canonical != recording_id:
        raise RecordingStoreError("expected a recording id of 26 ULID characters; got something else")
    return recording_id


def _chunks(path: Path, start: int, end: int) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(start)
        rest = end - start
        while rest and (chunk := stream.read(min(_CHUNK_BYTES, rest))):
            rest -= len(chunk)
            yield chunk


def _make_durable(path: Path, mode: int | None) -> None:
    if mode is not None:
        path.chmod(mode)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

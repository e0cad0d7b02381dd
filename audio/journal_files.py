"""Files of the journal: names, creation, the lock, and the only system calls that write.

A descriptor on which a sync failed is never used again: after such a failure the kernel may have dropped
the dirty pages and report success the next time (fsync(2), "EIO"; PostgreSQL's 2018 finding).
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path
from typing import Protocol

from koemori.audio.errors import JournalError

_NAME = re.compile(r"^journal-(\d{8})\.kmj$")
_LOCK_NAME = "journal.lock"
TORN_DIRECTORY = "torn"


def segment_path(directory: Path, number: int) -> Path:
    """Where the journal file with this number lies."""
    return directory / f"journal-{number:08d}.kmj"


def segment_numbers(directory: Path) -> list[int]:
    """Numbers of the journal files in a directory, rising; empty when there is no such directory."""
    if not directory.is_dir():
        return []
    return sorted(int(match[1]) for entry in directory.iterdir() if (match := _NAME.match(entry.name)))


def sync_directory(directory: Path) -> None:
    """Make a directory's entries durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_file(path: Path) -> None:
    """Make a finished file's content durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(directory: Path) -> None:
    """Create a directory readable by this user only, with its parents, and make the entry durable."""
    if directory.is_dir():
        return
    directory.mkdir(parents=True, mode=0o700, exist_ok=True)
    sync_directory(directory.parent)


class SegmentFile(Protocol):
    """One journal file open for appending."""

    def append(self, data: bytes) -> None:
        """Write all of `data`; OSError when the disk does not take it."""
        ...

    def sync(self) -> None:
        """Make everything appended durable; OSError when that cannot be promised."""
        ...

    def close(self) -> None:
        """Release the descriptor."""
        ...


class DiskSegment:
    """A journal file on disk, created new: an existing name is an error."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        sync_directory(path.parent)

    def append(self, data: bytes) -> None:
        """Write all of `data`."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def sync(self) -> None:
        """Make everything appended durable."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Release the descriptor."""
        os.close(self._descriptor)


class DirectoryLock:
    """One process at a time may write or recover a journal directory (flock: death frees it)."""

    def __init__(self, directory: Path) -> None:
        """Take the lock.

        Raises:
            JournalError: Another process holds it, or the directory cannot be made or written.
        """
        try:
            make_directory(directory)
            self._descriptor = os.open(directory / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise JournalError(
                f"expected to keep the journal in {directory}; got {error.strerror or 'an I/O error'}"
            ) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._descriptor)
            raise JournalError(
                f"expected to be the only writer of the journal in {directory}; process {holder} holds it"
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back; closing the descriptor frees it."""
        os.close(self._descriptor)

"""Journal files on a disk that misbehaves, by script."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from koemori.audio.journal_files import DiskSegment


@dataclass
class Disk:
    """Makes journal files; what `fail` names goes wrong the given number of times."""

    fail: dict[str, int] = field(default_factory=dict)
    synced: threading.Event = field(default_factory=threading.Event)
    appended: threading.Event = field(default_factory=threading.Event)
    unblocked: threading.Event = field(default_factory=threading.Event)
    calls: list[tuple[str, str]] = field(default_factory=list)
    """(what, file name), in order."""

    def __post_init__(self) -> None:
        self.unblocked.set()

    def open(self, path: Path) -> DiskSegment:
        self.take("open", path)
        return _Segment(path, self)

    def take(self, what: str, path: Path) -> None:
        self.calls.append((what, path.name))
        if self.fail.get(what, 0):
            self.fail[what] -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))


class _Segment(DiskSegment):
    def __init__(self, path: Path, disk: Disk) -> None:
        super().__init__(path)
        self._path = path
        self._disk = disk
        self._begun = False

    def append(self, data: bytes) -> None:
        if self._begun:
            self._disk.unblocked.wait(10)
            try:
                self._disk.take("append", self._path)
            except OSError:
                super().append(data[: len(data) // 2])
                raise
        self._begun = True
        super().append(data)
        self._disk.appended.set()

    def sync(self) -> None:
        self._disk.take("sync", self._path)
        super().sync()
        self._disk.synced.set()

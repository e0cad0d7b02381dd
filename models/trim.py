"""A recogniser for one language: a Whisper folder without the tokens that the language cannot need.

More than half of what the decoder of Whisper base reads for each token is the table of all tokens of a
hundred languages. Without those that Japanese cannot need, a window costs about 30 % less processor time, and
text in other scripts can no longer be invented. The weights that remain are the same bytes; nothing is
trained. A model trimmed so is kept in the cache beside its source, is made again when its note or its bytes
do not fit, and carries the selection in its identity.

The folder holds the trimmed `model.bin`, `config.json` and vocabulary, the source's tokenizer, and
`koemori-trim.json`: what it was made from, and the source's number of each token kept.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
from koemori.models.errors import ModelFormatError
from koemori.models.japanese_tokens import SELECTION, tokens_for_japanese
from koemori.models.model_cache import STAGING, DiskErrors, ModelLock, Progress, remove_tree
from koemori.models.model_folder import sha256_of

NOTE_NAME: Final = "koemori-trim.json"
LANGUAGE: Final = "ja"
_COPIED: Final = ("tokenizer.json", "preprocessor_config.json")
_KNOWN_VERSIONS: Final = range(4, 7)
_LISTS_OF_TOKENS: Final = ("lang_ids", "suppress_ids", "suppress_ids_begin")


@dataclass(frozen=True, slots=True)
class TrimNote:
    """What a trimmed folder was made from.

    Attributes:
        selection: Which tokens were kept, by name and version.
        source_sha256: Of the source's `model.bin`.
        sha256: Of the trimmed one.
        kept: The source's number of each token, in the order of the trimmed ones.
    """

    selection: str
    source_sha256: str
    sha256: str
    kept: tuple[int, ...]


def read_trim_note(folder: Path) -> TrimNote | None:
    """The note of a trimmed folder; None for any other."""
    try:
        row = json.loads((folder / NOTE_NAME).read_text(encoding="utf-8"))
        return TrimNote(row["selection"], row["source_sha256"], row["sha256"], tuple(row["kept"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def trimmed_folder(source: Path, cache_dir: Path, progress: Progress) -> Path:
    """Return the Japanese recogniser made from a Whisper folder; made when needed.

    Raises:
        ModelFormatError: The folder's tokenizer, vocabulary and weights do not fit each other.
        ModelStorageError: The cache cannot be written or has no room.
    """
    digest = sha256_of(source / "model.bin")
    folder = cache_dir / f"{source.resolve().name}-{SELECTION}-{digest[:8]}"
    if _is_whole(folder, digest):
        return folder
    with DiskErrors(cache_dir), ModelLock(folder.name, cache_dir, progress):
        if not _is_whole(folder, digest):
            progress("leaving out the tokens of other languages", 0, 0)
            staging = cache_dir / STAGING / folder.name
            remove_tree(staging)
            staging.mkdir(parents=True)
            _trim(source, digest, staging)
            remove_tree(folder)
            staging.replace(folder)
    return folder


def _is_whole(folder: Path, source_sha256: str) -> bool:
    note = read_trim_note(folder)
    return (
        note is not None
        and (note.selection, note.source_sha256) == (SELECTION, source_sha256)
        and sha256_of(folder / "model.bin") == note.sha256
    )


def _trim(source: Path, source_sha256: str, target: Path) -> None:
    tokens = _vocabulary_lines(source)
    kept = _kept(source, len(tokens))
    with (source / "model.bin").open("rb") as old, (target / "model.bin").open("wb") as new:
        trim_rows(old, new, len(tokens), kept)
    for name in _COPIED:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    (target / "vocabulary.json").write_text(
        json.dumps([tokens[number] for number in kept], ensure_ascii=False), encoding="utf-8"
    )
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    (target / "config.json").write_text(json.dumps(_renumbered(config, kept), indent=1), encoding="utf-8")
    note = {
        "selection": SELECTION,
        "source_sha256": source_sha256,
        "sha256": sha256_of(target / "model.bin"),
        "kept": kept,
    }
    (target / NOTE_NAME).write_text(json.dumps(note) + "\n", encoding="utf-8")


def _vocabulary_lines(source: Path) -> list[str]:
    if (source / "vocabulary.json").is_file():
        return list(json.loads((source / "vocabulary.json").read_text(encoding="utf-8")))
    # Only "\n" ends a line: some tokens are other line breaks.
    return (source / "vocabulary.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n")


def _kept(source: Path, tokens: int) -> list[int]:
    try:
        tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
        first_special = min(added["id"] for added in tokenizer["added_tokens"] if added["special"])
        text = tokens_for_japanese(tokenizer["model"]["vocab"], first_special)
    except (OSError, ValueError, KeyError, TypeError) as failure:
        raise ModelFormatError(
            str(source / "tokenizer.json"),
            "a byte-level tokenizer with special tokens",
            type(failure).__name__,
        ) from failure
    return [*text, *range(first_special, tokens)]


def _renumbered(config: dict[str, Any], kept: Sequence[int]) -> dict[str, Any]:
    place = {number: index for index, number in enumerate(kept)}
    lists = {
        name: [place[number] for number in config[name] if number in place]
        for name in _LISTS_OF_TOKENS
        if name in config
    }
    return config | lists


def trim_rows(source: IO[bytes], target: IO[bytes], tokens: int, kept: Sequence[int]) -> None:
    """Copy a CTranslate2 model, leaving of every table with a row per token only the rows in `kept`.

    Source: CTranslate2 4, `specs/model_spec.py`, binary version 6: version, name, revision, variables (name,
    rank, dimensions, type, size, bytes), aliases.

    Raises:
        ModelFormatError: It is no such file, or no table has a row per token.
    """
    version = struct.unpack("=I", _copy(source, target, 4))[0]
    if version not in _KNOWN_VERSIONS:
        raise ModelFormatError(
            "model.bin", f"CTranslate2's format {_KNOWN_VERSIONS[0]} to 6", f"format {version}"
        )
    _copy_text(source, target)
    _copy(source, target, 4)
    count = struct.unpack("=I", _copy(source, target, 4))[0]
    rows = np.array(kept)
    trimmed = 0
    for _ in range(count):
        _copy_text(source, target)
        rank = _copy(source, target, 1)[0]
        dimensions = list(struct.unpack(f"={rank}I", _read(source, 4 * rank)))
        kind, size = struct.unpack("=BI", _read(source, 5))
        values = _read(source, size)
        if dimensions and dimensions[0] == tokens:
            table = np.frombuffer(values, np.uint8).reshape(tokens, -1)
            values = table[rows].tobytes()
            dimensions[0] = len(rows)
            trimmed += 1
        target.write(struct.pack(f"={rank}I", *dimensions))
        target.write(struct.pack("=BI", kind, len(values)))
        target.write(values)
    if not trimmed:
        raise ModelFormatError("model.bin", f"a table of {tokens} tokens", "none")
    for block in _blocks(source):
        target.write(block)


def _copy(source: IO[bytes], target: IO[bytes], count: int) -> bytes:
    came = _read(source, count)
    target.write(came)
    return came


def _copy_text(source: IO[bytes], target: IO[bytes]) -> None:
    _copy(source, target, struct.unpack("=H", _copy(source, target, 2))[0])


def _read(source: IO[bytes], count: int) -> bytes:
    came = source.read(count)
    if len(came) != count:
        raise ModelFormatError("model.bin", f"{count} more bytes", f"{len(came)}")
    return came


def _blocks(source: IO[bytes]) -> Iterator[bytes]:
    while block := source.read(1 << 20):
        yield block

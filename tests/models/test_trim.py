"""A trimmed folder: rows of the kept tokens, made once for all, made again when it is not what it was."""

from __future__ import annotations

import io
import json
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from koemori.models.errors import ModelFormatError
from koemori.models.japanese_tokens import SELECTION
from koemori.models.model_folder import sha256_of
from koemori.models.trim import NOTE_NAME, read_trim_note, trim_rows, trimmed_folder

pytestmark = pytest.mark.unit

TEXT = [*"abcde0123456789", "ãģĤ", "æĹ¥", "ìķĪ", "Ð¿ÑĢ"]
"""Fifteen bytes; あ, 日, 안 and пр as a byte-level tokenizer writes them."""
SPECIAL = ["<|endoftext|>", "<|startoftranscript|>", "<|ja|>"]
TOKENS = [*TEXT, *SPECIAL]
KEPT = [*range(17), 19, 20, 21]


def named(name: str) -> bytes:
    raw = name.encode() + b"\0"
    return struct.pack("=H", len(raw)) + raw


def variable(name: str, values: np.ndarray) -> bytes:
    head = named(name) + struct.pack(f"=B{values.ndim}I", values.ndim, *values.shape)
    return head + struct.pack("=BI", 0, values.nbytes) + values.tobytes()


def weights(rows: list[int], tail: bytes = struct.pack("=I", 0)) -> bytes:
    """A `model.bin` with a table and a bias of the given tokens, and three other variables."""
    generator = np.random.default_rng(7)
    table = generator.random((len(TOKENS), 4), dtype=np.float32)
    bias = generator.random(len(TOKENS), dtype=np.float32)
    other = generator.random((3, 4), dtype=np.float32)
    variables = [
        variable("decoder/embeddings/weight", table[rows]),
        variable("decoder/projection/bias", bias[rows]),
        variable("encoder/conv1/weight", other),
        variable("decoder/scale", np.float32(2.0).reshape(())),
    ]
    head = struct.pack("=I", 6) + named("WhisperSpec") + struct.pack("=II", 3, len(variables))
    return head + b"".join(variables) + tail


EVERY = list(range(len(TOKENS)))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "whisper-tiny"
    folder.mkdir()
    (folder / "model.bin").write_bytes(weights(EVERY))
    (folder / "config.json").write_text(json.dumps({"lang_ids": [21], "suppress_ids": [3, 18], "other": 1}))
    (folder / "vocabulary.txt").write_text("\n".join(TOKENS) + "\n", encoding="utf-8")
    special = [
        {"id": len(TEXT) + number, "content": text, "special": True} for number, text in enumerate(SPECIAL)
    ]
    vocabulary = {text: number for number, text in enumerate(TEXT)}
    tokenizer = {"added_tokens": special, "model": {"vocab": vocabulary}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    return folder


def quiet(_what: str, _done: int, _all: int) -> None:
    pass


def test_only_tables_of_tokens_lose_rows_and_what_follows_is_copied() -> None:
    aliases = struct.pack("=I", 1) + named("decoder/projection/weight") + named("decoder/embeddings/weight")
    out = io.BytesIO()
    trim_rows(io.BytesIO(weights(EVERY, aliases)), out, len(TOKENS), KEPT)
    assert out.getvalue() == weights(KEPT, aliases)


@pytest.mark.parametrize("length", [0, 3, 20, 60, 200])
def test_a_model_cut_short_is_refused(length: int) -> None:
    with pytest.raises(ModelFormatError, match=r"model\.bin: expected \d+ more bytes"):
        trim_rows(io.BytesIO(weights(EVERY)[:length]), io.BytesIO(), len(TOKENS), KEPT)


def test_a_model_without_a_table_of_the_tokens_is_refused() -> None:
    with pytest.raises(ModelFormatError, match="expected a table of 99 tokens; got none"):
        trim_rows(io.BytesIO(weights(EVERY)), io.BytesIO(), 99, KEPT)


def test_a_trimmed_folder_holds_everything_in_new_numbers(source: Path, tmp_path: Path) -> None:
    folder = trimmed_folder(source, tmp_path / "cache", quiet)
    assert (folder / "model.bin").read_bytes() == weights(KEPT)
    assert json.loads((folder / "config.json").read_text()) == {
        "lang_ids": [19],
        "suppress_ids": [3],
        "other": 1,
    }
    kept = [TOKENS[number] for number in KEPT]
    assert json.loads((folder / "vocabulary.json").read_text(encoding="utf-8")) == kept
    assert (folder / "tokenizer.json").read_bytes() == (source / "tokenizer.json").read_bytes()
    note = read_trim_note(folder)
    assert note is not None
    assert (note.selection, note.kept) == (SELECTION, tuple(KEPT))
    assert note.source_sha256 == sha256_of(source / "model.bin")
    assert read_trim_note(source) is None


def test_it_is_made_once_and_again_when_its_bytes_or_its_note_do_not_fit(
    source: Path, tmp_path: Path
) -> None:
    said: list[str] = []

    def make() -> Path:
        return trimmed_folder(source, tmp_path / "cache", lambda what, _done, _all: said.append(what))

    folder = make()
    assert make() == folder
    assert len(said) == 1
    with (folder / "model.bin").open("r+b") as file:
        file.write(b"\xff")
    make()
    (folder / NOTE_NAME).write_text("{}")
    make()
    assert len(said) == 3
    assert (folder / "model.bin").read_bytes() == weights(KEPT)
    assert read_trim_note(folder) is not None


def test_another_source_of_the_same_name_gets_a_folder_of_its_own(source: Path, tmp_path: Path) -> None:
    first = trimmed_folder(source, tmp_path / "cache", quiet)
    (source / "model.bin").write_bytes(weights(EVERY, struct.pack("=I", 1)))
    second = trimmed_folder(source, tmp_path / "cache", quiet)
    assert first != second
    assert first.is_dir()


def test_several_starts_at_once_make_one_folder(source: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def make(_: int) -> Path:
        return trimmed_folder(source, tmp_path / "cache", lambda what, _done, _all: said.append(what))

    with ThreadPoolExecutor(8) as threads:
        folders = set(threads.map(make, range(8)))
    (folder,) = folders
    assert said.count("leaving out the tokens of other languages") == 1
    assert (folder / "model.bin").read_bytes() == weights(KEPT)


def test_a_tokenizer_that_does_not_fit_is_refused_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    (source / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelFormatError, match="byte-level tokenizer with special tokens; got KeyError"):
        trimmed_folder(source, tmp_path / "cache", quiet)
    assert not [path for path in (tmp_path / "cache").iterdir() if path.name.startswith("whisper-tiny")]

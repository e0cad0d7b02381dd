"""What a CTranslate2 Whisper folder holds, read from its files without loading the model.

`model.bin` begins with the name of the architecture and lists every weight with its shape, so that a folder
of another kind, a broken download and a model that does not fit the language are told apart in milliseconds
and in words. `folder_digest` is the digest that a configuration pins.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Final

from koemori.models.errors import ModelFormatError

RECOGNISER_FILES: Final = (
    "config.json",
    "model.bin",
    "preprocessor_config.json",
    "tokenizer.json",
    "vocabulary.json",
    "vocabulary.txt",
)
"""Every file that has a say in what is recognised, in the order in which `folder_digest` takes them."""

_HASH_BLOCK_BYTES: Final = 1 << 20
_NEWEST_BINARY_VERSION: Final = 6
_MOST_VARIABLES: Final = 10_000
_MULTILINGUAL_VOCABULARY: Final = 51_865
_USUAL_MEL_BANDS: Final = 80
_BYTES_OF_TYPE: Final = {0: 4, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2}
"""CTranslate2's numbers of data types: float32, int8, int16, int32, float16, bfloat16."""
_CONVERT: Final = (
    "ct2-transformers-converter --model FOLDER --output_dir OUT --quantization float16 "
    "--copy_files tokenizer.json preprocessor_config.json"
)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The shape of a Whisper model.

    Attributes:
        mel_bands: Rows of the spectrogram: 80, or 128 since large-v3.
        vocabulary: Tokens; 51865 and more speak many languages.
        width: Length of an encoder state.
        matrix_parameters: Weights that a compute type of eight bits stores in one byte each.
        other_parameters: Weights that stay floating point.
        size_bytes: Of `model.bin`.
    """

    mel_bands: int
    vocabulary: int
    encoder_layers: int
    decoder_layers: int
    width: int
    matrix_parameters: int
    other_parameters: int
    size_bytes: int

    @property
    def multilingual(self) -> bool:
        """Whether it knows more than English."""
        return self.vocabulary >= _MULTILINGUAL_VOCABULARY

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.matrix_parameters + self.other_parameters

    def weight_bytes(self, compute_type: str) -> int:
        """Memory of the weights once loaded as a compute type such as `int8` or `float16`."""
        narrow = 1 if compute_type.startswith("int8") else 4 if compute_type == "float32" else 2
        wide = 2 if "float16" in compute_type else 4
        return self.matrix_parameters * narrow + self.other_parameters * wide

    def describe(self) -> str:
        """One line for people."""
        tongue = "multilingual" if self.multilingual else "English only"
        return (
            f"{tongue}, {self.parameters / 1e6:.0f} M parameters, "
            f"{self.encoder_layers}+{self.decoder_layers} layers, {self.mel_bands} mel bands"
        )


def inspect_model(folder: Path) -> ModelFacts:
    """Read the shape of the model in a folder, and refuse what is no whole Whisper model.

    Raises:
        ModelFormatError: The folder is not a CTranslate2 Whisper model with its tokenizer; says what it is.
    """
    _require_files(folder)
    weights = folder / "model.bin"
    try:
        with weights.open("rb") as stream:
            facts = _read_header(folder, stream, weights.stat().st_size)
    except (struct.error, UnicodeDecodeError, KeyError):
        raise ModelFormatError(str(weights), "weights written by CTranslate2", "something else") from None
    if facts.mel_bands != _USUAL_MEL_BANDS:
        _require_mel_bands(folder, facts.mel_bands)
    return facts


def sha256_of(path: Path) -> str:
    """Hex sha256 of a file; a file that has not changed is read once per process."""
    stat = path.stat()
    return _sha256(str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@lru_cache(maxsize=64)
def _sha256(path: str, *_as_it_was: int) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(_HASH_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def recogniser_files(folder: Path) -> tuple[str, ...]:
    """Names of the files in a folder that the recogniser reads."""
    return tuple(name for name in RECOGNISER_FILES if (folder / name).is_file())


def folder_digest(folder: Path) -> str:
    """Digest of everything in a model folder that has a say in what is recognised.

    The sha256 of the lines that `sha256sum` prints for the `RECOGNISER_FILES` that are there, in that order:
    `cd FOLDER && sha256sum config.json model.bin tokenizer.json vocabulary.txt | sha256sum`.
    """
    lines = "".join(f"{sha256_of(folder / name)}  {name}\n" for name in recogniser_files(folder))
    return hashlib.sha256(lines.encode()).hexdigest()


def _require_files(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelFormatError(str(folder), "a folder", "a file" if folder.exists() else "nothing there")
    if not (folder / "model.bin").is_file():
        raise ModelFormatError(str(folder), "a CTranslate2 Whisper folder with model.bin", _guess(folder))
    for name, why in (
        ("config.json", "it comes with the conversion"),
        ("tokenizer.json", "copy it from the original model"),
    ):
        if not (folder / name).is_file():
            raise ModelFormatError(str(folder), f"{name} beside model.bin ({why})", "none")
    if not any((folder / f"vocabulary.{ending}").is_file() for ending in ("json", "txt")):
        raise ModelFormatError(str(folder), "vocabulary.json or vocabulary.txt beside model.bin", "neither")


def _guess(folder: Path) -> str:
    """What a folder without `model.bin` seems to be."""
    names = [path.name for path in folder.iterdir()]
    if any(name.endswith(".safetensors") or name.startswith("pytorch_model") for name in names):
        return f"a Transformers checkpoint; convert it: {_CONVERT}"
    if any(name.startswith("ggml") or name.endswith(".gguf") for name in names):
        return "a whisper.cpp model, which cannot be converted; take the original"
    if any(name.endswith(".pt") for name in names):
        return "a PyTorch checkpoint; take its Transformers form and convert that"
    if "snapshots" in names:
        return "a hub cache; name the folder below snapshots"
    return "no model.bin" if names else "an empty folder"


def _read_header(folder: Path, stream: IO[bytes], size_bytes: int) -> ModelFacts:
    version, architecture, count = _read_preamble(stream)
    if not architecture.endswith("Spec") or count > _MOST_VARIABLES:
        raise ModelFormatError(str(folder / "model.bin"), "weights written by CTranslate2", "something else")
    if architecture != "WhisperSpec":
        raise ModelFormatError(str(folder), "a Whisper model", f"a CTranslate2 model of kind {architecture}")
    if version > _NEWEST_BINARY_VERSION:
        raise ModelFormatError(
            str(folder), f"model format {_NEWEST_BINARY_VERSION} or older", f"{version}; update ctranslate2"
        )
    shapes: dict[str, tuple[int, ...]] = {}
    for _ in range(count):
        name, shape, data_bytes = _read_variable(stream)
        stream.seek(data_bytes, 1)
        shapes[name] = shape
        if stream.tell() > size_bytes:
            raise ModelFormatError(
                str(folder / "model.bin"), f"{stream.tell()} bytes or more", f"{size_bytes}: it is cut off"
            )
    return _facts(shapes, size_bytes)


def _read_preamble(stream: IO[bytes]) -> tuple[int, str, int]:
    version = int(_unpack(stream, "<I"))
    if not 0 < version < 1000:
        raise struct.error
    architecture = _read_text(stream)
    _unpack(stream, "<I")
    return version, architecture, _unpack(stream, "<I")


def _read_variable(stream: IO[bytes]) -> tuple[str, tuple[int, ...], int]:
    name = _read_text(stream)
    rank = _unpack(stream, "<B")
    shape = tuple(_unpack(stream, "<I") for _ in range(rank))
    width = _BYTES_OF_TYPE[_unpack(stream, "<B")]
    data_bytes = _unpack(stream, "<I")
    elements = 1
    for length in shape:
        elements *= length
    if data_bytes != elements * width:
        raise struct.error
    return name, shape, data_bytes


def _read_text(stream: IO[bytes]) -> str:
    raw = stream.read(_unpack(stream, "<H"))
    if not raw.endswith(b"\0"):
        raise struct.error
    return raw[:-1].decode()


def _unpack(stream: IO[bytes], layout: str) -> int:
    return int(struct.unpack(layout, stream.read(struct.calcsize(layout)))[0])


def _facts(shapes: dict[str, tuple[int, ...]], size_bytes: int) -> ModelFacts:
    matrix = other = 0
    for name, shape in shapes.items():
        elements = 1
        for length in shape:
            elements *= length
        if len(shape) >= 2 and name.endswith("/weight"):
            matrix += elements
        else:
            other += elements
    width, mel_bands, _ = shapes["encoder/conv1/weight"]
    return ModelFacts(
        mel_bands=mel_bands,
        vocabulary=shapes["decoder/embeddings/weight"][0],
        encoder_layers=_layers(shapes, "encoder"),
        decoder_layers=_layers(shapes, "decoder"),
        width=width,
        matrix_parameters=matrix,
        other_parameters=other,
        size_bytes=size_bytes,
    )


def _layers(shapes: dict[str, tuple[int, ...]], half: str) -> int:
    return len({found.group() for name in shapes if (found := re.match(rf"{half}/layer_\d+", name))})


def _require_mel_bands(folder: Path, mel_bands: int) -> None:
    """The spectrogram's height stands in a file of its own, and 80 is taken where that file is missing."""
    expected = f"preprocessor_config.json with feature_size {mel_bands}, as model.bin wants it"
    path = folder / "preprocessor_config.json"
    if not path.is_file():
        raise ModelFormatError(str(folder), expected, "no such file; copy it from the original model")
    try:
        said = json.loads(path.read_text(encoding="utf-8")).get("feature_size")
    except (ValueError, AttributeError):
        raise ModelFormatError(str(folder), expected, "no JSON object") from None
    if said != mel_bands:
        raise ModelFormatError(str(folder), expected, f"feature_size {said}")

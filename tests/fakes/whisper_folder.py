"""Small folders in the real format of CTranslate2 Whisper models; the weights are zeros."""

from __future__ import annotations

import json
import struct
from pathlib import Path


def whisper_weights(
    mel_bands: int = 80, vocabulary: int = 51865, layers: int = 2, width: int = 4, spec: str = "WhisperSpec"
) -> bytes:
    """Bytes of a `model.bin` with eight-bit matrices."""
    shapes: dict[str, tuple[int, ...]] = {
        "decoder/embeddings/weight": (vocabulary, width),
        "decoder/scale_embeddings": (),
        "encoder/conv1/bias": (width,),
        "encoder/conv1/weight": (width, mel_bands, 3),
    }
    for half in ("encoder", "decoder"):
        for layer in range(layers):
            shapes[f"{half}/layer_{layer}/ffn/linear_0/weight"] = (width, width)
    body = struct.pack("<I", 6) + _text(spec) + struct.pack("<II", 3, len(shapes))
    for name, shape in shapes.items():
        elements = 1
        for length in shape:
            elements *= length
        body += _text(name) + struct.pack(f"<B{len(shape)}I", len(shape), *shape)
        body += struct.pack("<BI", 1, elements) + bytes(elements)
    return body + struct.pack("<I", 0)


def whisper_files(mel_bands: int = 80, vocabulary: int = 51865) -> dict[str, bytes]:
    """All files of a small model, by name."""
    files = {
        "config.json": b'{"lang_ids": []}\n',
        "model.bin": whisper_weights(mel_bands, vocabulary),
        "tokenizer.json": b"{}\n",
        "vocabulary.json": b"[]\n",
    }
    if mel_bands != 80:
        files["preprocessor_config.json"] = json.dumps({"feature_size": mel_bands}).encode()
    return files


def write_whisper_folder(folder: Path, mel_bands: int = 80, vocabulary: int = 51865) -> Path:
    """Make a small model folder."""
    folder.mkdir(parents=True)
    for name, content in whisper_files(mel_bands, vocabulary).items():
        (folder / name).write_bytes(content)
    return folder


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<H", len(raw) + 1) + raw + b"\0"

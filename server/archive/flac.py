"""The master as FLAC: written and read in blocks, so that an hour takes no more memory than a minute."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from koemori.server.archive.errors import SealError
from koemori.server.archive.manifest import DecodeError
from numpy.typing import NDArray

BLOCK_SAMPLES = 1 << 16
_FLAC_BLOCK = 4096
_UNKNOWN_LENGTH = 1 << 36
"""A FLAC cannot state so many; libsndfile tells them where no length is stated, and cannot read such a file.
Only a master without a sample is like that."""


def write_flac(path: Path, blocks: Iterable[NDArray[np.int16]], rate_hz: int, channels: int) -> str:
    """Encode blocks of shape `(n, channels)`; return the SHA-256 of the interleaved s16le samples.

    Raises:
        SealError: The encoder or the disk failed.
    """
    digest = hashlib.sha256()
    count = 0
    try:
        with soundfile.SoundFile(
            str(path), "w", samplerate=rate_hz, channels=channels, subtype="PCM_16", format="FLAC"
        ) as master:
            for block in blocks:
                digest.update(np.ascontiguousarray(block, dtype="<i2").tobytes())
                master.write(block)
                count += len(block)
        if not count:
            path.write_bytes(_flac_of_nothing(rate_hz, channels))
    except (soundfile.LibsndfileError, OSError) as error:
        raise SealError(f"expected to write {path.name}; got {type(error).__name__}") from error
    return digest.hexdigest()


def _flac_of_nothing(rate_hz: int, channels: int) -> bytes:
    """Return a FLAC without a sample (libsndfile writes none): STREAMINFO alone, RFC 9639 section 8.2."""
    shape = rate_hz << 44 | (channels - 1) << 41 | 15 << 36
    info = _FLAC_BLOCK.to_bytes(2, "big") * 2 + bytes(6) + shape.to_bytes(8, "big")
    info += hashlib.md5(b"", usedforsecurity=False).digest()
    return b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info


def decode_pcm(path: Path) -> Iterator[bytes]:
    """Yield a master's samples as interleaved s16le bytes.

    Raises:
        DecodeError: The file does not decode to its end.
    """
    try:
        with soundfile.SoundFile(str(path)) as master:
            if master.frames >= _UNKNOWN_LENGTH:
                return
            while len(block := master.read(BLOCK_SAMPLES, dtype="int16", always_2d=True)):
                yield block.astype("<i2", copy=False).tobytes()
    except (soundfile.LibsndfileError, OSError) as error:
        raise DecodeError(f"{path.name} does not decode ({type(error).__name__})") from error


def pcm_sha256(path: Path) -> str:
    """Decode a master and return the SHA-256 of its samples."""
    digest = hashlib.sha256()
    for chunk in decode_pcm(path):
        digest.update(chunk)
    return digest.hexdigest()


def peaks(path: Path, points: int) -> list[list[tuple[int, int]]]:
    """Return per channel the (lowest, highest) sample of each of `points` equal stretches, for a waveform.

    Raises:
        DecodeError: The file does not decode to its end.
    """
    try:
        with soundfile.SoundFile(str(path)) as master:
            total = master.frames if master.frames < _UNKNOWN_LENGTH else 0
            channels = master.channels
            shown = min(points, total)
            bounds = np.linspace(0, total, shown + 1).astype(np.int64)
            result: list[list[tuple[int, int]]] = [[] for _ in range(channels)]
            for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
                block = master.read(end - begin, dtype="int16", always_2d=True)
                for index in range(channels):
                    result[index].append((int(block[:, index].min()), int(block[:, index].max())))
            return result
    except (soundfile.LibsndfileError, OSError, ValueError) as error:
        raise DecodeError(f"{path.name} does not decode ({type(error).__name__})") from error

"""Audio files as calls: what a file holds, and its samples block by block.

Accepted: WAV with 16-bit PCM, µ-law or A-law, and 16-bit FLAC; one or two channels; 8 to 48 kHz. Everything
else is refused in one sentence, before the first sample is used. A WAV whose header promises more samples
than the file holds is refused as well: such a file is a damaged recording, and playing what is left would
hide that.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from koemori.audio.errors import AudioFileError
from numpy.typing import NDArray

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 48_000
MAX_CHANNELS = 2
_UNKNOWN_LENGTH = 1 << 36
_EXPECTED_FORMAT = "WAV (16-bit PCM, µ-law or A-law) or FLAC (16-bit)"
_ENCODINGS = {
    ("WAV", "PCM_16"): "wav/pcm_s16le",
    ("WAVEX", "PCM_16"): "wav/pcm_s16le",
    ("WAV", "ULAW"): "wav/mulaw",
    ("WAVEX", "ULAW"): "wav/mulaw",
    ("WAV", "ALAW"): "wav/alaw",
    ("WAVEX", "ALAW"): "wav/alaw",
    ("FLAC", "PCM_16"): "flac/pcm_s16",
}
_SIGNATURES = (
    (0, b"fLaC", "a damaged FLAC file"),
    (0, b"RIFF", "a damaged or unknown RIFF file"),
    (4, b"ftyp", "an MP4 or QuickTime container (video or compressed audio)"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM container (video or compressed audio)"),
    (0, b"OggS", "an Ogg container"),
    (0, b"ID3", "an MP3 file"),
    (0, b"\xff\xfb", "an MP3 file"),
    (0, b"\xff\xf3", "an MP3 file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"%PDF", "a PDF document"),
)


@dataclass(frozen=True, slots=True)
class AudioFileInfo:
    """What a playable file holds; `sample_count` is per channel, `encoding` is container/codec."""

    sample_rate_hz: int
    channels: int
    sample_count: int
    encoding: str


def probe(path: Path) -> AudioFileInfo:
    """Find out what a file holds, and refuse it when it cannot be played as a call.

    Raises:
        AudioFileError: Missing, a directory, empty, not audio, or audio outside the accepted range.
    """
    _check_is_file(path)
    try:
        with soundfile.SoundFile(str(path)) as opened:
            container, subtype = opened.format, opened.subtype
            rate, channels, frames = opened.samplerate, opened.channels, opened.frames
    except (soundfile.LibsndfileError, OSError):
        raise AudioFileError(path.name, _EXPECTED_FORMAT, _describe(path)) from None
    encoding = _ENCODINGS.get((container, subtype))
    if encoding is None:
        raise AudioFileError(path.name, _EXPECTED_FORMAT, f"{container} with {subtype} samples")
    if not 1 <= channels <= MAX_CHANNELS:
        raise AudioFileError(path.name, "1 or 2 channels", f"{channels} channels")
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        raise AudioFileError(path.name, f"a sample rate from {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz", f"{rate} Hz")
    if encoding.startswith("wav/"):
        _check_wav_is_whole(path, frames)
    if frames >= _UNKNOWN_LENGTH:
        raise AudioFileError(path.name, "a header that states the length", "FLAC of unstated length")
    if frames == 0:
        raise AudioFileError(path.name, "at least one sample", "a header and no samples")
    return AudioFileInfo(rate, channels, frames, encoding)


def read_blocks(path: Path, block_samples: int) -> Iterator[NDArray[np.int16]]:
    """Yield a file's samples in order, int16, shape `(n, channels)`, `n == block_samples` but for the last.

    Raises:
        AudioFileError: The file is not playable, or breaks off before the samples its header promises.
    """
    info = probe(path)
    done = 0
    try:
        with soundfile.SoundFile(str(path)) as opened:
            while len(block := opened.read(block_samples, dtype="int16", always_2d=True)):
                done += len(block)
                yield block
    except (soundfile.LibsndfileError, OSError):
        raise AudioFileError(
            path.name, f"{info.sample_count} samples", f"unreadable audio after {done}"
        ) from None
    if done != info.sample_count:
        raise AudioFileError(
            path.name, f"{info.sample_count} samples as its header says", f"{done} in the file"
        )


def _check_is_file(path: Path) -> None:
    if not path.exists():
        raise AudioFileError(path.name, "an audio file", "nothing at that path")
    if path.is_dir():
        raise AudioFileError(path.name, "an audio file", "a directory")
    if not path.is_file():
        raise AudioFileError(path.name, "an audio file", "a special file")
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            stream.read(1)
    except OSError as error:
        raise AudioFileError(path.name, "a readable audio file", error.strerror or "an I/O error") from None
    if size == 0:
        raise AudioFileError(path.name, _EXPECTED_FORMAT, "an empty file (0 bytes)")


def _describe(path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.read(512)
    for offset, signature, words in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return words
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(head) - error.start > 3:
            return "no audio format that is known"
    return "text" if b"\0" not in head else "no audio format that is known"


def _check_wav_is_whole(path: Path, frames_found: int) -> None:
    """Compare the length in the data chunk's header with the bytes that follow it (RIFF, 1991)."""
    with path.open("rb") as stream:
        promised_bytes, available_bytes, frame_bytes = _wav_lengths(stream)
    if frame_bytes and promised_bytes > available_bytes:
        promised = promised_bytes // frame_bytes
        raise AudioFileError(
            path.name,
            f"{promised} samples per channel as its header says",
            f"{min(frames_found, available_bytes // frame_bytes)} in the file (truncated WAV)",
        )


def _wav_lengths(stream: BinaryIO) -> tuple[int, int, int]:
    """Return the data chunk's promised bytes, the bytes really there, and bytes per sample instant."""
    stream.seek(0, 2)
    file_bytes = stream.tell()
    position, frame_bytes = 12, 0
    while position + 8 <= file_bytes:
        stream.seek(position)
        name, size = struct.unpack("<4sI", stream.read(8))
        if name == b"fmt ":
            frame_bytes = struct.unpack("<H", stream.read(14)[12:14])[0]
        if name == b"data":
            return size, file_bytes - position - 8, frame_bytes
        position += 8 + size + size % 2
    return 0, 0, frame_bytes

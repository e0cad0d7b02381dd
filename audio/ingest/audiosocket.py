"""AudioSocket: the bytes that Asterisk sends over a TCP connection of one channel → frames; no I/O.

A frame is one byte of type, two of length (big endian) and the payload. The first frame is the channel's
UUID; audio is signed linear PCM of 16 bits, little endian, mono, its rate told by the type. Nothing but the
UUID says which call it is, and there are no timestamps: the place of audio is its count.

Source: Asterisk, include/asterisk/res_audiosocket.h and the module's documents; frames as observed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import numpy as np
from koemori.audio.errors import AudioSocketError
from numpy.typing import NDArray

_HANG_UP: Final = 0x00
_UUID: Final = 0x01
_ERROR: Final = 0xFF
_HEADER_BYTES: Final = 3
_UUID_BYTES: Final = 16
_KEYS: Final = frozenset("0123456789*#ABCD")

RATES_HZ: Final[Mapping[int, int]] = MappingProxyType(
    {
        0x10: 8_000,
        0x11: 12_000,
        0x12: 16_000,
        0x13: 24_000,
        0x14: 32_000,
        0x15: 44_100,
        0x16: 48_000,
        0x17: 96_000,
        0x18: 192_000,
    }
)
"""Type of an audio frame → samples a second."""


@dataclass(frozen=True, slots=True)
class SocketNamed:
    """The first frame: which channel this is, as a UUID in its usual spelling."""

    uuid: str


@dataclass(frozen=True, slots=True, eq=False)
class SocketAudio:
    """Audio; `samples` int16, shape `(n,)`, read-only."""

    sample_rate_hz: int
    samples: NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class SocketKey:
    """A key was pressed, one of `0-9 * # A-D`."""

    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SocketEnded:
    """The channel hung up, or (`error`) Asterisk says that something is wrong with it."""

    error: bool


SocketFrame = SocketNamed | SocketAudio | SocketKey | SocketEnded


@dataclass(slots=True)
class AudioSocketReader:
    """One connection's bytes.

    Attributes:
        unknown: Frames of a type, or with a content, that means nothing here; they are passed over.
    """

    unknown: int = 0
    _pending: bytearray = field(default_factory=bytearray)
    _named: bool = False
    _ended: bool = False

    def push(self, received: bytes) -> list[SocketFrame]:
        """Take bytes; return the frames they complete. After the end everything is ignored.

        Raises:
            AudioSocketError: The first frame is no UUID, or audio is cut within a sample.
        """
        if self._ended:
            return []
        self._pending += received
        frames: list[SocketFrame] = []
        while len(self._pending) >= _HEADER_BYTES:
            end = _HEADER_BYTES + int.from_bytes(self._pending[1:_HEADER_BYTES], "big")
            if not self._named:
                self._check_first(self._pending[0], end - _HEADER_BYTES)
            if len(self._pending) < end:
                break
            kind, payload = self._pending[0], bytes(self._pending[_HEADER_BYTES:end])
            del self._pending[:end]
            frame = self._frame(kind, payload)
            if frame is None:
                self.unknown += 1
                continue
            frames.append(frame)
            if isinstance(frame, SocketEnded):
                break
        return frames

    def _check_first(self, kind: int, length: int) -> None:
        """Refuse another protocol's bytes before they are waited for."""
        if kind not in (_UUID, _HANG_UP) or (kind == _UUID and length != _UUID_BYTES):
            raise AudioSocketError("a UUID of 16 bytes first", f"a frame of type {kind} with {length} bytes")

    def _frame(self, kind: int, payload: bytes) -> SocketFrame | None:
        if kind in RATES_HZ:
            if len(payload) % 2:
                raise AudioSocketError("audio of whole 2-byte samples", f"{len(payload)} bytes")
            samples = np.frombuffer(payload, dtype="<i2").astype(np.int16, copy=False)
            samples.setflags(write=False)
            return SocketAudio(RATES_HZ[kind], samples)
        match kind:
            case 0x01 if len(payload) == _UUID_BYTES and not self._named:
                self._named = True
                return SocketNamed(str(uuid.UUID(bytes=payload)))
            case 0x03 if len(payload) == 1 and (key := chr(payload[0]).upper()) in _KEYS:
                return SocketKey(key)
            case 0x00 | 0xFF:
                self._ended = True
                return SocketEnded(error=kind == _ERROR)
            case _:
                return None

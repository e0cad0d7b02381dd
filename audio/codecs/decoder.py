"""Decoders of what RTP carries: payloads in order → int16 samples, one object for each stream.

G.711 and L16 have no memory; G.722 (ITU-T G.722, 64 kbit/s) and Opus (RFC 6716) go through FFmpeg and have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Final, Protocol

import av
import numpy as np
from koemori.audio.codecs.g711 import decode_alaw, decode_mulaw
from numpy.typing import NDArray

Samples = NDArray[np.int16]
_OPUS_RATE_HZ: Final = 48_000
_OPUS_DECIMATION: Final = 3
_TAPS: Final = 96
"""At 48 kHz: the filter delays by one millisecond and keeps what lies above 8 kHz more than 60 dB down."""


class Decoder(Protocol):
    """One stream's decoder.

    Attributes:
        sample_rate_hz: Of what it returns.
        stateful: Whether a payload means something only after those before it.
    """

    sample_rate_hz: int
    stateful: bool

    def decode(self, payloads: Sequence[bytes]) -> Samples:
        """Decode payloads that follow each other; shape `(n,)`. What cannot be decoded is left out."""
        ...


class TableDecoder:
    """G.711: one sample a byte."""

    stateful = False
    sample_rate_hz = 8_000

    def __init__(self, decode: Callable[[bytes], Samples]) -> None:
        self._decode = decode

    def decode(self, payloads: Sequence[bytes]) -> Samples:
        """Decode; every byte is valid."""
        return self._decode(payloads[0] if len(payloads) == 1 else b"".join(payloads))


class LinearDecoder:
    """L16: big-endian samples, interleaved (RFC 3551 §4.5.11); several channels are averaged."""

    stateful = False

    def __init__(self, sample_rate_hz: int, channels: int) -> None:
        self.sample_rate_hz = sample_rate_hz
        self._channels = channels

    def decode(self, payloads: Sequence[bytes]) -> Samples:
        """Decode whole sample instants; bytes left over in a payload are passed over."""
        width = 2 * self._channels
        joined = b"".join(payload[: len(payload) // width * width] for payload in payloads)
        samples = np.frombuffer(joined, dtype=">i2")
        if self._channels == 1:
            return samples.astype(np.int16)
        return np.asarray(samples.reshape(-1, self._channels).mean(axis=1), np.int16)


class G722Decoder:
    """G.722 at 64 kbit/s: two samples a byte."""

    stateful = True
    sample_rate_hz = 16_000

    def __init__(self) -> None:
        self._context = av.CodecContext.create("g722", "r")

    def decode(self, payloads: Sequence[bytes]) -> Samples:
        """Decode; every byte is valid."""
        joined = b"".join(payloads)
        if not joined:
            return np.zeros(0, dtype=np.int16)
        frames = self._context.decode(av.Packet(joined))
        return np.asarray(np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames]), np.int16)


class OpusDecoder:
    """Opus, mixed to one channel, at 16 kHz."""

    stateful = True
    sample_rate_hz = _OPUS_RATE_HZ // _OPUS_DECIMATION

    def __init__(self) -> None:
        self._context = av.CodecContext.create("libopus", "r")
        self._recent = np.zeros(_TAPS - 1, dtype=np.float32)

    def decode(self, payloads: Sequence[bytes]) -> Samples:
        """Decode; a payload that is no Opus becomes silence of the length that it claims."""
        decoded = [self._one(payload) for payload in payloads]
        given = np.concatenate((self._recent, *decoded))
        self._recent = given[len(given) - (_TAPS - 1) :]
        if len(given) < _TAPS:
            return np.zeros(0, dtype=np.int16)
        filtered = np.convolve(given, _low_pass(), mode="valid")[::_OPUS_DECIMATION]
        return np.asarray(np.clip(np.rint(filtered), -32768, 32767), np.int16)

    def _one(self, payload: bytes) -> NDArray[np.float32]:
        """One packet at 48 kHz, as long as its first byte says."""
        length = opus_ticks(payload)
        out = np.zeros(length, dtype=np.float32)
        try:
            frames = self._context.decode(av.Packet(payload)) if length else []
        except av.FFmpegError:
            return out
        at = 0
        for frame in frames:
            sound = frame.to_ndarray().astype(np.float32)
            sound = sound.reshape(-1, frame.layout.nb_channels).mean(axis=1)
            part = sound[: length - at]
            out[at : at + len(part)] = part
            at += len(part)
        return out


def opus_ticks(payload: bytes) -> int:
    """How long a packet is at 48 kHz, from its first two bytes (RFC 6716 §3.1); 0 when it is malformed."""
    if not payload:
        return 0
    config, code = payload[0] >> 3, payload[0] & 3
    if config < 12:
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        frame = (480, 960)[config & 1]
    else:
        frame = (120, 240, 480, 960)[config & 3]
    count = (1, 2, 2)[code] if code < 3 else (payload[1] & 0x3F if len(payload) > 1 else 0)
    return frame * count if frame * count <= 5_760 else 0


def open_decoder(codec: str, clock_hz: int, channels: int) -> Decoder:
    """A new stream's decoder.

    Args:
        codec: `PCMU`, `PCMA`, `G722`, `OPUS` or `L16`.
        clock_hz: Of the payload type; L16 is sampled at it.
        channels: Of the payload type; the other codecs say themselves what they carry.
    """
    makers: dict[str, Callable[[], Decoder]] = {
        "PCMU": lambda: TableDecoder(decode_mulaw),
        "PCMA": lambda: TableDecoder(decode_alaw),
        "G722": G722Decoder,
        "OPUS": OpusDecoder,
        "L16": lambda: LinearDecoder(clock_hz, channels),
    }
    return makers[codec]()


@cache
def _low_pass() -> NDArray[np.float32]:
    """Windowed sinc that keeps what 16 kHz can carry (7.6 kHz at half power)."""
    distance = np.arange(_TAPS) - (_TAPS - 1) / 2
    weights = np.sinc(distance * 2 * 7_200 / _OPUS_RATE_HZ) * np.kaiser(_TAPS, 6.0)
    return np.asarray(weights / weights.sum(), dtype=np.float32)

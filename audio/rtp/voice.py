"""Payloads of one leg → samples at the call's rate, with decoder and resampler kept between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from koemori.audio.codecs.decoder import Decoder, open_decoder, opus_ticks
from koemori.audio.resample import ChannelResampler
from koemori.audio.rtp.payload import PayloadType
from numpy.typing import NDArray

Samples = NDArray[np.int16]
WARM_UP_PACKETS: Final = 4
"""Packets that a decoder with memory is given before a late one, to stand about where it stood."""


def packet_ticks(kind: PayloadType, payload: bytes) -> int:
    """How many ticks of its clock a payload covers, without decoding it."""
    if kind.codec == "OPUS":
        return opus_ticks(payload) * kind.clock_hz // 48_000
    if kind.codec == "L16":
        return len(payload) // (2 * kind.channels)
    return len(payload)


class Voice:
    """Decodes runs of payloads; `rate_hz` is the call's."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._kind: PayloadType | None = None
        self._decoder: Decoder | None = None
        self._resampler: ChannelResampler | None = None

    @property
    def stateful(self) -> bool:
        """Whether payloads must be remembered for `late`."""
        return self._decoder is not None and self._decoder.stateful

    @property
    def kind(self) -> PayloadType | None:
        """What is decoded now."""
        return self._kind

    def use(self, kind: PayloadType) -> None:
        """Decode this from now on; `rest` must have been taken."""
        if kind == self._kind:
            return
        self._kind = kind
        self._decoder = open_decoder(kind.codec, kind.clock_hz, kind.channels)
        rate_hz = self._decoder.sample_rate_hz
        self._resampler = None if rate_hz == self._rate_hz else ChannelResampler(rate_hz, self._rate_hz)

    def decode(self, payloads: Sequence[bytes]) -> Samples:
        """Samples of payloads that follow the last ones; a resampler holds the newest back."""
        if self._decoder is None:
            return np.zeros(0, dtype=np.int16)
        samples = self._decoder.decode(payloads)
        return samples if self._resampler is None else _int16(self._resampler.push(samples))

    def rest(self) -> Samples:
        """What the resampler holds back; the next payload begins a new run."""
        return np.zeros(0, dtype=np.int16) if self._resampler is None else _int16(self._resampler.flush())

    def late(self, kind: PayloadType, before: Sequence[bytes], payload: bytes) -> Samples:
        """Samples of one payload out of order, by a decoder of its own; `before` are payloads before it."""
        alone = Voice(self._rate_hz)
        alone.use(kind)
        decoder = alone._decoder
        if decoder is None:
            return np.zeros(0, dtype=np.int16)
        decoder.decode(before)
        samples = decoder.decode([payload])
        if alone._resampler is None:
            return samples
        raised = alone._resampler
        return _int16(np.concatenate((raised.push(samples), raised.flush())))


def _int16(samples: NDArray[np.float32]) -> Samples:
    return np.asarray(np.clip(np.rint(samples * np.float32(32768)), -32768, 32767), np.int16)

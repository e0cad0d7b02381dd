"""Stateful resampling of one channel to the rate the speech models want.

The resampler keeps its filter state between pushes, so cutting the audio into frames changes nothing: all
pushes and the flush together give what one push of everything would give, and sample n of the output stays at
n / to_hz seconds of the input however long the call is.

Telephone audio is doubled by our own half-band filter: it holds back twelve milliseconds, where the library,
made for files, holds back about a hundred, and every word on the screen would be that much later.
Other rates go through the library; its delay is held back until the flush and never shifts the result.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import soxr
from numpy.typing import NDArray

_REACH = 96
"""Samples on either side that a sample between two others is computed from: 12 ms at 8 kHz."""
_KAISER_BETA = 8.0
"""With this reach, images of what lies below 3.75 kHz are more than 70 dB down."""


class ChannelResampler:
    """int16 in, float32 in [-1, 1] out."""

    def __init__(self, from_hz: int, to_hz: int = 16_000) -> None:
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._doubler = _Doubler() if to_hz == 2 * from_hz else None
        self._stream = (
            None
            if from_hz == to_hz or self._doubler is not None
            else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
        )

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Add samples, shape `(n,)`; return what is ready, shape `(m,)`, possibly empty."""
        scaled = samples.astype(np.float32) / np.float32(32768)
        if self._doubler is not None:
            return self._doubler.push(scaled)
        if self._stream is None:
            return scaled
        return np.asarray(self._stream.resample_chunk(scaled), dtype=np.float32)

    def flush(self) -> NDArray[np.float32]:
        """Return the rest and start anew: the next push begins a new timeline, as after a gap."""
        if self._doubler is not None:
            return self._doubler.flush()
        if self._stream is None:
            return np.zeros(0, dtype=np.float32)
        rest = np.asarray(
            self._stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True), dtype=np.float32
        )
        self._stream.clear()
        return rest


class _Doubler:
    """Twice the rate: the samples themselves, and between each two a windowed-sinc value.

    Source: half-band interpolation, e.g. Lyons, Understanding Digital Signal Processing, 3rd ed., §10.7.
    """

    def __init__(self) -> None:
        self._recent = np.zeros(_REACH - 1, dtype=np.float32)
        """Samples already given, as far back as the filter reaches, then those held back."""

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        given = np.concatenate((self._recent, samples))
        ready = len(given) - (2 * _REACH - 1)
        if ready <= 0:
            self._recent = given
            return np.zeros(0, dtype=np.float32)
        out = np.empty(2 * ready, dtype=np.float32)
        out[0::2] = given[_REACH - 1 : _REACH - 1 + ready]
        out[1::2] = np.convolve(given, _between(), mode="valid")[:ready]
        self._recent = given[ready:]
        return out

    def flush(self) -> NDArray[np.float32]:
        rest = self.push(np.zeros(_REACH, dtype=np.float32))
        self._recent = np.zeros(_REACH - 1, dtype=np.float32)
        return rest


@cache
def _between() -> NDArray[np.float32]:
    """Weights of the `2 * _REACH` samples around a point half-way between the middle two."""
    distance = np.arange(2 * _REACH) - (_REACH - 0.5)
    weights = np.sinc(distance) * np.kaiser(2 * _REACH, _KAISER_BETA)
    return np.asarray(weights / weights.sum(), dtype=np.float32)

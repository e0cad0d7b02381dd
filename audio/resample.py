"""Stateful resampling of one channel to the rate the speech models want.

The resampler keeps its filter state between pushes, so cutting the audio into frames changes nothing: all
pushes and the flush together give what one push of everything would give, and sample n of the output stays at
n / to_hz seconds of the input however long the call is. (soxr's own delay is held back until the flush; it
never shifts the result.)
"""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray


class ChannelResampler:
    """int16 in, float32 in [-1, 1] out."""

    def __init__(self, from_hz: int, to_hz: int = 16_000) -> None:
        self.from_hz = from_hz
        self.to_hz = to_hz
        self._stream = (
            None
            if from_hz == to_hz
            else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
        )

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.float32]:
        """Add samples, shape `(n,)`; return what is ready, shape `(m,)`, possibly empty."""
        scaled = samples.astype(np.float32) / np.float32(32768)
        if self._stream is None:
            return scaled
        return np.asarray(self._stream.resample_chunk(scaled), dtype=np.float32)

    def flush(self) -> NDArray[np.float32]:
        """Return the rest and start anew: the next push begins a new timeline, as after a gap."""
        if self._stream is None:
            return np.zeros(0, dtype=np.float32)
        rest = np.asarray(
            self._stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True), dtype=np.float32
        )
        self._stream.clear()
        return rest

"""What a listener hears where a few milliseconds never came: the last period of the voice, fading.

For the live side only; a recording keeps true silence there. After ITU-T G.711 Appendix I: the newest pitch
period is repeated, at full level for 10 ms, then fading to nothing at 60 ms. Not taken over is the delay of
3.75 ms for a smoother beginning: what was heard is heard.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from koemori.audio.frames import AudioFrame, Gap, GapCause
from numpy.typing import NDArray

CONCEALED_MS: Final = 60
"""After this long a gap is silence."""
BRIDGED_MS: Final = 200
"""A longer gap is told as one: whoever listens begins anew behind it."""
_FULL_MS: Final = 10
_SHORTEST_PERIOD_MS: Final = 5
_LONGEST_PERIOD_MS: Final = 15
_COMPARED_MS: Final = 20
_KEPT_MS: Final = 48


class Concealment:
    """Of one channel; `rate_hz` is that of its frames."""

    def __init__(self, rate_hz: int) -> None:
        self._per_ms = rate_hz // 1_000
        self._heard = np.zeros(0, dtype=np.int16)
        self._filled = 0

    def sound(self, event: AudioFrame | Gap) -> NDArray[np.int16] | None:
        """What a listener should hear of a frame or a short `lost` or `clock` gap; None: tell it the gap."""
        if isinstance(event, AudioFrame):
            self.heard(event.samples)
            return event.samples
        short = event.sample_count <= BRIDGED_MS * self._per_ms
        if short and event.cause in (GapCause.LOST, GapCause.CLOCK) and len(self._heard):
            return self.fill(event.sample_count)
        self._heard = self._heard[:0]
        return None

    def heard(self, samples: NDArray[np.int16]) -> None:
        """Remember what came, int16 of shape `(n,)`."""
        kept = _KEPT_MS * self._per_ms
        if len(samples) >= kept:
            self._heard = samples[-kept:]
        else:
            self._heard = np.concatenate((self._heard, samples))[-kept:]
        self._filled = 0

    def fill(self, sample_count: int) -> NDArray[np.int16]:
        """Samples for a gap, int16 of shape `(sample_count,)`; a gap that goes on fades on."""
        begin, self._filled = self._filled, self._filled + sample_count
        per_ms = self._per_ms
        place = np.arange(begin, begin + sample_count)
        gain = np.clip((CONCEALED_MS * per_ms - place) / ((CONCEALED_MS - _FULL_MS) * per_ms), 0.0, 1.0)
        if len(self._heard) < _KEPT_MS * per_ms or not gain.any():
            return np.zeros(sample_count, dtype=np.int16)
        period = self._period(self._heard.astype(np.float64))
        return np.asarray(np.rint(period[place % len(period)] * gain), np.int16)

    def _period(self, heard: NDArray[np.float64]) -> NDArray[np.float64]:
        """The newest pitch period, its end blended so that it can follow itself."""
        shortest, longest = _SHORTEST_PERIOD_MS * self._per_ms // 2, _LONGEST_PERIOD_MS * self._per_ms
        compared = _COMPARED_MS * self._per_ms
        newest = heard[-compared:]
        before = np.lib.stride_tricks.sliding_window_view(heard[-compared - longest : -shortest], compared)
        likeness = before @ newest
        energy = np.sqrt((before**2).sum(axis=1)) + 1.0
        lag = shortest + len(before) - 1 - int((likeness / energy).argmax())
        period = heard[-lag:].copy()
        blended = lag // 4
        rise = np.linspace(0.0, 1.0, blended)
        period[-blended:] = period[-blended:] * (1 - rise) + heard[-lag - blended : -lag] * rise
        return period

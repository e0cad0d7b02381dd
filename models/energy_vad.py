"""Speech by loudness alone: a level per window and a gate over it.

It knows nothing of speech, so it never decides alone what was said: it tells the phantom guard whether there
was any sound at all, and stands in for Silero in scripted tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SILENCE_DBFS = -120.0
_WINDOW_SAMPLES = 512


def levels_dbfs(samples: NDArray[np.float32], window_samples: int = _WINDOW_SAMPLES) -> NDArray[np.float32]:
    """RMS level of each whole window in dB below full scale, shape `(n // window_samples,)`.

    Args:
        samples: float32 in [-1, 1], shape `(n,)`.
        window_samples: Length of one window.
    """
    count = len(samples) // window_samples
    windows = samples[: count * window_samples].reshape(count, window_samples).astype(np.float64)
    power = np.mean(windows**2, axis=1) if count else np.zeros(0)
    decibels = np.maximum(10 * np.log10(np.maximum(power, 1e-12)), SILENCE_DBFS)
    return np.asarray(decibels, dtype=np.float32)


class EnergyVad:
    """A `VoiceActivityDetector` that calls everything above a level speech.

    Args:
        threshold_dbfs: Level at which the probability is one half; it rises from 0 to 1 over 12 dB around it.
    """

    window_samples: int = _WINDOW_SAMPLES

    def __init__(self, threshold_dbfs: float = -45.0) -> None:
        self._threshold_dbfs = threshold_dbfs

    def probabilities(self, keys: tuple[str, ...], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Judge one window per channel; see `VoiceActivityDetector`."""
        if not keys:
            return np.zeros(0, dtype=np.float32)
        level = levels_dbfs(windows.reshape(-1), windows.shape[1])
        return np.asarray(np.clip((level - self._threshold_dbfs) / 12 + 0.5, 0.0, 1.0), dtype=np.float32)

    def forget(self, key: str) -> None:
        """Nothing is kept between windows."""

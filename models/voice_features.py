"""Loudness, pitch and spectral tilt of a stretch of speech, by numpy. Pure.

What is measured holds on a telephone line: only the band that 8 kHz lines carry is looked at, and pitch comes
from the distance of the harmonics, since many handsets cut the fundamental itself off.

Source: level, K-weighting and relative gate of ITU-R BS.1770-5, annex 1, on the caller's channel alone;
pitch, autocorrelation of the compressed spectrum (Tolonen and Karjalainen 2000, "A computationally efficient
multipitch analysis model"), divided by that of the window (Boersma 1993, "Accurate short-term analysis of the
fundamental frequency"); tilt, energy above 1 kHz against that below it, which rises with vocal effort
(Sluijter and van Heuven 1996, "Spectral balance as an acoustic correlate of linguistic stress").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE_HZ: Final = 16_000
FRAME_SAMPLES: Final = 1024
"""64 ms: two periods of the lowest voice and to spare."""
HOP_SAMPLES: Final = 512
FFT_SAMPLES: Final = 2048
_BAND_HZ: Final = (60.0, 3800.0)
_TILT_HZ: Final = 1000.0
_PITCH_HZ: Final = (70.0, 500.0)
_COMPRESSION: Final = 1 / 3
"""Exponent of the power spectrum: without it formants pass for pitch where the line cuts the fundamental."""
_VOICED: Final = 0.15
"""Least normalised autocorrelation of a voiced frame, after compression."""
_OCTAVE_GAIN: Final = 0.03
"""What a lag gains per octave: the half of a period, which harmonics alone suggest, is not meant."""
_LEAST_VOICED_FRAMES: Final = 2
_LEAST_VOICED_SHARE: Final = 1 / 3
_REFERENCE_HZ: Final = 55.0
_GATE_DB: Final = -10.0
_FLOOR: Final = 1e-12
_CLIPPED: Final = 0.97
"""Of full scale; µ-law saturates at .98 of 16 bits."""
_TONE_SHARE: Final = 0.85
_DTMF_HZ: Final = ((680.0, 960.0), (1190.0, 1660.0))
"""Low and high group of ITU-T Q.23, and 1633 Hz with its side."""


@dataclass(frozen=True, slots=True)
class VoiceMeasure:
    """One stretch of speech.

    Attributes:
        level_db: K-weighted level of its louder frames, dB relative to a full-scale square.
        pitch_semitones: Median pitch of its voiced frames, semitones above 55 Hz.
        tilt_db: Energy above 1 kHz over the energy below, in voiced frames, dB.
        clipped: Share of samples at full scale, 0 to 1.
    """

    level_db: float
    pitch_semitones: float
    tilt_db: float
    clipped: float


def measure(samples: NDArray[np.float32]) -> VoiceMeasure | None:
    """Measure a stretch.

    Args:
        samples: float32 in [-1, 1], shape `(n,)`, 16 kHz mono, judged to be speech.

    Returns:
        None when it is too short, silent, hardly voiced, or has key tones in it.
    """
    if len(samples) < FRAME_SAMPLES:
        return None
    tables = _tables()
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME_SAMPLES)[::HOP_SAMPLES]
    power = np.square(np.abs(np.fft.rfft(frames * tables.window, FFT_SAMPLES))) * tables.band
    weighted = power @ tables.weight
    if float(weighted.max()) < _FLOOR or _key_tones(power, tables).any():
        return None
    speaking = weighted >= weighted.mean() * 10 ** (_GATE_DB / 10)
    loud = power[speaking]
    periods, voiced = _periods(loud, tables)
    if voiced.sum() < max(_LEAST_VOICED_FRAMES, _LEAST_VOICED_SHARE * len(voiced)):
        return None
    vowels = loud[voiced]
    low, high = float(vowels[:, tables.low].sum()), float(vowels[:, tables.high].sum())
    return VoiceMeasure(
        level_db=_db(float(weighted[speaking].mean())),
        pitch_semitones=float(np.median(12 * np.log2(RATE_HZ / periods[voiced] / _REFERENCE_HZ))),
        tilt_db=_db(high) - _db(low),
        clipped=float(np.mean(np.abs(samples) >= _CLIPPED)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Tables:
    window: NDArray[np.float32]
    band: NDArray[np.float32]
    weight: NDArray[np.float32]
    low: slice
    high: slice
    groups: tuple[slice, slice]
    lags: slice
    expected: NDArray[np.float32]
    """Autocorrelation of the window at each lag, over that at 0."""
    gain: NDArray[np.float32]


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    hz = np.linspace(0.0, RATE_HZ / 2, FFT_SAMPLES // 2 + 1, dtype=np.float64)
    window = np.hanning(FRAME_SAMPLES + 1)[:-1]
    of_window = np.fft.irfft(np.square(np.abs(np.fft.rfft(window, FFT_SAMPLES))))
    lags = slice(int(RATE_HZ / _PITCH_HZ[1]), int(RATE_HZ / _PITCH_HZ[0]) + 2)
    places = np.arange(lags.start, lags.stop)
    # Of the two-sided spectrum the upper half is told by symmetry, hence the 2.
    scale = 2 / (FFT_SAMPLES * float(np.sum(np.square(window))))
    return _Tables(
        window=window.astype(np.float32),
        band=((hz >= _BAND_HZ[0]) & (hz <= _BAND_HZ[1])).astype(np.float32),
        weight=(_k_weighting(hz) * scale).astype(np.float32),
        low=_bins(_BAND_HZ[0], _TILT_HZ),
        high=_bins(_TILT_HZ, _BAND_HZ[1]),
        groups=(_bins(*_DTMF_HZ[0]), _bins(*_DTMF_HZ[1])),
        lags=lags,
        expected=(of_window[lags] / of_window[0]).astype(np.float32),
        gain=(_OCTAVE_GAIN * np.log2(places / lags.start)).astype(np.float32),
    )


def _bins(low_hz: float, high_hz: float) -> slice:
    return slice(round(low_hz * FFT_SAMPLES / RATE_HZ), round(high_hz * FFT_SAMPLES / RATE_HZ) + 1)


def _k_weighting(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """Power gain of the two filters of BS.1770-5 (tables 1 and 2, 48 kHz) at each frequency."""
    z = np.exp(-2j * np.pi * hz / 48_000)
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    return np.asarray(np.square(np.abs(shelf * high_pass)), dtype=np.float64)


def _key_tones(power: NDArray[np.float32], tables: _Tables) -> NDArray[np.bool_]:
    """Frames in which two narrow lines, one per group of keys, hold nearly everything."""
    total = np.maximum(power.sum(axis=1), _FLOOR)
    shares = [_line(power[:, group]) / total for group in tables.groups]
    return np.asarray((shares[0] + shares[1] > _TONE_SHARE) & (np.minimum(*shares) > 0.1))


def _line(power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Energy of the strongest line of each frame, the window's main lobe included."""
    lobe = 2 * FFT_SAMPLES // FRAME_SAMPLES
    peak = power.argmax(axis=1)
    near = np.abs(np.arange(power.shape[1]) - peak[:, None]) <= lobe
    return np.asarray((power * near).sum(axis=1))


def _periods(power: NDArray[np.float32], tables: _Tables) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Period of each frame in samples, and which frames are voiced."""
    correlation = np.fft.irfft(np.power(power, _COMPRESSION))
    likeness = correlation[:, tables.lags] / np.maximum(correlation[:, :1], _FLOOR) / tables.expected
    best = (likeness + tables.gain)[:, 1:-1].argmax(axis=1) + 1
    rows = np.arange(len(best))
    at, before, after = likeness[rows, best], likeness[rows, best - 1], likeness[rows, best + 1]
    bend = np.minimum(before - 2 * at + after, -_FLOOR)
    period = tables.lags.start + best + np.clip(0.5 * (before - after) / bend, -0.5, 0.5)
    return period, (at >= _VOICED) & (at >= before) & (at >= after)


def _db(power: float) -> float:
    return float(10 * np.log10(max(power, _FLOOR)))

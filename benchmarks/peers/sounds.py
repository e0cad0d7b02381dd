"""What a line carries while nobody speaks, synthesised: the audio of the phantom test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

Sound = NDArray[np.float64]

_CHORDS: Final = ((0, 4, 7), (7, 11, 14), (9, 12, 16), (5, 9, 12))
_BEAT_S: Final = 0.45
_MIDDLE_C_HZ: Final = 261.63


def line_without_speech(seconds: float, rate_hz: int) -> Sound:
    """Six stretches of equal length: silence, hum and clicks, ring-back, hold music, keys, noise.

    Returns:
        Samples in [-1, 1], shape `(seconds * rate_hz,)`; the same at every call.
    """
    parts: tuple[Callable[[Sound], Sound], ...] = (_silence, _line_noise, _ring_back, _music, _keys, _noise)
    each = int(seconds * rate_hz) // len(parts)
    time = np.arange(each) / rate_hz
    sound = np.concatenate([part(time) for part in parts])
    return np.pad(sound, (0, int(seconds * rate_hz) - len(sound)))


def _silence(time: Sound) -> Sound:
    return np.zeros_like(time)


def _line_noise(time: Sound) -> Sound:
    rng = np.random.default_rng(3)
    line = 0.01 * np.sin(2 * np.pi * 50 * time) + 0.004 * np.sin(2 * np.pi * 150 * time)
    line += rng.normal(size=len(time)) * 0.001
    for start in rng.integers(0, len(time) - 80, size=max(1, int(time[-1]))):
        line[start : start + 80] += rng.normal(size=80) * 0.2 * np.exp(-np.arange(80) / 15)
    return np.asarray(line)


def _ring_back(time: Sound) -> Sound:
    """The Japanese ring-back tone: 400 Hz modulated by 16 Hz, one second on and two off."""
    tone = np.sin(2 * np.pi * 400 * time) * (1 + 0.85 * np.sin(2 * np.pi * 16 * time)) / 1.85
    return np.asarray(0.2 * tone * ((time % 3.0) < 1.0))


def _music(time: Sound) -> Sound:
    """Plucked chords over a bass."""
    sound = np.zeros_like(time)
    for beat in range(int(time[-1] / _BEAT_S)):
        chord = _CHORDS[beat // 4 % len(_CHORDS)]
        sound += _note(time - beat * _BEAT_S, chord[beat % 3], 0.12)
        sound += _note(time - beat * _BEAT_S, chord[(beat * 2 + 1) % 3] + 12, 0.08)
        if beat % 4 == 0:
            sound += _note(time - beat * _BEAT_S, chord[0] - 24, 0.15)
    return sound


def _note(since: Sound, semitone: int, loudness: float) -> Sound:
    heard = np.clip(since, 0, None)
    phase = 2 * np.pi * _MIDDLE_C_HZ * 2 ** (semitone / 12) * heard
    tone = sum(np.sin(harmonic * phase) / harmonic**1.6 for harmonic in range(1, 6))
    envelope = np.exp(-2.2 * heard) * np.minimum(1, heard / 0.01)
    return np.asarray(loudness * tone * envelope * (since > 0))


def _keys(time: Sound) -> Sound:
    """DTMF: a key of 100 ms every 400 ms."""
    low = np.array([697, 770, 852, 941])[(time / 0.4).astype(int) % 4]
    high = np.array([1209, 1336, 1477])[(time / 0.4).astype(int) % 3]
    tones = np.sin(2 * np.pi * low * time) + np.sin(2 * np.pi * high * time)
    return np.asarray(0.2 * tones * ((time % 0.4) < 0.1))


def _noise(time: Sound) -> Sound:
    return np.asarray(np.random.default_rng(1).normal(size=len(time)) * 0.01)

"""What a telephone line carries when nobody speaks: silence, noise, tones and hold music, synthesised.

For measuring and testing what a recogniser invents. All of telephone bandwidth (8 kHz) through µ-law,
returned at `SOUND_RATE_HZ` as listeners take it: float32 in [-1, 1], shape `(n,)`. A length always gives the
same samples.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import soxr
from numpy.typing import NDArray

Sound = NDArray[np.float32]
SOUND_RATE_HZ = 16_000
_RATE_HZ = 8000


def _time(seconds: float) -> NDArray[np.float64]:
    return np.arange(int(seconds * _RATE_HZ)) / _RATE_HZ


def _finish(samples: NDArray[np.float64]) -> Sound:
    """µ-law's 8 bits, then 16 kHz."""
    clipped = np.clip(samples, -1, 1)
    companded = np.sign(clipped) * np.log1p(255 * np.abs(clipped)) / np.log(256)
    coded = np.round(companded * 127) / 127
    heard = np.sign(coded) * (256 ** np.abs(coded) - 1) / 255
    return np.asarray(soxr.resample(heard, _RATE_HZ, SOUND_RATE_HZ), dtype=np.float32)


def _cadence(seconds: float, on_s: float, off_s: float) -> NDArray[np.float64]:
    return ((_time(seconds) % (on_s + off_s)) < on_s).astype(np.float64)


def silence(seconds: float) -> Sound:
    """Nothing at all."""
    return _finish(np.zeros(int(seconds * _RATE_HZ)))


def white_noise(seconds: float, level_dbfs: float = -40.0) -> Sound:
    """Hiss."""
    rng = np.random.default_rng(1)
    return _finish(rng.normal(size=int(seconds * _RATE_HZ)) * 10 ** (level_dbfs / 20))


def pink_noise(seconds: float, level_dbfs: float = -30.0) -> Sound:
    """Rumble of a room or a street."""
    rng = np.random.default_rng(2)
    count = int(seconds * _RATE_HZ)
    spectrum = np.fft.rfft(rng.normal(size=count))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
    noise = np.fft.irfft(spectrum, count)
    return _finish(noise / np.std(noise) * 10 ** (level_dbfs / 20))


def crackle(seconds: float) -> Sound:
    """Hum and clicks over faint noise, as an old line has them."""
    rng = np.random.default_rng(3)
    time = _time(seconds)
    line = 0.01 * np.sin(2 * np.pi * 50 * time) + 0.004 * np.sin(2 * np.pi * 150 * time)
    line += rng.normal(size=len(time)) * 0.001
    for start in rng.integers(0, len(time) - 80, size=int(seconds)):
        line[start : start + 80] += rng.normal(size=80) * 0.2 * np.exp(-np.arange(80) / 15)
    return _finish(line)


def ring_back(seconds: float) -> Sound:
    """The Japanese ring-back tone: 400 Hz modulated by 16 Hz, one second on and two off."""
    time = _time(seconds)
    tone = np.sin(2 * np.pi * 400 * time) * (1 + 0.85 * np.sin(2 * np.pi * 16 * time)) / 1.85
    return _finish(0.2 * tone * _cadence(seconds, 1.0, 2.0))


def busy_tone(seconds: float) -> Sound:
    """The Japanese busy tone: 400 Hz, half a second on and off."""
    return _finish(0.2 * np.sin(2 * np.pi * 400 * _time(seconds)) * _cadence(seconds, 0.5, 0.5))


def dtmf(seconds: float) -> Sound:
    """Keys pressed at random: 100 ms each, pauses of 100 ms to one second."""
    rng = np.random.default_rng(4)
    samples = np.zeros(int(seconds * _RATE_HZ))
    press = np.arange(int(0.1 * _RATE_HZ)) / _RATE_HZ
    place = 0
    while place + len(press) < len(samples):
        low, high = rng.choice([697, 770, 852, 941]), rng.choice([1209, 1336, 1477])
        samples[place : place + len(press)] = 0.2 * (
            np.sin(2 * np.pi * low * press) + np.sin(2 * np.pi * high * press)
        )
        place += len(press) + int(rng.uniform(0.1, 1.0) * _RATE_HZ)
    return _finish(samples)


def hold_music(seconds: float) -> Sound:
    """Chords, a melody with vibrato and a bass, plucked, over a I-V-vi-IV round."""
    rng = np.random.default_rng(5)
    samples = np.zeros(int(seconds * _RATE_HZ))
    chords = [(0, 4, 7), (7, 11, 14), (9, 12, 16), (5, 9, 12)]
    scale = (0, 2, 4, 7, 9, 12, 14, 16)
    beat_s = 0.45

    def play(start_s: float, semitone: int, length_s: float, loudness: float, vibrato: float = 0.0) -> None:
        start = int(start_s * _RATE_HZ)
        time = _time(min(length_s, seconds - start_s))
        frequency = 261.63 * 2 ** (semitone / 12)
        phase = 2 * np.pi * frequency * time + vibrato * np.sin(2 * np.pi * 5.5 * time)
        note = sum(np.sin(harmonic * phase) / harmonic**1.6 for harmonic in range(1, 7))
        samples[start : start + len(time)] += (
            loudness * note * np.exp(-2.2 * time) * np.minimum(1, time / 0.01)
        )

    for beat in range(int(seconds / beat_s)):
        chord = chords[beat // 4 % 4]
        start_s = beat * beat_s
        play(start_s, chord[beat % 3], 1.2, 0.10)
        play(start_s, int(rng.choice(scale)) + 12, 0.9, 0.08, vibrato=0.8)
        if beat % 4 == 0:
            for semitone in chord:
                play(start_s, semitone, 1.8, 0.06)
            play(start_s, chord[0] - 24, 1.8, 0.12)
    return _finish(samples)


SOUNDS: dict[str, Callable[[float], Sound]] = {
    "silence": silence,
    "white noise": white_noise,
    "pink noise": pink_noise,
    "line noise": crackle,
    "ring-back": ring_back,
    "busy tone": busy_tone,
    "dtmf": dtmf,
    "hold music": hold_music,
}
"""Every sound by its name; each takes seconds."""

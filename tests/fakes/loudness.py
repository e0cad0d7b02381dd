"""Voices made for the meter: vowels by script, and a caller of the corpus who raises the voice."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile
import soxr
from koemori.audio.codecs.g711 import decode_mulaw, encode_mulaw
from koemori.models.voice_features import VoiceMeasure
from koemori.models.voice_meter import VoiceWindow
from numpy.typing import NDArray

RATE_HZ = 16_000
WINDOW_MS = 512
NORMAL = VoiceMeasure(level_db=-30.0, pitch_semitones=12.0, tilt_db=-12.0, clipped=0.0)


def spoken(
    *measures: VoiceMeasure, start_ms: int = 0, every_ms: int = WINDOW_MS, speech_ms: int = WINDOW_MS
) -> list[VoiceWindow]:
    """Windows one after the other."""
    return [
        VoiceWindow(start, start + speech_ms, speech_ms, one)
        for start, one in zip(
            range(start_ms, start_ms + every_ms * len(measures), every_ms), measures, strict=True
        )
    ]


def vowel(
    pitch_hz: float, duration_ms: int = WINDOW_MS, level_db: float = -25.0, slope: float = 1.5
) -> NDArray[np.float32]:
    """Harmonics up to 3.4 kHz, moving as a voice does; a smaller `slope` is a harder voice. 16 kHz."""
    time = np.arange(duration_ms * 16) / RATE_HZ
    phase = 2 * np.pi * pitch_hz * (time + 0.02 / (2 * np.pi * 6) * np.sin(2 * np.pi * 6 * time))
    count = int(3400 / pitch_hz)
    wave = sum(np.sin(k * phase + k) / k**slope for k in range(1, count + 1))
    wave = np.asarray(wave) / np.sqrt(np.mean(np.square(wave)))
    return (wave * 10 ** (level_db / 20)).astype(np.float32)


def amplified(samples: NDArray[np.float32], gain_db: float) -> NDArray[np.float32]:
    return np.clip(samples * np.float32(10 ** (gain_db / 20)), -1, 1)


def over_telephone(samples: NDArray[np.float32], lowest_hz: float = 0.0) -> NDArray[np.float32]:
    """8 kHz µ-law and back to 16 kHz; a handset cuts what is below `lowest_hz`."""
    narrow = soxr.resample(samples.astype(np.float64), RATE_HZ, 8000)
    if lowest_hz:
        spectrum = np.fft.rfft(narrow)
        spectrum[np.fft.rfftfreq(len(narrow), 1 / 8000) < lowest_hz] = 0
        narrow = np.fft.irfft(spectrum, len(narrow))
    coded = encode_mulaw(np.rint(np.clip(narrow, -1, 1) * 32767).astype(np.int16))
    return np.asarray(soxr.resample(decode_mulaw(coded) / 32768, 8000, RATE_HZ), dtype=np.float32)


def caller(corpus: Path, call: str, gain_db: float = 0.0) -> NDArray[np.float32]:
    """The customer's channel of a call of the corpus at 8 kHz, float32."""
    samples = soundfile.read(corpus / "audio" / f"{call}.flac", dtype="float32")[0]
    return np.asarray(samples[:, 1] * np.float32(10 ** (gain_db / 20)), dtype=np.float32)


def turns(corpus: Path, call: str) -> list[tuple[int, int]]:
    """Start and end of the customer's turns of a call, in milliseconds."""
    facts = json.loads((corpus / "audio" / f"{call}.json").read_text(encoding="utf-8"))
    return [
        (round(turn["start"] * 1000), round(turn["end"] * 1000))
        for turn in facts["turns"]
        if turn["speaker"] == "customer"
    ]


def raised(samples: NDArray[np.float32], gain_db: float, semitones: float) -> NDArray[np.float32]:
    """The same words at 8 kHz, louder and (by resampling, so faster too) higher."""
    higher = soxr.resample(samples, 8000 * 2 ** (semitones / 12), 8000) if semitones else samples
    return np.clip(np.asarray(higher, dtype=np.float32) * np.float32(10 ** (gain_db / 20)), -1, 1)

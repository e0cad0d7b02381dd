"""Tones as FFmpeg encodes them, in packets of 20 ms."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np


def encoded_tone(name: str, rate_hz: int, tone_hz: int, seconds: int = 1) -> list[bytes]:
    """Packets of a codec by FFmpeg's name: mono, amplitude 8000."""
    context: Any = av.CodecContext.create(name, "w")
    context.sample_rate, context.layout, context.format = rate_hz, "mono", "s16"
    context.time_base = Fraction(1, rate_hz)
    context.open()
    size = rate_hz // 50
    wave = 8_000 * np.sin(2 * np.pi * tone_hz * np.arange(seconds * rate_hz) / rate_hz)
    tone = np.asarray(wave, np.int16)
    packets: list[bytes] = []
    for start in range(0, len(tone), size):
        cut = tone[start : start + size].reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(cut, format="s16", layout="mono")
        frame.sample_rate, frame.pts = rate_hz, start
        packets += [bytes(packet) for packet in context.encode(frame)]
    return packets

"""What the legs of a capture benchmark say: every packet of every leg is another, and can be told again.

Each leg has eight seconds of its own, speech-like (bursts of tones over low noise), again and again; the
first samples of each packet hold its number in steps too low to hear.
"""

from __future__ import annotations

import numpy as np
from koemori.audio.codecs.g711 import decode_mulaw, encode_mulaw
from numpy.typing import NDArray

RATE_HZ = 8_000
PACKET_SAMPLES = 160
LOOP_PACKETS = 397
NUMBER_SAMPLES = 6
_LOWEST = 0xF0
"""µ-law codes from here on are below 121 of 32768."""


def loop(leg: int) -> NDArray[np.uint8]:
    """A leg's eight seconds in µ-law, shape `(LOOP_PACKETS, PACKET_SAMPLES)`; all legs differ."""
    chance = np.random.default_rng(leg)
    count = LOOP_PACKETS * PACKET_SAMPLES
    at = np.arange(count) / RATE_HZ
    pitch_hz = 90 + leg * 7919 % 1000 / 5
    voice = sum(np.sin(2 * np.pi * pitch_hz * order * at) / order for order in (1, 2, 3, 5))
    syllables = np.maximum(0, np.sin(2 * np.pi * 3.1 * at + leg)) * (
        np.sin(2 * np.pi * 0.29 * at + leg) > -0.2
    )
    samples = 5_000 * voice * syllables + chance.normal(0, 60, count)
    coded = np.frombuffer(encode_mulaw(np.clip(samples, -32_000, 32_000).astype(np.int16)), np.uint8)
    return coded.reshape(LOOP_PACKETS, PACKET_SAMPLES)


def number_codes(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Packet numbers, shape `(n,)`, as their first samples in µ-law, shape `(n, NUMBER_SAMPLES)`."""
    shifts = np.arange(NUMBER_SAMPLES) * 4
    return (_LOWEST | (numbers[:, None] >> shifts & 15)).astype(np.uint8)


def spoken(leg: int, packets: int) -> NDArray[np.int16]:
    """The samples of a leg's first packets, shape `(packets * PACKET_SAMPLES,)`."""
    numbers = np.arange(packets)
    coded = loop(leg)[numbers % LOOP_PACKETS]
    coded[:, :NUMBER_SAMPLES] = number_codes(numbers)
    return decode_mulaw(coded.tobytes())

"""Keys heard as tones in the audio: DTMF (ITU-T Q.23), told apart from speech within limits like Q.24's.

Windows of 13 ms are projected on the eight frequencies, all windows of a push in one matrix product; the cost
is in the pushes, so push a tenth of a second or more at once. A window
counts when one frequency of each group stands out, the two are about as loud as each other, and hardly
anything else sounds. A key is as many such windows as 40 ms of tone have, of one key and of steady level;
speech matches for a window or two, hardly ever for longer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

ROWS_HZ: Final = (697, 770, 852, 941)
COLUMNS_HZ: Final = (1209, 1336, 1477, 1633)
_KEYS: Final = ("123A", "456B", "789C", "*0#D")
_DETUNED: Final = (0.987, 1.0, 1.013)
"""Keypads may be 1.5 % off (Q.24: operate), and 3 % is none any more; each tone is looked for at these."""
_WINDOW_MS: Final = 13
_STEPS_A_WINDOW: Final = 4
_LEAST_MS: Final = 36
"""Found length of a tone of 40 ms, whose first and last windows hold too little of it."""
_PAUSE_MS: Final = 20
"""A shorter break in a tone is none."""
_LEAST_AMPLITUDE: Final = 180.0
"""Of each tone: about -45 dBFS, below what Q.24 asks to be heard (-29 dBm)."""
_TWIST: Final = 10 ** (8 / 10)
_OUTSTANDING: Final = 10 ** (6 / 10)
_PURITY: Final = 0.70
"""Share of a window's energy in the two tones, at the least."""
_LEAST_PURE: Final = 0.86
"""Share in the purest window of a key."""
_UNSTEADY: Final = 10 ** (6 / 10)


@dataclass(frozen=True, slots=True)
class HeardKey:
    """A key that was heard: one of `0-9 * # A-D`, from `start_sample` to `end_sample`."""

    key: str = field(repr=False)
    start_sample: int
    end_sample: int


@dataclass(slots=True)
class _Tone:
    key: int
    start: int
    end: int
    power: float
    purity: float


class DtmfDetector:
    """Keys of one channel. Push what comes in order; a jump of the position ends what was heard before it."""

    def __init__(self, rate_hz: int) -> None:
        """Begin; `rate_hz` is 8000 to 48 000."""
        self._rate_hz = rate_hz
        self._size = _WINDOW_MS * rate_hz // 1_000
        self._step = self._size // _STEPS_A_WINDOW
        time = np.arange(self._size)[:, None] / rate_hz
        tones = np.array([*ROWS_HZ, *COLUMNS_HZ])
        angles = 2 * np.pi * time * (np.array(_DETUNED)[:, None] * tones).reshape(1, -1)
        self._waves = np.concatenate((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
        self._rest = np.zeros(0, dtype=np.float32)
        self._rest_start = 0
        self._tone: _Tone | None = None

    @property
    def begun(self) -> int | None:
        """Where tones began that may become a key, or are one that still sounds."""
        return None if self._tone is None else self._tone.start

    @property
    def sounding(self) -> int | None:
        """Where a key began that is certain and has not ended."""
        return self._tone.start if self._tone is not None and self._is_key(self._tone) else None

    def push(self, start_sample: int, samples: NDArray[np.int16]) -> list[HeardKey]:
        """Add samples, int16 of shape `(n,)`; return the keys that have ended."""
        heard: list[HeardKey] = []
        if start_sample != self._rest_start + len(self._rest):
            heard = self.finish()
            self._rest, self._rest_start = np.zeros(0, dtype=np.float32), start_sample
        given = np.concatenate((self._rest, samples.astype(np.float32)))
        count = (len(given) - self._size) // self._step + 1
        if count <= 0:
            self._rest = given
            return heard
        windows = np.lib.stride_tricks.sliding_window_view(given, self._size)[:: self._step][:count]
        keys, power, purity = self._match(windows)
        if self._tone is not None or (keys >= 0).any():
            for index in range(count):
                at = self._rest_start + index * self._step
                heard += self._follow(int(keys[index]), at, float(power[index]), float(purity[index]))
        self._rest = given[count * self._step :]
        self._rest_start += count * self._step
        return heard

    def finish(self) -> list[HeardKey]:
        """End a tone that still sounds."""
        tone, self._tone = self._tone, None
        if tone is None or not self._is_key(tone):
            return []
        return [HeardKey(_KEYS[tone.key // 4][tone.key % 4], tone.start, tone.end)]

    def _is_key(self, tone: _Tone) -> bool:
        long_enough = tone.end - tone.start >= _LEAST_MS * self._rate_hz // 1_000
        return long_enough and tone.purity >= _LEAST_PURE

    def _match(
        self, windows: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.float32]]:
        """For each window: key (-1 for none), power of both tones, share of the energy in them."""
        projected = (windows @ self._waves).reshape(len(windows), 2, len(_DETUNED), 8)
        energy = (projected**2).sum(axis=1).max(axis=1)
        everything = (windows**2).sum(axis=1) + np.float32(1e-3)
        rows, columns = energy[:, :4], energy[:, 4:]
        row, column = rows.argmax(axis=1), columns.argmax(axis=1)
        row_first, row_second = np.sort(rows, axis=1)[:, [-1, -2]].T
        column_first, column_second = np.sort(columns, axis=1)[:, [-1, -2]].T
        power = row_first + column_first
        purity = power * np.float32(2 / self._size) / everything
        floor = np.float32((_LEAST_AMPLITUDE * self._size / 2) ** 2)
        found = (
            (np.minimum(row_first, column_first) >= floor)
            & (row_first <= column_first * _TWIST)
            & (column_first <= row_first * _TWIST)
            & (row_first >= row_second * _OUTSTANDING)
            & (column_first >= column_second * _OUTSTANDING)
            & (purity >= _PURITY)
        )
        return np.where(found, row * 4 + column, -1), power, purity

    def _follow(self, key: int, at: int, power: float, purity: float) -> list[HeardKey]:
        """Take one window; return the key that ends with it."""
        tone = self._tone
        heard: list[HeardKey] = []
        if tone is not None:
            steady = tone.power / _UNSTEADY <= power <= tone.power * _UNSTEADY
            if key == tone.key and (steady or power > tone.power):
                if power > tone.power * _UNSTEADY:
                    # The first windows held only the beginning of the tone.
                    tone.power = power
                tone.power = max(tone.power, power)
                tone.end = at + self._size
                tone.purity = max(tone.purity, purity)
                return []
            if key in (-1, tone.key) and at + self._size - tone.end < _PAUSE_MS * self._rate_hz // 1_000:
                return []
            heard = self.finish()
        if key >= 0:
            self._tone = _Tone(key, at, at + self._size, power, purity)
        return heard

"""Keys in the audio of a live channel: a cheap look at each frame, the detector only where that finds cause.

A frame that cannot hold the tones of a key passes after some microseconds. Where it can, `suspect` says from
which sample on, so that whoever passes the audio on may keep it back; `sounding` says it once it is certain.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from koemori.audio.dtmf import COLUMNS_HZ, ROWS_HZ, DtmfDetector, HeardKey
from numpy.typing import NDArray

_WINDOW_MS: Final = 13
_LEAST_PEAK: Final = 120
"""Two tones of the least level that the detector takes reach twice this."""
_LEAST_AMPLITUDE: Final = 60.0
"""Of a tone over a window that holds only a third of it."""
_LEAST_SHARE: Final = 0.35
"""Of a window's energy in the two tones, where the tones have just begun; the detector wants twice this."""

_MOST_LENGTHS: Final = 16


class DeafEar:
    """In the place of a `KeyEar` that has failed: hears nothing and holds nothing up."""

    suspect: int | None = None
    sounding: int | None = None

    def push(self, start_sample: int, samples: NDArray[np.int16]) -> list[HeardKey]:
        """See `KeyEar`."""
        return []

    def may_hold(self, samples: NDArray[np.int16]) -> bool:
        """See `KeyEar`."""
        return False

    def finish(self) -> list[HeardKey]:
        """See `KeyEar`."""
        return []


class KeyEar:
    """Hears keys. Push what comes in order; a jump of the position ends what was heard before it."""

    def __init__(self, rate_hz: int) -> None:
        """Begin; `rate_hz` is 8000 to 48 000."""
        self._detector = DtmfDetector(rate_hz)
        self._size = _WINDOW_MS * rate_hz // 1_000
        self._step = self._size // 2
        angles = 2 * np.pi * np.arange(self._size)[:, None] / rate_hz * np.array([*ROWS_HZ, *COLUMNS_HZ])
        self._waves = np.concatenate((np.cos(angles), np.sin(angles)), axis=1).astype(np.float32)
        self._floor = np.float32((_LEAST_AMPLITUDE * self._size / 2) ** 2)
        self._share = np.float32(_LEAST_SHARE * self._size / 2)
        self._within = np.arange(self._size)
        self._begins: dict[int, NDArray[np.int64]] = {}
        self._tail = np.zeros(0, dtype=np.int16)
        self._end = 0
        self._feeding = False
        self._begun: int | None = None

    @property
    def suspect(self) -> int | None:
        """Where tones began that may become a key; None when nothing is in doubt."""
        tone = self._detector.begun
        return self._begun if tone is None else tone

    @property
    def sounding(self) -> int | None:
        """Where a key began that is certain and still sounds."""
        return self._detector.sounding

    def push(self, start_sample: int, samples: NDArray[np.int16]) -> list[HeardKey]:
        """Add samples, int16 of shape `(n,)`; return the keys that have ended."""
        heard: list[HeardKey] = []
        if start_sample != self._end:
            heard = self.finish()
        given = np.concatenate((self._tail, samples))
        given_start = start_sample - len(self._tail)
        self._end = start_sample + len(samples)
        places = self._places(given)
        if self._feeding:
            heard += self._detector.push(start_sample, samples)
        elif places is not None:
            heard += self._detector.push(given_start, given)
        self._feeding = places is not None or self._detector.begun is not None
        at_the_end = places is not None and places[1] >= len(given) - self._size - self._step
        self._begun = given_start + places[0] if places is not None and at_the_end else None
        self._tail = given[-self._size :]
        return heard

    def may_hold(self, samples: NDArray[np.int16]) -> bool:
        """Whether these samples alone, off the timeline, may be a part of a key."""
        return self._places(samples) is not None

    def finish(self) -> list[HeardKey]:
        """End a key that still sounds, and forget what came."""
        self._tail, self._feeding, self._begun = self._tail[:0], False, None
        return self._detector.finish()

    def _places(self, given: NDArray[np.int16]) -> tuple[int, int] | None:
        """Where the first and the last window begin that may hold a key's tones."""
        if len(given) < self._size or int(given.max()) < _LEAST_PEAK:
            return None
        begins = self._begins.get(len(given))
        if begins is None:
            begins = self._begins_of(len(given))
        windows = given.astype(np.float32)[begins[:, None] + self._within]
        projected = windows @ self._waves
        projected *= projected
        energy = projected[:, :8] + projected[:, 8:]
        row, column = energy[:, :4].max(axis=1), energy[:, 4:].max(axis=1)
        everything = np.einsum("ij,ij->i", windows, windows)
        found = (np.minimum(row, column) >= self._floor) & (row + column >= self._share * everything)
        if not found.any():
            return None
        places = begins[found]
        return int(places[0]), int(places[-1])

    def _begins_of(self, count: int) -> NDArray[np.int64]:
        """Where windows begin so that they cover `count` samples; frames come in few lengths."""
        last = count - self._size
        begins = np.array([*range(0, last, self._step), last])
        if len(self._begins) < _MOST_LENGTHS:
            self._begins[count] = begins
        return begins

"""Where known sounds occur, roughly, in what was heard: approximate search by a weighted edit distance.

One dynamic programme finds the cheapest place of every known reading at once (numpy over readings and
positions, a loop only over morae), so that hundreds of readings cost about a millisecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from koemori.models.readings import UNKNOWN, Unit, sound_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PAUSE_SIGNS: Final = frozenset("、, 　")
_PAUSE_COST: Final = 0.2
_IMPOSSIBLE: Final = np.float32(1e6)
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class SoundPlace:
    """Morae `first` to `end` of what was heard sound like reading `row`; `distance` is per mora of it."""

    row: int
    first: int
    end: int
    distance: float


class HeardSounds:
    """The morae of a hypothesis in a row, and where a span may begin and end.

    Attributes:
        unit_of: The unit of each mora.
        codes: Numbers of the morae, shape `(n,)`.
        gap: Cost of each mora when nothing stands for it, shape `(n,)`.
        forbidden: Added when a mora stands for one of an entry: punctuation stands for none, shape `(n,)`.
        border_before: Whether a span may begin at each border, shape `(n + 1,)`.
        border_after: Whether a span may end there, shape `(n + 1,)`.
    """

    def __init__(self, parts: Sequence[Unit], text: str) -> None:
        self.units = parts
        table = sound_table()
        sounds: list[str] = []
        self.unit_of: list[Unit] = []
        gaps: list[float] = []
        signs: list[bool] = []
        begins, ends = [], [False]
        for unit in parts:
            here = unit.morae or (UNKNOWN,)
            sign = not unit.morae
            pause = sign and all(char in _PAUSE_SIGNS for char in text[unit.start : unit.end])
            codes = table.encode(here)
            for place, sound in enumerate(here):
                sounds.append(sound)
                self.unit_of.append(unit)
                signs.append(sign)
                gaps.append(
                    (_PAUSE_COST if pause else float(_IMPOSSIBLE)) if sign else float(table.gap[codes[place]])
                )
                begins.append(place == 0 and not sign)
                ends.append(place == len(here) - 1 and not sign)
        self.codes = table.encode(sounds)
        self.gap = np.array(gaps, dtype=np.float32)
        self.forbidden = np.where(np.array(signs, dtype=bool), _IMPOSSIBLE, np.float32(0.0))
        self.border_before = np.array([*begins, False], dtype=bool)
        self.border_after = np.array(ends, dtype=bool)

    def begins(self, place: int) -> bool:
        """Whether a span may begin at the mora."""
        return bool(self.border_before[place])


class SoundIndex:
    """Readings to look for, each with its largest distance per mora.

    Args:
        readings: Morae of each reading; none is empty.
        most_distance: For each reading, 0 to 1.
    """

    def __init__(self, readings: Sequence[tuple[str, ...]], most_distance: Sequence[float]) -> None:
        self._table = sound_table()
        # Short ones first: those still compared at mora i are then the rows from some row on.
        self._order = sorted(range(len(readings)), key=lambda row: len(readings[row]))
        self._lengths = np.array([len(readings[row]) for row in self._order], dtype=np.int64)
        self._most = np.array([most_distance[row] for row in self._order], dtype=np.float32)
        self._codes = np.zeros((len(readings), int(self._lengths.max(initial=0))), dtype=np.int16)
        for place, row in enumerate(self._order):
            self._codes[place, : len(readings[row])] = self._table.encode(readings[row])

    def places(self, heard: HeardSounds) -> list[SoundPlace]:
        """Where a reading is as close as it must be; of overlapping places of one reading the closest."""
        if not len(heard.codes) or not len(self._order):
            return []
        out = []
        for row, costs in self._end_costs(heard):
            length = int(self._lengths[row])
            close = np.flatnonzero((costs / length <= self._most[row]) & heard.border_after)
            for end in _best_of_neighbours(close.tolist(), costs, length):
                cost, first = self._beginning(heard, row, end)
                # The cheapest end may be one at which nothing at all stands for the reading.
                if cost / length <= self._most[row]:
                    place = SoundPlace(self._order[row], first, end, round(cost / length, _DIGITS))
                    out.append(place)
        return out

    def _end_costs(self, heard: HeardSounds) -> list[tuple[int, NDArray[np.float32]]]:
        """For each entry with a close place: the cheapest cost of ending at each border, shape `(n + 1,)`.

        One dynamic programme for all entries: rows are morae of the entries, and what is heard too many in
        a row is found by a running minimum over the costs less their own running sum.
        """
        gaps = np.concatenate(([0.0], np.cumsum(heard.gap))).astype(np.float32)
        costs = np.where(heard.border_before, np.float32(0.0), _IMPOSSIBLE)
        costs = np.repeat(costs[None, :], len(self._order), axis=0)
        first = 0
        close: list[tuple[int, NDArray[np.float32]]] = []
        for place in range(self._codes.shape[1]):
            codes = self._codes[first:, place]
            step = costs + self._table.gap[codes][:, None]
            match = costs[:, :-1] + self._table.substitution[codes][:, heard.codes] + heard.forbidden
            np.minimum(step[:, 1:], match, out=step[:, 1:])
            costs = np.minimum.accumulate(step - gaps, axis=1) + gaps
            done = int(np.searchsorted(self._lengths, place + 2)) - first
            least = costs[:done].min(axis=1) / (place + 1)
            for row in np.flatnonzero(least <= self._most[first : first + done]).tolist():
                close.append((first + row, np.round(costs[row], _DIGITS)))
            costs = costs[done:]
            first += done
        return close

    def _beginning(self, heard: HeardSounds, row: int, end: int) -> tuple[float, int]:
        """Cost and first mora of the cheapest match that ends at `end`; the shortest one on a tie."""
        length = int(self._lengths[row])
        low = max(0, end - 2 * length - 2)
        costs: NDArray[np.float64] = np.concatenate(([0.0], np.cumsum(heard.gap[low:end][::-1])))
        for code in self._codes[row, :length][::-1].tolist():
            fresh = costs + self._table.gap[code]
            for j in range(1, end - low + 1):
                at = end - j
                same = costs[j - 1] + self._table.substitution[code, heard.codes[at]] + heard.forbidden[at]
                fresh[j] = min(fresh[j], same, fresh[j - 1] + heard.gap[at])
            costs = fresh
        reached = [
            (round(float(costs[j]), _DIGITS), j) for j in range(1, end - low + 1) if heard.begins(end - j)
        ]
        cost, length = min(reached, default=(float(_IMPOSSIBLE), 0))
        return cost, end - length


def _best_of_neighbours(ends: list[int], costs: NDArray[np.float32], length: int) -> list[int]:
    """Of ends that belong to one place, the cheapest; the earliest on a tie."""
    chosen: list[int] = []
    for end in sorted(ends, key=lambda end: (float(costs[end]), end)):
        if all(abs(end - other) >= length for other in chosen):
            chosen.append(end)
    return chosen

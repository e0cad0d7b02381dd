"""Stretches of one channel that are masked: apart, in order, and few."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

_MOST = 512
"""Older ones are joined to their neighbour: what is forgotten is the audio between them, never a mask."""


@dataclass(slots=True)
class MaskedSpans:
    """Half-open stretches of samples."""

    _spans: list[tuple[int, int]] = field(default_factory=list)

    def add(self, start: int, end: int) -> None:
        """Mask `[start, end)`."""
        if start >= end:
            return
        spans = self._spans
        first = bisect_left(spans, start, key=lambda span: span[1])
        last = first
        while last < len(spans) and spans[last][0] <= end:
            start, end = min(start, spans[last][0]), max(end, spans[last][1])
            last += 1
        spans[first:last] = [(start, end)]
        if len(spans) > _MOST:
            spans[:2] = [(spans[0][0], spans[1][1])]

    def within(self, start: int, end: int) -> list[tuple[int, int]]:
        """The masked parts of `[start, end)`, in order."""
        found = []
        for begin, stop in self._spans[bisect_left(self._spans, start + 1, key=lambda span: span[1]) :]:
            if begin >= end:
                break
            found.append((max(begin, start), min(stop, end)))
        return found

    def uncovered(self, start: int, end: int) -> list[tuple[int, int]]:
        """The parts of `[start, end)` that are not masked, in order."""
        parts = []
        for begin, stop in self.within(start, end):
            if begin > start:
                parts.append((start, begin))
            start = stop
        return [*parts, (start, end)] if start < end else parts

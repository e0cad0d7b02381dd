"""Character errors of recognised text, kinds apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from koemori.models.text import normalize

_KEPT, _REPLACED, _LEFT_OUT, _ADDED = range(4)


@dataclass(frozen=True, slots=True)
class Errors:
    """Characters that are wrong, of `characters` that were said."""

    insertions: int = 0
    deletions: int = 0
    substitutions: int = 0
    characters: int = 0

    def __add__(self, other: Errors) -> Errors:
        return Errors(
            self.insertions + other.insertions,
            self.deletions + other.deletions,
            self.substitutions + other.substitutions,
            self.characters + other.characters,
        )

    @property
    def rate(self) -> float | None:
        """Character error rate; None when nothing was said."""
        wrong = self.insertions + self.deletions + self.substitutions
        return wrong / self.characters if self.characters else None

    def figures(self) -> dict[str, float | int | None]:
        """For a result file."""
        return {
            "cer": None if self.rate is None else round(self.rate, 4),
            "insertions": self.insertions,
            "deletions": self.deletions,
            "substitutions": self.substitutions,
            "characters": self.characters,
        }


def total(errors: Iterable[Errors]) -> Errors:
    """All of them together."""
    return sum(errors, Errors())


def count_errors(said: str, heard: str) -> Errors:
    """Compare normalised characters along one shortest edit path; a substitution goes before the others."""
    expected, came = normalize(said), normalize(heard)
    steps, previous = [], list(range(len(came) + 1))
    steps.append([_ADDED] * (len(came) + 1))
    for row, wanted in enumerate(expected, start=1):
        current, ways = [row], [_LEFT_OUT]
        for column, got in enumerate(came, start=1):
            across = previous[column - 1] + (wanted != got)
            down, right = previous[column] + 1, current[-1] + 1
            best = min(across, down, right)
            current.append(best)
            if best == across:
                ways.append(_KEPT if wanted == got else _REPLACED)
            else:
                ways.append(_LEFT_OUT if best == down else _ADDED)
        steps.append(ways)
        previous = current
    return _walk_back(steps, len(expected), len(came))


def _walk_back(steps: list[list[int]], row: int, column: int) -> Errors:
    counts = [0, 0, 0, 0]
    characters = row
    while row or column:
        way = steps[row][column] if row and column else (_LEFT_OUT if row else _ADDED)
        counts[way] += 1
        row -= way != _ADDED
        column -= way != _LEFT_OUT
    return Errors(counts[_ADDED], counts[_LEFT_OUT], counts[_REPLACED], characters)

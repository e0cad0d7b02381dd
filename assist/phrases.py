"""Folding of spoken Japanese and phrase matching that can be traced back to the original characters.

Recognised speech has no reliable punctuation or width, so patterns of the playbook are matched over folded
text: NFKC, lower case, without spaces and punctuation. Offsets lead back to the words as they were said.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_DROPPED: Final = frozenset(" \t\r\n　、。，．,.!?！？…‥・「」『』\"'()（）〜~")


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text and, for each of its characters, the offset it came from."""

    text: str
    offsets: tuple[int, ...]
    original: str

    def quote(self, start: int, end: int) -> str:
        """The original characters behind `text[start:end]`."""
        if start >= end:
            return ""
        return self.original[self.offsets[start] : self.offsets[end - 1] + 1]


@lru_cache(maxsize=512)
def fold(text: str) -> Folded:
    """Fold `text`; the prolonged sound mark stays, as it tells readings apart."""
    characters: list[str] = []
    offsets: list[int] = []
    for place, character in enumerate(text):
        if character in _DROPPED:
            continue
        for part in unicodedata.normalize("NFKC", character).lower():
            if part not in _DROPPED:
                characters.append(part)
                offsets.append(place)
    return Folded("".join(characters), tuple(offsets), text)


def first_match(
    text: str, patterns: Iterable[re.Pattern[str]], unless: Iterable[re.Pattern[str]] = ()
) -> str | None:
    """The original words that the first fitting pattern matched, or None; any of `unless` forbids all."""
    folded = fold(text)
    if any(pattern.search(folded.text) for pattern in unless):
        return None
    for pattern in patterns:
        found = pattern.search(folded.text)
        if found:
            return folded.quote(found.start(), found.end())
    return None

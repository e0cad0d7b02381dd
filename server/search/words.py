"""The two forms in which text is searched: folded spelling, and reading.

Searching 「でんわ」 finds 電話, and 「電話」 finds what the recogniser wrote as 「でんわ」.
"""

from __future__ import annotations

from dataclasses import dataclass

from koemori.assist.language import analyze, is_kana

MAX_TERMS = 8
_SHORTEST_READING = 3


@dataclass(frozen=True, slots=True)
class Searchable:
    """Text as it is compared; both are empty for text of signs only."""

    surface: str
    reading: str


def searchable(text: str) -> Searchable:
    """Both forms of a text, upper and lower case alike."""
    found = analyze(text)
    return Searchable(found.surface.casefold(), found.reading.casefold())


def terms(query: str) -> tuple[Searchable, ...]:
    """The words of a query, split at spaces (full-width ones too); at most `MAX_TERMS`, signs left out.

    One kanji is often read in one kana, which is heard in every second sentence; so a short reading counts
    only when it is what the person typed. An empty reading is not searched.
    """
    found = (searchable(word) for word in query.split()[:MAX_TERMS])
    return tuple(_without_short_reading(term) for term in found if term.surface)


def _without_short_reading(term: Searchable) -> Searchable:
    if len(term.reading) >= _SHORTEST_READING or is_kana(term.surface):
        return term
    return Searchable(term.surface, "")

"""The pattern language of the detector lexicon, and its matcher.

A pattern is a sequence of words with room between them. Written in TOML by people who know calls, not code:

    土下座 しろ|しなさい          alternatives; a plain blank allows up to 3 characters between (a particle)
    <you> ~ {殺す}               `<name>` a word class, `{word}` any inflection of a word, `~` up to 12 characters
    家族 ~~ どうなっても          `~~` up to 30 characters
    金+出せ                      `+` nothing between
    もう? 死ぬ しか              `?` may be missing
    ^死ね$                       `^` begins a clause, `$` ends one (sentence particles do not count)
    =最期                         `=` only by its characters, not by its sound (最後)
    *ばか*                       `*` lets a short kana word begin or end inside another word

A word written with kanji is found by its characters or by its sound; a word in kana by its characters only
(short ones must stand as words of their own). The matcher goes through the words once, without backtracking: its
time is bounded by the number of occurrences, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from koemori.assist.language import Analysis, analyze, fold, is_kana

Span = tuple[int, int]
_Place = tuple[int, int, bool]
"""Start, end, and whether it may begin a match (a short kana word must start a word, or follow at once)."""
NEAR: Final = 3
GAPS: Final = {"~": 12, "~~": 30}
_SHORT_KANA: Final = 4
_SHORTEST_KANA: Final = 2
_SHORTEST_READING: Final = 3
_SHORT_READING: Final = 4
_SPLIT = re.compile(r"\{[^}]*\}|[^|{}]+")


class PatternSyntaxError(ValueError):
    """A pattern that cannot be read; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Literal:
    """Words to be found as they are."""

    surface: str
    reading: str
    """Phonetic; empty when it must not be matched by sound."""
    starts_word: bool
    ends_word: bool


@dataclass(frozen=True, slots=True, eq=False)
class Atom:
    """One place of a pattern: any of some words. Compared by identity, which makes remembering places cheap."""

    text: str
    literals: tuple[Literal, ...]
    lemmas: frozenset[str]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled sequence; `gaps[i]` is the room before `atoms[i]` (the first is unused)."""

    text: str
    atoms: tuple[Atom, ...]
    gaps: tuple[int, ...]
    clause_start: bool
    clause_end: bool


class PatternCompiler:
    """Compiles patterns against word classes and known mishearings."""

    def __init__(
        self, classes: Mapping[str, Sequence[str]], confusions: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._classes = classes
        self._confusions = confusions or {}
        self._atoms: dict[str, Atom] = {}

    def compile(self, text: str) -> tuple[Pattern, ...]:
        """The pattern, once for each choice of its optional words.

        Raises:
            PatternSyntaxError: an unknown class, an empty pattern or a gap in an impossible place.
        """
        body = text.strip()
        clause_start, clause_end = body.startswith("^"), body.endswith("$")
        parts = body.removeprefix("^").removesuffix("$").replace("+", " + ").split()
        choices: list[list[tuple[int, str]]] = [[]]
        gap = NEAR
        for part in parts:
            if part in GAPS:
                gap = GAPS[part]
            elif part == "+":
                gap = 0
            elif part.endswith("?"):
                choices = [*choices, *([*c, (gap, part[:-1])] for c in choices)]
                gap = NEAR if gap == 0 else gap
            else:
                choices = [[*c, (gap, part)] for c in choices]
                gap = NEAR
        if not parts or not all(choices) or parts[-1] in (*GAPS, "+") or "?" in parts:
            raise PatternSyntaxError(f"a pattern needs a word at its end and one that must be there: {text}")
        return tuple(
            Pattern(
                text,
                tuple(self._atom(word, text) for _, word in choice),
                tuple(gap for gap, _ in choice),
                clause_start,
                clause_end,
            )
            for choice in choices
        )

    def _atom(self, word: str, pattern: str) -> Atom:
        if word not in self._atoms:
            literals: dict[Literal, None] = {}
            lemmas: set[str] = set()
            self._collect(word, pattern, literals, lemmas, frozenset())
            self._atoms[word] = Atom(word, tuple(literals), frozenset(lemmas))
        return self._atoms[word]

    def _collect(
        self, word: str, pattern: str, literals: dict[Literal, None], lemmas: set[str], seen: frozenset[str]
    ) -> None:
        for part in _SPLIT.findall(word):
            if part.startswith("{"):
                lemmas.update(fold(lemma) for lemma in part[1:-1].split("|"))
            elif part.startswith("<") and part.endswith(">"):
                name = part[1:-1]
                if name not in self._classes or name in seen:
                    raise PatternSyntaxError(f"a word class that exists: {part} in {pattern}")
                for member in self._classes[name]:
                    self._collect(member, pattern, literals, lemmas, seen | {name})
            else:
                literals[literal(part)] = None
                for spelling in self._mishearings(part):
                    literals[replace(literal(spelling), starts_word=True)] = None

    def _mishearings(self, word: str) -> list[str]:
        return [
            word.replace(meant, other)
            for meant, heard in self._confusions.items()
            if meant in word
            for other in heard
        ]


@lru_cache(maxsize=16384)
def literal(word: str) -> Literal:
    """One word of a pattern, with the rules of where it may begin and end."""
    bare = word.removeprefix("=").strip("*")
    if not bare:
        raise PatternSyntaxError("a word between the stars")
    analysis = analyze(bare)
    kana = is_kana(analysis.surface)
    short = kana and len(analysis.surface) <= _SHORT_KANA
    reading = "" if kana or word.startswith("=") or len(analysis.reading) < _SHORTEST_READING else analysis.reading
    return Literal(
        analysis.surface,
        reading,
        short and not word.startswith("*"),
        kana and len(analysis.surface) <= _SHORTEST_KANA and not word.endswith("*"),
    )


class Matcher:
    """Finds patterns in one analysed utterance; remembers where each word occurs."""

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self._found: dict[Atom, tuple[_Place, ...]] = {}

    def find(self, pattern: Pattern) -> list[Span]:
        """Every place the pattern matches, as surface spans, shortest of those that begin together first."""
        current = tuple(place for place in self._spans(pattern.atoms[0]) if place[2])
        if pattern.clause_start and current:
            current = tuple(s for s in current if s[0] == 0 or s[0] in self.analysis.breaks)
        for atom, gap in zip(pattern.atoms[1:], pattern.gaps[1:], strict=True):
            if not current:
                return []
            following = self._spans(atom)
            current = tuple(
                dict.fromkeys(
                    (s, e2, whole)
                    for s, e, whole in current
                    for s2, e2, starts_word in following
                    if e <= s2 <= e + gap and (starts_word or s2 == e)
                )
            )
        if pattern.clause_end:
            current = tuple(s for s in current if s[1] in self.analysis.soft_ends)
        return sorted((start, end) for start, end, _ in current)

    def _spans(self, atom: Atom) -> tuple[_Place, ...]:
        known = self._found.get(atom)
        if known is None:
            known = self._search(atom)
            self._found[atom] = known
        return known

    def _search(self, atom: Atom) -> tuple[_Place, ...]:
        analysis = self.analysis
        places: set[_Place] = set()
        for item in atom.literals:
            if item.surface in analysis.surface:
                places.update(self._by_surface(item))
            if item.reading and item.reading in analysis.reading:
                places.update(self._by_reading(item))
        if atom.lemmas:
            places.update(
                (t.start, t.end, True)
                for t in analysis.tokens
                if t.dictionary_form in atom.lemmas or t.normalized_form in atom.lemmas
            )
        return tuple(sorted(places))

    def _by_surface(self, item: Literal) -> list[_Place]:
        analysis, width = self.analysis, len(item.surface)
        places: list[_Place] = []
        start = analysis.surface.find(item.surface)
        while start >= 0:
            end = start + width
            if not item.ends_word or end in analysis.token_ends:
                places.append((start, end, not item.starts_word or start in analysis.token_starts))
            start = analysis.surface.find(item.surface, start + 1)
        return places

    def _by_reading(self, item: Literal) -> list[_Place]:
        analysis, width = self.analysis, len(item.reading)
        places: list[_Place] = []
        at = analysis.reading.find(item.reading)
        while at >= 0:
            start, end = analysis.reading_starts[at], analysis.reading_ends[at + width - 1]
            whole = end in analysis.token_ends or width > _SHORT_READING
            if start in analysis.token_starts and end >= 0 and whole:
                places.append((start, end, True))
            at = analysis.reading.find(item.reading, at + 1)
        return places

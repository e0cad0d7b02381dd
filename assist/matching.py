"""The pattern language of the detector lexicon, and its matcher.

A pattern is a sequence of words with room between them. Written in TOML by people who know calls, not code:

    土下座 しろ|しなさい          alternatives; a plain blank allows up to 3 characters between (a particle)
    <you> ~ {殺す}               `<name>` a word class, `{word}` any inflection, `~` up to 12 characters
    家族 ~~ どうなっても          `~~` up to 30 characters
    金+出せ                      `+` nothing between
    もう? 死ぬ しか              `?` may be missing
    ^死ね$                       `^` begins a clause, `$` ends one (sentence particles do not count)
    =最期                         `=` only by its characters, not by its sound (最後)
    *ばか*                       `*` lets a short kana word begin or end inside another word

A word written with kanji is found by its characters or by its sound; a word in kana by its characters only
(short ones must stand as words of their own). The matcher goes through the words once, without backtracking:
its time is bounded by the number of occurrences, whatever the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from koemori.assist.language import Analysis, analyze, fold, is_kana

Span = tuple[int, int]
_Place = tuple[int, int, bool, bool]
"""Start, end, whether it starts where it may (a short kana word: where a word starts, or right after another
match), and whether it may begin a match (a short kana word must be a word of its own)."""
NEAR: Final = 3
GAPS: Final = {"~": 12, "~~": 30}
_SHORT_KANA: Final = 4
_SHORTEST_KANA: Final = 2
_SHORTEST_READING: Final = 3
_SHORT_READING: Final = 4
_KEY: Final = 2
_Entry = tuple[str, bool, bool, list["Atom"]]
"""Spelling, begins a word, ends a word, and who asks for it."""
_NONE: Final[dict[Literal, list[Atom]]] = {}
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
    """One place of a pattern: any of some words. Compared by identity."""

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
    needed: frozenset[Atom]
    """Its atoms as a set: an utterance that lacks one is passed over at once."""


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
        found: list[Pattern] = []
        for choice in choices:
            atoms = tuple(self._atom(word, text) for _, word in choice)
            gaps = tuple(gap for gap, _ in choice)
            found.append(Pattern(text, atoms, gaps, clause_start, clause_end, frozenset(atoms)))
        return tuple(found)

    def index(self) -> AtomIndex:
        """The index of every word compiled so far."""
        return AtomIndex(self._atoms.values())

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
                    literals[replace(literal(spelling), reading="", starts_word=True)] = None

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
    reading = (
        "" if kana or word.startswith("=") or len(analysis.reading) < _SHORTEST_READING else analysis.reading
    )
    return Literal(
        analysis.surface,
        reading,
        short and not word.startswith("*"),
        kana and len(analysis.surface) <= _SHORTEST_KANA and not word.endswith("*"),
    )


class AtomIndex:
    """Every word of a lexicon by its first characters, so that one pass over an utterance finds them all."""

    def __init__(self, atoms: Iterable[Atom]) -> None:
        surface: dict[str, dict[Literal, list[Atom]]] = {}
        self._reading: dict[str, dict[Literal, list[Atom]]] = {}
        self._lemmas: dict[str, list[Atom]] = {}
        for atom in atoms:
            for item in atom.literals:
                surface.setdefault(item.surface[:_KEY], {}).setdefault(item, []).append(atom)
                if item.reading:
                    self._reading.setdefault(item.reading[:_KEY], {}).setdefault(item, []).append(atom)
            for lemma in atom.lemmas:
                self._lemmas.setdefault(lemma, []).append(atom)
        # Plain tuples: this is read hundreds of times for each utterance.
        self._surface: dict[str, list[_Entry]] = {
            key: [(item.surface, item.starts_word, item.ends_word, atoms) for item, atoms in entries.items()]
            for key, entries in surface.items()
        }

    def places(self, analysis: Analysis) -> dict[Atom, tuple[_Place, ...]]:
        """Where each word of the lexicon occurs in the utterance; words that do not occur are left out."""
        found: dict[Atom, set[_Place]] = {}
        self._by_surface(analysis, found)
        self._by_reading(analysis, found)
        for token in analysis.tokens:
            for form in {token.dictionary_form, token.normalized_form}:
                for atom in self._lemmas.get(form, ()):
                    found.setdefault(atom, set()).add((token.start, token.end, True, True))
        return {
            atom: tuple(places) if len(places) == 1 else tuple(sorted(places))
            for atom, places in found.items()
        }

    def _by_surface(self, analysis: Analysis, found: dict[Atom, set[_Place]]) -> None:
        text = analysis.surface
        begins, ends, entries = analysis.token_starts, analysis.token_ends, self._surface
        for start, first in enumerate(text):
            pair = text[start : start + _KEY]
            for key in (pair, first) if pair != first else (first,):
                for surface, starts_word, ends_word, atoms in entries.get(key, ()):
                    if not text.startswith(surface, start):
                        continue
                    end = start + len(surface)
                    whole = not ends_word or end in ends
                    if not whole and len(surface) == 1:
                        continue
                    starts = not starts_word or start in begins
                    place = (start, end, starts, starts and whole)
                    for atom in atoms:
                        places = found.get(atom)
                        if places is None:
                            found[atom] = {place}
                        else:
                            places.add(place)

    def _by_reading(self, analysis: Analysis, found: dict[Atom, set[_Place]]) -> None:
        text = analysis.reading
        for at in range(len(text)):
            start = analysis.reading_starts[at]
            if start not in analysis.token_starts:
                continue
            for item, atoms in self._reading.get(text[at : at + _KEY], _NONE).items():
                if not text.startswith(item.reading, at):
                    continue
                end = analysis.reading_ends[at + len(item.reading) - 1]
                if end >= 0 and _sounds_whole(analysis, start, end, len(item.reading)):
                    for atom in atoms:
                        found.setdefault(atom, set()).add((start, end, True, True))


class Matcher:
    """Finds patterns in one analysed utterance."""

    def __init__(self, analysis: Analysis, index: AtomIndex) -> None:
        self.analysis = analysis
        self._places = index.places(analysis)

    def may_hold(self, pattern: Pattern) -> bool:
        """Whether every word of the pattern occurs; cheap, and false for nearly all."""
        return self._places.keys() >= pattern.needed

    def find(self, pattern: Pattern) -> list[Span]:
        """Every place the pattern matches, as surface spans, shortest of those that begin together first."""
        if not self.may_hold(pattern):
            return []
        places = self._places
        current = [(start, end) for start, end, _, whole in places[pattern.atoms[0]] if whole]
        if pattern.clause_start:
            current = [s for s in current if s[0] == 0 or s[0] in self.analysis.breaks]
        for atom, gap in zip(pattern.atoms[1:], pattern.gaps[1:], strict=True):
            following = places[atom]
            current = list(
                dict.fromkeys(
                    (s, e2)
                    for s, e in current
                    for s2, e2, starts, _ in following
                    if e <= s2 <= e + gap and (starts or s2 == e)
                )
            )
        if pattern.clause_end:
            current = [s for s in current if s[1] in self.analysis.soft_ends]
        return sorted(current)


def _sounds_whole(analysis: Analysis, start: int, end: int, width: int) -> bool:
    """Whether a match by sound is believable: the shorter, the more it must coincide with words."""
    if width > _SHORT_READING:
        return True
    if end not in analysis.token_ends:
        return False
    return width > _SHORTEST_READING or not any(
        start <= token.start < end and token.part_of_speech == "助詞" for token in analysis.tokens
    )

"""Persons and numbers of a call that are known, found again by spelling, by reading, and in parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from koemori.assist.language import analyze, is_kana
from koemori.assist.redaction.names import name_words
from koemori.assist.redaction.spans import PersonalData, Span
from koemori.assist.words import words_of

_SAYS_NAME: Final = re.compile(
    r"[、\s]?(?:様|さん|さま|くん|君|ちゃん|氏|と申|でござい|です|だけど|だよ|って|が承|は(?:ただいま|本日|別の|席))"
)
_SHORTEST_READING: Final = 3
_LONGEST_NAME_WORDS: Final = 4
_NOT_DIGITS: Final = re.compile(r"\D")


@dataclass(frozen=True, slots=True)
class KnownName:
    """A name as it is written and as it sounds.

    Attributes:
        surface: As written.
        reading: Phonetic hiragana; empty when too short to be told from other words.
        common: Whether it is an ordinary word as well, and so a name only where one is said.
    """

    surface: str
    reading: str
    common: bool


def names_of(written: str) -> list[KnownName]:
    """A person's name and its parts (family name, given name)."""
    said = re.sub("様$", "", written.strip())
    apart = re.split(r"[\s・]+", said)
    name = "".join(apart)
    parts = apart if len(apart) > 1 else [word.surface for word in words_of(name) if word.kind[2] == "人名"]
    whole = [] if parts == [name] else [name]
    return [_known(part) for part in dict.fromkeys([*whole, *parts]) if part]


def _known(surface: str) -> KnownName:
    reading = analyze(surface).reading
    words = words_of(surface)
    common = len(surface) == 1 or surface in name_words().surnames
    common |= len(words) == 1 and words[0].kind[2] not in ("人名",) and words[0].kind[1] != "固有名詞"
    return KnownName(surface, reading if len(reading) >= _SHORTEST_READING else "", common)


def digits_of(written: str) -> str:
    """The digits of a number as a case form holds it; +81 counts as 0."""
    digits = _NOT_DIGITS.sub("", written)
    return "0" + digits[2:] if written.lstrip().startswith("+81") else digits


def known_name_spans(text: str, name: KnownName) -> Iterator[Span]:
    """Where `name` is said in `text`."""
    if name.surface in text:
        yield from _by_spelling(text, name)
    if name.reading and name.reading in analyze(text).reading:
        yield from _by_reading(text, name.reading)


def _by_spelling(text: str, name: KnownName) -> Iterator[Span]:
    edges = {word.start for word in words_of(text)} | {word.end for word in words_of(text)}
    for match in re.finditer(re.escape(name.surface), text):
        whole = len(name.surface) >= _SHORTEST_READING or {match.start(), match.end()} <= edges
        if whole and (not name.common or _SAYS_NAME.match(text, match.end())):
            yield Span(PersonalData.NAME, match.start(), match.end())


def _by_reading(text: str, reading: str) -> Iterator[Span]:
    """Words that sound like the name and stand where a name does: recognisers write 小野寺 as 斧寺."""
    found = analyze(text)
    for first, token in enumerate(found.tokens):
        sound = ""
        for last in found.tokens[first : first + _LONGEST_NAME_WORDS]:
            sound += found.reading[
                _sounds(found.reading_starts, last.start) : _end(found.reading_ends, last.end)
            ]
            if len(sound) >= len(reading):
                break
        if sound != reading:
            continue
        start, end = found.origin[token.start], found.origin[last.end - 1] + 1
        in_kana = is_kana(found.surface[token.start : last.end]) and len(reading) > _SHORTEST_READING
        if in_kana or _SAYS_NAME.match(text, end):
            yield Span(PersonalData.NAME, start, end)


def _sounds(starts: tuple[int, ...], offset: int) -> int:
    return starts.index(offset)


def _end(ends: tuple[int, ...], offset: int) -> int:
    return len(ends) - ends[::-1].index(offset)

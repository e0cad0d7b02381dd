"""How Japanese text sounds: kana readings, morae, and how far apart two morae are.

A reading is cut into units, each a few characters of the text with the morae that they stand for. Kana are
units of their own, even inside a word (暮ら|か), because a recogniser splits words where it likes; a run of
kanji is one unit, because which of its sounds belongs to which character is not known.

Pure apart from the dictionary, which is loaded when it is first needed.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from koemori.models.dictionary import tokenizer

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sudachipy import Morpheme

LONG: Final = ":"
SOKUON: Final = "Q"
NASAL: Final = "N"
UNKNOWN: Final = "?"
_SPECIALS: Final = (LONG, SOKUON, NASAL, UNKNOWN)
_VOWELS: Final = "aiueo"
_ROWS: Final = {
    "": "あいうえお", "k": "かきくけこ", "g": "がぎぐげご", "s": "さ すせそ", "z": "ざ ずぜぞ",
    "t": "た  てと", "d": "だ  でど", "n": "なにぬねの", "h": "はひ へほ", "b": "ばびぶべぼ",
    "p": "ぱぴぷぺぽ", "m": "まみむめも", "y": "や ゆ よ", "r": "らりるれろ", "w": "わゐ ゑ ",
    "sy": " し   ", "zy": " じ   ", "ty": " ち   ", "ts": "  つ  ", "f": "  ふ  ",
}  # fmt: skip
_MORAE: Final = {
    kana: consonant + vowel
    for consonant, row in _ROWS.items()
    for kana, vowel in zip(row, _VOWELS, strict=True)
    if kana != " "
} | {"を": "o", "ぢ": "zyi", "づ": "zu", "ゔ": "bu"}
_GLIDES: Final = {"ゃ": "a", "ゅ": "u", "ょ": "o"}
_SMALL_VOWELS: Final = {"ぁ": "a", "ぃ": "i", "ぅ": "u", "ぇ": "e", "ぉ": "o"}
_PALATAL: Final = {"s": "sy", "z": "zy", "t": "ty", "d": "zy"}
_LONG_MARKS: Final = frozenset("ー〜~―")
_SAME_AS_LONG: Final = {"ou": "o", "ei": "e"}
_SILENT: Final = frozenset("、。,.!?・「」『』()[]…‥:;/　 ")


@dataclass(frozen=True, slots=True)
class Unit:
    """Characters `start` to `end` of a text and the morae that they stand for; none for punctuation."""

    start: int
    end: int
    morae: tuple[str, ...]
    begins_word: bool
    ends_word: bool
    kana: bool
    """Whether the text is written in kana here, so that its sound is known, not guessed."""


def to_hiragana(text: str) -> str:
    """Katakana as hiragana, half-width forms made full; everything else as it is."""
    return "".join(
        chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in unicodedata.normalize("NFKC", text)
    )


def is_kana(text: str) -> bool:
    """Whether `text` is kana alone, long marks included."""
    return bool(text) and all("ぁ" <= c <= "ゖ" or c in _LONG_MARKS for c in to_hiragana(text))


def morae(kana: str) -> tuple[str, ...]:
    """Kana as morae: 「きょう」 is `kyo :`; a character that is no kana is `?`.

    Lengths are one sound however they are written: おう, おお and おー are the same.
    """
    out: list[str] = []
    for char in to_hiragana(kana):
        last = out[-1] if out else ""
        if char in _GLIDES and last.endswith("i") and last[:-1]:
            out[-1] = _palatal(last[:-1]) + _GLIDES[char]
        elif char in _SMALL_VOWELS and last and last not in _SPECIALS:
            vowel = _SMALL_VOWELS[char]
            if last[-1] == vowel:
                out.append(LONG)
            else:
                out[-1] = last[:-1] + vowel
        elif char in _LONG_MARKS:
            if last and last != LONG:
                out.append(LONG)
        elif char == "っ":
            out.append(SOKUON)
        elif char == "ん":
            out.append(NASAL)
        else:
            out.append(_MORAE.get(char) or _GLIDES.get(char) or _SMALL_VOWELS.get(char) or UNKNOWN)
    return tuple(_lengthened(out))


def _palatal(consonant: str) -> str:
    return consonant if consonant.endswith("y") else _PALATAL.get(consonant, consonant + "y")


def _lengthened(sounds: list[str]) -> Iterator[str]:
    """A vowel that only lengthens the one before becomes the length mark."""
    vowel = ""
    for sound in sounds:
        if sound in _VOWELS and vowel and (sound == vowel or _SAME_AS_LONG.get(vowel + sound) == vowel):
            yield LONG
            continue
        yield sound
        if sound != LONG:
            vowel = "" if sound in _SPECIALS else sound[-1]


def kana_reading(text: str) -> str:
    """How `text` is read, in hiragana; characters nobody can read stay as they are."""
    return "".join(to_hiragana(_reading_of(word)) for word in tokenizer().tokenize(text))


@lru_cache(maxsize=512)
def units(text: str) -> tuple[Unit, ...]:
    """The sounds of `text`, left to right; together the units cover it without gap or overlap."""
    out: list[Unit] = []
    for word in tokenizer().tokenize(text):
        cut = [
            unit
            for part in _finest(word)
            for unit in _units_of_word(part.surface(), _reading_of(part), part.begin())
        ]
        # Kana are cut one by one; which of them only lengthen shows when the word is whole.
        sounds = _lengthened([sound for unit in cut for sound in unit.morae])
        out.extend(replace(unit, morae=tuple(islice(sounds, len(unit.morae)))) for unit in cut)
    return tuple(out)


def _finest(word: Morpheme) -> Iterable[Morpheme]:
    """A compound as its parts, unless they sound different when alone (人+人 is not ひとびと)."""
    from sudachipy import SplitMode

    parts = list(word.split(SplitMode.A))
    if len(parts) > 1 and "".join(part.reading_form() for part in parts) == word.reading_form():
        return parts
    return (word,)


def _reading_of(word: Morpheme) -> str:
    surface: str = word.surface()
    reading: str = word.reading_form()
    if is_kana(surface) or (not is_kana(reading) and not surface.isdigit()):
        return surface
    return surface if reading == "キゴウ" else reading


def _units_of_word(surface: str, reading: str, offset: int) -> Iterator[Unit]:
    """Kana at the head and the tail of a word are units of their own, what lies between is one."""
    plain, kana = to_hiragana(surface), to_hiragana(reading)
    if len(plain) != len(surface):
        yield Unit(offset, offset + len(surface), morae(kana), True, True, False)
        return
    shortest = min(len(plain), len(kana))
    head = next((i for i in range(shortest) if plain[i] != kana[i]), shortest)
    tail = next((i for i in range(shortest - head) if plain[-1 - i] != kana[-1 - i]), shortest - head)
    pieces = [(i, i + 1, plain[i]) for i in range(head)]
    if head + tail < len(plain):
        pieces.append((head, len(plain) - tail, kana[head : len(kana) - tail]))
    pieces += [(i, i + 1, plain[i]) for i in range(len(plain) - tail, len(plain))]
    for start, end, sound in _joined(pieces):
        written = plain[start:end]
        yield Unit(
            offset + start,
            offset + end,
            () if all(char in _SILENT for char in written) else morae(sound),
            start == 0,
            end == len(plain),
            is_kana(written),
        )


def _joined(pieces: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Small kana and long marks go with the character before them."""
    out: list[tuple[int, int, str]] = []
    for start, end, sound in pieces:
        small = sound[:1] in _GLIDES or sound[:1] in _SMALL_VOWELS or sound[:1] in _LONG_MARKS
        if small and out and end - start == 1:
            before = out.pop()
            out.append((before[0], end, before[2] + sound))
        else:
            out.append((start, end, sound))
    return out


class SoundTable:
    """Morae as small numbers, with the costs of taking one for another.

    Attributes:
        substitution: float32, shape `(n, n)`: cost of hearing one mora as another.
        gap: float32, shape `(n,)`: cost of a mora too many or too few.
    """

    def __init__(self, costs: dict[str, Any]) -> None:
        consonants = sorted({*_ROWS, *(_palatal(c) for c in _ROWS if c)})
        plain = [consonant + vowel for consonant in consonants for vowel in _VOWELS]
        self._codes = {sound: code for code, sound in enumerate((*_SPECIALS, *plain))}
        sounds = list(self._codes)
        pair = _PairCosts(costs)
        self.gap: NDArray[np.float32] = np.array([pair.gap(sound) for sound in sounds], dtype=np.float32)
        self.substitution: NDArray[np.float32] = np.array(
            [[pair.cost(a, b) for b in sounds] for a in sounds], dtype=np.float32
        )

    def encode(self, sounds: Iterable[str]) -> NDArray[np.int16]:
        """Morae as numbers; one that the table does not know is `?`."""
        unknown = self._codes[UNKNOWN]
        return np.array([self._codes.get(sound, unknown) for sound in sounds], dtype=np.int16)

    def distance(self, one: tuple[str, ...], other: tuple[str, ...]) -> float:
        """Cheapest way from one to the other, over the length of the longer one; 0 is the same."""
        a, b = self.encode(one), self.encode(other)
        row = np.concatenate(([0.0], np.cumsum(self.gap[b]))).astype(np.float32)
        for code in a.tolist():
            fresh = row + self.gap[code]
            for j, heard in enumerate(b.tolist(), 1):
                fresh[j] = min(
                    fresh[j], row[j - 1] + self.substitution[code, heard], fresh[j - 1] + self.gap[heard]
                )
            row = fresh
        return float(row[-1]) / max(1, len(a), len(b))


class _PairCosts:
    def __init__(self, costs: dict[str, Any]) -> None:
        self._gaps: dict[str, float] = costs["gaps"]
        self._specials: dict[str, float] = costs["specials"]
        self._other = {name: float(costs[name]["other"]) for name in ("consonants", "vowels")}
        self._pairs = {
            name: {frozenset((a, b)): float(cost) for a, b, cost in costs[name]["pairs"]}
            for name in ("consonants", "vowels")
        }

    def gap(self, sound: str) -> float:
        named = {LONG: "long", SOKUON: "sokuon", NASAL: "nasal"}.get(sound)
        return self._gaps[named or ("vowel" if sound in _VOWELS else "other")]

    def cost(self, one: str, other: str) -> float:
        if one == other and one != UNKNOWN:
            return 0.0
        if one in _SPECIALS or other in _SPECIALS:
            return self._special(one, other)
        consonant = self._part("consonants", one[:-1], other[:-1])
        return min(1.0, consonant + self._part("vowels", one[-1], other[-1]))

    def _part(self, name: str, one: str, other: str) -> float:
        return 0.0 if one == other else self._pairs[name].get(frozenset((one, other)), self._other[name])

    def _special(self, one: str, other: str) -> float:
        names = {LONG: "long", SOKUON: "sokuon", NASAL: "nasal"}
        if UNKNOWN in (one, other):
            return 1.0
        for a, b in ((one, other), (other, one)):
            if a not in names:
                continue
            kind = names.get(b) or ("vowel" if b in _VOWELS else b[:-1].rstrip("y").replace("m", "n"))
            cost = self._specials.get(f"{names[a]}_{kind}")
            if cost is not None:
                return cost
        return 1.0


@cache
def sound_table() -> SoundTable:
    """The table that ships with the package."""
    raw = resources.files("koemori.models").joinpath("sounds.toml").read_text(encoding="utf-8")
    return SoundTable(tomllib.loads(raw))

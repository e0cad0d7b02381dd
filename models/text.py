"""One normal form of recognised text, shared by agreement between hypotheses, search and error rates."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

_LONG_VOWEL_MARK = "ー"


def normalize(text: str) -> str:
    """NFKC, lower case, letters and digits only; punctuation, symbols and spaces are dropped.

    The long-vowel mark ー stays: it is part of a word.
    """
    spoken = "".join(filter(is_spoken, unicodedata.normalize("NFKC", text).lower()))
    return unicodedata.normalize("NFKC", spoken)


def is_spoken(character: str) -> bool:
    """True for a letter, digit, combining mark or ー; False for punctuation, symbols and spaces."""
    return character == _LONG_VOWEL_MARK or unicodedata.category(character)[0] in "LNM"


def fold_kana(character: str) -> str:
    """The hiragana of a katakana letter; any other character as it is."""
    return chr(ord(character) - 0x60) if "ァ" <= character <= "ヶ" else character


def edit_distance(reference: Sequence[object], hypothesis: Sequence[object]) -> int:
    """Least number of insertions, deletions and substitutions (Levenshtein)."""
    previous = list(range(len(hypothesis) + 1))
    for row, expected in enumerate(reference, start=1):
        current = [row]
        for column, came in enumerate(hypothesis, start=1):
            current.append(
                min(previous[column] + 1, current[-1] + 1, previous[column - 1] + (expected != came))
            )
        previous = current
    return previous[-1]


def character_error_rate(reference: str, hypothesis: str) -> float:
    """Edit distance over the normalised characters, as a fraction of the reference's; 0 is perfect."""
    expected, came = normalize(reference), normalize(hypothesis)
    if not expected:
        return float(bool(came))
    return edit_distance(expected, came) / len(expected)

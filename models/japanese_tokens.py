"""Which tokens of a Whisper tokenizer Japanese telephone speech can need. Pure.

Whisper's vocabulary is byte-level: a token is a run of bytes, often a whole word of some language, sometimes
a part of one character. Kept for Japanese are

* every single byte, so that nothing becomes impossible to write;
* everything made of kana, CJK ideographs, full-width forms and their punctuation;
* the pieces of such characters: bytes that can only stand in their UTF-8 encoding;
* digits, ASCII punctuation and spaces in every combination, since numbers are written with them;
* the commonest tokens with Latin letters; other English words are spelled from pieces of them.

Everything else (other scripts, the words of some ninety languages) goes, about seven eighths.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

SELECTION: Final = "ja1"
"""Name and version of this selection; part of the identity of a model trimmed by it."""

MOST_COMMON_LATIN: Final = 4000
"""Latin tokens with a smaller number are kept; byte-pair encodings number tokens by how common they are."""

_CJK_LEADS: Final = frozenset({0xE2, 0xEF, *range(0xE3, 0xEA)})
_FIRST_CONTINUATION: Final = 0x80
_FIRST_LEAD: Final = 0xC0


def tokens_for_japanese(vocabulary: Mapping[str, int], first_special: int) -> tuple[int, ...]:
    """Numbers of the text tokens to keep, ascending.

    Args:
        vocabulary: The tokenizer's `model.vocab`: byte-level text to number.
        first_special: Tokens from this number on are no text and not judged here.
    """
    kept = (
        number
        for text, number in vocabulary.items()
        if number < first_special and _is_wanted(bytes(_bytes_of()[sign] for sign in text), number)
    )
    return tuple(sorted(kept))


def _is_wanted(raw: bytes, number: int) -> bool:
    if len(raw) == 1:
        return True
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return _is_piece(raw)
    spoken = text.strip()
    if spoken.isascii():
        return number < MOST_COMMON_LATIN or not any(sign.isalpha() for sign in spoken)
    return all(_is_japanese(sign) for sign in spoken)


def _is_piece(raw: bytes) -> bool:
    """Whether bytes that are no whole text can stand in Japanese."""
    whole = raw.decode(errors="ignore").strip()
    leads = [byte for byte in raw if byte >= _FIRST_LEAD]
    return (
        all(_is_japanese(sign) for sign in whole)
        and all(byte in _CJK_LEADS for byte in leads)
        and all(byte >= _FIRST_CONTINUATION or byte == ord(" ") for byte in raw)
    )


def _is_japanese(sign: str) -> bool:
    place = ord(sign)
    return (
        0x3000 <= place <= 0x30FF  # punctuation, hiragana, katakana
        or 0x4E00 <= place <= 0x9FFF  # ideographs
        or 0xFF00 <= place <= 0xFFEF  # full-width and half-width forms
        or place in (0x2014, 0x2025, 0x2026, 0x2500)  # dashes and dots that Japanese text uses
    )


@cache
def _bytes_of() -> Mapping[str, int]:
    """Byte of each sign of a byte-level vocabulary: printable Latin-1 as it is, the rest from U+0100 on.

    Source: the byte-level alphabet that GPT-2's tokenizer introduced and Whisper's uses.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    signs = {chr(byte): byte for byte in printable}
    others = [byte for byte in range(0x100) if byte not in printable]
    return signs | {chr(0x100 + place): byte for place, byte in enumerate(others)}

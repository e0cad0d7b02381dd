"""Digits as they are spoken and written: 「080の1111の2301」, 「ゼロハチゼロ」, 「八〇九〇」.

A run of digits keeps its groups, because people read numbers in groups and the groups carry meaning
(area codes, parts of a phone number said one by one).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

_KANJI: Final = dict(zip("〇零一二三四五六七八九", "00123456789", strict=True))
_KANA: Final = {
    "ゼロ": "0", "レイ": "0", "マル": "0",
    "イチ": "1", "ニー": "2", "ニ": "2", "サン": "3", "ヨン": "4", "ゴー": "5", "ゴ": "5",
    "ロク": "6", "ナナ": "7", "シチ": "7", "ハチ": "8", "キュウ": "9", "キュー": "9",
}  # fmt: skip
_DIGIT: Final = re.compile(
    "|".join([r"[0-9]", "[〇零一二三四五六七八九]", *sorted(_KANA, key=len, reverse=True)])
)
_SEPARATOR: Final = re.compile(r"(?:の|ノ|ー|-|‐|−|–|—|ハイフン|、|,|\s|えーと|えっと|ええと){1,3}")
_FEWEST_KANA: Final = 3
_PHONE_GROUPS: Final = re.compile(
    r"0[5789]0-\d{4}-\d{4}|0\d-\d{4}-\d{4}|0\d{2}-\d{3}-\d{4}|0\d{3}-\d{2}-\d{4}"
)


@dataclass(frozen=True, slots=True)
class DigitRun:
    """Digits said in a row, in the groups they were said in; offsets are in the text."""

    groups: tuple[str, ...]
    start: int
    end: int
    starts: tuple[int, ...] = ()
    """Where each group begins."""

    @property
    def digits(self) -> str:
        """All groups as one string."""
        return "".join(self.groups)


def digit_runs(text: str) -> list[DigitRun]:
    """Runs of digits in `text`, in order. Kana digits count only in runs of three or more."""
    normal = _katakana(text)
    runs: list[DigitRun] = []
    position = 0
    while position < len(normal):
        run = _run_at(normal, position)
        if run is None:
            position += 1
        else:
            runs += _split_phone(run)
            position = run.end
    return runs


def _split_phone(run: DigitRun) -> list[DigitRun]:
    """A number and a phone number said in one breath, 「6670、080の7777の8809」, are two runs."""
    for place, group in enumerate(run.groups):
        for cut in range(len(group)):
            phone = (group[cut:], *run.groups[place + 1 :])
            rest = (*run.groups[:place], *((group[:cut],) if cut else ()))
            if rest and len(phone) == 3 and _PHONE_GROUPS.fullmatch("-".join(phone)):
                begin = run.starts[place] + cut
                return [DigitRun(rest, run.start, begin), DigitRun(phone, begin, run.end)]
    return [run]


def _katakana(text: str) -> str:
    """Same length: full-width digits narrow, hiragana as katakana except the particle の."""
    out = []
    for character in text:
        narrow = unicodedata.normalize("NFKC", character)
        character = narrow if len(narrow) == 1 else character
        out.append(
            chr(ord(character) + 0x60) if "ぁ" <= character <= "ゖ" and character != "の" else character
        )
    return "".join(out)


def _run_at(normal: str, start: int) -> DigitRun | None:
    groups: list[str] = []
    starts: list[int] = []
    kana = 0
    others = 0
    position = start
    end = start
    group = ""
    while True:
        digit = _DIGIT.match(normal, position)
        if digit is not None:
            word = digit.group()
            if not group:
                starts.append(position)
            kana += word in _KANA
            others += word not in _KANA
            group += _KANJI.get(word) or _KANA.get(word) or word
            position = end = digit.end()
            continue
        if group:
            groups.append(group)
            group = ""
        separator = _SEPARATOR.match(normal, position) if groups else None
        if separator is None or _DIGIT.match(normal, separator.end()) is None:
            break
        position = separator.end()
    if not groups or (others == 0 and kana < _FEWEST_KANA):
        return None
    return DigitRun(tuple(groups), start, end, tuple(starts))

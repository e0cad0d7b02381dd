"""Digits as they are spoken and written: 「080の1111の2301」, 「ゼロハチゼロ」, 「八〇九〇」.

A run of digits keeps its groups, because people read numbers in groups and the groups carry meaning
(area codes, parts of a phone number said one by one). Recognisers write a number that was read out as if it
were an amount (「2万881」, 「6,670」, 「二百三」); such a group is given in digits. The utterance stays as it
was written: a run is the normal form for extraction, and says where it was found.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_KANJI: Final = dict(zip("〇零一二三四五六七八九", "00123456789", strict=True))
_KANA: Final = {
    "ゼロ": "0", "レイ": "0", "マル": "0",
    "イチ": "1", "ニー": "2", "ニ": "2", "サン": "3", "ヨン": "4", "ゴー": "5", "ゴ": "5",
    "ロク": "6", "ナナ": "7", "シチ": "7", "ハチ": "8", "キュウ": "9", "キュー": "9",
}  # fmt: skip
_DIGIT: Final = re.compile(
    "|".join(
        [
            r"[0-9]",
            "[〇零一二三四五六七八九]",
            *sorted(_KANA, key=len, reverse=True),
        ]
    )
)
_SEPARATOR: Final = re.compile(
    r"(?:の|ノ|ー|-|‐|−|–|—|ハイフン|ダッシュ|、|,|\s|エート|エーット|エット|エエト|エー|アー|アノ(?=ー|、|\s)){1,4}"
)
_ROUND_ZEROS: Final = re.compile("(?<=[0-9〇])[○◯]+|[○◯]+(?=[0-9〇])")
_THOUSANDS: Final = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+(?![0-9,])")
_ONE: Final = "[1-9一二三四五六七八九]"
_BELOW_10000: Final = (
    rf"(?=[1-9一二三四五六七八九十百千])(?:{_ONE}?千)?(?:{_ONE}?百)?(?:{_ONE}?十)?(?:{_ONE}(?![0-9]))?"
)
_MYRIADS: Final = re.compile(
    rf"(?P<high>[0-9]{{1,4}}|{_BELOW_10000})万(?P<low>[0-9]{{1,4}}(?![0-9])|{_BELOW_10000})"
)
_HUNDREDS: Final = re.compile(rf"(?P<unit>{_ONE}[千百])(?P<low>[0-9]{{1,3}}(?![0-9]))")
_COUNTED: Final = re.compile(
    rf"(?=[1-9一二三四五六七八九]?[十百千])(?!十(?!{_ONE})|[百千](?!{_ONE}))(?P<low>{_BELOW_10000})"
)
_UNITS: Final = {"十": 10, "百": 100, "千": 1000}
_ONES: Final = {character: int(digit) for character, digit in _KANJI.items()}
_CONFIRMING: Final = re.compile("デスネ|デゴザイマスネ|デヨロシイ|デ間違イ|デオ間違イ|トイウコト")
_APART: Final = frozenset("、, \u3000")
_FEWEST_REPEATED: Final = 3
_FEWEST_KANA: Final = 3
_PHONE_GROUPS: Final = re.compile(
    r"0[5789]0-\d{4}-\d{4}|0\d-\d{4}-\d{4}|0\d{2}-\d{3}-\d{4}|0\d{3}-\d{2}-\d{4}"
)
_WITHOUT_ZERO: Final = re.compile(
    r"[5789]0-[0-9]{4}-[0-9]{4}|[36]-[1-9][0-9]{3}-[0-9]{4}"
    r"|(?:1[15789]|2[2-9]|4[2-9]|5[2-9]|7[2-9]|8[2-9]|9[2-9])-[1-9][0-9]{2}-[0-9]{4}"
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

    @property
    def lacks_zero(self) -> bool:
        """Whether these are a phone number's groups but for its first zero: 「八十の1111の2301」."""
        return bool(_WITHOUT_ZERO.fullmatch("-".join(self.groups)))


@lru_cache(maxsize=256)
def digit_runs(text: str) -> tuple[DigitRun, ...]:
    """Runs of digits in `text`, in order. Kana digits count only in runs of three or more."""
    normal = _katakana(text)
    runs: list[DigitRun] = []
    position = 0
    while position < len(normal):
        run = _run_at(normal, position)
        if run is None:
            position += 1
        else:
            runs += [part for said in _split_repetition(run, normal) for part in _split_phone(said)]
            position = run.end
    return tuple(runs)


def _split_repetition(run: DigitRun, normal: str) -> list[DigitRun]:
    """「2301、2301ですね」 is one number said twice."""
    half, odd = divmod(len(run.groups), 2)
    if odd or run.groups[:half] != run.groups[half:] or not _CONFIRMING.match(normal, run.end):
        return [run]
    end = run.starts[half]
    while normal[end - 1] in _APART:
        end -= 1
    if end == run.starts[half] or len("".join(run.groups[:half])) < _FEWEST_REPEATED:
        return [run]
    return [
        DigitRun(run.groups[:half], run.start, end, run.starts[:half]),
        DigitRun(run.groups[half:], run.starts[half], run.end, run.starts[half:]),
    ]


def _split_phone(run: DigitRun) -> list[DigitRun]:
    """A number and a phone number said in one breath, 「6670、080の7777の8809」, are two runs."""
    for place in range(len(run.groups) - 2):
        part = _part(run, place, place + 3)
        if part.lacks_zero:
            before, after = _part(run, 0, place), _part(run, place + 3, len(run.groups))
            return [each for each in (before, part, after) if each.groups]
    for place, group in enumerate(run.groups):
        for cut in range(len(group)):
            phone = (group[cut:], *run.groups[place + 1 :])
            rest = (*run.groups[:place], *((group[:cut],) if cut else ()))
            if rest and len(phone) == 3 and _PHONE_GROUPS.fullmatch("-".join(phone)):
                begin = run.starts[place] + cut
                return [DigitRun(rest, run.start, begin), DigitRun(phone, begin, run.end)]
    return [run]


def _part(run: DigitRun, first: int, last: int) -> DigitRun:
    """Groups `first` to before `last`; it ends where the next group begins."""
    starts = (*run.starts, run.end)
    return DigitRun(run.groups[first:last], starts[first], starts[last], run.starts[first:last])


def _katakana(text: str) -> str:
    """Same length: full-width digits narrow, hiragana as katakana except the particle の.

    A circle is a zero beside a digit, a bullet elsewhere.
    """
    out = []
    for character in text:
        narrow = unicodedata.normalize("NFKC", character)
        character = narrow if len(narrow) == 1 else character
        out.append(
            chr(ord(character) + 0x60) if "ぁ" <= character <= "ゖ" and character != "の" else character
        )
    return _ROUND_ZEROS.sub(lambda circles: "〇" * len(circles.group()), "".join(out))


def _run_at(normal: str, start: int) -> DigitRun | None:
    groups: list[str] = []
    starts: list[int] = []
    kana = others = 0
    end = position = start
    while True:
        amount = _amount_at(normal, position)
        group = amount or _digits_at(normal, position)
        if group is None:
            break
        groups.append(group.digits)
        starts.append(position)
        kana += group.kana
        others += group.others
        end = group.end
        separator = _SEPARATOR.match(normal, end)
        if separator is None and _DIGIT.match(normal, end) is None:
            break
        position = end if separator is None else separator.end()
    if not groups or (others == 0 and kana < _FEWEST_KANA):
        return None
    return DigitRun(tuple(groups), start, end, tuple(starts))


@dataclass(frozen=True, slots=True)
class _Group:
    digits: str
    end: int
    kana: int
    others: int


def _digits_at(normal: str, start: int) -> _Group | None:
    """Digits said one by one; words after figures begin a group of their own (「5841はちよん」)."""
    digits = ""
    kana = others = 0
    position = start
    while (match := _DIGIT.match(normal, position)) is not None:
        word = match.group()
        if digits and word in _KANA and normal[position - 1].isascii():
            break
        kana += word in _KANA
        others += word not in _KANA
        digits += _KANJI.get(word) or _KANA.get(word) or word
        position = match.end()
    return _Group(digits, position, kana, others) if digits else None


def _amount_at(normal: str, start: int) -> _Group | None:
    """A number written as an amount: with thousands apart, or with 万, 千, 百, 十.

    A number that ends in 万 is left to the reader of amounts: 「30万」 is the run 30 before a 万.
    """
    thousands = _THOUSANDS.match(normal, start)
    if thousands is not None:
        return _Group(thousands.group().replace(",", ""), thousands.end(), 0, 1)
    for pattern in (_MYRIADS, _HUNDREDS, _COUNTED):
        match = pattern.match(normal, start)
        if match is not None:
            parts = match.groupdict()
            high = _value(parts.get("high") or "") * 10_000 + _value(parts.get("unit") or "")
            return _Group(str(high + _value(parts["low"])), match.end(), 0, 1)
    return None


def _value(written: str) -> int:
    """「二百三」 → 203, 「881」 → 881, nothing → 0."""
    if written.isascii():
        return int(written or "0")
    total, count = 0, 0
    for character in written:
        if character in _UNITS:
            total += (count or 1) * _UNITS[character]
            count = 0
        else:
            count = _ONES[character] if character in _ONES else int(character)
    return total + count

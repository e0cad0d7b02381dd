"""Numbers that were read out: several readings of the same audio, voted on, in place of a first text.

Free to write figures, Whisper writes amounts, drops zeros and joins groups: 「八十の五千五十」 becomes
「80の5、1510」. Shown numbers in kanji, as a text before, and denied figures, it writes each as it was
spoken, digits as well as amounts, and it can be told where a group ends. One such reading is to be
trusted no more than the first text, and may repeat what it was shown; a number is taken when two
readings, or a reading and the first text, have the same digits. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Final

from koemori.models.types import Word

READING_PROMPTS: Final = (
    "〇三の二千三百四十の七千八十九。一万二千三百五。",
    "電話番号は、〇八〇の一二三四の五六七八です。注文番号は、Aの一二〇三四です。",
    "電話番号は、〇三の二千三百四十の七千八十九。契約番号は、エーの一万二千三百五。",
)
"""Texts before that show numbers as they are spoken; each errs on its own."""

_SIGNS: Final = dict(zip("〇零一二三四五六七八九", "00123456789", strict=True))
_UNITS: Final = {"十": 10, "百": 100, "千": 1000}
_NUMERAL: Final = r"[0-9〇零一二三四五六七八九十百千万]"
_KANA: Final = {"ご": "五", "さん": "三", "ゼロ": "〇", "に": "二"}
_SPELLED: Final = re.compile(rf"(?<={_NUMERAL}|[の、])(?:{'|'.join(_KANA)})(?=、?{_NUMERAL})")
_BETWEEN: Final = r"[の乗、。,.\-\s]{0,2}"
_RUN: Final = re.compile(rf"{_NUMERAL}(?:{_BETWEEN}{_NUMERAL})*")
_GROUP_END: Final = re.compile(r"[の乗\-]")
_BELOW_10000: Final = (
    r"(?:[二三四五六七八九]?千)?(?:[二三四五六七八九]?百)?(?:[二三四五六七八九]?十)?[一二三四五六七八九]?"
)
_AMOUNT: Final = re.compile(
    rf"(?=.*[十百千万])(?:(?P<high>(?=[^万]){_BELOW_10000})万)?(?P<low>{_BELOW_10000})"
)
_ONE_BY_ONE: Final = re.compile(r"[〇零一二三四五六七八九]+|[0-9]+")
_PHONES: Final = re.compile(
    r"0?[5789]0 [0-9]{4} [0-9]{4}|0?[36] [1-9][0-9]{3} [0-9]{4}"
    r"|0?[1-9][1-9] [1-9][0-9]{2} [0-9]{4}|0?[1-9][1-9][0-9] [1-9][0-9] [0-9]{4}"
)
_AMOUNT_FOLLOWS: Final = re.compile(
    r"^\s*(?:円|分|時|日|月|年|回|度|歳|才|人|名|階|個|台|本|枚|%|パーセント|割|か月|ヶ月|万|週|営業)"
)
_MYRIADS: Final = re.compile("[0-9]万[0-9]")
_FEWEST_DIGITS: Final = 3
_FEWEST_SOUGHT: Final = 7
_MOST_CUTS: Final = 64
_FIGURES: Final = frozenset("0123456789の、,. -")
_LEAST_FIGURES: Final = 0.6
_MOST_KANA_WORDS: Final = 8
_KANA_NUMERALS: Final = re.compile(
    "の?(?:ゼロ|[れレ][いイ]|いち|イチ|に|ニー?|さん|サン|よん|ヨン|ご|ゴー?|ろく|ロク|なな|ナナ|はち|ハチ|きゅう|キュウ"
    "|じゅう|ひゃく|せん|まん|マン)+"
)
_LONGEST_STRETCH: Final = 24
_EDGE_MS: Final = 400
_LEAST_ALIKE: Final = 0.5
_LEAST_VOTES: Final = 2


@dataclass(frozen=True, slots=True)
class _Number:
    """A number as one reading allows it; a reading may allow several cuts into groups."""

    reading: int
    start_ms: int
    end_ms: int
    groups: tuple[str, ...]

    @property
    def digits(self) -> str:
        return "".join(self.groups)


@dataclass(frozen=True, slots=True)
class _Group:
    digits: str
    first: int
    end: int
    """Numerals of the run that it takes up."""


def holds_number(text: str) -> bool:
    """Whether a first text has a number in it that may have been read out, not only an amount or a date."""
    for run in _RUN.finditer(text):
        long = len(re.findall("[0-9]", run.group())) >= _FEWEST_SOUGHT
        if (long or _MYRIADS.search(run.group())) and not _AMOUNT_FOLLOWS.match(text[run.end() :]):
            return True
    return False


def with_numbers(words: tuple[Word, ...], readings: Sequence[tuple[Word, ...]]) -> tuple[Word, ...]:
    """The first text's words with the numbers that readings agree on, in figures, groups joined by 「の」.

    Args:
        words: What was written first, with times.
        readings: The same audio, written after `READING_PROMPTS`.

    Returns:
        Words; one that holds an agreed number has `heard` set to what was written first.
    """
    found = [number for place, reading in enumerate(readings) for number in _numbers(place, reading)]
    while found:
        digits = max({number.digits for number in found}, key=lambda digits: _rank(digits, found))
        agreeing = [number for number in found if number.digits == digits]
        start_ms = max(number.start_ms for number in agreeing)
        end_ms = min(number.end_ms for number in agreeing)
        span = _span(words, start_ms, end_ms)
        if span is not None and _is_agreed(agreeing, words[span[0] : span[1]], words[span[1] :]):
            taken = _taken(words, span, _clearest(agreeing))
            words = (*words[: span[0]], taken, *words[span[1] :])
            found = [number for number in found if number.end_ms <= start_ms or number.start_ms >= end_ms]
        found = [number for number in found if number not in agreeing]
    return words


def _rank(digits: str, found: list[_Number]) -> tuple[bool, int, int, str]:
    agreeing = [number for number in found if number.digits == digits]
    phone = any(_has_phone(number.groups) for number in agreeing)
    return phone, len({number.reading for number in agreeing}), len(digits), digits


def _clearest(agreeing: list[_Number]) -> tuple[str, ...]:
    return min((number.groups for number in agreeing), key=lambda g: (not _has_phone(g), len(g), g))


def _is_agreed(agreeing: list[_Number], written: Sequence[Word], after: Sequence[Word]) -> bool:
    figures = "".join(re.findall("[0-9]", "".join(word.text for word in written)))
    digits = agreeing[0].digits
    votes = len({number.reading for number in agreeing}) + (figures == digits)
    alike = SequenceMatcher(None, figures, digits, autojunk=False).ratio()
    amount = _AMOUNT_FOLLOWS.match("".join(word.text for word in after))
    return votes >= _LEAST_VOTES and alike >= _LEAST_ALIKE and amount is None


def _taken(words: tuple[Word, ...], span: tuple[int, int], groups: tuple[str, ...]) -> Word:
    first, last = words[span[0]], words[span[1] - 1]
    written = words[span[0] : span[1]]
    heard = "".join(word.text for word in written)
    joined = span[0] > 0 and words[span[0] - 1].text[-1].isdigit()
    lead = heard[0] if heard[0] in "の、。 " else "、" if joined else ""
    tail = "、" if span[1] < len(words) and words[span[1]].text[0].isdigit() else ""
    probability = round(sum(word.probability for word in written) / len(written), 3)
    text = f"{lead}{'の'.join(groups)}{tail}"
    return Word(text, first.start_ms, last.end_ms, probability, first.speaker, heard)


def _has_phone(groups: tuple[str, ...]) -> bool:
    return any(_PHONES.fullmatch(" ".join(groups[place : place + 3])) for place in range(len(groups) - 2))


def _span(words: tuple[Word, ...], start_ms: int, end_ms: int) -> tuple[int, int] | None:
    """The words with figures at that time, what stands between them, and numerals in kana before them."""
    inside = [
        place
        for place, word in enumerate(words)
        if re.search("[0-9]", word.text) and _lies_in(word, start_ms, end_ms)
    ]
    if not inside:
        return None
    first, last = inside[0], inside[-1] + 1
    written = "".join(word.text for word in words[first:last])
    if sum(sign in _FIGURES for sign in written) < _LEAST_FIGURES * len(written):
        return None
    earlier = range(first - 1, max(-1, first - _MOST_KANA_WORDS), -1)
    for place in earlier:
        before = "".join(word.text for word in words[place:first])
        if not _lies_in(words[place], start_ms, end_ms):
            break
        if _KANA_NUMERALS.fullmatch(before):
            first = place
    return first, last


def _lies_in(word: Word, start_ms: int, end_ms: int) -> bool:
    return start_ms - _EDGE_MS <= (word.start_ms + word.end_ms) / 2 <= end_ms + _EDGE_MS


def _numbers(place: int, reading: tuple[Word, ...]) -> Iterator[_Number]:
    text = "".join(word.text for word in reading)
    spelled = _SPELLED.sub(lambda match: _KANA[match.group()].ljust(len(match.group()), "、"), text)
    for run in _RUN.finditer(spelled):
        numerals = [at for at in range(run.start(), run.end()) if re.match(_NUMERAL, spelled[at])]
        for way in _ways(run.group()):
            for part in _parts(way):
                times = _times(reading, numerals[part[0].first], numerals[part[-1].end - 1] + 1)
                number = _Number(place, *times, tuple(group.digits for group in part))
                if len(number.digits) >= _FEWEST_DIGITS:
                    yield number


def _parts(way: tuple[_Group, ...]) -> list[tuple[_Group, ...]]:
    """A phone number, what was said before it and what was said after it are numbers of their own."""
    for place in range(len(way) - 2):
        if _has_phone(tuple(group.digits for group in way[place : place + 3])):
            cut = (way[:place], way[place : place + 3], way[place + 3 :])
            return [part for part in cut if part]
    return [way]


def _times(words: tuple[Word, ...], start: int, end: int) -> tuple[int, int]:
    at, inside = 0, []
    for word in words:
        if at < end and at + len(word.text) > start:
            inside.append(word)
        at += len(word.text)
    return inside[0].start_ms, inside[-1].end_ms


def _ways(run: str) -> list[tuple[_Group, ...]]:
    """How a run of numerals may be cut into groups: into a phone number if it can be, else into the fewest.

    「の」 ends a group; a pause may end one or lie within one.
    """
    wholes: list[tuple[_Group, ...]] = [()]
    first = 0
    for part in _GROUP_END.split(run):
        numerals = "".join(re.findall(_NUMERAL, part))
        cuts = _cuts(numerals) if len(numerals) <= _LONGEST_STRETCH else ()
        if numerals and not cuts:
            return []
        wholes = [
            (*whole, *(_Group(group.digits, first + group.first, first + group.end) for group in cut))
            for whole in wholes
            for cut in cuts or ((),)
        ][:_MOST_CUTS]
        first += len(numerals)

    def rank(way: tuple[_Group, ...]) -> tuple[bool, int]:
        return not _has_phone(tuple(group.digits for group in way)), len(way)

    best = min(map(rank, wholes))
    return [way for way in wholes if way and rank(way) == best]


@lru_cache(maxsize=1024)
def _cuts(numerals: str) -> tuple[tuple[_Group, ...], ...]:
    if not numerals:
        return ((),)
    found: list[tuple[_Group, ...]] = []
    for end in range(len(numerals), 0, -1):
        digits = _digits(numerals[:end])
        if digits is not None:
            head = _Group(digits, 0, end)
            found += [
                (head, *(_Group(group.digits, end + group.first, end + group.end) for group in rest))
                for rest in _cuts(numerals[end:])
            ]
    return tuple(sorted(found, key=len)[:_MOST_CUTS])


def _digits(numerals: str) -> str | None:
    """「千五百十七」 → 1517, 「〇八〇」 → 080; None for what is neither an amount nor digits one by one."""
    if _ONE_BY_ONE.fullmatch(numerals):
        return "".join(_SIGNS.get(sign, sign) for sign in numerals)
    match = _AMOUNT.fullmatch(numerals)
    if match is None:
        return None
    return str(_counted(match.group("high") or "") * 10_000 + _counted(match.group("low")))


def _counted(written: str) -> int:
    total = count = 0
    for sign in written:
        if sign in _UNITS:
            total += (count or 1) * _UNITS[sign]
            count = 0
        else:
            count = int(_SIGNS[sign])
    return total + count

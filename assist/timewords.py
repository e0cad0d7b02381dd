"""Expressions of time as people say them: 「昨日の夜から」, 「来月一日の午前」, 「三日前」, 「五日以内」.

They are found in folded text, kept as they were said, and resolved against the date of the call where the
words allow one answer. What stays open stays open: 「先日」 has no date.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from koemori.assist.phrases import fold

_N: Final = r"(?:[0-9]+|[〇一二三四五六七八九十百]+|数)"
_DAY: Final = (
    "一昨日|おととい|昨日|きのう|昨晩|昨夜|ゆうべ|本日|今日|きょう|今朝|けさ|今晩|今夜|明後日|あさって"
    "|明日|あした|あす(?=[のはにまも]|中)|翌日|翌朝|先ほど|さきほど|さっき|先日|この前|この間|先々週|先週|今週|再来週|来週"
    "|先々月|先月|今月|再来月|来月|一昨年|おととし|昨年|去年|今年|来年|年末|年始|年内|正月|お盆"
    "|月末|月初|月初め|週末|週明け|三連休|連休明け|連休|年明け|大晦日|元日|元旦|夏休み|冬休み|春休み"
    "|ゴールデンウィーク|シルバーウィーク|クリスマス|年度末|年度初め|前日|先程|こないだ|このあいだ|このまえ|以前"
)
_AGO: Final = (
    rf"(?:{_N}(?:日|週間|か月|ヶ月|カ月|ヵ月|ケ月|月|年|時間|分)半?|半年|半月|半日)"
    "(?:間|ほど|くらい|ぐらい|近く|以上)*前"
)
_SPAN: Final = rf"{_N}(?:営業日|週間|時間|か月|ヶ月|カ月|日|分)(?:以内|後|のうち|をめど|を目途|を目安)"
_DATE: Final = (
    rf"(?:{_N}年)?(?:{_N}月分|{_N}月{_N}日|{_N}月(?:末|初め|上旬|中旬|下旬|頃|ごろ)?(?!曜)|{_N}日)"
    "(?!間|前|以内|後|目|分|曜|ほど|も)"
)
_WEEKDAY: Final = r"(?:今度の|次の|この前の|この間の|前の)?[月火水木金土日]曜日?"
_HOUR: Final = rf"(?:午前|午後|朝|昼|夕方|夜|深夜|お昼)?の?{_N}時(?:半|{_N}分)?(?!間)"
_PART: Final = "午前中|午前|午後|正午|夕方|夜中|深夜|明け方|早朝|お昼|夜|朝|昼|晩"
_ATOM: Final = f"{_DAY}|{_AGO}|{_SPAN}|{_DATE}|{_WEEKDAY}|{_HOUR}"
_TAIL: Final = (
    "終わり(?!ま)|初め|はじめ|頭(?!に)|半ば"
    "|頃|ごろ|くらい|ぐらい|過ぎ|すぎ|中旬|上旬|下旬|末|中(?!央|学|心)|分(?!か|り|る|間)|じゅう(?!う)"
)
_REACH: Final = "から|以降|まで(?:に)?|以来|ずっと"
_SINGLE: Final = rf"(?:{_ATOM})(?:の?(?:{_ATOM}|{_PART}))*(?:の?(?:{_TAIL}))*"
_NIGHTS: Final = rf"(?:{_N}泊)?"
_EVENT: Final = r"(?:の[ァ-ヴー]{3,8}の(?:後|あと|前|とき|時)(?:から)?)?"
_EXPRESSION: Final = re.compile(rf"{_SINGLE}(?:と{_SINGLE})?{_EVENT}(?:{_REACH})?{_NIGHTS}")
_DIGITS: Final = dict(zip("〇一二三四五六七八九", range(10), strict=True))
_OFFSETS: Final = {
    "一昨日": -2, "おととい": -2, "昨日": -1, "きのう": -1, "昨晩": -1, "昨夜": -1, "ゆうべ": -1,
    "本日": 0, "今日": 0, "きょう": 0, "今朝": 0, "けさ": 0, "今晩": 0, "今夜": 0,
    "明日": 1, "あした": 1, "あす": 1, "明後日": 2, "あさって": 2,
}  # fmt: skip
_MONTHS: Final = {"先々月": -2, "先月": -1, "今月": 0, "来月": 1, "再来月": 2}
_YEARS: Final = {"一昨年": -2, "おととし": -2, "昨年": -1, "去年": -1, "今年": 0, "来年": 1}
_WEEKS: Final = {"先々週": -2, "先週": -1, "今週": 0, "来週": 1, "再来週": 2}
_WEEKDAYS: Final = "月火水木金土日"


@dataclass(frozen=True, slots=True)
class TimeWords:
    """An expression of time; `said` is exactly as spoken, offsets are in the text."""

    said: str
    folded: str
    start: int
    end: int

    @property
    def is_past(self) -> bool:
        """Whether it speaks of something behind the call rather than before it."""
        return (
            not re.match(r"来|明|再来|翌|週明け|年内|今週中|今月中|本日中", self.folded)
            and not self.is_deadline
        )

    @property
    def is_deadline(self) -> bool:
        """Whether it says by when."""
        return bool(re.search(r"まで(?:に)?$|以内$|後$|中$|うち$|めど$|目途$|目安$|じゅう$", self.folded))


def time_words(text: str) -> list[TimeWords]:
    """Expressions of time in `text`, in order."""
    folded = fold(text)
    found = []
    for match in _EXPRESSION.finditer(folded.text):
        start = folded.offsets[match.start()]
        end = folded.offsets[match.end() - 1] + 1
        found.append(TimeWords(text[start:end], match.group(), start, end))
    return found


def number_of(text: str) -> int | None:
    """A whole number in digits or kanji (up to 999), or None."""
    if text.isascii() and text.isdigit():
        return int(text)
    total = 0
    digit = 0
    seen = False
    for character in text:
        if character in _DIGITS:
            digit = digit * 10 + _DIGITS[character]
        elif character in "十百":
            total += (digit or 1) * (10 if character == "十" else 100)
            digit = 0
        else:
            return None
        seen = True
    return total + digit if seen else None


def resolved(words: TimeWords, called_on: date) -> str | None:
    """The day, month or year meant, as ISO 8601; None when the words leave it open."""
    text = words.folded
    for table, resolve in (
        (_OFFSETS, _by_day),
        (_WEEKS, _by_week),
        (_MONTHS, _by_month),
        (_YEARS, _by_year),
    ):
        for word in sorted(table, key=len, reverse=True):
            if text.startswith(word):
                return resolve(text[len(word) :], table[word], called_on)
    ago = re.match(rf"({_N}|半)(日|週間|か月|ヶ月|カ月|ヵ月|ケ月|月|年)(?:ほど|くらい|ぐらい)?前", text)
    if ago:
        return _ago(ago.group(1), ago.group(2), called_on)
    full = re.match(rf"({_N})月({_N})日", text)
    if full:
        return _full(number_of(full.group(1)), number_of(full.group(2)), called_on)
    return None


def _by_day(_: str, offset: int, called_on: date) -> str:
    return (called_on + timedelta(days=offset)).isoformat()


def _by_week(rest: str, offset: int, called_on: date) -> str | None:
    day = re.match(r"の?([月火水木金土日])曜", rest)
    if day is None:
        return None
    monday = called_on - timedelta(days=called_on.weekday()) + timedelta(weeks=offset)
    return (monday + timedelta(days=_WEEKDAYS.index(day.group(1)))).isoformat()


def _by_month(rest: str, offset: int, called_on: date) -> str:
    year, month = _shift(called_on, offset)
    day = re.match(rf"の?({_N})日", rest)
    number = number_of(day.group(1)) if day else None
    if number is not None:
        try:
            return date(year, month, number).isoformat()
        except ValueError:
            pass
    return f"{year:04d}-{month:02d}"


def _by_year(rest: str, offset: int, called_on: date) -> str:
    month = re.match(rf"の?({_N})月", rest)
    number = number_of(month.group(1)) if month else None
    year = called_on.year + offset
    return f"{year:04d}-{number:02d}" if number is not None and 1 <= number <= 12 else f"{year:04d}"


def _shift(called_on: date, months: int) -> tuple[int, int]:
    total = called_on.year * 12 + called_on.month - 1 + months
    return total // 12, total % 12 + 1


def _ago(count: str, unit: str, called_on: date) -> str | None:
    if count == "半":
        year, month = _shift(called_on, -6)
        return f"{year:04d}-{month:02d}" if unit == "年" else None
    number = number_of(count)
    if number is None:
        return None
    if unit in ("日", "週間"):
        return (called_on - timedelta(days=number * (7 if unit == "週間" else 1))).isoformat()
    if unit == "年":
        return f"{called_on.year - number:04d}"
    year, month = _shift(called_on, -number)
    return f"{year:04d}-{month:02d}"


def _full(month: int | None, day: int | None, called_on: date) -> str | None:
    """The nearest such day, looking back half a year and ahead half a year."""
    if month is None or day is None:
        return None
    found = []
    for year in (called_on.year - 1, called_on.year, called_on.year + 1):
        try:
            found.append(date(year, month, day))
        except ValueError:
            continue
    return min(found, key=lambda day: abs((day - called_on).days)).isoformat() if found else None

"""Personal data in text, found and masked: for logs, search previews, exports and reuse.

Finds phone numbers, card numbers, order and customer numbers, e-mail addresses, post codes, street addresses
and names of persons. Names come from the dictionary's proper nouns and from words that only follow a name
(様, さん, と申します), so a rare name that nothing introduces can stay; whoever needs certainty must not
rely on this alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from koemori.assist.numerals import digit_runs
from koemori.assist.words import words_of


class PersonalData(StrEnum):
    """What kind of personal data a span holds."""

    NAME = "name"
    PHONE = "phone"
    CARD = "card"
    NUMBER = "number"
    ADDRESS = "address"
    POSTCODE = "postcode"
    EMAIL = "email"


MASKS: Final = {
    PersonalData.NAME: "[氏名]",
    PersonalData.PHONE: "[電話番号]",
    PersonalData.CARD: "[カード番号]",
    PersonalData.NUMBER: "[番号]",
    PersonalData.ADDRESS: "[住所]",
    PersonalData.POSTCODE: "[郵便番号]",
    PersonalData.EMAIL: "[メール]",
}
_FEWEST_DIGITS: Final = 4
_EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]+(?:@|アットマーク)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_POSTCODE: Final = re.compile(r"〒?[0-9０-９]{3}[-の－‐ー][0-9０-９]{4}(?![0-9０-９])")
_PREFECTURES: Final = (
    "北海道|東京都|大阪府|京都府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|新潟|富山|石川|福井|山梨"
    "|長野|岐阜|静岡|愛知|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|徳島|香川|愛媛|高知|福岡|佐賀|長崎|熊本"
    "|大分|宮崎|鹿児島|沖縄)県"
)
_NUMERAL: Final = "[0-9０-９一二三四五六七八九十百]"
_ADDRESS: Final = re.compile(
    rf"(?:(?:{_PREFECTURES})?[一-龥々ヶぁ-んァ-ヴー]{{1,6}}?[市区町村郡](?:[一-龥々ヶァ-ヴーの]{{0,10}}?)"
    rf"{_NUMERAL}+(?:丁目|番地?|号|の|-|－)(?:{_NUMERAL}+(?:丁目|番地?|号室?|の|-|－)?)*)"
    rf"|(?:{_PREFECTURES})[一-龥々ヶ]{{1,6}}?[市区町村郡][一-龥々ヶァ-ヴー]{{0,10}}"
)
_CALLED: Final = re.compile(r"([一-龥々ァ-ヴー]{1,8})(?=様|さん|さま|氏|と申し|といいます|と言います)")
_NOT_PERSONS: Final = re.compile(
    r"(?:客|皆|子|母|父|嬢|奥|娘|息子|孫|神|業者|店員|店長|担当|担当者|責任者|社長|本人|家族|主人|者|員|屋|方|人)$"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Personal data at `text[start:end]`."""

    kind: PersonalData
    start: int
    end: int


def personal_spans(text: str) -> list[Span]:
    """Personal data in `text`, in order, without overlaps; the longer finding wins."""
    found = [
        *(Span(PersonalData.EMAIL, match.start(), match.end()) for match in _EMAIL.finditer(text)),
        *(Span(PersonalData.ADDRESS, match.start(), match.end()) for match in _ADDRESS.finditer(text)),
        *(Span(PersonalData.POSTCODE, match.start(), match.end()) for match in _POSTCODE.finditer(text)),
        *_numbers(text),
        *_names(text),
    ]
    return _without_overlaps(found)


def redacted(text: str) -> str:
    """`text` with every personal span replaced by what kind of data it was."""
    parts = []
    position = 0
    for span in personal_spans(text):
        parts += [text[position : span.start], MASKS[span.kind]]
        position = span.end
    return "".join([*parts, text[position:]])


def _numbers(text: str) -> Iterable[Span]:
    for run in digit_runs(text):
        count = len(run.digits)
        if run.digits.startswith("0") and count in (10, 11):
            yield Span(PersonalData.PHONE, run.start, run.end)
        elif 14 <= count <= 16:
            yield Span(PersonalData.CARD, run.start, run.end)
        elif count >= _FEWEST_DIGITS and not re.match(r"円|万|年|人|個|回|件|ポイント|キロ", text[run.end :]):
            yield Span(PersonalData.NUMBER, run.start, run.end)


def _names(text: str) -> Iterable[Span]:
    for word in words_of(text):
        if word.kind[2] == "人名":
            yield Span(PersonalData.NAME, word.start, word.end)
    for match in _CALLED.finditer(text):
        name = match.group(1)
        if not _NOT_PERSONS.search(name) and words_of(name)[-1:] and _may_be_name(name):
            yield Span(PersonalData.NAME, match.start(), match.end())


def _may_be_name(name: str) -> bool:
    words = words_of(name)
    return any(word.kind[1] == "固有名詞" for word in words) or len(name) <= 4


def _without_overlaps(found: Iterable[Span]) -> list[Span]:
    """The longest spans; neighbours of one kind (family and given name) become one."""
    kept: list[Span] = []
    for span in sorted(found, key=lambda span: (span.start - span.end, span.start)):
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    joined: list[Span] = []
    for span in sorted(kept, key=lambda span: span.start):
        if joined and joined[-1].end == span.start and joined[-1].kind is span.kind:
            span = Span(span.kind, joined.pop().start, span.end)
        joined.append(span)
    return joined

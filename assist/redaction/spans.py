"""What personal data is called, where it stands, and what stands in its place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

REDACTOR_VERSION: Final = "2"
"""Raised with every change of what is found; figures and renditions carry it."""


class PersonalData(StrEnum):
    """What kind of personal data a span holds."""

    NAME = "name"
    PHONE = "phone"
    CARD = "card"
    """A payment card's number, its expiry date or its security code."""
    NUMBER = "number"
    """Order, contract, customer, member, account number."""
    ADDRESS = "address"
    POSTCODE = "postcode"
    EMAIL = "email"
    BIRTHDATE = "birthdate"


MASKS: Final = {
    PersonalData.NAME: "[氏名]",
    PersonalData.PHONE: "[電話番号]",
    PersonalData.CARD: "[カード番号]",
    PersonalData.NUMBER: "[番号]",
    PersonalData.ADDRESS: "[住所]",
    PersonalData.POSTCODE: "[郵便番号]",
    PersonalData.EMAIL: "[メール]",
    PersonalData.BIRTHDATE: "[生年月日]",
}

DIGITS: Final = frozenset({PersonalData.PHONE, PersonalData.CARD, PersonalData.NUMBER, PersonalData.POSTCODE})
"""Kinds that are said digit by digit."""


LETTER_NAME: Final = (
    "(?:ダブリュー|エックス|エイチ|エッチ|ジェー|ジェイ|ディー|ティー|アール|キュー|ゼット|ビー|シー|デー|エフ|ジー|アイ"
    "|ケー|ケイ|エル|エム|エヌ|ピー|エス|ユー|ブイ|ワイ|エー|エイ|イー|オー)"
)
"""Letters as they are spoken."""


@dataclass(frozen=True, slots=True)
class Span:
    """Personal data at `text[start:end]`."""

    kind: PersonalData
    start: int
    end: int

    @property
    def length(self) -> int:
        """In characters."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class HeardSpan:
    """Personal data in one utterance of a call."""

    utterance_id: str
    span: Span


def merged(found: Iterable[Span]) -> list[Span]:
    """Spans in order and apart; what any of them covers stays covered.

    Overlapping ones become one of the longest one's kind, of equally long ones the first one's; neighbours of
    one kind (family and given name) become one as well.
    """
    out: list[Span] = []
    longest = 0
    for span in sorted(found, key=lambda span: (span.start, -span.end)):
        last = out[-1] if out else None
        if last is None or span.start > last.end or (span.start == last.end and span.kind is not last.kind):
            out.append(span)
            longest = span.length
            continue
        kind = span.kind if span.length > longest else last.kind
        longest = max(longest, span.length)
        out[-1] = Span(kind, last.start, max(last.end, span.end))
    return out


def masked(text: str, spans: Iterable[Span]) -> str:
    """`text` with every span replaced by what kind of data it was.

    Args:
        text: The words.
        spans: In order and apart, as `merged` gives them.
    """
    parts = []
    position = 0
    for span in spans:
        parts += [text[position : span.start], MASKS[span.kind]]
        position = span.end
    return "".join([*parts, text[position:]])

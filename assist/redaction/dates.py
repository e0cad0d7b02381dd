"""Dates that are personal: of birth, and the expiry of a card. Other dates are left alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from koemori.assist.redaction.cues import cues_in
from koemori.assist.redaction.spans import PersonalData, Span

_NUMERAL: Final = (
    "(?:[0-9０-９〇零一二三四五六七八九十百千元]|ゼロ|イチ|ニ|サン|ヨン|ゴ|ロク|ナナ|ハチ|キュウ)"
)
_ERA: Final = "(?:明治|大正|昭和|平成|令和|西暦)"
_GAP: Final = "[のと、\\s]{0,2}"
_DATE: Final = re.compile(
    rf"{_ERA}?{_NUMERAL}{{1,8}}年(?:{_GAP}{_NUMERAL}{{1,4}}月)?(?:{_GAP}{_NUMERAL}{{1,4}}日)?"
    rf"|{_NUMERAL}{{1,4}}月{_GAP}(?:{_NUMERAL}{{1,4}}日)?|{_NUMERAL}{{1,4}}日(?=生|です|$|。|、)"
    rf"|{_ERA}の?{_NUMERAL}{{1,3}}"
)


def date_spans(text: str, asked: Collection[PersonalData] = ()) -> Iterator[Span]:
    """Dates in `text` where one of birth or a card's expiry was asked for, or is spoken of."""
    spoken = cues_in(text)
    for kind in (PersonalData.BIRTHDATE, PersonalData.CARD):
        if kind in spoken or kind in asked:
            for match in _DATE.finditer(text):
                yield Span(kind, match.start(), match.end())
            return

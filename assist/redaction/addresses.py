"""Street addresses, post codes and e-mail addresses.

A town alone is no address: 「新宿の店で買った」 stays. Once an address was asked for, whatever names a place,
a block or a building is part of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from koemori.assist.redaction.spans import LETTER_NAME, PersonalData, Span
from koemori.assist.words import words_of

_PREFECTURES: Final = (
    "(?:北海道|東京都|大阪府|京都府|(?:青森|岩手|宮城|秋田|山形|福島|茨城|栃木|群馬|埼玉|千葉|神奈川|新潟|富山|石川|福井|山梨"
    "|長野|岐阜|静岡|愛知|三重|滋賀|兵庫|奈良|和歌山|鳥取|島根|岡山|広島|山口|徳島|香川|愛媛|高知|福岡|佐賀|長崎|熊本"
    "|大分|宮崎|鹿児島|沖縄)県)"
)
_KANA_TOWNS: Final = (
    "さいたま|つくば|いわき|ひたちなか|かすみがうら|うるま|えびの|みどり|あきる野|ふじみ野|たつの|つがる"
)
_TOWN: Final = rf"(?:{_KANA_TOWNS}|[一-龥々ヶ]{{1,6}}?)[市区町村郡]"
_NUMERAL: Final = "(?:[0-9０-９〇零一二三四五六七八九十百])"
_BLOCK: Final = rf"{_NUMERAL}+(?:丁目|番地?|号室?|の|-|－|‐|ー)"
_REST: Final = rf"(?:、?{_NUMERAL}+(?:丁目|番地?|号室?|の(?={_NUMERAL})|-|－|‐|ー)?)*"
_WITH_BLOCK: Final = re.compile(
    rf"{_PREFECTURES}?(?:{_TOWN}){{1,3}}[一-龥々ァ-ヴーの]{{0,10}}?{_BLOCK}の?{_REST}"
)
_DOWN_TO_TOWN: Final = re.compile(rf"{_PREFECTURES}(?:{_TOWN}){{1,3}}[一-龥々ァ-ヴー]{{0,10}}")
_KIND_OF_BUILDING: Final = (
    "(?:ハイツ|ハイム|コーポ|メゾン|マンション|アパート|レジデンス|タワー|ハウス|コート|パレス|ビル|団地|荘|寮"
    "|ヒルズ|テラス|プラザ)"
)
_NAMED: Final = "[一-龥々ァ-ヴーA-Za-z]"
_BUILDING: Final = rf"(?:{_NAMED}{{1,10}}{_KIND_OF_BUILDING}|{_KIND_OF_BUILDING}{_NAMED}{{1,10}})"
_FLAT: Final = rf"{_NUMERAL}+(?:号室?|階|の{_NUMERAL}+)?"
_IN_BUILDING: Final = re.compile(rf"{_BUILDING}の?{_FLAT}")
_PART: Final = re.compile(
    rf"{_BLOCK}の?{_REST}|{_BUILDING}|{_NUMERAL}+(?:号室|階|号)|{_NUMERAL}{{2,5}}|{_PREFECTURES}|{_TOWN}(?![役営議場])"
)
_POSTCODE: Final = re.compile(r"〒?[0-9０-９]{3}[-の－‐ー][0-9０-９]{4}(?![0-9０-９])")

_SIGN: Final = "(?:ドット|点|アンダー(?:バー|スコア|ライン)?|ハイフン|マイナス)"
_PIECE: Final = rf"(?:[A-Za-z0-9._%+-]|{LETTER_NAME}|{_SIGN}|[ァ-ヴー])"
_AT: Final = "(?:@|＠|アットマーク|アット)"
_EMAIL: Final = re.compile(rf"{_PIECE}(?:[、\s]?{_PIECE})*?[、\s]?{_AT}[、\s]?{_PIECE}(?:[、\s]?{_PIECE})*")
_SPELLED: Final = re.compile(
    rf"(?:[A-Za-z0-9._%+-]|{LETTER_NAME}|{_SIGN})(?:[、\s]?(?:[A-Za-z0-9._%+-]|{LETTER_NAME}|{_SIGN})){{2,}}"
)


def address_spans(text: str, asked: Collection[PersonalData] = ()) -> Iterator[Span]:
    """Addresses and post codes in `text`; `asked` says what was asked for just before."""
    for pattern in (_WITH_BLOCK, _DOWN_TO_TOWN, _IN_BUILDING):
        for match in pattern.finditer(text):
            yield Span(PersonalData.ADDRESS, match.start(), match.end())
    for match in _POSTCODE.finditer(text):
        yield Span(PersonalData.POSTCODE, match.start(), match.end())
    if PersonalData.ADDRESS in asked:
        yield from _answer(text)


def _answer(text: str) -> Iterator[Span]:
    """From the first to the last word of an answer that can be part of an address."""
    parts = [(match.start(), match.end()) for match in _PART.finditer(text)]
    parts += [(word.start, word.end) for word in words_of(text) if word.is_place]
    postcodes = [(match.start(), match.end()) for match in _POSTCODE.finditer(text)]
    parts = [part for part in parts if not any(low <= part[0] < high for low, high in postcodes)]
    if parts:
        yield Span(PersonalData.ADDRESS, min(start for start, _ in parts), max(end for _, end in parts))


def email_spans(text: str, asked: Collection[PersonalData] = ()) -> Iterator[Span]:
    """E-mail addresses, written or spelled out; where one was asked for, its parts as well."""
    for match in _EMAIL.finditer(text):
        yield Span(PersonalData.EMAIL, match.start(), match.end())
    if PersonalData.EMAIL in asked:
        for match in _SPELLED.finditer(text):
            yield Span(PersonalData.EMAIL, match.start(), match.end())

"""Numbers that lead to a person: phone, payment card, post code, customer and order numbers.

Amounts, times, counts and the names of models are left alone. A service's own number (0120, 0570) is nobody's
personal data.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from koemori.assist.numerals import digit_runs
from koemori.assist.redaction.cues import last_cue
from koemori.assist.redaction.spans import LETTER_NAME, PersonalData, Span

_UNIT: Final = re.compile(
    r"[、\s]?(?:円|万|億|千|分(?!の)|時|秒|日|月|年|個|回|度|歳|才|人|名(?!義)|階|か所|ヶ所|号室|丁目|番地|%|％|パーセント"
    r"|ミリ|cm|mm|センチ|メートル|キロ|グラム|リットル|km|kg|ml|本|枚|台|つ|割|週|か月|ヶ月|カ月|ヵ月|箱|袋|件|番目|通|組"
    r"|ポイント|ワット|ボルト|インチ|モデル|年製|型|桁|弾|号機|号車|倍|名様|社|泊|点|ドル|冊|匹|杯|足|着|軒|セット)"
)
_MONEY: Final = re.compile(r"[、\s]?(?:円|万円?|億|ドル)")
_MODEL: Final = re.compile(
    r"(?:型番|品番|機種|モデル|型式|エラー|コード|規格|サイズ|容量|音量|シリーズ|バージョン|ウィンドウズ|フリーダイヤル)"
    r"[^、。番]{0,10}$"
)
_LETTERS_BEFORE: Final = re.compile(r"[A-Za-zＡ-Ｚａ-ｚ]{2,}[-‐ー]?$")
_LETTERS_AFTER: Final = re.compile(r"[A-Za-zＡ-Ｚａ-ｚ]")
_PREFIX: Final = re.compile(
    rf"(?<![A-Za-zァ-ヴー])(?:[A-Za-zＡ-Ｚａ-ｚ]|{LETTER_NAME}){{1,3}}(?:の|-|ハイフン|、|\\s){{0,2}}$"
)
_FILLED: Final = re.compile(
    r"[、。\s]*(?:の|えー?っ?と|ええっ?と|あの|その|はい|で|から|次[がは]?|続けて|それから|ね|です)*[、。\s]*"
)
_SERVICE: Final = ("0120", "0570")
_SHORTEST: Final = 4
_SURE: Final = 9
"""So many digits are no count, whatever word follows."""
_CARD_LENGTHS: Final = range(13, 20)
_CARD_USUALLY: Final = 16
_NEAR_CUE: Final = 14
_NOTHING: Final[Mapping[str, PersonalData]] = {}


@dataclass(frozen=True, slots=True)
class Chain:
    """Digits said in a row, with at most fillers between the groups; offsets are in the text."""

    digits: str
    groups: tuple[str, ...]
    start: int
    end: int


def luhn(digits: str) -> bool:
    """Whether the check digit of a payment card fits (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_card(digits: str) -> bool:
    """Whether the digits can be a card's; recognisers drop or double one, so length alone is enough."""
    return (len(digits) in _CARD_LENGTHS and luhn(digits)) or len(digits) in (14, 15, 16)


def is_phone(digits: str) -> bool:
    """Whether the digits can be a phone number's, one dropped digit allowed."""
    return digits.startswith("0") and 9 <= len(digits) <= 11


def is_whole(digits: str) -> bool:
    """Whether nothing is missing: further digits belong to another number."""
    return (len(digits) >= 10 and is_phone(digits)) or len(digits) >= _CARD_USUALLY


def chains(text: str) -> list[Chain]:
    """Runs of digits in `text`; runs with nothing but fillers between them are one."""
    out: list[Chain] = []
    for run in digit_runs(text):
        last = out[-1] if out else None
        between = None if last is None else _FILLED.fullmatch(text, last.end, run.start)
        if last is not None and between and not is_whole(last.digits) and not is_whole(run.digits):
            out[-1] = Chain(last.digits + run.digits, (*last.groups, *run.groups), last.start, run.end)
        else:
            out.append(Chain(run.digits, run.groups, run.start, run.end))
    return out


def number_spans(
    text: str, asked: Collection[PersonalData] = (), known: Mapping[str, PersonalData] = _NOTHING
) -> Iterator[Span]:
    """Numbers in `text`.

    Args:
        text: One utterance.
        asked: What was asked for just before.
        known: Digits known to be personal and what they are; so is a part of three or more of them.
    """
    before = 0
    for chain in chains(text):
        kind = _kind(text, chain, before, asked, known)
        before = chain.end
        if kind is not None:
            letters = _PREFIX.search(text[: chain.start]) if kind is PersonalData.NUMBER else None
            yield Span(kind, chain.start if letters is None else letters.start(), chain.end)


def counted(text: str, chain: Chain) -> bool:
    """Whether the chain is an amount, a time, a count or the name of a model."""
    after = text[chain.end :]
    if _MONEY.match(after):
        return True
    if len(chain.digits) >= _SURE:
        return False
    if (_UNIT.match(after) and _plausible(chain.digits, after)) or _MODEL.search(text[: chain.start]):
        return True
    between_letters = _LETTERS_BEFORE.search(text[: chain.start]) or _LETTERS_AFTER.match(after)
    return len(chain.digits) <= _SHORTEST and between_letters is not None


def _kind(
    text: str, chain: Chain, before: int, asked: Collection[PersonalData], known: Mapping[str, PersonalData]
) -> PersonalData | None:
    digits = chain.digits
    announced = _announced(text[before : chain.start])
    if announced is None and not asked and digits.startswith(_SERVICE):
        return None
    if counted(text, chain):
        return None
    if is_card(digits):
        return PersonalData.CARD
    if is_phone(digits):
        return PersonalData.PHONE
    wanted = announced or next((kind for kind in _ORDER if kind in asked), None)
    if wanted is PersonalData.PHONE and _PREFIX.search(text[: chain.start]):
        wanted = PersonalData.NUMBER
    if wanted is PersonalData.POSTCODE and len(digits) > 7:
        wanted = PersonalData.NUMBER
    if wanted is not None and len(digits) >= (2 if announced is None else 3):
        return wanted
    for one, kind in known.items():
        if _part_of(digits, one):
            return kind
    if len(digits) >= _SHORTEST:
        return PersonalData.POSTCODE if _is_postcode(text, chain) else PersonalData.NUMBER
    return None


_ORDER: Final = (PersonalData.CARD, PersonalData.PHONE, PersonalData.POSTCODE, PersonalData.NUMBER)


def _plausible(digits: str, after: str) -> bool:
    """Whether a year or an hour can be so large; recognisers hear units in what follows a number."""
    unit = after.lstrip("、 ")[:1]
    if unit == "年" and len(digits) >= _SHORTEST:
        return digits[:2] in ("19", "20")
    return unit not in ("時", "月") or len(digits) < _SHORTEST


def _announced(before: str) -> PersonalData | None:
    """The kind whose mention stands nearest before the digits."""
    places = {kind: last_cue(before, kind) for kind in _ORDER}
    kind = max(places, key=lambda kind: places[kind])
    return kind if places[kind] >= max(0, len(before) - _NEAR_CUE) and places[kind] > 0 else None


def _is_postcode(text: str, chain: Chain) -> bool:
    if len(chain.digits) != 7 or chain.groups[0] == chain.digits:
        return False
    return len(chain.groups[0]) == 3 or text[: chain.start].endswith("〒")


def _part_of(digits: str, known: str) -> bool:
    return len(digits) >= 3 and (digits in known or known in digits)

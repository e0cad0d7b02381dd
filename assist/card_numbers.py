"""Payment card numbers in what is said: who asks for one, and which spoken digits are one.

A number is believed to be a card's by its first digits and its length (ISO/IEC 7812-1) together with its
check digit (Luhn, annex B). Recognisers mishear single digits; so a number said in whole groups that only
fails the check digit is taken for one as well: rather another long number hidden than a card number kept.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import Any, Final

from koemori.assist.numerals import DigitRun, digit_runs

CARD: Final = "[カード番号]"
DIGITS: Final = "[数字]"
_ASK_WITHIN: Final = 24
_LOOK_BACK: Final = 16
_SHORTEST, _LONGEST = 13, 19
_SPOKEN_AROUND: Final = re.compile(
    r"(?:はい|ええ|えっ?と|えー+と?|あの|あー+|うん|番号は|カードは|ですね|です|になります|で|だ|ね|の|が|と|、|。|,|\.|\s|…|-|ー)+"
)
_COUNTED: Final = re.compile(
    r"\s*(?:円|年|月|日|時|分|秒|個|本|人|名|回|番目|歳|才|%|パーセント|キロ|グラム|つ|台|枚|件|度|階|丁目|番地|号室)"
)
_FEWEST_TRAILING: Final = 4


@dataclass(frozen=True, slots=True)
class _Asked:
    phrase_id: str
    what: re.Pattern[str]
    ask: re.Pattern[str]
    not_before: re.Pattern[str] | None
    not_after: re.Pattern[str] | None

    def matches(self, text: str) -> bool:
        for found in self.what.finditer(text):
            before = text[max(0, found.start() - _LOOK_BACK) : found.start()]
            after = text[found.end() :]
            if self.not_before is not None and self.not_before.search(before):
                continue
            if self.not_after is not None and self.not_after.search(after):
                continue
            if self.ask.search(after[:_ASK_WITHIN]):
                return True
        return False


@dataclass(frozen=True, slots=True)
class _Issuer:
    prefixes: tuple[tuple[str, str], ...]
    lengths: frozenset[int]

    def begins(self, digits: str) -> bool:
        return any(
            low <= digits[: len(low)] <= high for low, high in self.prefixes if len(digits) >= len(low)
        )

    def may_begin(self, digits: str) -> bool:
        return any(
            low[: len(digits)] <= digits[: len(low)] <= high[: len(digits)] for low, high in self.prefixes
        )


@cache
def read_table() -> dict[str, Any]:
    """The phrases and issuers as their file states them."""
    text = files("koemori.assist").joinpath("card_numbers.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@cache
def _asked() -> tuple[_Asked, ...]:
    return tuple(
        _Asked(
            row["id"],
            re.compile(row["what"]),
            re.compile(row["ask"]),
            re.compile(row["not_before"]) if row["not_before"] else None,
            re.compile(row["not_after"]) if row["not_after"] else None,
        )
        for row in read_table()["asked"]
    )


@cache
def _issuers() -> tuple[_Issuer, ...]:
    issuers = []
    for row in read_table()["issuers"]:
        low_high = [prefix.split("-") for prefix in row["prefixes"]]
        issuers.append(_Issuer(tuple((low, high) for low, high in low_high), frozenset(row["lengths"])))
    return tuple(issuers)


def asks_for_card(text: str) -> str | None:
    """The id of the phrase by which these words ask for a card's number, code or expiry; None if none."""
    return next((one.phrase_id for one in _asked() if one.matches(text)), None)


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def may_be_part(text: str, going_on: bool = False) -> bool:
    """Whether these words may be, or end in, a part of a card number that goes on.

    Args:
        text: One utterance.
        going_on: Whether digits of the same speaker are waiting already; then any digits count.
    """
    runs = [run for run in digit_runs(text) if not _COUNTED.match(text, run.end)]
    if not runs:
        return False
    mainly = not _SPOKEN_AROUND.sub("", _without(text, runs)).strip()
    last = runs[-1]
    ends = not _SPOKEN_AROUND.sub("", text[last.end :]) and len(last.digits) >= _FEWEST_TRAILING
    if not (mainly or ends):
        return False
    said = runs[0].digits if mainly else last.digits
    return going_on or (len(said) > 1 and any(one.may_begin(said) for one in _issuers()))


def is_filler(text: str) -> bool:
    """Whether these words say nothing: they neither end a number nor belong to one."""
    return not _SPOKEN_AROUND.sub("", text).strip()


def card_spans(texts: Sequence[str], *, misheard: bool = True) -> list[list[tuple[int, int]]]:
    """Where card numbers stand in utterances of one speaker, read as one: spans for each of the texts.

    Args:
        texts: In the order in which they were said.
        misheard: A number of whole groups may fail its check digit; what was typed may not.
    """
    groups: list[tuple[str, int, int, int]] = []
    for index, text in enumerate(texts):
        for run in digit_runs(text):
            if not _COUNTED.match(text, run.end):
                groups += [(digits, index, *span) for digits, span in _placed(run)]
    spans: list[list[tuple[int, int]]] = [[] for _ in texts]
    first = 0
    while first < len(groups):
        last = _card_from([digits for digits, *_ in groups[first:]], misheard)
        if last is None:
            first += 1
            continue
        for _, index, start, end in groups[first : first + last]:
            spans[index].append((start, end))
        first += last
    return [_joined(found) for found in spans]


def long_digit_spans(text: str, fewest: int) -> list[tuple[int, int]]:
    """Where at least this many digits stand in a row."""
    return [(run.start, run.end) for run in digit_runs(text) if len(run.digits) >= fewest]


def hidden(text: str, spans: Sequence[tuple[int, int]], by: str) -> str:
    """The text with its spans, in order and apart, replaced."""
    parts, at = [], 0
    for start, end in spans:
        parts += [text[at:start], by]
        at = end
    return "".join([*parts, text[at:]])


def without_typed_cards(text: str) -> str:
    """What a person typed, card numbers replaced."""
    return hidden(text, card_spans([text], misheard=False)[0], CARD)


def _card_from(groups: Sequence[str], misheard: bool) -> int | None:
    """How many of these groups make up a card number that begins with the first; None for none."""
    ends = list(accumulate(len(group) for group in groups))
    digits = "".join(groups)[: _LONGEST + max((len(group) for group in groups), default=0)]
    best = None
    for issuer in _issuers():
        if not issuer.begins(digits):
            continue
        for length in issuer.lengths:
            if length > len(digits):
                continue
            whole_groups = misheard and length in ends and length > _SHORTEST
            if whole_groups or passes_luhn(digits[:length]):
                count = next(number for number, end in enumerate(ends, 1) if end >= length)
                best = max(best or 0, count)
    return best


def _placed(run: DigitRun) -> list[tuple[str, tuple[int, int]]]:
    """The groups of a run with where they stand; separators go with the group before."""
    edges = [*run.starts, run.end]
    return [(digits, (edges[place], edges[place + 1])) for place, digits in enumerate(run.groups)]


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1] + 2:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def _without(text: str, runs: Sequence[DigitRun]) -> str:
    return hidden(text, [(run.start, run.end) for run in runs], "")

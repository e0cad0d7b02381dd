"""Numbers said again in part: 「末尾は8」, 「最後は4417です」, 「7731じゃなくて7713」, 「いえ、5841」.

People correct only what was wrong. What they say is put into the number as it stood: at the end when they
say so, else in the group it resembles most.
"""

from __future__ import annotations

import re
from typing import Final

from koemori.assist.numerals import digit_runs

DENIAL: Final = re.compile(
    r"じゃ(?:なく|ない)|では?なく|ではない|で(?:は)?ありません|違(?:い|って|う|ゃ)|ちが(?:い|う|っ)|間違|訂正|言い直|言い間違|^(?:いえ|いや|いいえ|あ、?いえ|あ、?いや)(?:[、。\s]|$)"
)
_NOT: Final = re.compile(r"^[、,\s]*(?:番)?(?:じゃ|では?)(?:なく|ない|あり)")
_TAIL: Final = re.compile(
    r"(?:末尾|最後|おしまい|お尻|下|しも|後ろ|終わり)の?(?:[一二三四1-4]?(?:桁|けた)|ほう|方|番号|数字)?(?:が|は|って|の)?[、\s]*(?:えー?っ?と|えっと)?[、\s]*$"
)
_GROUP: Final = re.compile(r"[0-9]+")


def corrected(known: str, text: str) -> str | None:
    """`known` (`080-1111-2301`, `K-77120`) with what `text` says again; None when it corrects nothing."""
    runs = digit_runs(text)
    if not runs:
        return None
    denied = [run for run in runs if _NOT.match(text[run.end :])]
    said = [run for run in runs if run not in denied]
    if not said:
        return None
    if denied and (replaced := _replaced(known, denied[0].digits, said[-1].digits)):
        return replaced
    for run in said:
        if _TAIL.search(text[: run.start]):
            return _with_tail(known, run.digits)
    if DENIAL.search(text):
        parts = {part for run in said for part in (run.digits, *run.groups)}
        found = (_in_most_alike_group(known, part) for part in sorted(parts, key=len, reverse=True))
        return next((number for number in found if number is not None), None)
    return None


def _replaced(known: str, wrong: str, right: str) -> str | None:
    place = known.rfind(wrong)
    if place < 0 or len(wrong) != len(right):
        return None
    return known[:place] + right + known[place + len(wrong) :]


def _with_tail(known: str, tail: str) -> str | None:
    """The last digits, however the groups were cut."""
    signs = list(known)
    places = [place for place, sign in enumerate(signs) if sign.isdigit()]
    if len(tail) > len(places) or len(tail) > 6:
        return None
    for place, digit in zip(places[-len(tail) :], tail, strict=True):
        signs[place] = digit
    return "".join(signs)


def _in_most_alike_group(known: str, digits: str) -> str | None:
    groups = [match for match in _GROUP.finditer(known) if len(match.group()) == len(digits)]
    if not groups or len(digits) < 2:
        return None
    best = min(reversed(groups), key=lambda group: _distance(group.group(), digits))
    return known[: best.start()] + digits + known[best.end() :]


def _distance(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))

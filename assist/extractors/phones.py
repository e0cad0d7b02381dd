"""Phone numbers, as spoken: in groups, in parts over several turns, read back by the agent, corrected.

Normal form `080-1111-2301`. A later correction by the customer wins over the agent's read-back, the read-back
over the first mention.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from koemori.assist.context import CallView
from koemori.assist.corrections import DENIAL, corrected
from koemori.assist.numerals import DigitRun, digit_runs
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.audio.call import ChannelRole

_MENTIONED: Final = 0.8
_READ_BACK: Final = 0.9
_CORRECTED: Final = 0.95
_CONFIRMING: Final = re.compile(
    r"^.{0,30}?(?:ですね|でございますね|でいらっしゃいますね|お間違い|よろしい|ということで|確認|ありがとうございま|ですか|でしょうか)"
)
_OUT: Final = re.compile(r"^(?:の番号)?(?:から|より|へ|に(?!間違)|まで)")
"""What the agent gives out: 「…からお電話いたします」, 「…へおかけください」."""
_OUR_NUMBERS: Final = ("0120", "0570", "0800")
_MOBILE_DIGITS: Final = 11
_MOBILE: Final = ("070", "080", "090", "050", "020")
_ZERO_ADDED: Final = 0.6
"""Who reads 「080」 as 「八十」 says no zero; the groups tell, but not for certain."""
_ANOTHER: Final = re.compile(
    r"(?:注文|契約|予約|伝票|受付|会員|登録|お?客様|証券|診察券|製造|品番|型番)[^、。電]{0,8}$"
)
_LETTER_BEFORE: Final = re.compile(r"[A-Za-zＡ-Ｚａ-ｚ]の?$")


class PhoneExtractor:
    """Reads `phone`."""

    name = "phones"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        self._value: str | None = None
        self._parts: list[str] = []
        self._part_ids: list[str] = []
        self._ids: tuple[str, ...] = ()

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for a whole number, or the next part of one, in the newest utterance."""
        runs = [run for run in digit_runs(heard.text) if not _LETTER_BEFORE.search(heard.text[: run.start])]
        whole = [run for run in [*runs, *_mended(runs, heard.text)] if _is_phone(run.digits)]
        lacking = [
            DigitRun((f"0{run.groups[0]}", *run.groups[1:]), run.start, run.end)
            for run in runs
            if run.lacks_zero and not _ANOTHER.search(heard.text[: run.start])
        ]
        if heard.speaker is ChannelRole.AGENT:
            return self._read_back(heard, whole or lacking)
        if lacking and not whole and self._value is None:
            self._forget_parts()
            return [self._propose(lacking[-1], (heard.utterance_id,), _ZERO_ADDED)]
        if whole:
            denied = self._value is not None and DENIAL.search(fold(heard.text).text)
            self._forget_parts()
            proposed = self._propose(whole[-1], (heard.utterance_id,), _CORRECTED if denied else _MENTIONED)
            again = None if self._value is None else corrected(self._value, heard.text[whole[-1].end :])
            return [proposed] if again is None else [self._corrected(heard, again)]
        if self._value is not None and self._spoken_of(heard, call):
            again = corrected(self._value, heard.text)
            if again is not None:
                return [self._corrected(heard, again)]
        return self._take_part(heard, runs)

    def _spoken_of(self, heard: Heard, call: CallView) -> bool:
        """Whether the words before the newest hold the number or an end of it."""
        previous = next(iter(call.before(heard)), None)
        if previous is None or self._value is None:
            return False
        known = self._value.replace("-", "")
        return any(
            self._resembles(run.digits) or (len(run.digits) >= 2 and known.endswith(run.digits))
            for run in digit_runs(previous.text)
        )

    def _read_back(self, heard: Heard, whole: list[DigitRun]) -> list[FieldProposal]:
        for run in whole:
            if run.digits.startswith(_OUR_NUMBERS) and self._value is None:
                continue
            after = heard.text[run.end :]
            confirmed = self._value is None and _CONFIRMING.match(after) and not _OUT.match(after)
            if self._resembles(run.digits) or confirmed:
                return [self._propose(run, (*self._ids, heard.utterance_id), _READ_BACK)]
        return []

    def _resembles(self, digits: str) -> bool:
        if self._value is None:
            return False
        known = self._value.replace("-", "")
        same = sum(a == b for a, b in zip(known, digits, strict=False))
        return len(known) == len(digits) and same >= len(digits) - 4

    def _take_part(self, heard: Heard, runs: list[DigitRun]) -> list[FieldProposal]:
        if len(runs) != 1 or len(runs[0].digits) > 9:
            return []
        run = runs[0]
        spoken = fold(heard.text).text
        starts = run.digits.startswith("0") and len(run.digits) >= 2
        if not self._parts and not starts:
            return []
        if len(spoken) - (run.end - run.start) > 14 and not starts:
            return []
        if starts and len("".join(self._parts)) + len(run.digits) > 11:
            self._forget_parts()
        self._parts += run.groups
        self._part_ids.append(heard.utterance_id)
        digits = "".join(self._parts)
        if not _is_phone(digits):
            if len(digits) > 11:
                self._forget_parts()
            return []
        if len(digits) == 10 and digits.startswith(_MOBILE):
            return []
        ids = tuple(self._part_ids)
        joined = DigitRun(tuple(self._parts), run.start, run.end)
        self._forget_parts()
        return [self._propose(joined, ids, _MENTIONED)]

    def _corrected(self, heard: Heard, number: str) -> FieldProposal:
        """「下四桁は2310です、2301じゃなくて」: only what was wrong is said again."""
        self._forget_parts()
        run = DigitRun(tuple(number.split("-")), 0, 0)
        return self._propose(run, (*self._ids, heard.utterance_id), _CORRECTED)

    def _forget_parts(self) -> None:
        self._parts = []
        self._part_ids = []

    def _propose(self, run: DigitRun, ids: tuple[str, ...], confidence: float) -> FieldProposal:
        self._value = _formatted(run)
        self._ids = tuple(dict.fromkeys(ids))
        return FieldProposal("phone", self._value, confidence, self._ids)


def _mended(runs: list[DigitRun], text: str) -> list[DigitRun]:
    """「03の0566の、4、いや違う、1408」: the group after the denial stands for the one before it."""
    found = []
    for run, following in pairwise(runs):
        if run.digits.startswith("0") and DENIAL.search(text[run.end : following.start].strip("、。 ")):
            found.append(DigitRun((*run.groups[:-1], *following.groups), run.start, following.end))
    return found


def _is_phone(digits: str) -> bool:
    if not digits.startswith("0") or digits.startswith("00"):
        return False
    if _is_new_mobile(digits):
        return True
    return len(digits) == (11 if digits.startswith((*_MOBILE, "0800")) else 10)


def _is_new_mobile(digits: str) -> bool:
    """060 is of mobiles too; ten digits that begin so are a line in Osaka (06)."""
    return digits.startswith("060") and len(digits) == _MOBILE_DIGITS


def _formatted(run: DigitRun) -> str:
    digits = run.digits
    if digits.startswith(_MOBILE) or _is_new_mobile(digits):
        return f"{digits[:3]}-{digits[3:7]}-{digits[7:]}"
    if digits.startswith(("0120", "0570")):
        return f"{digits[:4]}-{digits[4:7]}-{digits[7:]}"
    if digits.startswith("0800"):
        return f"{digits[:4]}-{digits[4:7]}-{digits[7:]}"
    if len(run.groups) == 3 and len(run.groups[2]) == 4:
        return "-".join(run.groups)
    area = 2 if digits.startswith(("03", "06")) else 3
    return f"{digits[:area]}-{digits[area:-4]}-{digits[-4:]}"

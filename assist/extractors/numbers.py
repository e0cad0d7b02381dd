"""Order, contract and customer numbers: 「契約番号はKの77120」 → `K-77120`."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from koemori.assist.context import CallView
from koemori.assist.numerals import DigitRun, digit_runs
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.audio.call import ChannelRole

_LETTERS: Final = {
    "エー": "A", "エイ": "A", "ビー": "B", "シー": "C", "ディー": "D", "デー": "D", "イー": "E",
    "エフ": "F", "ジー": "G", "エイチ": "H", "エッチ": "H", "アイ": "I", "ジェー": "J", "ジェイ": "J",
    "ケー": "K", "ケイ": "K", "エル": "L", "エム": "M", "エヌ": "N", "オー": "O", "ピー": "P",
    "キュー": "Q", "アール": "R", "エス": "S", "ティー": "T", "ユー": "U", "ブイ": "V",
    "ダブリュー": "W", "エックス": "X", "ワイ": "Y", "ゼット": "Z",
}  # fmt: skip
_NAMES: Final = "|".join(sorted(_LETTERS, key=len, reverse=True))
_PREFIX: Final = re.compile(rf"((?:[A-Za-z]|{_NAMES}){{1,3}})(?:の|-|ー|ハイフン|、|\s){{0,2}}$")
_LETTER: Final = re.compile(rf"[A-Za-z]|{_NAMES}")
_CALLED: Final = re.compile(
    r"(?:注文|契約|お?客様?|顧客|会員|予約|受付|伝票|証券|口座|保証|製造|製品|商品|管理"
    r"|登録"
    r"|加入者|請求|申込|利用|問い?合わせ)(?:者|書)?(?:の)?(?:番号|ナンバー|ID|id)"
    r"|番号"
)
_NOT_OURS: Final = re.compile(r"(電話|携帯|郵便|在留カード|マイナンバー|暗証|カード)(の)?番号")
_CORRECTION: Final = re.compile("じゃなく|ではなく|じゃない|違(い|って|う)|間違|訂正|言い直")
_MENTIONED: Final = 0.8
_READ_BACK: Final = 0.9
_CORRECTED: Final = 0.95
_UNITS: Final = re.compile(
    r"^(?:円|万|千|分|時|日|月|年|個|回|度|歳|才|人|名|階|号室|丁目|番地|%|パーセント|cm|センチ|キロ|km|kg|本|枚|台|つ|割|週|か月|ヶ月)"
)


class NumberExtractor:
    """Reads `order_or_contract_number`."""

    name = "numbers"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        self._value: str | None = None

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for a number with letters, or one that was called a number."""
        values = self._values(heard, call)
        if not values:
            return []
        value = values[-1]
        agent = heard.speaker is ChannelRole.AGENT
        if agent:
            confidence = _READ_BACK
        elif self._value is not None and _CORRECTION.search(fold(heard.text).text):
            confidence = _CORRECTED
        else:
            confidence = _MENTIONED
        self._value = value
        return [FieldProposal("order_or_contract_number", value, confidence, (heard.utterance_id,))]

    def _values(self, heard: Heard, call: CallView) -> list[str]:
        text = unicodedata.normalize("NFKC", heard.text)
        if len(text) != len(heard.text):
            text = heard.text
        asked = heard.speaker is not ChannelRole.AGENT and _asked(heard, call)
        found = []
        end_before = 0
        for run in digit_runs(text):
            before = text[end_before : run.start]
            end_before = run.end
            prefix = _PREFIX.search(before)
            if prefix is not None:
                letters = "".join(_letter(part) for part in _LETTER.findall(prefix.group(1)))
                if len(run.digits) >= 2 and not _UNITS.match(text[run.end :]):
                    found.append("-".join((letters, *_grouped(run))))
            elif self._plain_number(run, before, text[run.end :], asked):
                found.append("-".join(_grouped(run)))
        return found

    @staticmethod
    def _plain_number(run: DigitRun, before: str, after: str, asked: bool) -> bool:
        if not 3 <= len(run.digits) <= 14 or _UNITS.match(after):
            return False
        if run.digits.startswith("0") and len(run.digits) in (10, 11):
            return False
        tail = before[-16:]
        if _NOT_OURS.search(tail):
            return False
        return bool(_CALLED.search(tail)) or (
            asked and len(run.digits) >= 4 and not run.digits.startswith("0")
        )


def _asked(heard: Heard, call: CallView) -> bool:
    for other in call.before(heard):
        if other.speaker is ChannelRole.AGENT:
            question = fold(other.text).text
            return bool(_CALLED.search(question.replace("電話番号", ""))) and not _NOT_OURS.search(
                question.replace("電話番号", "")
            )
    return False


def _grouped(run: DigitRun) -> tuple[str, ...]:
    """Digits said one by one are one number."""
    return (run.digits,) if all(len(group) == 1 for group in run.groups) else run.groups


def _letter(part: str) -> str:
    return _LETTERS.get(part, part.upper())

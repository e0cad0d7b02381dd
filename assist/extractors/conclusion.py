"""What the call came to, from the words spoken: what was refused, promised or done, warned of, and how it ended."""

from __future__ import annotations

import re
from typing import Final

from koemori.assist.clauses import clauses_of, trimmed
from koemori.assist.context import CallView
from koemori.assist.phrases import first_match, fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.audio.call import ChannelRole

_REFUSED: Final = re.compile(
    r"(.{2,24}?)(?:は|を|も|には|にも|では|につきましては)?(?:お?断り|(?:いたし|致し|でき|出来|応じ|お受けし|お答えいたし|し)かね|お受けでき)"
)
_DONE: Final = re.compile(
    r"(.{2,24}?)(?:を|が|は)?(?:完了|手配|変更|登録|予約|解約|取り消|キャンセル|受け?付|承り|返金|発送)(?:が)?(?:いたし|し|させていただき)?(?:ました|完了)"
)
_FOUND: Final = re.compile(r"(?:確認|調査|お調べ|調べ).{0,24}(?:ところ|結果|ました)")
_AGREED: Final = re.compile(
    r"(納得|(それ|手紙|返金|交換|書面|そう).{0,10}(でいい|で結構|でお願い|なら)|分かりました|わかりました|了解|大丈夫です|ありがとうございました)"
)


class ConclusionExtractor:
    """Reads `conclusion`, anew at every sentence that adds to it."""

    name = "conclusion"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        self._steps = {step.id: step for step in playbook.ladder.steps}
        self._refused: list[str] = []
        self._done: list[str] = []
        self._warnings = 0
        self._ended = False
        self._agreed = ""
        self._escalated = False
        self._ids: list[str] = []
        self._value = ""

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Add what the newest utterance settles."""
        before = self._value
        if heard.speaker is ChannelRole.AGENT:
            self._from_agent(heard)
        elif _AGREED.search(fold(heard.text).text):
            agreed = [trimmed(c.text) for c in clauses_of(heard.text) if _AGREED.search(c.text)]
            self._agreed = agreed[-1] if agreed else self._agreed
        self._value = self._written()
        if not self._value or self._value == before:
            return []
        self._ids.append(heard.utterance_id)
        return [FieldProposal("conclusion", self._value, 0.5, tuple(self._ids))]

    def _from_agent(self, heard: Heard) -> None:
        for clause in clauses_of(heard.text):
            refused = _REFUSED.search(clause.text)
            if refused and not re.search("続|続ける|対応", clause.text):
                _add(self._refused, trimmed(refused.group(1)))
            if _DONE.search(clause.text) or (_FOUND.search(clause.text)):
                _add(self._done, trimmed(clause.text))
        if any(self._heard(step, heard) for step in ("ladder1", "ladder2", "ladder3")):
            self._warnings += 1
        self._escalated |= self._heard("ladder4", heard)
        self._ended |= self._heard("ladder5", heard)

    def _heard(self, step: str, heard: Heard) -> bool:
        return first_match(heard.text, self._steps[step].heard, self._steps[step].unless) is not None

    def _written(self) -> str:
        parts = []
        if self._refused:
            parts.append(f"{'、'.join(self._refused[:2])}はお断り")
        if self._done:
            parts.append("、".join(self._done[-2:]))
        if self._escalated:
            parts.append("上席が対応")
        if self._ended:
            parts.append(f"警告{self._warnings}回後に終話" if self._warnings else "当方から終話")
        elif self._warnings:
            parts.append(f"警告{self._warnings}回")
        elif self._agreed:
            parts.append(f"お客様「{self._agreed}」")
        return "。".join(parts)


def _add(items: list[str], text: str) -> None:
    if text and text not in items:
        items.append(text)

"""When it happened, as said or read back; resolved against the date of the call."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from koemori.assist.context import CallView
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.restatement import restated
from koemori.assist.timewords import TimeWords, resolved, time_words
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.audio.call import ChannelRole

_WEEKDAY: Final = re.compile("([月火水木金土日])曜(?!日)")
_BEFOREHAND: Final = re.compile(
    r"^(?:に|は|、)?お?(?:届い|届け|買っ|買い上げ|購入|注文|頼ん|契約|申し込|予約|送っ|受け取|求め|もらっ|納品)[ぁ-ん]{0,7}?[たる](?=[一-龥ァ-ヴ])"
)
_A_NAME: Final = re.compile(r"^(?:って|と)書|^様|^さん|^と(?:申|い[いう])")
_ASIDE: Final = 0.4
_TROUBLE: Final = 0.6
_ANSWERED: Final = 0.7
_READ_BACK: Final = 0.8


class WhenExtractor:
    """Reads `when`."""

    name = "when"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        self._called_on = date.fromisoformat(facts.started_on) if facts.started_on else None
        self._trouble = playbook.case_words.trouble
        self._value = ""
        self._confidence = 0.0
        self._ids: tuple[str, ...] = ()

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for the time the matter is about."""
        agent = heard.speaker is ChannelRole.AGENT
        part = restated(heard.text) if agent else None
        if agent:
            found = [] if part is None else _useful(part)
            confidence = _READ_BACK
        else:
            found = _useful(heard.text)
            confidence = self._weigh(heard, call)
        if not found:
            return []
        best = self._best(found, part if agent and part else heard.text)
        if confidence < self._confidence or (confidence == self._confidence and self._value):
            return []
        said = _WEEKDAY.sub(r"\1曜日", best.said)
        richer = said if said not in self._value else self._value
        self._ids = (
            (*self._ids, heard.utterance_id) if _same(best.said, self._value) else (heard.utterance_id,)
        )
        self._value, self._confidence = richer, confidence
        return [FieldProposal("when", self._shown(best, richer), confidence, self._ids)]

    def _best(self, found: list[TimeWords], text: str) -> TimeWords:
        """The time the trouble is told with; what came before it (「先週届いた本棚」) gives way."""
        ends = [*(words.start for words in found[1:]), len(text)]
        scores = []
        for words, end in zip(found, ends, strict=True):
            after = text[words.end : end]
            told = any(pattern.search(fold(after).text) for pattern in self._trouble)
            known = bool(self._value) and _same(words.said, self._value)
            scores.append(2 * known + told - 2 * bool(_BEFOREHAND.match(after)))
        return found[scores.index(max(scores))]

    def _weigh(self, heard: Heard, call: CallView) -> float:
        asked = next((item for item in call.before(heard) if item.speaker is ChannelRole.AGENT), None)
        if asked is not None and ("いつ" in asked.text or "日にち" in asked.text or "何時" in asked.text):
            return _ANSWERED
        text = fold(heard.text).text
        if (
            any(pattern.search(text) for pattern in self._trouble)
            or len(call.recent(9, ChannelRole.CUSTOMER)) <= 2
        ):
            return _TROUBLE
        return _ASIDE

    def _shown(self, words: TimeWords, said: str) -> str:
        day = None if self._called_on is None else resolved(words, self._called_on)
        return said if day is None else f"{said} ({day})"


def _useful(text: str) -> list[TimeWords]:
    """Times that say when something happened or shall happen, the fullest first."""
    found = [
        words
        for words in time_words(text)
        if not words.is_deadline
        and words.folded not in ("夜", "朝", "昼", "以前")
        and not _A_NAME.match(text[words.end :])
    ]
    return sorted(found, key=lambda words: words.start)


def _same(said: str, known: str) -> bool:
    return bool(known) and (said in known or known in said or said[:2] == known[:2])

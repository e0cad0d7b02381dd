"""A call in five short parts: 用件, 経緯, 要求, 対応, 約束.

Extractive: each part is put together from words spoken in the call, and names the utterances they came from.
What was not said has no part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from koemori.assist.clauses import clauses_of, sentences_of, trimmed
from koemori.assist.phrases import first_match, fold
from koemori.assist.playbooks.schema import LadderStep, Playbook
from koemori.assist.types import FieldValue, Heard
from koemori.assist.words import words_of
from koemori.audio.call import ChannelRole

SUMMARY_PARTS: Final = ("matter", "course", "demand", "response", "promises")
"""用件, 経緯, 要求, 対応, 約束: in the order in which they are read."""
_FOUND: Final = re.compile(
    r"(確認|調査|お調べ)(いたしましたところ|しましたところ|の結果|した結果|が取れ|できました)|(判明|見当たり|見つか|受け付けて|積んだまま|残って|記録(が|に|では))|"
    r"(ため|によるもの|原因)(で(ござい|す)|と)|(期限|規定|約款).{0,20}(過ぎ|経過|定め)"
)
_AFTER_CHECK: Final = re.compile("お待たせ(いた)?し")
_REFUSED: Final = re.compile(
    r"お?断り(して|いた|申|させ|という|で(ござい|す))|(いたし|致し|でき|出来|応じ|お受けし|お答えいたし|お答えし|お伝えし|わかり|分かり)かね|お受けでき(ません|ない)|応じられません|行っておりません|お返しできません|変わ(り|る)(こと)?(は)?(ござい)?ません"
)
_OFFERED: Final = re.compile(
    r"(可能で(ござい|す)|でき(ます|ました)|お返しでき|お持ちでき|伺え(ます|る)|承(り|れ)ます|ご案内(いた)?し|ご用意(いた)?し|手配(いた)?し|負担(いた)?し|取り?消し?(いた)?しました|変更(いた)?しました|完了(いた)?しました|再発行|お送り(いた)?しました)"
)
_CHANGED: Final = re.compile(
    r"(思ってました|分かりました|やっぱり|そんなことより|それより|取り?消|取り?下げ|なかったことに|勘違い|見つか|あったわ|もういい|納得)"
)
_NOT_TOLD: Final = re.compile(
    "(お名前|番号|ご住所).{0,20}(でしょうか|ますか|ください|願)|少々お待ち|お待ちください|お待ちいただけ|が承ります|^失礼|ありがとうございま"
)
_LONGEST: Final = 120
_FEWEST_WORDS: Final = 3
_FEWEST_REFUSING: Final = 2
_ENDING_STEP: Final = "ladder5"
"""Said by how the matter stands."""
_FACTS: Final = 4
_STEPS: Final = 4


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    utterance_id: str


class Summarizer:
    """Collects the course and the answer of one call while it runs."""

    def __init__(self, playbook: Playbook) -> None:
        self._ladder = playbook.ladder.steps
        self._trouble = playbook.case_words.trouble
        self._opening: list[_Part] = []
        self._course: list[_Part] = []
        self._response: list[_Part] = []
        self._said: set[str] = set()

    def observe(self, heard: Heard) -> None:
        """Note what the newest utterance adds to the story."""
        if heard.speaker is ChannelRole.AGENT:
            self._from_agent(heard)
        else:
            self._from_customer(heard)

    def written(self, fields: Mapping[str, FieldValue], ending: str) -> dict[str, FieldValue]:
        """The parts that the call gave words for.

        Args:
            fields: The case as it stands.
            ending: How the matter stands, in a word for the end of the course; may be empty.
        """
        parts = {
            "matter": self._matter(fields),
            "course": _joined(self._course[:_FACTS], ending),
            "demand": fields.get("demand"),
            "response": _joined(self._response[:_STEPS], ""),
            "promises": fields.get("promises"),
        }
        return {name: part for name in SUMMARY_PARTS if (part := parts[name]) is not None and part.value}

    def _matter(self, fields: Mapping[str, FieldValue]) -> FieldValue | None:
        about = fields.get("about_what")
        told = about or _joined(self._opening[:2], "") or fields.get("demand")
        if told is None:
            return None
        product = fields.get("product")
        text = told.value.partition("(復唱")[0]
        if product is not None and product.value and product.value not in text:
            ids = tuple(dict.fromkeys((*product.utterance_ids, *told.utterance_ids)))
            return FieldValue(
                _short(f"{product.value}: {text}"), min(product.confidence, told.confidence), ids
            )
        return FieldValue(_short(text), told.confidence, told.utterance_ids)

    def _from_agent(self, heard: Heard) -> None:
        step = self._ladder_step(heard)
        if step is not None and step.id != _ENDING_STEP:
            self._add(self._course, step.label, heard)
        checked = bool(_AFTER_CHECK.search(heard.text))
        for sentence in sentences_of(heard.text):
            text = sentence.text
            refused = _REFUSED.search(text)
            if _NOT_TOLD.search(text) or _content(text) < (_FEWEST_REFUSING if refused else _FEWEST_WORDS):
                continue
            if refused or (_OFFERED.search(text) and not _AFTER_CHECK.search(text)):
                self._add(self._response, text, heard)
            elif _FOUND.search(text) or (checked and not sentence.question and not _AFTER_CHECK.search(text)):
                self._add(self._course, text, heard)

    def _from_customer(self, heard: Heard) -> None:
        for clause in clauses_of(heard.text):
            text = trimmed(clause.text)
            told = any(pattern.search(fold(text).text) for pattern in self._trouble)
            if not self._opening and (told or _content(text) >= _FEWEST_WORDS):
                self._add(self._opening, text, heard)
            elif _CHANGED.search(text) and _content(text) >= _FEWEST_WORDS:
                self._add(self._course, f"「{text}」", heard)

    def _ladder_step(self, heard: Heard) -> LadderStep | None:
        found = None
        for step in self._ladder:
            if first_match(heard.text, step.heard, step.unless) is not None:
                found = step
        return found

    def _add(self, parts: list[_Part], text: str, heard: Heard) -> None:
        if text not in self._said:
            self._said.add(text)
            parts.append(_Part(text, heard.utterance_id))


def _joined(parts: list[_Part], ending: str) -> FieldValue | None:
    texts = [part.text for part in parts] + ([ending] if ending else [])
    if not texts:
        return None
    ids = tuple(dict.fromkeys(part.utterance_id for part in parts))
    return FieldValue(_short("。".join(texts)), _CONFIDENCE, ids)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _content(text: str) -> int:
    return sum(word.is_content for word in words_of(text))


_CONFIDENCE: Final = 0.5
"""Chosen by form, not understood."""

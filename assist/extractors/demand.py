"""What the customer wants done: requests, orders, wishes; the answer to 「どのような対応をご希望」 first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from koemori.assist.clauses import clauses_of, trimmed
from koemori.assist.context import CallView
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.assist.words import words_of
from koemori.audio.call import ChannelRole

_ORDER: Final = re.compile(
    r"(しろ|せよ|返せ|よこせ|出せ|払え|来い|こい|代われ|替われ|変われ|やめろ|認めろ|謝れ|詫びろ|書け|持ってこい|みろ|呼べ|直せ|つけろ|させろ|"
    r"くれ|ください|下さい|ちょうだい|頂戴|もらおう(か)?|もらう(わ|よ|ぞ|から)|もらわない(と|かん)|しなさい|寄越せ|見せろ|教えろ|入れろ|届けろ|変えろ|取りに来い)(よ|や|な|ね|って|と)*$"
)
_WISH: Final = re.compile(
    r"(て|で)(ほしい|欲しい|もらいたい|いただきたい|くれない|もらえ(ない|ます|ません|る|ん)|いただけ(ない|ます|ません|れ|る)|くれます|くれません|くれる|よ$|ちょうだい|や$|ほしくて)|"
    r"お願い(し|でき|したい|いたし|申|です)|(を|で|と|が)希望|たいん(です|だ)|たいの(です|だ)?|たいと思|して欲し|てもらう|(交換|返金|返品|修理|変更|解約|キャンセル|予約)(を|で|して|し)?(お願い|できますか|できません|したい|は(できます|可能))"
)
_ASKED: Final = re.compile(r"(ご希望|ご要望|お望み|ご意向|いかがいたし|どうされ|どのような対応|何をお求め)")
_HURRY: Final = re.compile(r"(早く|今すぐ|すぐに?)(して|しろ|直|つな|届|持って|送|返)")
"""「早くしてよ」 names nothing, yet it is all that some callers ask for."""
_MOST: Final = 3
_LEAST_SCORE: Final = 2
_ANSWER_SCORE: Final = 3


@dataclass(frozen=True, slots=True)
class _Demand:
    text: str
    score: int
    utterance_id: str
    content: frozenset[str]


class DemandExtractor:
    """Reads `demand`."""

    name = "demand"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        self._trivial = playbook.case_words.trivial_demands
        self._objects = playbook.case_words.demand_objects
        self._found: list[_Demand] = []
        self._value = ""

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for what is asked for in the newest utterance."""
        if heard.speaker is ChannelRole.AGENT:
            return []
        asked = _asked(heard, call)
        for clause in clauses_of(heard.text):
            text = fold(clause.text).text
            score = self._score(text, asked)
            if asked and score < _ANSWER_SCORE and not clause.question and _says_something(clause.text):
                score = _ANSWER_SCORE
            if score == 0 and _HURRY.search(text):
                score = 1
            if score > 0:
                self._keep(_demand(clause.text, score, heard.utterance_id))
        strong = [item for item in self._found if item.score >= _LEAST_SCORE]
        best = sorted(strong or self._found, key=lambda item: -item.score)[:_MOST]
        chosen = [item for item in self._found if item in best]
        value = "、".join(item.text for item in chosen)
        if not value or value == self._value:
            return []
        self._value = value
        confidence = min(0.8, 0.4 + 0.05 * max(item.score for item in chosen))
        return [
            FieldProposal("demand", value, confidence, tuple(dict.fromkeys(i.utterance_id for i in chosen)))
        ]

    def _score(self, text: str, asked: bool) -> int:
        if len(text) < 3 or any(pattern.search(text) for pattern in self._trivial):
            return 0
        ordered = bool(_ORDER.search(text))
        wished = bool(_WISH.search(text))
        objects = sum(bool(pattern.search(text)) for pattern in self._objects)
        score = 3 * ordered + 2 * wished + min(objects, 2) * (ordered or wished or asked)
        return score + (3 if asked and (ordered or wished or objects) else 0)

    def _keep(self, demand: _Demand) -> None:
        """The same demand again replaces the weaker wording."""
        for place, old in enumerate(self._found):
            shared = old.content & demand.content
            if shared and len(shared) * 2 >= min(len(old.content), len(demand.content)):
                if (demand.score, len(demand.text)) > (old.score, len(old.text)):
                    self._found[place] = demand
                return
        self._found.append(demand)


def _asked(heard: Heard, call: CallView) -> bool:
    question = next((item for item in call.before(heard) if item.speaker is ChannelRole.AGENT), None)
    return question is not None and bool(_ASKED.search(question.text))


def _says_something(text: str) -> bool:
    return len([word for word in words_of(text) if word.is_content]) >= 2


def _demand(text: str, score: int, utterance_id: str) -> _Demand:
    short = trimmed(text)
    return _Demand(
        short, score, utterance_id, frozenset(word.lemma for word in words_of(short) if word.is_content)
    )

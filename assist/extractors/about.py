"""What the complaint is about: the customer's own words of the trouble, and the agent's read-back of them."""

from __future__ import annotations

import re
from typing import Final

from koemori.assist.clauses import Clause, clauses_of, trimmed
from koemori.assist.context import CallView
from koemori.assist.phrases import fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.restatement import restated
from koemori.assist.types import CallFacts, FieldProposal, Heard
from koemori.assist.words import words_of
from koemori.audio.call import ChannelRole

_INTRODUCES: Final = re.compile("と申し|いう(?:者|もん)|と言います|といいます|番号は")
_LONGEST: Final = 60
_TURNS: Final = 6
_RUDE: Final = re.compile(r"(お前|てめえ|バカ|馬鹿|ふざけ|黙れ|クソ|殺|死ね|土下座|知らねえ|何回も言わせ)")
_MATTER: Final = re.compile("の(?:件|査定|事故|故障|不具合|請求|料金|対応|遅れ|契約|工事|修理)")
_TOPIC: Final = re.compile(r"(.{2,30}?)(?:の件|について|のこと)(?:で|なん|です|や|だ|、|$)")


class AboutExtractor:
    """Reads `about_what`."""

    name = "about"

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        self._trouble = playbook.case_words.trouble
        self._said: list[str] = []
        self._read_back = ""
        self._ids: list[str] = []
        self._turns = 0

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look for the trouble in the customer's first turns, then for the agent's read-back."""
        if heard.speaker is ChannelRole.AGENT:
            return self._from_agent(heard)
        self._turns += 1
        if self._turns > _TURNS or len("、".join(self._said)) > _LONGEST // 2:
            return []
        clauses = clauses_of(heard.text)
        found = [clause for clause in clauses if self._is_trouble(clause)]
        if found and not self._said:
            found = [clause for clause in clauses if clause in found or _tells(clause)]
        if not found and not self._said and self._turns <= 2:
            topic = _TOPIC.search(heard.text)
            return self._take(heard, [topic.group(1)]) if topic else []
        return self._take(heard, [trimmed(clause.text) for clause in found[:2]])

    def _is_trouble(self, clause: Clause) -> bool:
        text = fold(clause.text).text
        return (
            len(text) >= 4
            and not _RUDE.search(text)
            and any(pattern.search(text) for pattern in self._trouble)
        )

    def _take(self, heard: Heard, clauses: list[str]) -> list[FieldProposal]:
        known = _content("、".join([*self._said, self._read_back]))
        new = [clause for clause in clauses if _content(clause) - known]
        if not new or (self._said and self._turns > 3):
            return []
        self._said += new
        return self._propose(heard, 0.6)

    def _from_agent(self, heard: Heard) -> list[FieldProposal]:
        part = restated(heard.text)
        if part is None or self._read_back:
            return []
        known = _content("、".join(self._said))
        if self._said and (not _content(part) - known or not self._belongs(part, known)):
            return []
        if not self._said and not _MATTER.search(part):
            return []
        self._read_back = part
        return self._propose(heard, 0.7)

    def _belongs(self, part: str, known: set[str]) -> bool:
        text = fold(part).text
        return bool(_content(part) & known) or any(pattern.search(text) for pattern in self._trouble)

    def _propose(self, heard: Heard, confidence: float) -> list[FieldProposal]:
        self._ids.append(heard.utterance_id)
        value = "。".join(self._said) or self._read_back
        if self._said and self._read_back:
            value = f"{value}(復唱: {self._read_back})"
        return [FieldProposal("about_what", value, confidence, tuple(self._ids))]


def _tells(clause: Clause) -> bool:
    """A statement beside the trouble, in the same breath: 「六時って頼んだのに八時に来た」."""
    numbers = sum(character.isdigit() for character in clause.text)
    return (
        not clause.question
        and numbers < 4
        and not _RUDE.search(clause.text)
        and not _INTRODUCES.search(clause.text)
        and len(_content(clause.text)) >= 3
    )


def _content(text: str) -> set[str]:
    return {word.lemma for word in words_of(text) if word.is_content}

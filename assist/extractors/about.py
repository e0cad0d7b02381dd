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
_LONGEST: Final = 80
"""Characters of the customer's own words; more is a transcript."""
_TURNS: Final = 6
_NEW_WORDS: Final = 2
_GUESSES: Final = re.compile("おそらく|たぶん|多分|かもしれ|絶対に?")
_DIGITS: Final = 4
_ASKED_WITH_MATTER: Final = 4
_EARLY_TURNS: Final = 4
_ASIDE: Final = re.compile(
    "ちゃんと聞い|聞いてる?の|言ったでしょ|さっき(も)?(言|そう)|失礼(いた)?しました|お?取りやめ|どうして(くれ|もら)|待って|もしもし"
)
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
        if self._turns > _TURNS or len("、".join(self._said)) > _LONGEST:
            return []
        clauses = [clause for clause in clauses_of(heard.text) if not _ASIDE.search(clause.text)]
        found = [clause for clause in clauses if self._is_trouble(clause)]
        if not self._said:
            opening = [clause for clause in clauses if clause in found or _tells(clause)]
            topic = _TOPIC.search(heard.text)
            if not found and topic and self._turns <= 2:
                return self._take(heard, [topic.group(1), *(trimmed(clause.text) for clause in opening[:1])])
            return self._take(heard, [trimmed(clause.text) for clause in opening[:4]])
        return self._take(heard, [trimmed(clause.text) for clause in found[:2]])

    def _is_trouble(self, clause: Clause) -> bool:
        text = fold(clause.text).text
        return (
            len(text) >= 4
            and sum(character.isdigit() for character in text) < _DIGITS
            and not _RUDE.search(text)
            and any(pattern.search(text) for pattern in self._trouble)
        )

    def _take(self, heard: Heard, clauses: list[str]) -> list[FieldProposal]:
        known = _content("、".join([*self._said, self._read_back]))
        fewest = 1 if self._turns < _EARLY_TURNS else 2
        new = [clause for clause in dict.fromkeys(clauses) if len(_content(clause) - known) >= fewest]
        if not new:
            return []
        self._said += new
        return self._propose(heard, 0.6)

    def _from_agent(self, heard: Heard) -> list[FieldProposal]:
        part = restated(heard.text)
        if part is None or _GUESSES.search(part):
            return []
        if self._read_back:
            return self._read_back_again(part, heard)
        known = _content("、".join(self._said))
        if self._said and (not _content(part) - known or not self._belongs(part, known)):
            return []
        if not self._said and not _MATTER.search(part):
            return []
        self._read_back = part
        return self._propose(heard, 0.7)

    def _read_back_again(self, part: str, heard: Heard) -> list[FieldProposal]:
        """A second read-back early in the call, when it tells of the trouble what was not known."""
        known = _content("、".join([*self._said, self._read_back]))
        text = fold(part).text
        late = self._turns > _TURNS or len(self._read_back) + len(part) > _LONGEST
        if late or len(_content(part) - known) < _NEW_WORDS:
            return []
        if not any(pattern.search(text) for pattern in self._trouble):
            return []
        self._read_back = f"{self._read_back}、{part}"
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
        not (clause.question and len(_content(clause.text)) < _ASKED_WITH_MATTER)
        and numbers < _DIGITS
        and not _RUDE.search(clause.text)
        and not _INTRODUCES.search(clause.text)
        and len(_content(clause.text)) >= 2
    )


def _content(text: str) -> set[str]:
    return {word.lemma for word in words_of(text) if word.is_content}

"""How the matter stands, from words (納得, 取下げ, 終話 …), never from a denied 「分かりました」.

The phrases are data (end_states.toml). What the code adds is time: the strongest sign wins, among equals the
later; a bare 「分かりました」 in mid-call is a nod, so it counts only while the customer adds nothing to it.
A call without any sign of dissatisfaction is no complaint, however it ends.

Source: the three end states of the guideline of 13 articles (納得・取下げ・説得困難), and resolution at the
moment of 「分かりました」「納得しました」 of the control framework for customer support.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from koemori.assist.phrases import first_match, fold
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import Category, EndState, Finding, Heard, Repetition, Severity
from koemori.audio.call import ChannelRole

_NOD: Final = 3
_CLOSING_CHARACTERS: Final = 14
"""「はい、失礼します」: too short to take a nod back."""
_COMPLAINT: Final = 2


@dataclass(frozen=True, slots=True)
class Standing:
    """The state so far and the utterance and words it rests on."""

    state: EndState
    weight: int
    utterance_id: str
    quote: str


class EndStateJudge:
    """Watches one call for words that settle or end it."""

    def __init__(self, playbook: Playbook) -> None:
        self._rules = playbook.end_states
        self._trouble = playbook.case_words.trouble
        self._grievance = playbook.case_words.grievance
        apologies = [item for item in playbook.checklist if item.id == "limited_apology"]
        self._apology = [pattern for item in apologies for pattern in item.heard]
        self._no_apology = [pattern for item in apologies for pattern in item.unless]
        self._standing: Standing | None = None
        self._trouble_heard = False
        self._grievances = 0

    def observe(self, heard: Heard, findings: Sequence[Finding] = ()) -> None:
        """Look at the newest utterance and what the detectors found in it."""
        self._weigh_complaint(heard, findings)
        if heard.speaker is ChannelRole.CUSTOMER:
            self._take_back_nod(heard)
        for rule in self._rules:
            if heard.speaker not in (rule.speaker, ChannelRole.UNKNOWN):
                continue
            quote = first_match(heard.text, rule.any, rule.unless)
            if quote is None:
                continue
            if self._standing is None or rule.weight >= self._standing.weight:
                self._standing = Standing(rule.state, rule.weight, heard.utterance_id, quote)

    @property
    def standing(self) -> Standing | None:
        """What the state rests on, if words have settled it."""
        return self._standing

    @property
    def is_complaint(self) -> bool:
        """Whether anybody has shown dissatisfaction so far."""
        return self._grievances + self._trouble_heard >= _COMPLAINT

    @property
    def state(self) -> EndState:
        """The state so far; `open` until words say otherwise."""
        if self._standing is None:
            return EndState.OPEN
        return self._standing.state if self.is_complaint else EndState.NOT_COMPLAINT

    @property
    def final_state(self) -> EndState:
        """The state once no more words come: nothing stays open."""
        if not self.is_complaint:
            return EndState.NOT_COMPLAINT
        return EndState.UNRESOLVED_PENDING if self._standing is None else self._standing.state

    def _take_back_nod(self, heard: Heard) -> None:
        nod = self._standing is not None and self._standing.weight <= _NOD
        if nod and len(fold(heard.text).text) > _CLOSING_CHARACTERS:
            self._standing = None

    def _weigh_complaint(self, heard: Heard, findings: Sequence[Finding]) -> None:
        """Trouble counts once: people call about it without complaining. Grievance and apology add up."""
        if any(_is_serious(finding) for finding in findings):
            self._grievances += 2
        folded = fold(heard.text).text
        if heard.speaker is ChannelRole.AGENT:
            if _matches(self._apology, folded) and not _matches(self._no_apology, folded):
                self._grievances += 2
            return
        self._trouble_heard |= _matches(self._trouble, folded)
        self._grievances += _matches(self._grievance, folded)


def _matches(patterns: Iterable[re.Pattern[str]], folded: str) -> bool:
    return any(pattern.search(folded) for pattern in patterns)


def _is_serious(finding: Finding) -> bool:
    """Harassment, and a caller's despair: neither is a call to be filed as an ordinary inquiry."""
    if isinstance(finding, Repetition):
        return True
    grave = finding.harassment or finding.category is Category.SELFHARM
    return grave and finding.severity >= Severity.WARNING

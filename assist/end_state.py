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

from koemori.assist.clauses import sentences_of
from koemori.assist.conclusion import ADMITS
from koemori.assist.phrases import first_match, fold
from koemori.assist.playbooks.schema import EndStateRule, Playbook
from koemori.assist.types import Category, EndState, Finding, Heard, Repetition, Severity
from koemori.audio.call import ChannelRole

_NOD: Final = 3
_CLOSING_CHARACTERS: Final = 14
"""「はい、失礼します」: too short to take a nod back."""
_PLAIN: Final = 5
"""The customer's plainest words of agreement; a withdrawal outweighs them."""
_SERVING_CHARACTERS: Final = 25
_SERVING_TURNS: Final = 3
_COMPLAINT: Final = 2
_VERY_SORRY: Final = re.compile(
    "(?:大変|たいへん|誠に|まことに|本当に|心より|それは).{0,6}(?:申し訳|お詫び|失礼)"
)
_WITHDRAWN_PLAINLY: Final = 6
_OFFER: Final = re.compile(
    r"(よろしい|いかが|差し支えない|構いません|よい)(でしょう|です)か|ということで|させていただけますか"
)
_NO_OFFER: Final = re.compile(r"番号|お名前|お電話を|少々|お待ち|お間違い|ほかに|他に|ご不明")
_TAKES: Final = re.compile(
    r"^(はい|ええ|うん|ああ|分かりました|わかりました|それで|まあ)*(それで|お願い|結構|大丈夫|いいです|構いません|ええよ|ええです|頼み|頼ん)"
)
_MERE_WAIT: Final = re.compile("お待たせ|お手数|お手間|恐れ入り|お時間")
_SORRY: Final = re.compile("ご不便|ご迷惑|ご心配|不快|ご不安|悲し|残念|お困り|ご期待|大切な日|ご面倒")


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
        self._owes_answer = False
        self._despair = False
        self._after_end = 0
        self._offered = False
        self._apologized = False

    def observe(self, heard: Heard, findings: Sequence[Finding] = ()) -> None:
        """Look at the newest utterance and what the detectors found in it."""
        self._weigh_complaint(heard, findings)
        if heard.speaker is ChannelRole.CUSTOMER:
            self._take_back_nod(heard)
        else:
            self._take_back_end(heard)
        for rule in self._rules:
            if heard.speaker not in (rule.speaker, ChannelRole.UNKNOWN):
                continue
            quote = _said(rule, heard)
            if quote is None:
                continue
            self._owes_answer |= (
                rule.state is EndState.UNRESOLVED_PENDING and rule.speaker is ChannelRole.AGENT
            )
            if rule.state is EndState.WITHDRAWN and self._is_agreed and rule.weight < _WITHDRAWN_PLAINLY:
                continue
            if self._standing is None or rule.weight >= self._standing.weight:
                self._standing = Standing(self._meant(rule), rule.weight, heard.utterance_id, quote)

        self._weigh_reply(heard)

    def _weigh_reply(self, heard: Heard) -> None:
        """「…でよろしいですか」 and 「はい、お願いします」: the offer is taken."""
        folded = fold(heard.text).text
        if heard.speaker is ChannelRole.AGENT:
            self._offered = bool(_OFFER.search(folded)) and not _NO_OFFER.search(folded)
            return
        taken = self._offered and bool(_TAKES.match(folded)) and not _matches(self._grievance, folded)
        self._offered = False
        if taken and (self._standing is None or self._standing.weight < _NOD):
            owed = self._owes_answer or self._despair
            state = EndState.UNRESOLVED_PENDING if owed else EndState.RESOLVED_AGREED
            self._standing = Standing(state, _NOD, heard.utterance_id, heard.text)

    @property
    def _is_agreed(self) -> bool:
        return self._standing is not None and self._standing.state is EndState.RESOLVED_AGREED

    def _meant(self, rule: EndStateRule) -> EndState:
        """A nod to an agent who owes an answer is no agreement, nor is one in despair."""
        nod = rule.state is EndState.RESOLVED_AGREED and rule.weight <= _NOD
        if nod and (self._owes_answer or self._despair):
            return EndState.UNRESOLVED_PENDING
        return rule.state

    @property
    def standing(self) -> Standing | None:
        """What the state rests on, if words have settled it."""
        return self._standing

    @property
    def is_complaint(self) -> bool:
        """Whether anybody has shown dissatisfaction so far."""
        return self._grievances + self._trouble_heard + self._apologized >= _COMPLAINT

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
        """More words take a nod back, a new grievance takes back any agreement."""
        if self._standing is None:
            return
        folded = fold(heard.text).text
        nod = self._standing.weight <= _NOD and len(folded) > _CLOSING_CHARACTERS
        settled = self._standing.state in (EndState.RESOLVED_AGREED, EndState.UNRESOLVED_AGREED)
        again = settled and self._standing.weight <= _PLAIN and _matches(self._grievance, folded)
        if nod or again:
            self._standing = None

    def _take_back_end(self, heard: Heard) -> None:
        """An agent who goes on serving has not ended the call after all."""
        if self._standing is None or self._standing.state is not EndState.UNRESOLVED_TERMINATED:
            self._after_end = 0
            return
        self._after_end += len(fold(heard.text).text) > _SERVING_CHARACTERS
        if self._after_end >= _SERVING_TURNS:
            self._standing, self._after_end = None, 0

    def _weigh_complaint(self, heard: Heard, findings: Sequence[Finding]) -> None:
        """Trouble counts once: people call about it without complaining. Grievance and apology add up."""
        if any(_is_serious(finding) for finding in findings):
            self._grievances += 2
        self._despair |= any(
            not isinstance(finding, Repetition) and finding.category is Category.SELFHARM
            for finding in findings
        )
        folded = fold(heard.text).text
        if heard.speaker is ChannelRole.AGENT:
            polite = _MERE_WAIT.search(folded) and not _SORRY.search(folded)
            sorry = self._trouble_heard and bool(_VERY_SORRY.search(folded)) and not polite
            self._apologized |= sorry or (self._trouble_heard and bool(ADMITS.search(heard.text)))
            if _matches(self._apology, folded) and not polite and not _matches(self._no_apology, folded):
                self._grievances += 2
            return
        self._trouble_heard |= _matches(self._trouble, folded)
        self._grievances += _matches(self._grievance, folded)


def _said(rule: EndStateRule, heard: Heard) -> str | None:
    """The agent's sentences stand alone: 「続く場合は…と申しました。終了いたします」 ends the call."""
    if heard.speaker is not ChannelRole.AGENT:
        return first_match(heard.text, rule.any, rule.unless)
    quotes = (first_match(part.text, rule.any, rule.unless) for part in sentences_of(heard.text))
    return next((quote for quote in quotes if quote is not None), None)


def _matches(patterns: Iterable[re.Pattern[str]], folded: str) -> bool:
    return any(pattern.search(folded) for pattern in patterns)


def _is_serious(finding: Finding) -> bool:
    """Harassment, and a caller's despair: neither is a call to be filed as an ordinary inquiry."""
    if isinstance(finding, Repetition):
        return True
    grave = finding.harassment or finding.category is Category.SELFHARM
    return grave and finding.severity >= Severity.WARNING

"""One card at a time: what the agent can say now, why, and from which source.

Findings, words and open items make candidates; the most severe, then the highest priority, is shown. A card
stands until it is fulfilled (its words were heard, its field is filled), expires, or a stronger one comes; a
safety card that the ladder follows gives way once the agent has spoken. Questions wait until the customer
has answered the last one. Nothing is random and no clock is read: the same call gives the same cards with
the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, assert_never

from koemori.assist.cards import SEVERITIES, Card, card_of, newest_by_rule
from koemori.assist.checklist import Checklist
from koemori.assist.context import CallView
from koemori.assist.ladder import LadderStanding, LadderWalk
from koemori.assist.phrases import first_match, fold
from koemori.assist.playbooks.schema import (
    AlertWhen,
    ChecklistWhen,
    GuidanceRule,
    MissingWhen,
    Playbook,
    RepetitionWhen,
    WordsWhen,
)
from koemori.assist.rules import utterance
from koemori.assist.types import (
    Alert,
    Approval,
    Category,
    ChecklistChange,
    FieldValue,
    Finding,
    Guidance,
    Heard,
    LadderApproved,
    Repetition,
    Tick,
)
from koemori.audio.call import ChannelRole

_PENDING_MS: Final = 20_000
"""A card that lost the place to another may still come up this much later; then it is stale."""
_ANSWER_MS: Final = 8_000
"""Nothing heard for this long after the agent spoke: no answer is on its way that a question disturbs."""
_LONG_ANSWER_MS: Final = 20_000
"""The same after a question: the words of a long answer come when it is over."""
_YIELDING: Final = 101
"""Priority of a card that has yielded: it goes before every notice and after every warning."""


class Guide:
    """Chooses the card for one call."""

    def __init__(self, playbook: Playbook) -> None:
        self._playbook = playbook
        self._ladder = LadderWalk(playbook.ladder)
        self._current: Card | None = None
        self._pending: list[Card] = []
        self._shown: dict[str, list[int]] = {}
        self._counts: dict[Category, int] = {}
        self._asked: set[str] = set()
        """Questions (by rule) that the agent asked already."""
        self._sequence = 0
        self._now_ms = 0

    def observe(
        self,
        event: Heard | Tick,
        call: CallView,
        findings: Sequence[Finding],
        checklist: Checklist,
        fields: Mapping[str, FieldValue] | None = None,
    ) -> list[Guidance]:
        """Look at the newest input and what was found in it; return the new card, if it changes.

        Args:
            event: The input the findings came from.
            call: The call so far.
            findings: Alerts and repetitions of this input.
            checklist: What the agent has said so far.
            fields: The case as it stands; without it, no question is asked about missing fields.
        """
        self._now_ms = now_ms = event.end_ms if isinstance(event, Heard) else event.at_ms
        agent_speaks = isinstance(event, Heard) and event.speaker is ChannelRole.AGENT
        if isinstance(event, Heard) and agent_speaks:
            self._note_questions(event)
        self._settle(event, now_ms, checklist, fields or {})
        fresh = self._from_findings(findings, now_ms, checklist)
        if not agent_speaks:
            fresh += self._from_ladder(findings, now_ms, checklist)
        if isinstance(event, Heard):
            fresh += self._from_words(event, now_ms, checklist)
        if any(isinstance(finding, Alert) and finding.category is Category.SELFHARM for finding in findings):
            self._pending = [card for card in self._pending if card.stage == "safety"]
        open_cards = fresh + self._pending
        if not open_cards and self._current is None and self._may_ask(event, call):
            open_cards = self._from_open_items(now_ms, checklist, fields)
        if not open_cards:
            return []
        best = max(open_cards, key=lambda card: card.rank)
        if self._current is not None and not self._displaces(best, self._current):
            self._pending = newest_by_rule(open_cards)
            return []
        self._pending = newest_by_rule([card for card in open_cards if card.rule_id != best.rule_id])
        return [self._show(best, now_ms)]

    def approve(
        self, event: LadderApproved, checklist: Checklist
    ) -> list[Approval | ChecklistChange | Guidance]:
        """Take a supervisor's approval; nothing when the call does not stand where one is called for."""
        if not self._ladder.awaits_approval(checklist, event.at_ms):
            return []
        step = self._ladder.approval_step
        approval = Approval(event.at_ms, event.approved_by, event.approver_name or event.approved_by, step)
        changes = checklist.approve(step, event)
        card = self._ladder.approved(checklist, event.at_ms)
        return [approval, *changes, *([] if card is None else [self._show(card, event.at_ms)])]

    def ladder(self, checklist: Checklist) -> LadderStanding | None:
        """Where the call stands on the warning ladder; None while nothing called for it."""
        return self._ladder.standing(checklist, self._now_ms)

    def _note_questions(self, heard: Heard) -> None:
        for rule in self._playbook.rules:
            if isinstance(rule.when, MissingWhen) and first_match(heard.text, rule.when.asked) is not None:
                self._asked.add(rule.id)

    def _may_ask(self, event: Heard | Tick, call: CallView) -> bool:
        """Whether a question is of use now: the customer has finished, or nobody is about to speak."""
        if isinstance(event, Heard):
            return event.speaker is not ChannelRole.AGENT
        last = call.heard[-1] if call.heard else None
        if last is None or last.speaker is not ChannelRole.AGENT:
            return True
        said, topics = utterance(last.text, self._playbook.lexicon), self._playbook.lexicon.topics
        if said.says(topics.get("agent_hold", ())) is not None:
            return False
        asked = fold(last.text).text.endswith("か") or said.says(topics.get("agent_question", ())) is not None
        return event.at_ms - last.end_ms >= (_LONG_ANSWER_MS if asked else _ANSWER_MS)

    @staticmethod
    def _displaces(best: Card, current: Card) -> bool:
        return best.rank > current.rank or (best.rank == current.rank and best.rule_id != current.rule_id)

    def _settle(
        self, event: Heard | Tick, now_ms: int, checklist: Checklist, fields: Mapping[str, FieldValue]
    ) -> None:
        agent_spoke = isinstance(event, Heard) and event.speaker is ChannelRole.AGENT
        card = self._current
        if card is not None:
            expired = now_ms >= card.at_ms + card.expires_ms
            corrected = card.stage == "correction" and agent_spoke
            asked = card.rule_id in self._asked
            if expired or corrected or asked or card.fulfilled(checklist, fields):
                self._current = None
            elif card.yields and isinstance(event, Heard) and agent_spoke and event.start_ms >= card.at_ms:
                self._current = replace(card, severity=SEVERITIES["notice"], priority=_YIELDING)
        self._pending = [
            card
            for card in self._pending
            if now_ms - card.at_ms <= _PENDING_MS
            and not card.fulfilled(checklist, fields)
            and not (card.stage == "correction" and agent_spoke)
        ]

    def _show(self, card: Card, now_ms: int) -> Guidance:
        self._sequence += 1
        self._shown.setdefault(card.rule_id, []).append(now_ms)
        self._current = replace(card, at_ms=now_ms)
        return Guidance(
            guidance_id=f"{card.rule_id}#{self._sequence}",
            alert_id=card.alert_id,
            stage=card.stage,
            say=card.say,
            why=card.why,
            source=card.source,
            playbook_version=self._playbook.version,
            at_ms=now_ms,
            expires_ms=now_ms + card.expires_ms,
        )

    def _from_findings(self, findings: Sequence[Finding], now_ms: int, checklist: Checklist) -> list[Card]:
        cards: list[Card] = []
        for finding in findings:
            if isinstance(finding, Alert):
                self._counts[finding.category] = self._counts.get(finding.category, 0) + 1
            for rule in self._playbook.rules:
                if self._fires(rule, finding) and self._may_show(rule, now_ms, checklist):
                    cards.append(card_of(rule, now_ms, finding))
        return cards

    def _from_ladder(self, findings: Sequence[Finding], now_ms: int, checklist: Checklist) -> list[Card]:
        """The next step, when the customer (or the clock) goes on; the agent's own words move nothing."""
        steps = (self._ladder.observe(finding, checklist, now_ms) for finding in findings)
        return [step for step in steps if step is not None]

    def _fires(self, rule: GuidanceRule, finding: Finding) -> bool:
        match rule.when:
            case AlertWhen() as when:
                return (
                    isinstance(finding, Alert)
                    and finding.category in when.categories
                    and when.severity_min <= finding.severity <= when.severity_max
                    and (not when.rule_ids or finding.rule_id in when.rule_ids)
                    and sum(self._counts.get(category, 0) for category in when.categories) >= when.count_min
                )
            case RepetitionWhen() as when:
                return isinstance(finding, Repetition) and finding.count >= when.count_min
            case ChecklistWhen() | MissingWhen() | WordsWhen():
                return False
        assert_never(rule.when)

    def _from_words(self, heard: Heard, now_ms: int, checklist: Checklist) -> list[Card]:
        cards = []
        for rule in self._playbook.rules:
            if not isinstance(rule.when, WordsWhen) or rule.when.speaker is not heard.speaker:
                continue
            quote = first_match(heard.text, rule.when.any, rule.when.unless)
            if quote is not None and self._may_show(rule, now_ms, checklist):
                cards.append(card_of(rule, now_ms, None, quote))
        return cards

    def _from_open_items(
        self, now_ms: int, checklist: Checklist, fields: Mapping[str, FieldValue] | None
    ) -> list[Card]:
        cards = []
        for rule in self._playbook.rules:
            match rule.when:
                case ChecklistWhen() as when:
                    still_open = not checklist.done(when.item)
                case MissingWhen() as when:
                    still_open = fields is not None and when.field not in fields
                case AlertWhen() | RepetitionWhen() | WordsWhen():
                    continue
                case _:
                    assert_never(rule.when)
            since_ms = _since(when.after_item, checklist)
            overdue = since_ms is not None and now_ms - since_ms >= when.overdue_ms
            if (
                still_open
                and overdue
                and rule.id not in self._asked
                and self._may_show(rule, now_ms, checklist)
            ):
                cards.append(card_of(rule, now_ms, None))
        return cards

    def _may_show(self, rule: GuidanceRule, now_ms: int, checklist: Checklist) -> bool:
        if rule.done_item is not None and checklist.done(rule.done_item):
            return False
        if rule.not_in_harassment and self._ladder.begun:
            return False
        times = self._shown.get(rule.id, [])
        if rule.limit and len(times) >= rule.limit:
            return False
        return not times or now_ms - times[-1] >= rule.cooldown_ms


def _since(after_item: str | None, checklist: Checklist) -> int | None:
    if after_item is None:
        return 0
    said = checklist.said(after_item)
    return None if said is None else said.heard.end_ms

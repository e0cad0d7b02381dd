"""One card at a time: what the agent can say now, why, and from which source.

Findings, words and open items make candidates; the most severe, then the highest priority, is shown. A card
stands until it is fulfilled (its words were heard, its field is filled), expires, or a stronger one comes.
Nothing is random and no clock is read: the same call gives the same cards with the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, assert_never

from koemori.assist.cards import Card, card_of, newest_by_rule
from koemori.assist.checklist import Checklist
from koemori.assist.context import CallView
from koemori.assist.ladder import LadderWalk
from koemori.assist.phrases import first_match
from koemori.assist.playbooks.schema import (
    AlertWhen,
    ChecklistWhen,
    GuidanceRule,
    MissingWhen,
    Playbook,
    RepetitionWhen,
    WordsWhen,
)
from koemori.assist.types import (
    Alert,
    Category,
    FieldValue,
    Finding,
    Guidance,
    Heard,
    Repetition,
    Tick,
)
from koemori.audio.call import ChannelRole

_PENDING_MS: Final = 20_000
"""A card that lost the place to another may still come up this much later; then it is stale."""


class Guide:
    """Chooses the card for one call."""

    def __init__(self, playbook: Playbook) -> None:
        self._playbook = playbook
        self._ladder = LadderWalk(playbook.ladder)
        self._current: Card | None = None
        self._pending: list[Card] = []
        self._shown: dict[str, list[int]] = {}
        self._counts: dict[Category, int] = {}
        self._sequence = 0

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
        now_ms = event.end_ms if isinstance(event, Heard) else event.at_ms
        self._settle(event, now_ms, checklist, fields or {})
        agent_speaks = isinstance(event, Heard) and event.speaker is ChannelRole.AGENT
        fresh = self._from_findings(findings, now_ms, checklist)
        if not agent_speaks:
            fresh += self._from_ladder(findings, now_ms, checklist)
        if isinstance(event, Heard):
            fresh += self._from_words(event, now_ms, checklist)
        open_cards = fresh + self._pending
        if not open_cards and self._current is None:
            open_cards = self._from_open_items(now_ms, checklist, fields)
        if not open_cards:
            return []
        best = max(open_cards, key=lambda card: card.rank)
        if self._current is not None and not self._displaces(best, self._current):
            self._pending = newest_by_rule(open_cards)
            return []
        self._pending = newest_by_rule([card for card in open_cards if card.rule_id != best.rule_id])
        return [self._show(best, now_ms)]

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
            if expired or corrected or card.fulfilled(checklist, fields):
                self._current = None
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
            if still_open and overdue and self._may_show(rule, now_ms, checklist):
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

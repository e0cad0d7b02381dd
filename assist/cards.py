"""Cards that could be shown to the agent; `guidance.py` chooses among them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from koemori.assist.checklist import Checklist
from koemori.assist.playbooks.schema import GuidanceRule, MissingWhen
from koemori.assist.types import Alert, FieldValue, Repetition

SEVERITIES: Final = {"notice": 1, "warning": 2, "danger": 3}


@dataclass(frozen=True, slots=True)
class Card:
    """A card that could be shown; `at_ms` is when it came up, `expires_ms` how long it stands."""

    rule_id: str
    stage: str
    severity: int
    priority: int
    say: str
    why: str
    source: str
    at_ms: int
    expires_ms: int
    alert_id: str | None = None
    done_item: str | None = None
    done_field: str | None = None
    yields: bool = False
    """Once the agent has spoken after it, any other card may take its place."""

    @property
    def rank(self) -> tuple[int, int]:
        """Severity first, then priority."""
        return (self.severity, self.priority)

    def fulfilled(self, checklist: Checklist, fields: Mapping[str, FieldValue]) -> bool:
        """Whether the card has nothing left to ask for."""
        done = self.done_item is not None and checklist.done(self.done_item)
        return done or (self.done_field is not None and self.done_field in fields)


def card_of(rule: GuidanceRule, now_ms: int, finding: Alert | Repetition | None, quote: str = "") -> Card:
    """The card of a rule, with the words that caused it in its reason."""
    alert = finding if isinstance(finding, Alert) else None
    if alert is not None:
        quote = alert.quote
    count = finding.count if isinstance(finding, Repetition) else 0
    if isinstance(finding, Repetition):
        quote = finding.demand
    return Card(
        rule_id=rule.id,
        stage=rule.stage,
        severity=SEVERITIES[rule.severity],
        priority=rule.priority,
        say=rule.say,
        why=filled(rule.why, quote=quote, count=str(count)),
        source=rule.source,
        at_ms=now_ms,
        expires_ms=rule.expires_ms,
        alert_id=None if alert is None else alert.alert_id,
        done_item=rule.done_item,
        done_field=rule.when.field if isinstance(rule.when, MissingWhen) else None,
        yields=rule.yields,
    )


def filled(template: str, **words: str) -> str:
    """A text with its `{quote}`, `{count}`, `{said}` filled in; other braces stay as they are."""
    for name, value in words.items():
        template = template.replace("{" + name + "}", value)
    return template


def newest_by_rule(cards: Iterable[Card]) -> list[Card]:
    """One card for each rule, the newest."""
    found: dict[str, Card] = {}
    for card in sorted(cards, key=lambda card: card.at_ms):
        found[card.rule_id] = card
    return list(found.values())


def clock(ms: int) -> str:
    """Media time as a person reads it: `1:05`."""
    return f"{ms // 60_000}:{ms // 1_000 % 60:02d}"

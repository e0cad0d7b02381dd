"""Making alerts: ids, the harassment flag, and one alert per category and utterance."""

from __future__ import annotations

from collections.abc import Iterable

from koemori.assist.playbooks.lexicon import Rule
from koemori.assist.rules import RuleMatch
from koemori.assist.types import NOT_HARASSMENT, Alert, Category, Heard, Severity


def alert_of(rule: Rule, heard: Heard, quote: str, severity: Severity, why: str | None = None) -> Alert:
    """An alert of `rule` about one utterance. Below a warning nothing is called harassment."""
    return Alert(
        alert_id=f"{rule.id}@{heard.utterance_id}",
        category=rule.category,
        severity=severity,
        harassment=is_harassment(rule.category, severity),
        rule_id=rule.id,
        at_ms=heard.end_ms,
        utterance_ids=(heard.utterance_id,),
        quote=quote,
        explanation=why or rule.why,
    )


def is_harassment(category: Category, severity: Severity) -> bool:
    """Whether a finding is harassment: never a notice, never safety, fraud or the agent's own words."""
    return severity >= Severity.WARNING and category not in NOT_HARASSMENT


def best_per_category(matches: Iterable[RuleMatch]) -> list[RuleMatch]:
    """The gravest match of each category; among equals the one with more words."""
    best: dict[Category, RuleMatch] = {}
    for match in matches:
        known = best.get(match.rule.category)
        if known is None or _weight(match) > _weight(known):
            best[match.rule.category] = match
    return list(best.values())


def _weight(match: RuleMatch) -> tuple[int, int]:
    return match.rule.severity, len(match.quote)

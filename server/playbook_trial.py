"""A playbook tried over the archive's utterances, and the answer in lines: for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from koemori.assist.playbooks.trial import Hit, PlaybookTrial, RuleTrial
from koemori.assist.redaction import Span, masked, redacted
from koemori.assist.types import Heard
from koemori.audio.call import ChannelRole
from koemori.server.db.repositories import utterances

if TYPE_CHECKING:
    from koemori.server.db.engine import Database


def try_playbook(database: Database, trial: PlaybookTrial, since: datetime | None = None) -> None:
    """Let a trial hear every call that is over and began at `since` or later."""
    for call_id in utterances.ended_calls(database, since):
        call = trial.begin(call_id)
        for row in utterances.of_call(database, call_id):
            trial.utterances += 1
            speaker = ChannelRole(row.speaker)
            call.hear(Heard(row.utterance_id, speaker, row.start_ms, row.end_ms, row.text))
        trial.end(call)


@dataclass(frozen=True, slots=True)
class TrialReport:
    """What a trial found, ready to be written.

    Attributes:
        trial: The trial.
        tried_version: Of the playbook that was tried.
        in_force_version: Of the one it was compared with.
        rule_id: Only this rule; None for all.
        show_text: Whether words are shown as they were said; else personal data in them is masked.
    """

    trial: PlaybookTrial
    tried_version: str
    in_force_version: str
    rule_id: str | None = None
    show_text: bool = False

    def as_json(self) -> Iterator[dict[str, Any]]:
        """An object a rule, then one for all."""
        for rule in self._rules():
            yield {
                "type": "rule",
                "rule_id": rule.rule_id,
                "kind": rule.kind,
                "rule_version": rule.version,
                "enabled": rule.enabled,
                "fired": rule.fired,
                "calls": rule.calls,
                "new": rule.new,
                "gone": rule.gone,
                "other_severity": rule.other_severity,
                "examples": [self._example(hit) for hit in rule.examples],
            }
        yield {"type": "summary", **self._summary()}

    def as_text(self) -> Iterator[str]:
        """Lines for a person: what changes first, then the other rules, then those that never fired."""
        found = self._summary()
        yield f"tried {self.tried_version} against {self.in_force_version} in force"
        yield (
            f"{found['calls']} calls, {found['utterances']} utterances: {found['alerts']} alerts"
            f" ({_figure(found['alerts_per_100_calls'])} per 100 calls),"
            f" {found['alerts_in_force']} in force ({_figure(found['alerts_in_force_per_100_calls'])}):"
            f" {found['new']} new, {found['gone']} gone, {found['other_severity']} of another severity"
        )
        busy = [rule for rule in self._rules() if rule.fired or rule.gone]
        for rule in sorted(busy, key=lambda one: (-(one.new + one.gone + one.other_severity), -one.fired)):
            yield from self._rule_lines(rule)
        idle = [rule.rule_id for rule in self._rules() if not rule.fired and not rule.gone]
        if idle:
            yield ""
            yield f"never fired ({len(idle)}): {', '.join(idle)}"

    def _rule_lines(self, rule: RuleTrial) -> Iterator[str]:
        version = "" if rule.version is None else f" v{rule.version}"
        silent = "" if rule.enabled else " (silent: enabled = false)"
        yield ""
        yield (
            f"{rule.rule_id}{version}{silent}: fired {rule.fired} times in {rule.calls} calls;"
            f" {rule.new} new, {rule.gone} gone, {rule.other_severity} of another severity"
        )
        for hit in rule.examples:
            shown = self._example(hit)
            yield (
                f"  {hit.change:<8} {hit.call_id} {','.join(hit.utterance_ids[-1:])}"
                f" {hit.at_ms // 60_000}:{hit.at_ms // 1000 % 60:02} 「{shown['quote'] or shown['text']}」"
            )

    def _rules(self) -> list[RuleTrial]:
        return [rule for rule in self.trial.rules if self.rule_id in (None, rule.rule_id)]

    def _summary(self) -> dict[str, Any]:
        trial, rules = self.trial, self._rules()
        tried, in_force = trial.per_100_calls
        return {
            "playbook_version": self.tried_version,
            "in_force_version": self.in_force_version,
            "calls": trial.calls,
            "utterances": trial.utterances,
            "alerts": trial.alerts,
            "alerts_in_force": trial.alerts_in_force,
            "alerts_per_100_calls": tried,
            "alerts_in_force_per_100_calls": in_force,
            "new": sum(rule.new for rule in rules),
            "gone": sum(rule.gone for rule in rules),
            "other_severity": sum(rule.other_severity for rule in rules),
            "engine_failures": trial.failures,
        }

    def _example(self, hit: Hit) -> dict[str, Any]:
        return {
            "call_id": hit.call_id,
            "utterance_ids": list(hit.utterance_ids),
            "at_ms": hit.at_ms,
            "severity": hit.severity,
            "change": hit.change,
            "quote": hit.quote if self.show_text else masked_quote(hit),
            "text": hit.text if self.show_text else masked(hit.text, hit.personal),
        }


def masked_quote(hit: Hit) -> str:
    """The quote without the personal data that the utterance holds at its place."""
    start = hit.text.find(hit.quote)
    if start < 0:
        return redacted(hit.quote)
    end = start + len(hit.quote)
    within = [
        Span(span.kind, max(span.start, start) - start, min(span.end, end) - start)
        for span in hit.personal
        if span.start < end and span.end > start
    ]
    return masked(hit.quote, within)


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"

"""The warning ladder: ask to stop → warn → warn of ending → supervisor's approval → end the call.

The next step is offered only when the agent *said* the one before it (heard on the line, not clicked) and
the customer went on after it. A step that was skipped is offered first; ending the call is never offered
before a warning was spoken. The reason on the card quotes what was said, so that it can be defended later.

Source: ministry manual on customer harassment (2022-02), 暴言型 (ask to stop, record, end if serious) and
リピート型 (warn, then refuse).
"""

from __future__ import annotations

from typing import Final

from koemori.assist.cards import Card, clock, filled
from koemori.assist.checklist import Checklist
from koemori.assist.playbooks.schema import Ladder, LadderStep
from koemori.assist.types import Alert, Category, Repetition, Severity

_WARNING: Final = int(Severity.WARNING)


class LadderWalk:
    """Where one call stands on the ladder."""

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self._offered: dict[str, int] = {}
        self.begun = False

    def observe(self, finding: Alert | Repetition, checklist: Checklist, now_ms: int) -> Card | None:
        """The step to offer because of `finding`, or None."""
        if not self._calls_for_ladder(finding):
            return None
        self.begun = True
        steps = self._ladder.steps
        step = next((step for step in steps if not checklist.done(step.id)), None)
        if step is None or checklist.done(steps[-1].id):
            return None
        last_ms = self._offered.get(step.id)
        if last_ms is not None and now_ms - last_ms < self._ladder.cooldown_ms:
            return None
        self._offered[step.id] = now_ms
        quote = finding.quote if isinstance(finding, Alert) else finding.demand
        category = finding.category if isinstance(finding, Alert) else Category.REPEAT_DEMAND
        return Card(
            rule_id=step.id,
            stage=step.id,
            severity=_WARNING,
            priority=self._ladder.priority,
            say=self._words(step, category),
            why=filled(step.why, quote=quote, said=self._said_so_far(checklist)),
            source=step.source,
            at_ms=now_ms,
            expires_ms=self._ladder.expires_ms,
            alert_id=finding.alert_id if isinstance(finding, Alert) else None,
            done_item=step.id,
        )

    def _calls_for_ladder(self, finding: Alert | Repetition) -> bool:
        if isinstance(finding, Repetition):
            return finding.count >= self._ladder.repetition_min
        return (
            finding.harassment
            and finding.severity >= self._ladder.severity_min
            and finding.category in self._ladder.categories
        )

    def _words(self, step: LadderStep, category: Category) -> str:
        if step is self._ladder.steps[0]:
            return self._ladder.first_words.get(category, step.say)
        return step.say

    def _said_so_far(self, checklist: Checklist) -> str:
        parts = []
        for step in self._ladder.steps:
            said = checklist.said(step.id)
            if said is not None:
                parts.append(f"{step.label}「{said.quote}」({clock(said.heard.start_ms)})")
        return "、".join(parts) or "—"

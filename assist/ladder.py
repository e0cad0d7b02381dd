"""The warning ladder: ask to stop → warn → warn of ending → supervisor's approval → end the call.

The next step is offered only when the agent *said* the one before it (heard on the line, not clicked) and
the customer went on after it. A step that was skipped is offered first; ending the call is never offered
before request, warning and announcement were spoken and a superior approved, by word or by a click that is
kept and counts for a while only. The reason on the card quotes what was said and names who approved, so that
it can be defended later.
After a hint of self-harm no step towards ending is offered any more.

Source: ministry manual on customer harassment (2022-02), 暴言型 (ask to stop, record, end if serious) and
リピート型 (warn, then refuse).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from koemori.assist.cards import Card, clock, filled
from koemori.assist.checklist import Checklist
from koemori.assist.playbooks.schema import Ladder, LadderStep
from koemori.assist.types import Alert, Category, LadderApproved, Repetition, Severity

_WARNING: Final = int(Severity.WARNING)
_APPROVAL: Final = 3
"""Place of the supervisor's approval among the steps."""
_TOWARDS_ENDING: Final = 2
"""From this place on, the steps announce or make the end of the call."""


@dataclass(frozen=True, slots=True)
class LadderStepSaid:
    """A step of the warning ladder that was said, in its whole sentence, or approved of."""

    step: str
    at_ms: int
    quote: str
    """Empty where a supervisor's approval did it."""
    utterance_id: str | None
    approved_by: str = ""
    """As people know them; empty where it was said."""


@dataclass(frozen=True, slots=True)
class LadderStanding:
    """Where a call stands on the warning ladder, for whoever is asked to approve of its end."""

    done: tuple[LadderStepSaid, ...]
    awaits_approval: bool
    """All that must come before a supervisor's approval was said; none was given yet."""


class LadderWalk:
    """Where one call stands on the ladder."""

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self._offered: dict[str, int] = {}
        self._went_on: Alert | Repetition | None = None
        """What the customer did while the approval was the only thing missing."""
        self._went_on_ms = 0
        """When the customer last did what calls for the ladder."""
        self._withheld = False
        self.begun = False

    @property
    def approval_step(self) -> str:
        """The step that a supervisor's approval fulfils."""
        return self._ladder.steps[_APPROVAL].id

    def observe(self, finding: Alert | Repetition, checklist: Checklist, now_ms: int) -> Card | None:
        """The step to offer because of `finding`, or None."""
        if isinstance(finding, Alert) and finding.category is Category.SELFHARM:
            self._withheld = True
        if not self._calls_for_ladder(finding):
            return None
        self.begun = True
        self._went_on_ms = now_ms
        if self._approval(checklist, now_ms) is None:
            checklist.lapse(self.approval_step)
        if self.awaits_approval(checklist, now_ms):
            self._went_on = finding
        return self._offer(finding, checklist, now_ms)

    def awaits_approval(self, checklist: Checklist, now_ms: int) -> bool:
        """Whether a supervisor's approval is called for: all that comes before it was said, not too long ago.

        It is no more once an approval counts, and again when that one is too old.
        """
        steps = self._ladder.steps
        said = [checklist.said(step.id) for step in steps[:_APPROVAL]]
        if not self.begun or self._withheld or checklist.done(steps[-1].id):
            return False
        called_ms = max((one.heard.end_ms for one in said if one is not None), default=0)
        return (
            None not in said
            and now_ms - max(called_ms, self._went_on_ms) <= self._ladder.approval_ms
            and self._approval(checklist, now_ms) is None
        )

    def _approval(self, checklist: Checklist, now_ms: int) -> LadderApproved | None:
        """A supervisor's approval, if it still counts."""
        approval = checklist.approved(self.approval_step)
        if approval is None or now_ms - approval.at_ms > self._ladder.approval_ms:
            return None
        return approval

    def standing(self, checklist: Checklist, now_ms: int) -> LadderStanding | None:
        """What was said and approved so far; None while nothing called for the ladder."""
        if not self.begun:
            return None
        done: list[LadderStepSaid] = []
        for step in self._ladder.steps:
            said, approval = checklist.said(step.id), checklist.approved(step.id)
            if said is not None:
                heard = said.heard
                words = _sentence(heard.text, said.quote)
                done.append(LadderStepSaid(step.id, heard.start_ms, words, heard.utterance_id))
            if approval is not None:
                name = approval.approver_name or approval.approved_by
                done.append(LadderStepSaid(step.id, approval.at_ms, "", None, name))
        return LadderStanding(tuple(done), self.awaits_approval(checklist, now_ms))

    def approved(self, checklist: Checklist, now_ms: int) -> Card | None:
        """The step after the approval, at once, if the customer went on after the announcement."""
        return None if self._went_on is None else self._offer(self._went_on, checklist, now_ms)

    def _offer(self, finding: Alert | Repetition, checklist: Checklist, now_ms: int) -> Card | None:
        steps = self._ladder.steps
        place = next((place for place, step in enumerate(steps) if not checklist.done(step.id)), None)
        if place is None or checklist.done(steps[-1].id) or (self._withheld and place >= _TOWARDS_ENDING):
            return None
        step = steps[place]
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
            expires_ms=step.expires_ms or self._ladder.expires_ms,
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
            said, approval = checklist.said(step.id), checklist.approved(step.id)
            if said is not None:
                parts.append(f"{step.label}「{said.quote}」({clock(said.heard.start_ms)})")
            if approval is not None:
                name = approval.approver_name or approval.approved_by
                parts.append(f"{step.label}: {name}({clock(approval.at_ms)})")
        return "、".join(parts) or "—"


def _sentence(text: str, quote: str) -> str:
    """The sentence that holds the words; all of the text where it has no such sentence."""
    sentences = re.split(r"(?<=[。!?!?])\s*", text)
    return next((sentence for sentence in sentences if quote in sentence), text).strip()

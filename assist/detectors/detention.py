"""The detention clock: how long the call holds the agent, and whether the caller lets go.

The ministry's manual names no minutes; the limits are the tenant's practice (`[clock]` of the lexicon) and
are never presented as law. The clock alone is a notice; with the caller's words, or when the agent asked to
end the call and the caller went on, it is a warning.
"""

from __future__ import annotations

from typing import Final

from koemori.assist.alerts import is_harassment
from koemori.assist.context import CallView
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.rules import utterance
from koemori.assist.types import Alert, CallFacts, Category, Finding, Heard, Severity, Tick
from koemori.audio.call import ChannelRole

CLOCK_RULE: Final = "detention.clock"
HELD_RULE: Final = "detention.held-after-end-request"


class DetentionDetector:
    """Watches elapsed time, the agent's requests to end, and the caller's refusals."""

    name = "detention"

    def __init__(self, facts: CallFacts, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._clock = lexicon.clock
        self._end_words = lexicon.topics.get("agent_end_request", ())
        self._hold_rules = tuple(
            rule
            for rule in lexicon.rules
            if rule.category is Category.DETENTION and rule.severity >= Severity.WARNING
        )
        self._end_requests: list[Heard] = []
        self._hold: Heard | None = None
        self._noticed = False
        self._warned = False

    def observe(self, event: Heard | Tick, call: CallView) -> list[Finding]:
        """At most one notice and one warning per call."""
        held_on = False
        if isinstance(event, Heard):
            said = utterance(event.text, self._lexicon)
            if event.speaker is ChannelRole.AGENT:
                if said.says(self._end_words) is not None:
                    self._end_requests.append(event)
            else:
                held_on = len(self._end_requests) >= self._clock.end_requests_for_warning
                if said.matches(self._hold_rules):
                    self._hold = event
        over = call.now_ms >= self._clock.detention_notice_after_ms
        if over and not self._warned and (self._hold is not None or held_on):
            return [self._warning(call)]
        if over and not self._noticed and not self._warned:
            return self._notice(call)
        return []

    def _warning(self, call: CallView) -> Alert:
        self._warned = self._noticed = True
        minutes = call.now_ms // 60_000
        evidence = self._hold or self._end_requests[-1]
        why = (
            f"通話が{minutes}分続き、終話を拒む発言がある"
            if self._hold is not None
            else f"通話が{minutes}分続き、担当者が{len(self._end_requests)}回終話を申し出た後も続いている"
        )
        ids = dict.fromkeys([*(item.utterance_id for item in self._end_requests), evidence.utterance_id])
        return self._alert(HELD_RULE, Severity.WARNING, call, tuple(ids), evidence.text, why)

    def _notice(self, call: CallView) -> list[Finding]:
        spoken = call.recent(1, ChannelRole.CUSTOMER) or call.recent(1)
        if not spoken:
            return []
        self._noticed = True
        limit = self._clock.detention_notice_after_ms // 60_000
        why = f"通話が{limit}分を超えた。社内の目安であり、法律の定めではない"
        return [
            self._alert(
                CLOCK_RULE, Severity.NOTICE, call, (spoken[-1].utterance_id,), spoken[-1].text.strip(), why
            )
        ]

    @staticmethod
    def _alert(
        rule_id: str, severity: Severity, call: CallView, ids: tuple[str, ...], quote: str, why: str
    ) -> Alert:
        return Alert(
            alert_id=f"{rule_id}@{call.now_ms}",
            category=Category.DETENTION,
            severity=severity,
            harassment=is_harassment(Category.DETENTION, severity),
            rule_id=rule_id,
            at_ms=call.now_ms,
            utterance_ids=ids,
            quote=quote,
            explanation=why,
        )

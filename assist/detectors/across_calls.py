"""The same person with the same demand as in earlier calls, with links to these calls.

A link is always shown. An alert comes only from the configured number of calls on (practice: 3), counting
those that were matched by telephone or contract number: a name alone may be somebody else's. It is a notice
while we still owe an answer, since calling again is then fair; a warning when an earlier call had ended with
our answer or with our ending it (リピート型 of the ministry's manual: list,
record, one window, tell to stop).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from koemori.assist.alerts import is_harassment
from koemori.assist.context import CallView
from koemori.assist.demand_topics import load_demand_topics
from koemori.assist.demands import Demand, DemandReader
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.types import (
    Alert,
    CallFacts,
    Category,
    EarlierCall,
    EndState,
    Finding,
    Heard,
    MatchedBy,
    Repetition,
    Severity,
    Tick,
)
from koemori.audio.call import ChannelRole

RULE: Final = "repeat_demand.across-calls"
_ANSWERED: Final = frozenset(
    {EndState.RESOLVED_AGREED, EndState.UNRESOLVED_AGREED, EndState.UNRESOLVED_TERMINATED}
)
_DATES_SHOWN: Final = 3


class AcrossCallsDetector:
    """Compares the customer's demands with those of the person's earlier calls; each pair once."""

    name = "across_calls"

    def __init__(self, facts: CallFacts, lexicon: Lexicon) -> None:
        self._demands = DemandReader(lexicon, load_demand_topics())
        self._calls_for_alert = lexicon.clock.repeat_call_count
        self._linked: set[str] = set()
        self._links = 0

    def observe(self, event: Heard | Tick, call: CallView) -> list[Finding]:
        """The link, and the alert, when this utterance makes a demand of an earlier call."""
        if not isinstance(event, Heard) or event.speaker is ChannelRole.AGENT or not call.earlier:
            return []
        demand = self._demands.read(event.text)
        if not demand.made:
            return []
        same = tuple(earlier for earlier in call.earlier if self._same(demand, earlier))
        if all(earlier.call_id in self._linked for earlier in same):
            return []
        self._linked |= {earlier.call_id for earlier in same}
        self._links += 1
        ids = (event.utterance_id,)
        link = Repetition(f"x{self._links}", 1, event.end_ms, ids, event.text.strip(), same)
        alert = self._alert(event, same)
        return [link] if alert is None else [link, alert]

    def _same(self, demand: Demand, earlier: EarlierCall) -> bool:
        return bool(earlier.demand) and self._demands.same(demand, self._demands.read(earlier.demand))

    def _alert(self, event: Heard, same: Sequence[EarlierCall]) -> Alert | None:
        certain = [earlier for earlier in same if earlier.matched_by is not MatchedBy.NAME]
        calls = len(certain) + 1
        if calls < self._calls_for_alert:
            return None
        owed = certain[0].end_state is EndState.UNRESOLVED_PENDING or not any(
            earlier.end_state in _ANSWERED for earlier in certain
        )
        severity = Severity.NOTICE if owed else Severity.WARNING
        dates = "、".join(earlier.started_on for earlier in certain[:_DATES_SHOWN])
        end = "前回はこちらの回答待ちで終わっている" if owed else "以前の通話で回答済み"
        return Alert(
            alert_id=f"{RULE}@{event.utterance_id}",
            category=Category.REPEAT_DEMAND,
            severity=severity,
            harassment=is_harassment(Category.REPEAT_DEMAND, severity),
            rule_id=RULE,
            at_ms=event.end_ms,
            utterance_ids=(event.utterance_id,),
            quote=event.text.strip(),
            explanation=f"同じ要求が{calls}回目の通話({dates})。{end}",
        )

"""The same demand again, near-verbatim or in other words.

Which utterances are demands, and which demands are the same, is read by `koemori.assist.demands`. Agreeing
to the agent's own question (「はい、返金で」) is not a repetition, unless the caller insists (「だから…って
言ってるでしょう」); numbers and names given when asked are no demands. From the configured count on
(practice: 4) each mention is a warning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from koemori.assist.alerts import is_harassment
from koemori.assist.context import CallView
from koemori.assist.demands import DemandReader, alike
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.rules import utterance
from koemori.assist.types import Alert, CallFacts, Category, Finding, Heard, Repetition, Severity, Tick
from koemori.audio.call import ChannelRole

RULE: Final = "repeat_demand.in-call"
_OPEN_CLUSTERS: Final = 8
"""Demands outside the known topics are compared with this many earlier ones; older ones have been dropped."""


@dataclass(slots=True)
class _Cluster:
    cluster_id: str
    demand: str
    topics: set[str]
    mentions: list[Heard] = field(default_factory=list)


class RepetitionDetector:
    """Counts how often the customer makes the same demand in this call."""

    name = "repetition"

    def __init__(self, facts: CallFacts, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._count_for_alert = lexicon.clock.repeat_alert_count
        self._demands = DemandReader(lexicon)
        self._insisting = lexicon.topics.get("insisting", ())
        self._agreeing = lexicon.topics.get("agreeing", ())
        self._question = lexicon.topics.get("agent_question", ())
        self._clusters: list[_Cluster] = []

    def observe(self, event: Heard | Tick, call: CallView) -> list[Finding]:
        """The repetition this utterance is, from the second mention on, and the alert from the fourth on."""
        if not isinstance(event, Heard) or event.speaker is ChannelRole.AGENT:
            return []
        topics = self._demands.topics(event.text)
        if not self._demands.is_demand(event.text, topics):
            return []
        cluster = self._cluster_of(event, topics)
        if cluster is None:
            cluster = _Cluster(f"r{len(self._clusters) + 1}", event.text, set())
            self._clusters.append(cluster)
        elif self._only_answers(event, call):
            return []
        cluster.mentions.append(event)
        cluster.topics |= topics
        return self._report(cluster, event) if len(cluster.mentions) > 1 else []

    def _only_answers(self, event: Heard, call: CallView) -> bool:
        before = next(call.before(event), None)
        if before is None or before.speaker is not ChannelRole.AGENT:
            return False
        asked = utterance(before.text, self._lexicon).says(self._question) is not None
        said = utterance(event.text, self._lexicon)
        return asked and said.says(self._agreeing) is not None and said.says(self._insisting) is None

    def _cluster_of(self, event: Heard, topics: frozenset[str]) -> _Cluster | None:
        for cluster in reversed(self._clusters):
            if cluster.topics & topics:
                return cluster
        for cluster in reversed(self._clusters[-_OPEN_CLUSTERS:]):
            if any(alike(event.text, one.text) for one in (cluster.mentions[0], cluster.mentions[-1])):
                return cluster
        return None

    def _report(self, cluster: _Cluster, event: Heard) -> list[Finding]:
        count = len(cluster.mentions)
        ids = tuple(item.utterance_id for item in cluster.mentions)
        found: list[Finding] = [Repetition(cluster.cluster_id, count, event.end_ms, ids, cluster.demand)]
        if count >= self._count_for_alert:
            found.append(
                Alert(
                    alert_id=f"{RULE}@{event.utterance_id}",
                    category=Category.REPEAT_DEMAND,
                    severity=Severity.WARNING,
                    harassment=is_harassment(Category.REPEAT_DEMAND, Severity.WARNING),
                    rule_id=RULE,
                    at_ms=event.end_ms,
                    utterance_ids=ids,
                    quote=event.text.strip(),
                    explanation=f"同じ要求が{count}回繰り返された",
                )
            )
        return found

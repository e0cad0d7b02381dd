"""The same demand again, near-verbatim or in other words.

Which utterances are demands, and which demands are the same, is read by `koemori.assist.demands`. Agreeing
to the agent's own question (「はい、返金で」) is not a repetition, unless the caller insists (「だから…って
言ってるでしょう」); numbers and names given when asked are no demands. Insisting that names nothing
(「だからそれをさ」) repeats the demand that the caller made right before, if it had been repeated already.
From the configured count on (practice: 4) each mention is a warning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from koemori.assist.alerts import is_harassment
from koemori.assist.context import CallView
from koemori.assist.demand_topics import load_demand_topics
from koemori.assist.demands import Demand, DemandReader
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.rules import utterance
from koemori.assist.similarity import content_words
from koemori.assist.types import Alert, CallFacts, Category, Finding, Heard, Repetition, Severity, Tick
from koemori.audio.call import ChannelRole

RULE: Final = "repeat_demand.in-call"
_OPEN_CLUSTERS: Final = 8
"""By more than words of a topic, demands are compared with this many earlier ones; older ones are dropped."""
_ANSWER_ME: Final = frozenset({"decide"})
"""Topics that ask for an answer to what was asked before."""
_FEW_WORDS: Final = 2
"""An answer is demanded to what was said before; with more words, to something else."""
_COMPARED: Final = 4
"""Latest mentions of a cluster that are compared, besides its first."""


@dataclass(slots=True)
class _Cluster:
    cluster_id: str
    demand: str
    mentions: list[Heard] = field(default_factory=list)
    demands: list[Demand] = field(default_factory=list)
    """The mentions that name what is asked for."""

    def to_compare(self) -> list[Demand]:
        return [self.demands[0], *self.demands[1:][-_COMPARED:]]


class RepetitionDetector:
    """Counts how often the customer makes the same demand in this call."""

    name = "repetition"

    def __init__(self, facts: CallFacts, lexicon: Lexicon, demands: DemandReader | None = None) -> None:
        self._lexicon = lexicon
        self._count_for_alert = lexicon.clock.repeat_alert_count
        self._demands = demands or DemandReader(lexicon, load_demand_topics())
        self._insisting = lexicon.topics.get("insisting", ())
        self._agreeing = lexicon.topics.get("agreeing", ())
        self._question = lexicon.topics.get("agent_question", ())
        self._clusters: list[_Cluster] = []

    def observe(self, event: Heard | Tick, call: CallView) -> list[Finding]:
        """The repetition this utterance is, from the second mention on, and the alert from the fourth on."""
        if not isinstance(event, Heard) or event.speaker is ChannelRole.AGENT:
            return []
        demand = self._demands.read(event.text)
        cluster = self._cluster_of(demand) if demand.made else None
        cluster = cluster or self._insisted_on(event, demand, call)
        if cluster is None:
            if demand.made:
                self._open(event, demand)
            return []
        if self._only_answers(event, call):
            return []
        cluster.mentions.append(event)
        if demand.made and not demand.topics <= _ANSWER_ME:
            cluster.demands.append(demand)
        return self._report(cluster, event)

    def _open(self, event: Heard, demand: Demand) -> None:
        cluster = _Cluster(f"r{len(self._clusters) + 1}", event.text, [event], [demand])
        self._clusters.append(cluster)

    def _insisted_on(self, event: Heard, demand: Demand, call: CallView) -> _Cluster | None:
        """The repeated demand made right before, if this only insists on it or on an answer to it."""
        named = len(content_words(event.text))
        if demand.topics:
            insists = demand.topics <= _ANSWER_ME and named <= _FEW_WORDS
        else:
            said = utterance(event.text, self._lexicon)
            insists = not named and said.says(self._insisting) is not None
        if not insists:
            return None
        last = next((one for one in call.before(event) if one.speaker is not ChannelRole.AGENT), None)
        for cluster in self._clusters:
            if last in cluster.mentions and len(cluster.mentions) > 1:
                return cluster
        return None

    def _only_answers(self, event: Heard, call: CallView) -> bool:
        before = next(call.before(event), None)
        if before is None or before.speaker is not ChannelRole.AGENT:
            return False
        asked = utterance(before.text, self._lexicon).says(self._question) is not None
        said = utterance(event.text, self._lexicon)
        return asked and said.says(self._agreeing) is not None and said.says(self._insisting) is None

    def _cluster_of(self, demand: Demand) -> _Cluster | None:
        for cluster in reversed(self._clusters):
            if any(self._demands.same_in_words(demand, one) for one in cluster.demands):
                return cluster
        for cluster in reversed(self._clusters[-_OPEN_CLUSTERS:]):
            if any(self._demands.same(demand, one) for one in cluster.to_compare()):
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

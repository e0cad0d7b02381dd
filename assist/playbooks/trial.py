"""Trying a playbook on calls that were held: how often would each rule have fired, and what would change.

Both playbooks hear the same utterances through the same engine as a live call, second by second. Rules that
the tried playbook keeps silent are awake in the trial. Nothing grows with the number of calls but counters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from koemori.assist.engine import AssistEngine
from koemori.assist.playbooks.records import rule_records
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.redaction import Redactor, Span, merged
from koemori.assist.second_opinion import SecondOpinion
from koemori.assist.types import Alert, AssistEvent, CallFacts, Guidance, Heard, Tick

_TICK_MS: Final = 1000
Change = Literal["same", "new", "gone", "severity"]
_TELLING: Final[tuple[Change, ...]] = ("new", "gone", "severity", "same")
"""Which examples are kept first."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One time a rule fires.

    Attributes:
        call_id: The call.
        utterance_ids: What it speaks of.
        at_ms: Media time.
        severity: 1 to 3 as tried; that of the playbook in force where it is `gone`; 0 for guidance.
        change: Compared with the playbook in force.
        quote: The words that trigger it.
        text: The whole utterance.
        personal: Personal data in it, as far as the whole call tells.
    """

    call_id: str
    utterance_ids: tuple[str, ...]
    at_ms: int
    severity: int
    change: Change
    quote: str
    text: str
    personal: tuple[Span, ...] = ()


@dataclass(slots=True)
class RuleTrial:
    """What one rule would have done."""

    rule_id: str
    kind: str
    version: int | None
    enabled: bool
    """As its playbook has it; false: it is tried and silent."""
    fired: int = 0
    calls: int = 0
    new: int = 0
    gone: int = 0
    other_severity: int = 0
    examples: list[Hit] = field(default_factory=list)


class CallTrial:
    """One call under both playbooks; give it every utterance in order, then ask for the hits."""

    def __init__(self, call_id: str, tried: AssistEngine, in_force: AssistEngine) -> None:
        self.call_id = call_id
        self._tried = tried
        self._in_force = in_force
        self._now_ms = 0
        self._texts: dict[str, str] = {}
        self._newest: Heard | None = None
        self._would: dict[str, Alert] = {}
        self._did: dict[str, Alert] = {}
        self._cards: list[tuple[str, Hit]] = []

    def hear(self, heard: Heard) -> None:
        """The next utterance, with the seconds before it."""
        tick_ms = (self._now_ms // _TICK_MS + 1) * _TICK_MS
        while tick_ms <= heard.end_ms:
            self._push(Tick(at_ms=tick_ms))
            tick_ms += _TICK_MS
        self._now_ms = max(self._now_ms, heard.end_ms)
        self._texts[heard.utterance_id] = heard.text
        self._newest = heard
        self._push(heard)

    @property
    def failures(self) -> int:
        """Parts of the engine that failed on an input."""
        return sum(self._tried.failures.values())

    @property
    def alerts(self) -> tuple[int, int]:
        """How many alerts would have come, and how many come with the playbook in force."""
        return len(self._would), len(self._did)

    def hits(self) -> Iterable[tuple[str, Hit]]:
        """Rule and hit: alerts of either playbook, then guidance of the tried one."""
        for key, alert in self._would.items():
            before = self._did.get(key)
            change: Change = "same"
            if before is None:
                change = "new"
            elif before.severity != alert.severity:
                change = "severity"
            yield alert.rule_id, self._hit(alert, change)
        for key, alert in self._did.items():
            if key not in self._would:
                yield alert.rule_id, self._hit(alert, "gone")
        yield from self._cards

    def personal(self) -> dict[str, list[Span]]:
        """Personal data by utterance; what is learnt late in the call is found in earlier words too."""
        redactor, found = Redactor(), defaultdict[str, list[Span]](list)
        for heard in self._tried.call.heard:
            for one in redactor.push(heard):
                found[one.utterance_id].append(one.span)
        return {utterance_id: merged(spans) for utterance_id, spans in found.items()}

    def _push(self, event: Heard | Tick) -> None:
        for result in self._tried.push(event):
            if isinstance(result, Alert):
                self._would[result.alert_id] = result
            elif isinstance(result, Guidance):
                self._card(result)
        results: list[AssistEvent] = self._in_force.push(event)
        self._did |= {result.alert_id: result for result in results if isinstance(result, Alert)}

    def _card(self, card: Guidance) -> None:
        said = self._newest
        ids, text = ((), "") if said is None else ((said.utterance_id,), said.text)
        hit = Hit(self.call_id, ids, card.at_ms, 0, "same", "", text)
        self._cards.append((card.guidance_id.rpartition("#")[0], hit))

    def _hit(self, alert: Alert, change: Change) -> Hit:
        text = self._texts.get(alert.utterance_ids[-1], "")
        return Hit(
            self.call_id,
            alert.utterance_ids,
            alert.at_ms,
            int(alert.severity),
            change,
            alert.quote,
            text,
        )


class PlaybookTrial:
    """A playbook against the one in force, over any number of calls.

    Args:
        tried: The playbook to be tried.
        in_force: What it is compared with.
        examples: How many hits of each rule are kept to look at.
        opinion: The judge beside the rules, where live calls have one.
    """

    def __init__(
        self,
        tried: Playbook,
        in_force: Playbook,
        examples: int = 5,
        opinion: SecondOpinion | None = None,
    ) -> None:
        self._playbook = tried.awake()
        self._reference = in_force
        self._opinion = opinion
        self._examples = examples
        self.calls = self.utterances = self.alerts = self.alerts_in_force = self.failures = 0
        self._rules: dict[tuple[bool, str], RuleTrial] = {
            (record.kind == "guidance", record.rule_id): RuleTrial(
                record.rule_id, record.kind, record.version, record.enabled
            )
            for record in rule_records(tried)
        }

    @property
    def rules(self) -> tuple[RuleTrial, ...]:
        """Every rule of the tried playbook, then those that only the one in force has."""
        return tuple(self._rules.values())

    def begin(self, call_id: str) -> CallTrial:
        """A call; hand it to `end` when it has heard everything."""
        return CallTrial(
            call_id,
            AssistEngine(CallFacts(call_id=call_id), self._playbook, self._opinion),
            AssistEngine(CallFacts(call_id=call_id), self._reference, self._opinion),
        )

    def end(self, call: CallTrial) -> None:
        """Count what a call gave."""
        self.calls += 1
        would, did = call.alerts
        self.alerts += would
        self.alerts_in_force += did
        self.failures += call.failures
        seen: set[tuple[bool, str]] = set()
        for rule_id, hit in call.hits():
            key = (hit.severity == 0, rule_id)
            rule = self._rules.setdefault(key, self._stranger(rule_id, hit))
            _count(rule, hit, first=key not in seen)
            if hit.change != "gone":
                seen.add(key)
            _keep(rule.examples, hit, self._examples)
        self._find_personal(call)

    def _find_personal(self, call: CallTrial) -> None:
        """Look for personal data in the examples that this call gave; most calls give none in the end."""
        personal: dict[str, list[Span]] | None = None
        for rule in self._rules.values():
            for place, hit in enumerate(rule.examples):
                if hit.call_id == call.call_id and hit.utterance_ids:
                    personal = call.personal() if personal is None else personal
                    spans = tuple(personal.get(hit.utterance_ids[-1], ()))
                    rule.examples[place] = replace(hit, personal=spans)

    def _stranger(self, rule_id: str, hit: Hit) -> RuleTrial:
        """A rule that the tried playbook lacks: the ladder's, that of the one in force, the program's."""
        version = self._reference.lexicon.version_of(rule_id)
        kind = "guidance" if hit.severity == 0 else "program" if version is None else "detection"
        return RuleTrial(rule_id, kind, version, enabled=True)

    @property
    def per_100_calls(self) -> tuple[float | None, float | None]:
        """Alerts per hundred calls, as tried and in force; None without calls."""
        if not self.calls:
            return None, None
        return 100 * self.alerts / self.calls, 100 * self.alerts_in_force / self.calls


def _count(rule: RuleTrial, hit: Hit, *, first: bool) -> None:
    match hit.change:
        case "gone":
            rule.gone += 1
            return
        case "new":
            rule.new += 1
        case "severity":
            rule.other_severity += 1
        case "same":
            pass
    rule.fired += 1
    rule.calls += first


def _keep(examples: list[Hit], hit: Hit, limit: int) -> None:
    """Keep the most telling ones: what would change before what would not, earlier calls first."""
    examples.append(hit)
    examples.sort(key=lambda kept: _TELLING.index(kept.change))
    del examples[limit:]

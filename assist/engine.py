"""One call's assist engine: words and time in, alerts, guidance, checklist and case out.

Fixed order for each input: detectors → checklist → case → guidance. The engine is the edge at which a
failing part is caught: the call goes on, the others' findings are kept, and the failure is counted and
logged without a word of what was said.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar, assert_never

from koemori.assist.case import CaseFile
from koemori.assist.checklist import Checklist
from koemori.assist.context import CallView
from koemori.assist.detectors import DETECTORS, Detector
from koemori.assist.guidance import Guide
from koemori.assist.ladder import LadderStanding
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.second_opinion.model import SecondOpinion
from koemori.assist.third_opinion import Doubt, Doubts, Policy
from koemori.assist.types import (
    AgentEdit,
    Alert,
    AlertReview,
    AssistEvent,
    AssistInput,
    Attributed,
    CallClosed,
    CallerHistory,
    CallerKnown,
    CallFacts,
    ChecklistChange,
    Finding,
    Guidance,
    Heard,
    LadderApproved,
    ThirdOpinion,
    Tick,
    VoiceRaised,
)
from koemori.assist.voice import supported
from koemori.audio.call import ChannelRole

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class AssistEngine:
    """Everything the assist side knows of one call. Not thread-safe: one call, one engine, one caller."""

    def __init__(
        self,
        facts: CallFacts,
        playbook: Playbook,
        opinion: SecondOpinion | None = None,
        doubting: Policy | None = None,
    ) -> None:
        self.call = CallView(facts, opinion=opinion)
        self.failures: Counter[str] = Counter()
        """Parts that failed in this call, by name."""
        self._playbook = playbook
        self._detectors: tuple[Detector, ...] = tuple(make(facts, playbook.lexicon) for make in DETECTORS)
        self._checklist = Checklist(playbook)
        self._case = CaseFile(facts, playbook)
        self._guide = Guide(playbook)
        self._lexicon = playbook.lexicon
        self._seen: set[str] = set()
        asks = doubting is not None and doubting.locale == facts.locale
        self._doubts = Doubts(doubting, facts) if doubting is not None and asks else None

    def push(self, event: AssistInput) -> list[AssistEvent]:
        """Take the next input; return what follows from it, in the order it should be shown."""
        match event:
            case Heard():
                return self._heard(event)
            case Attributed():
                return self._attributed(event)
            case Tick():
                return self._tick(event)
            case AgentEdit():
                self._advance(event.at_ms)
                self._guarded("case", lambda: self._case.edit(event), None)
                return self._revision()
            case CallerKnown():
                return self._known(event)
            case VoiceRaised():
                self._advance(event.at_ms)
                self.call.voice.note(event)
                return []
            case LadderApproved():
                self._advance(event.at_ms)
                return self._guarded(
                    "guidance", lambda: list(self._guide.approve(event, self._checklist)), []
                )
            case ThirdOpinion():
                return self._third(event)
            case CallClosed():
                self._advance(event.at_ms)
                return self._guarded("case", lambda: [self._case.final(self.call.now_ms)], [])
            case _:
                assert_never(event)

    @property
    def ladder(self) -> LadderStanding | None:
        """Where the call stands on the warning ladder; None before anything called for it. For any thread."""
        return self._guide.ladder(self._checklist)

    def take_doubts(self) -> list[Doubt]:
        """What a third opinion should be asked about since this was last called; always none without one."""
        return [] if self._doubts is None else self._doubts.take()

    def _third(self, event: ThirdOpinion) -> list[AssistEvent]:
        self._advance(event.at_ms)
        doubts = self._doubts
        if doubts is None:
            return []
        follows: list[AlertReview | Alert] = self._guarded(
            "third_opinion", lambda: doubts.answered(event), []
        )
        reviews = [item for item in follows if isinstance(item, AlertReview)]
        findings = [
            self._traceable(item) for item in follows if isinstance(item, Alert) and self._is_new(item)
        ]
        if not findings:
            return [*reviews]
        self._guarded("case", lambda: self._case.note(findings), None)
        now = Tick(self.call.now_ms)
        return [*reviews, *findings, *self._revision(), *self._guidance(now, findings)]

    def _known(self, event: CallerKnown) -> list[AssistEvent]:
        self._advance(event.at_ms)
        if event.calls == self.call.earlier:
            return []
        self.call.earlier = event.calls
        return [CallerHistory(self.call.now_ms, event.calls)]

    def _heard(self, event: Heard) -> list[AssistEvent]:
        self._advance(event.end_ms)
        self.call.heard.append(event)
        findings = self._supported(event, self._detect(event))
        changes: list[ChecklistChange] = self._guarded(
            "checklist", lambda: self._checklist.observe(event, self.call), []
        )
        self._guarded("case", lambda: self._case.observe(event, self.call, findings), None)
        if (doubts := self._doubts) is not None:
            fields = self._case.fields
            self._guarded("third_opinion", lambda: doubts.observe(event, self.call, findings, fields), None)
        return [*findings, *changes, *self._revision(), *self._guidance(event, findings)]

    def _attributed(self, event: Attributed) -> list[AssistEvent]:
        """Know better who said an utterance; what the agent said is observed, as if it had just been said.

        What nobody was known to have said was taken for the customer's, so that needs no second look.
        """
        self._advance(event.at_ms)
        heard = self.call.heard
        places = [place for place, one in enumerate(heard) if one.utterance_id == event.utterance_id]
        if not places:
            return []
        before = {part for part in heard[places[0] :] if part.utterance_id == event.utterance_id}
        later = heard[places[-1] + 1 :]
        del heard[places[0] :]
        findings: list[Finding] = []
        for part in event.parts:
            heard.append(part)
            if part.speaker is ChannelRole.AGENT and part not in before:
                found = self._supported(part, self._detect(part))
                self._guarded("case", partial(self._case.observe, part, self.call, found), None)
                findings.extend(found)
        heard.extend(later)
        return [*findings, *self._revision(), *self._guidance(Tick(self.call.now_ms), findings)]

    def _tick(self, event: Tick) -> list[AssistEvent]:
        self._advance(event.at_ms)
        findings = self._detect(event)
        if findings:
            self._guarded("case", lambda: self._case.note(findings), None)
        return [*findings, *self._revision(), *self._guidance(event, findings)]

    def _detect(self, event: Heard | Tick) -> list[Finding]:
        found: list[Finding] = []
        for detector in self._detectors:
            found.extend(self._guarded(detector.name, partial(detector.observe, event, self.call), []))
        return [self._traceable(item) for item in found if self._is_new(item)]

    def _traceable(self, finding: Finding) -> Finding:
        """The finding with the version of the rule it comes from."""
        if not isinstance(finding, Alert):
            return finding
        version = self._playbook.lexicon.version_of(finding.rule_id)
        return replace(finding, rule_version=version, playbook_version=self._playbook.version)

    def _supported(self, event: Heard, findings: list[Finding]) -> list[Finding]:
        """The findings with what a raised voice adds to them; it makes none."""
        return self._guarded(
            "voice", lambda: supported(findings, event, self.call.voice.at(event), self._lexicon), findings
        )

    def _is_new(self, finding: Finding) -> bool:
        key = getattr(finding, "alert_id", None)
        if key is None:
            return True
        if key in self._seen:
            return False
        self._seen.add(key)
        return True

    def _guidance(self, event: Heard | Tick, findings: list[Finding]) -> list[Guidance]:
        return self._guarded(
            "guidance",
            lambda: self._guide.observe(event, self.call, findings, self._checklist, self._case.fields),
            [],
        )

    def _revision(self) -> list[AssistEvent]:
        revision = self._guarded("case", lambda: self._case.revision_if_changed(self.call.now_ms), None)
        return [] if revision is None else [revision]

    def _advance(self, at_ms: int) -> None:
        self.call.now_ms = max(self.call.now_ms, at_ms)

    def _guarded(self, part: str, work: Callable[[], _T], instead: _T) -> _T:
        try:
            return work()
        except Exception as error:
            self.failures[part] += 1
            _log.error(
                "a part of the assist engine failed",
                extra={"call_id": self.call.facts.call_id, "part": part, "error": type(error).__name__},
            )
            return instead

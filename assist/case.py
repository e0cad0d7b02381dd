"""The case record: proposals of the extractors, edits of the agent, and what the call came to.

Rules: the agent's edit always wins and is never overwritten; among proposals the more certain wins, among
equals the later (a correction or a read-back comes after the first mention). Every value names the
utterances it came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from koemori.assist.axes import judge
from koemori.assist.conclusion import ConclusionWriter
from koemori.assist.context import CallView
from koemori.assist.end_state import EndStateJudge
from koemori.assist.extractors import EXTRACTORS, Extractor
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.summary import Summarizer
from koemori.assist.tags import Ids, Tagger, joined
from koemori.assist.types import (
    CASE_FIELDS,
    AgentEdit,
    CallFacts,
    CaseRevision,
    Category,
    EndState,
    FieldProposal,
    FieldValue,
    Finding,
    Heard,
    Repetition,
    Severity,
)

KNOWN_CONFIDENCE = 0.3
"""What the phone system says before the call (the caller's number may be another person's)."""
CONCLUSION_CONFIDENCE = 0.5
OF_COMPLAINTS = ("about_what", "who_is_dissatisfied")


class CaseFile:
    """The case of one call."""

    def __init__(self, facts: CallFacts, playbook: Playbook) -> None:
        self._extractors: tuple[Extractor, ...] = tuple(make(facts, playbook) for make in EXTRACTORS)
        self._judge = EndStateJudge(playbook)
        self._writer = ConclusionWriter(playbook)
        self._summarizer = Summarizer(playbook)
        self._tagger = Tagger(playbook.tags)
        self._labels = playbook.labels
        self._fields: dict[str, FieldValue] = {
            name: FieldValue(value, KNOWN_CONFIDENCE, ())
            for name, value in facts.known.items()
            if name in CASE_FIELDS and value
        }
        self._findings: list[Finding] = []
        self._categories: list[Category] = []
        self._demand_validity = "unknown"
        self._manner = "calm"
        self._revision = 0
        self._emitted: object = self._state()

    @property
    def fields(self) -> Mapping[str, FieldValue]:
        """The fields as they stand."""
        return self._fields

    def observe(self, heard: Heard, call: CallView, findings: Sequence[Finding]) -> None:
        """Look at the newest utterance and what the detectors found in it."""
        self.note(findings)
        self._demand_validity, self._manner = judge(self._findings, call)
        for extractor in self._extractors:
            for proposal in extractor.observe(heard, call):
                self._accept(proposal)
        self._judge.observe(heard, findings)
        self._writer.observe(heard)
        self._summarizer.observe(heard)
        self._tagger.observe(heard)
        self._conclude(self._judge.state, heard.end_ms)

    def note(self, findings: Sequence[Finding]) -> None:
        """Take findings that came without words (a clock's)."""
        for finding in findings:
            self._findings.append(finding)
            category = _harassment_category(finding)
            if category is not None and category not in self._categories:
                self._categories.append(category)

    def edit(self, edit: AgentEdit) -> None:
        """Enter what the agent typed; an emptied field is confirmed as empty."""
        for name, value in edit.values.items():
            if name in CASE_FIELDS:
                self._fields[name] = FieldValue(value.strip(), 1.0, (), confirmed=True)

    def revision_if_changed(self, at_ms: int) -> CaseRevision | None:
        """The case, if anything in it changed since the last revision."""
        if self._state() == self._emitted:
            return None
        return self._emit(at_ms)

    def final(self, at_ms: int) -> CaseRevision:
        """The last revision of the call: nothing stays open, and the call is told in short."""
        state = self._judge.final_state
        self._conclude(state, at_ms)
        shown, complaint = self._shown(), self._judge.is_complaint
        return replace(
            self._emit(at_ms, state),
            summary=self._summarizer.written(
                shown, self._labels.get(f"end_state.{state}", "") if complaint else ""
            ),
            tags=self._tagger.tags(shown, self._shown_by(), complaint=complaint),
            record_keeping=self._tagger.record_keeping(
                harassment=joined(self._shown_by().values()) if self._categories else None,
                complaint=_stated_in(shown, *OF_COMPLAINTS) if complaint else None,
                promise=_stated_in(shown, "promises") if "promises" in shown else None,
            ),
        )

    def _shown_by(self) -> dict[Category, Ids]:
        """The harassment found, by category: ids of the utterances that show it."""
        return {
            category: joined(
                finding.utterance_ids
                for finding in self._findings
                if _harassment_category(finding) is category
            )
            for category in self._categories
        }

    def _conclude(self, state: EndState, at_ms: int) -> None:
        promises = self._fields.get("promises")
        promised = [] if promises is None else [_in_short(part) for part in promises.value.split("; ")]
        demand = self._fields.get("demand")
        value = self._writer.written(
            state, self._findings, promised, at_ms, "" if demand is None else demand.value
        )
        if value:
            standing = self._judge.standing
            ids = (*self._writer.utterance_ids, *(() if standing is None else (standing.utterance_id,)))
            self._accept(FieldProposal("conclusion", value, CONCLUSION_CONFIDENCE, tuple(dict.fromkeys(ids))))

    def _accept(self, proposal: FieldProposal) -> None:
        old = self._fields.get(proposal.field)
        if old is not None and (old.confirmed or proposal.confidence < old.confidence):
            return
        self._fields[proposal.field] = FieldValue(proposal.value, proposal.confidence, proposal.utterance_ids)

    def _state(self) -> object:
        return (
            self._shown(),
            self._judge.state,
            tuple(self._categories),
            self._demand_validity,
            self._manner,
        )

    def _shown(self) -> dict[str, FieldValue]:
        """The fields in the form's order; without a complaint nobody and nothing is complained of."""
        hidden = () if self._judge.is_complaint else OF_COMPLAINTS
        return {
            name: self._fields[name]
            for name in CASE_FIELDS
            if name in self._fields and (name not in hidden or self._fields[name].confirmed)
        }

    def _emit(self, at_ms: int, end_state: EndState | None = None) -> CaseRevision:
        self._revision += 1
        self._emitted = self._state()
        return CaseRevision(
            revision=self._revision,
            at_ms=at_ms,
            fields=self._shown(),
            end_state=end_state or self._judge.state,
            harassment_categories=tuple(self._categories),
            demand_validity=self._demand_validity,
            manner=self._manner,
        )


def _in_short(promise: str) -> str:
    """「料金の内訳を郵送(期限: 五日以内、担当: 料金担当)」 → 「料金の内訳を郵送(五日以内)」."""
    what, _, rest = promise.partition("(期限: ")
    by = rest.partition("、担当")[0]
    return what if by in ("", "未定") else f"{what}({by})"


def _stated_in(fields: Mapping[str, FieldValue], *names: str) -> Ids:
    return joined(fields[name].utterance_ids for name in names if name in fields)


def _harassment_category(finding: Finding) -> Category | None:
    if isinstance(finding, Repetition):
        return None
    if finding.harassment and finding.severity >= Severity.WARNING:
        return finding.category
    return None

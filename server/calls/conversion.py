"""Assist events → wire events. Every field of the contract is filled here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict, assert_never

from koemori.assist.types import (
    Alert,
    AlertReview,
    Approval,
    AssistEvent,
    CallerHistory,
    CaseRevision,
    ChecklistChange,
    EarlierCall,
    FieldValue,
    Guidance,
    MatchedBy,
    Repetition,
)
from koemori.server.wire import (
    AlertEvent,
    AlertReviewEvent,
    ApprovalEvent,
    CaseEvent,
    ChecklistEvent,
    GuidanceEvent,
    HistoryEvent,
    RepetitionEvent,
    WireEarlierCall,
    WireEvent,
    WireFieldValue,
    WireRecordKeeping,
    WireStages,
    WireTag,
)


class EventHead(TypedDict):
    """What every wire event begins with."""

    call_id: str
    seq: int
    at_ms: int
    emitted_ms: int | None


def assist_to_wire(event: AssistEvent, head: EventHead, latency: WireStages | None = None) -> WireEvent:
    """Give an assist event its wire form; `latency` goes to those that carry it."""
    match event:
        case Alert():
            return AlertEvent(
                **head,
                latency=latency,
                alert_id=event.alert_id,
                category=event.category,
                severity=int(event.severity),
                harassment=event.harassment,
                rule_id=event.rule_id,
                utterance_ids=event.utterance_ids,
                quote=event.quote,
                explanation=event.explanation,
                rule_version=event.rule_version,
                playbook_version=event.playbook_version or None,
            )
        case Repetition():
            return RepetitionEvent(
                **head,
                cluster_id=event.cluster_id,
                count=event.count,
                utterance_ids=event.utterance_ids,
                demand=event.demand,
                earlier_call_ids=tuple(call.call_id for call in event.earlier_calls),
            )
        case CallerHistory():
            return HistoryEvent(**head, earlier_calls=tuple(map(_earlier, event.calls)))
        case Guidance():
            return GuidanceEvent(
                **head,
                latency=latency,
                guidance_id=event.guidance_id,
                alert_id=event.alert_id,
                stage=event.stage,
                say=event.say,
                why=event.why,
                source=event.source,
                playbook_version=event.playbook_version,
                expires_ms=event.expires_ms,
            )
        case ChecklistChange():
            return ChecklistEvent(**head, item=event.item, done=event.done, utterance_id=event.utterance_id)
        case Approval():
            return ApprovalEvent(
                **head, approved_by=event.approved_by, approver_name=event.approver_name, step=event.step
            )
        case AlertReview():
            return AlertReviewEvent(
                **head, alert_id=event.alert_id, verdict=event.verdict, reason=event.reason, model=event.model
            )
        case CaseRevision():
            return _case(event, head)
        case _:
            assert_never(event)


def _earlier(call: EarlierCall) -> WireEarlierCall:
    """What is shown of an earlier call; no words where only a name fits: it may be a stranger's."""
    sure = call.matched_by is not MatchedBy.NAME
    return WireEarlierCall(
        call_id=call.call_id,
        started_on=call.started_on,
        matched_by=call.matched_by,
        demand=call.demand if sure else "",
        end_state=call.end_state,
        harassment_categories=call.harassment_categories,
        promises=call.promises if sure else "",
    )


def _case(event: CaseRevision, head: EventHead) -> CaseEvent:
    return CaseEvent(
        **head,
        revision=event.revision,
        fields=_fields(event.fields),
        end_state=event.end_state,
        harassment_categories=event.harassment_categories,
        demand_validity=event.demand_validity,
        manner=event.manner,
        summary=_fields(event.summary),
        tags=tuple(
            WireTag(kind=tag.kind, id=tag.id, label=tag.label, utterance_ids=tag.utterance_ids)
            for tag in event.tags
        ),
        record_keeping=None
        if event.record_keeping is None
        else WireRecordKeeping(
            required=event.record_keeping.required,
            rule_id=event.record_keeping.rule_id,
            reason=event.record_keeping.reason,
            utterance_ids=event.record_keeping.utterance_ids,
        ),
    )


def _fields(fields: Mapping[str, FieldValue]) -> dict[str, WireFieldValue]:
    return {
        name: WireFieldValue(
            value=field.value,
            confidence=round(field.confidence, 3),
            utterance_ids=field.utterance_ids,
            confirmed=field.confirmed,
        )
        for name, field in fields.items()
    }

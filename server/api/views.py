"""Rows of the database as the API shows them."""

from __future__ import annotations

from typing import Any, cast

from koemori.assist.ladder import LadderStanding
from koemori.assist.types import EndState
from koemori.audio.call import CallId
from koemori.server.api.custody import AccessAction
from koemori.server.api.ladder import LadderState
from koemori.server.api.schemas import (
    Access,
    CallDetail,
    CallSummary,
    Case,
    LastAlert,
    LastCheck,
    RaisedVoice,
    RecordingSummary,
    SearchHit,
    TranscriptAlert,
    TranscriptGap,
    TranscriptUtterance,
)
from koemori.server.bus import EventBus
from koemori.server.db.repositories.calls import CallView
from koemori.server.db.repositories.recordings import AccessView, RecordingView
from koemori.server.db.tables import AlertRow, CaseRow, EventRow, RecordingCheckRow
from koemori.server.wire import AssistanceLevel, VoiceEvent


def call_summary(view: CallView) -> CallSummary:
    """A call as lists show it."""
    return CallSummary.model_validate(_call_fields(view))


def live_summary(view: CallView, bus: EventBus, ladder: LadderStanding | None) -> CallSummary:
    """A live call as lists show it, with what the recogniser sheds now and where the ladder stands."""
    level = bus.assistance(CallId(view.call.call_id))
    shed = None if level is AssistanceLevel.NORMAL else level
    return call_summary(view).model_copy(update={"assistance": shed, "ladder": ladder_state(ladder)})


def ladder_state(ladder: LadderStanding | None) -> LadderState | None:
    """Where a call stands on the warning ladder."""
    return None if ladder is None else LadderState.model_validate(ladder)


def call_detail(view: CallView, external_ids: dict[str, str]) -> CallDetail:
    """A call with its tracks."""
    return CallDetail.model_validate(
        _call_fields(view)
        | {
            "channels": view.call.channels,
            "external_ids": external_ids,
            "end_reason": view.call.end_reason,
            "last_seq": view.call.last_seq,
        }
    )


def _call_fields(view: CallView) -> dict[str, object]:
    call = view.call
    return {
        "call_id": call.call_id,
        "state": call.state,
        "started_at": call.started_at,
        "ended_at": call.ended_at,
        "duration_ms": call.duration_ms,
        "agent_id": call.agent_id,
        "agent_name": view.agent_name,
        "queue": call.queue,
        "customer_number": call.customer_number,
        "customer_name": call.customer_name,
        "severity": call.severity,
        "harassment_categories": call.harassment_categories,
        "last_alert": _alert(call.last_alert),
        "gravest_alert": _alert(call.gravest_alert or call.last_alert),
        "help_requested_at": view.help_requested_at,
        "recording_id": view.recording_id,
    }


def _alert(kept: dict[str, Any] | None) -> LastAlert | None:
    return None if kept is None else LastAlert.model_validate(kept)


def utterances(rows: list[EventRow]) -> list[TranscriptUtterance]:
    """The utterances among a call's events, by the time they were said."""
    found = [TranscriptUtterance.model_validate(row.body) for row in rows if row.type == "utterance"]
    return sorted(found, key=lambda utterance: (utterance.start_ms, utterance.end_ms))


def gaps(rows: list[EventRow]) -> list[TranscriptGap]:
    """The gaps among a call's events, in order."""
    found = [TranscriptGap.model_validate(row.body) for row in rows if row.type == "gap"]
    return sorted(found, key=lambda gap: (gap.start_ms, gap.channel))


def raised_voice(rows: list[EventRow], duration_ms: int) -> list[RaisedVoice]:
    """Where the caller's voice was raised, in order; a rise that was not ended lasts as long as the call."""
    found: dict[int, RaisedVoice] = {}
    for event in (VoiceEvent.model_validate(row.body) for row in rows if row.type == "voice"):
        before = found.get(event.since_ms)
        if not event.raised:
            if before is not None:
                found[event.since_ms] = before.model_copy(update={"end_ms": event.at_ms})
        elif before is None or event.level_db > before.level_db:
            found[event.since_ms] = RaisedVoice(
                start_ms=event.since_ms,
                end_ms=max(duration_ms, event.at_ms),
                level_db=event.level_db,
                pitch_semitones=event.pitch_semitones,
            )
    return [found[start_ms] for start_ms in sorted(found)]


def alerts(rows: list[AlertRow], events: list[EventRow]) -> list[TranscriptAlert]:
    """Alerts, in order, with what a third opinion thinks of them."""
    reviews = {row.body["alert_id"]: row.body for row in events if row.type == "alert_review"}
    return [TranscriptAlert.model_validate({**row.body, "review": reviews.get(row.alert_id)}) for row in rows]


def case(call_id: str, row: CaseRow | None) -> Case:
    """The case of a call; an empty one when nothing was found yet."""
    if row is None:
        return Case(
            call_id=call_id,
            revision=0,
            updated_at=None,
            fields={},
            end_state=EndState.OPEN,
            harassment_categories=[],
            demand_validity="unknown",
            manner="calm",
        )
    return Case.model_validate(
        {"call_id": call_id, "revision": row.revision, "updated_at": row.updated_at, **row.body}
    )


def recording_fields(
    view: RecordingView, check: RecordingCheckRow | None, hits: list[SearchHit]
) -> dict[str, object]:
    """What a summary and a detail of a recording share."""
    recording, call = view.recording, view.call
    return {
        "recording_id": recording.recording_id,
        "call_id": call.call_id,
        "started_at": call.started_at,
        "duration_ms": recording.duration_ms,
        "agent_name": view.agent_name or call.agent_id,
        "customer_name": call.customer_name,
        "customer_number": call.customer_number,
        "queue": call.queue,
        "severity": call.severity,
        "harassment_categories": call.harassment_categories,
        "sealed": True,
        "last_check": None if check is None else LastCheck.model_validate(check),
        "hits": hits,
    }


def recording_summary(
    view: RecordingView, check: RecordingCheckRow | None, hits: list[SearchHit]
) -> RecordingSummary:
    """A recording as lists show it."""
    return RecordingSummary.model_validate(recording_fields(view, check, hits))


def access(view: AccessView) -> Access:
    """A custody entry."""
    row = view.access
    return Access(
        access_id=row.access_id,
        at=row.at,
        user=view.user_name,
        purpose=row.purpose,
        action=cast("AccessAction", row.action),
        reads=view.reads,
    )

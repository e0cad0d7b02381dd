"""Calls: lists, one call, its events and transcript, and asking for help."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from koemori.server.api import views
from koemori.server.api.dependencies import Caller, CallRequires, OnCall, Parts, Requires, utc_now
from koemori.server.api.errors import ApiError, responses
from koemori.server.api.ladder import LadderApproval
from koemori.server.api.schemas import CallDetail, CallPage, EventPage, Transcript
from koemori.server.auth.permissions import Action
from koemori.server.bells import CALLS
from koemori.server.db.cursors import Position, read_cursor
from koemori.server.db.repositories import calls

router = APIRouter(tags=["calls"])
_LIST = Depends(Requires(Action.CALL_LIST))
_READ = Depends(CallRequires(Action.CALL_READ))
_HELP = Depends(CallRequires(Action.HELP_ASK))
_HELP_CLOSE = Depends(CallRequires(Action.HELP_CLOSE))
_APPROVE = Depends(CallRequires(Action.LADDER_APPROVE))

PageSize = Annotated[int, Query(ge=1, le=200)]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before.")]


@router.get("/calls", operation_id="listCalls", responses=responses(401, 403, 422))
def list_calls(
    parts: Parts,
    state: Literal["live", "ended", "all"] = "all",
    cursor: Cursor = None,
    limit: PageSize = 50,
    caller: Caller = _LIST,
) -> CallPage:
    """Calls this person may see, newest first."""
    with parts.database.read() as transaction:
        found = calls.listing(
            transaction,
            caller.identity,
            caller.reach,
            state=None if state == "all" else state,
            before=read_cursor(cursor),
            limit=limit + 1,
        )
    page = found[:limit]
    more = len(found) > limit
    last = Position(page[-1].call.started_at, page[-1].call.call_id).cursor() if more else None
    return CallPage(items=[views.call_summary(view) for view in page], next_cursor=last)


@router.get("/calls/{call_id}", operation_id="getCall", responses=responses(401, 403, 404))
def get_call(parts: Parts, on: OnCall = _READ) -> CallDetail:
    """One call."""
    call_id = on.view.call.call_id
    with parts.database.read() as transaction:
        external_ids = calls.external_ids(transaction, call_id)
    ladder = views.ladder_state(parts.live.ladder(call_id))
    return views.call_detail(on.view, external_ids).model_copy(update={"ladder": ladder})


@router.get("/calls/{call_id}/events", operation_id="listCallEvents", responses=responses(401, 403, 404, 422))
def list_call_events(
    parts: Parts,
    after_seq: Annotated[int, Query(ge=0, le=2**31)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 500,
    on: OnCall = _READ,
) -> EventPage:
    """Kept events of a call in order; partials are live only and not among them."""
    with parts.database.read() as transaction:
        rows = calls.events(transaction, on.view.call.call_id, after_seq, limit + 1)
    page = rows[:limit]
    return EventPage.model_validate(
        {
            "items": [row.body for row in page],
            "next_after_seq": page[-1].seq if len(rows) > limit else None,
        }
    )


@router.get("/calls/{call_id}/transcript", operation_id="getTranscript", responses=responses(401, 403, 404))
def get_transcript(parts: Parts, on: OnCall = _READ) -> Transcript:
    """Everything said in a call so far, what is missing, and what was found."""
    call_id = on.view.call.call_id
    with parts.database.read() as transaction:
        events = calls.events_of_types(transaction, call_id, ("utterance", "gap", "alert_review"))
        alerts = calls.alerts(transaction, call_id)
    return Transcript(
        call_id=call_id,
        utterances=views.utterances(events),
        gaps=views.gaps(events),
        alerts=views.alerts(alerts, events),
    )


@router.post(
    "/calls/{call_id}/help",
    operation_id="askForHelp",
    status_code=202,
    responses=responses(401, 403, 404, 409),
)
def ask_for_help(parts: Parts, on: OnCall = _HELP) -> CallDetail:
    """Ask for help on a live call; supervisors see it on the wallboard."""
    if on.view.call.state != calls.LIVE:
        raise ApiError("call-ended", "This call is over.")
    call_id = on.view.call.call_id
    with parts.database.write() as transaction:
        calls.ask_help(transaction, call_id, on.identity.user_id, utc_now())
    parts.bells.ring(CALLS)
    with parts.database.read() as transaction:
        view = calls.find(transaction, call_id) or on.view
        return views.call_detail(view, calls.external_ids(transaction, call_id))


@router.delete(
    "/calls/{call_id}/help", operation_id="closeHelp", status_code=204, responses=responses(401, 403, 404)
)
def close_help(parts: Parts, on: OnCall = _HELP_CLOSE) -> None:
    """The request for help is settled, by the agent or by a supervisor."""
    with parts.database.write() as transaction:
        calls.close_help(transaction, on.view.call.call_id, utc_now())
    parts.bells.ring(CALLS)


@router.post(
    "/calls/{call_id}/ladder/approval",
    operation_id="approveEnding",
    status_code=201,
    responses=responses(401, 403, 404, 409),
)
async def approve_ending(parts: Parts, on: OnCall = _APPROVE) -> LadderApproval:
    """Approve that the agent may end this call; kept with its events under the supervisor's name.

    Only where request, warning and announcement were heard on the line, and once.
    """
    call, who = on.view.call, on.identity
    if call.state != calls.LIVE:
        raise ApiError("call-ended", "This call is over.")
    approval = await parts.live.approve(call.call_id, who.username, who.display_name)
    if approval is None:
        raise ApiError("approval-not-due", _NOT_DUE)
    return LadderApproval(
        call_id=call.call_id,
        step=approval.step,
        approved_by=approval.approved_by,
        approver_name=approval.approver_name,
    )


_NOT_DUE = (
    "This call does not stand at the supervisor's approval: the request to stop, the warning and the "
    "announcement of the end must be heard on the line first, and it is approved once."
)

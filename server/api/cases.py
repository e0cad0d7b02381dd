"""Cases: the record of a call, and an agent's edits of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Depends
from koemori.assist.card_numbers import without_typed_cards
from koemori.assist.types import EndState
from koemori.server.api import views
from koemori.server.api.custody import new_access
from koemori.server.api.dependencies import CallRequires, OnCall, Parts, Services, utc_now
from koemori.server.api.errors import responses
from koemori.server.api.schemas import Case, CaseEdit
from koemori.server.auth.permissions import Action, Identity
from koemori.server.bus import SlowReaderError
from koemori.server.calls.caller_keys import CASE_FIELDS, keys_of
from koemori.server.db.call_store import case_body
from koemori.server.db.repositories import callers, calls, cases, recordings
from koemori.server.db.tables import CaseRow
from koemori.server.wire import CaseEvent

_LIVE_EDIT_PATIENCE_S = 5.0
_STORE_LOOKS = 100
_STORE_LOOK_S = 0.05

router = APIRouter(tags=["cases"])
_READ = Depends(CallRequires(Action.CASE_READ))
_EDIT = Depends(CallRequires(Action.CASE_EDIT))


@router.get("/cases/{call_id}", operation_id="getCase", responses=responses(401, 403, 404))
def get_case(parts: Parts, on: OnCall = _READ) -> Case:
    """The case of a call."""
    call_id = on.view.call.call_id
    with parts.database.read() as transaction:
        return views.case(call_id, cases.find(transaction, call_id))


@router.patch("/cases/{call_id}", operation_id="editCase", responses=responses(401, 403, 404, 422))
async def patch_case(given: CaseEdit, parts: Parts, on: OnCall = _EDIT) -> Case:
    """Put an agent's values into the case; they are confirmed and never overwritten by what is heard."""
    return await edit_case(parts, on.view.call.call_id, given.values, on.identity)


async def edit_case(parts: Services, call_id: str, values: Mapping[str, str], who: Identity) -> Case:
    """Edit a case: through the live call while it goes on, so that the assist side knows; else as a revision.

    The caller has checked the right. Card numbers are not kept, whoever types them.
    """
    values = {name: without_typed_cards(value) for name, value in values.items()}
    if parts.settings.assist.history_days and call_id in parts.live.call_ids():
        await asyncio.to_thread(_note_look_up, parts, call_id, values, who)
    live = await _edit_live(parts, call_id, values)
    if live is None:
        await _until_stored(parts, call_id)
        return await asyncio.to_thread(_edit_kept, parts, call_id, values, who)
    return await asyncio.to_thread(_keep, parts, call_id, live.revision, case_body(live), who)


def _note_look_up(parts: Services, call_id: str, values: Mapping[str, str], who: Identity) -> None:
    """A custody entry for each recorded call that this edit is about to show the agent as the caller's."""
    typed = keys_of(values)
    if not typed:
        return
    now = utc_now()
    since = now - timedelta(days=parts.settings.assist.history_days)
    with parts.database.write() as transaction:
        known = callers.keys(transaction, call_id)
        new = {kind: key for kind, key in typed.items() if known.get(kind) != key}
        shown = callers.earlier(transaction, call_id, new, since)
        purpose = f"{call_id}: {', '.join(CASE_FIELDS[kind] for kind in new)}"
        for recording_id in recordings.of_calls(transaction, [call.call_id for call in shown]):
            transaction.add(new_access(recording_id, who, "look_up", purpose, now))


async def _edit_live(parts: Services, call_id: str, values: Mapping[str, str]) -> CaseEvent | None:
    """The case event that carries the edit; None when the call is over, or ends before it comes."""
    async with parts.bus.watch(frozenset({"case", "call_ended"})) as events:
        if not await parts.live.edit(call_id, values):
            return None
        with contextlib.suppress(TimeoutError, SlowReaderError):
            async with asyncio.timeout(_LIVE_EDIT_PATIENCE_S):
                async for event in events:
                    if event.call_id != call_id:
                        continue
                    if isinstance(event, CaseEvent) and _carries(event, values):
                        return event
                    if event.type == "call_ended":
                        return None
    return None


async def _until_stored(parts: Services, call_id: str) -> None:
    """Wait until a call that is over is over in the database too, so that its last revision is there."""
    for _ in range(_STORE_LOOKS):
        if not await asyncio.to_thread(_is_live, parts, call_id):
            return
        await asyncio.sleep(_STORE_LOOK_S)


def _is_live(parts: Services, call_id: str) -> bool:
    with parts.database.read() as transaction:
        view = calls.find(transaction, call_id)
    return view is not None and view.call.state == calls.LIVE


def _carries(event: CaseEvent, values: Mapping[str, str]) -> bool:
    for name, value in values.items():
        field = event.fields.get(name)
        if (field.value if field is not None else "") != value:
            return False
    return True


def _keep(parts: Services, call_id: str, revision: int, body: dict[str, Any], who: Identity) -> Case:
    with parts.database.write() as transaction:
        cases.revise(transaction, call_id, revision, body, utc_now(), who.user_id)
        return views.case(call_id, cases.find(transaction, call_id))


def _edit_kept(parts: Services, call_id: str, values: Mapping[str, str], who: Identity) -> Case:
    with parts.database.write() as transaction:
        row = cases.find(transaction, call_id)
        body = _edited(row, values)
        revision = 1 if row is None else row.revision + 1
        cases.revise(transaction, call_id, revision, body, utc_now(), who.user_id)
        return views.case(call_id, cases.find(transaction, call_id))


def _edited(row: CaseRow | None, values: Mapping[str, str]) -> dict[str, Any]:
    """The body of the next revision; an empty value takes a field out."""
    body: dict[str, Any] = (
        {
            "fields": {},
            "end_state": EndState.OPEN.value,
            "harassment_categories": [],
            "demand_validity": "unknown",
            "manner": "calm",
        }
        if row is None
        else dict(row.body)
    )
    fields = dict(body["fields"])
    for name, value in values.items():
        if value:
            heard = fields.get(name, {}).get("utterance_ids", [])
            fields[name] = {"value": value, "confidence": 1.0, "utterance_ids": heard, "confirmed": True}
        else:
            fields.pop(name, None)
    return body | {"fields": fields}

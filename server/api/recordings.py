"""Recordings: finding them, what is known of them, and checking them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from koemori.server.api import views
from koemori.server.api.calls import Cursor, PageSize
from koemori.server.api.custody import new_access
from koemori.server.api.dependencies import (
    Caller,
    OnRecording,
    Parts,
    RecordingRequires,
    Requires,
    utc_now,
)
from koemori.server.api.errors import responses
from koemori.server.api.schemas import (
    IntegrityCheck,
    RecordingDetail,
    RecordingPage,
    SearchHit,
    VerifyAnswer,
    VerifyRequest,
)
from koemori.server.archive.flac import decode_pcm
from koemori.server.archive.manifest import MANIFEST_NAME, verify_recording
from koemori.server.archive.store import LocalRecordingStore
from koemori.server.auth.permissions import Action, CallResource, decide
from koemori.server.db.cursors import Position, read_cursor
from koemori.server.db.repositories import calls, recordings
from koemori.server.db.repositories.recordings import RecordingQuery, RecordingView
from koemori.server.db.tables import CaseRow, RecordingCheckRow, RecordingRow, UtteranceRow
from koemori.server.reuse import known_persons
from koemori.server.search.previews import redacted_hits
from koemori.server.search.words import terms
from pydantic import AwareDatetime
from sqlalchemy.orm import Session

MAX_HITS_PER_RECORDING = 20

router = APIRouter(tags=["recordings"])
_SEARCH = Depends(Requires(Action.RECORDING_SEARCH))
_READ = Depends(RecordingRequires(Action.RECORDING_READ))
_VERIFY = Depends(RecordingRequires(Action.RECORDING_VERIFY))

_Text = Annotated[str | None, Query(max_length=200)]


def recording_query(
    person: Annotated[
        _Text, Query(description="Name of the customer or of the agent, in any spelling.")
    ] = None,
    number: Annotated[_Text, Query(description="Telephone number or a part of it.")] = None,
    started_from: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    started_before: Annotated[AwareDatetime | None, Query(alias="to", description="Not included.")] = None,
    words: Annotated[_Text, Query(description="Words that were all said in the call.")] = None,
) -> RecordingQuery:
    """Dependency: what is searched."""
    return RecordingQuery(
        person=person or None,
        number=number or None,
        started_from=started_from,
        started_before=started_before,
        words=terms(words or ""),
    )


@router.get("/recordings", operation_id="listRecordings", responses=responses(401, 403, 422))
def list_recordings(
    parts: Parts,
    query: Annotated[RecordingQuery, Depends(recording_query)],
    cursor: Cursor = None,
    limit: PageSize = 50,
    caller: Caller = _SEARCH,
) -> RecordingPage:
    """Recordings that fit, newest first; with the utterances in which the words were said."""
    with parts.database.read() as transaction:
        found = recordings.search(
            transaction,
            parts.index,
            query,
            caller.identity,
            caller.reach,
            before=read_cursor(cursor),
            limit=limit + 1,
        )
        page = found[:limit]
        checks = recordings.last_checks(transaction, [view.recording.recording_id for view in page])
        rows = parts.index.hits(
            transaction, query.words, [view.call.call_id for view in page], MAX_HITS_PER_RECORDING
        )
        hits = {
            view.call.call_id: _shown_hits(transaction, caller, view, rows.get(view.call.call_id, []))
            for view in page
        }
    more = len(found) > limit
    last = Position(page[-1].call.started_at, page[-1].recording.recording_id).cursor() if more else None
    items = [
        views.recording_summary(view, checks.get(view.recording.recording_id), hits[view.call.call_id])
        for view in page
    ]
    return RecordingPage(items=items, next_cursor=last)


def _shown_hits(
    transaction: Session, caller: Caller, view: RecordingView, rows: Sequence[UtteranceRow]
) -> list[SearchHit]:
    """The hits as this person may see them: who may not hear the recording gets no personal data."""
    hits = [SearchHit.model_validate(row) for row in rows]
    resource = CallResource(view.call.agent_id, live=view.call.state == calls.LIVE)
    if not hits or decide(caller.identity, Action.RECORDING_PLAY, resource).allowed:
        return hits
    names, numbers = known_persons(view, transaction.get(CaseRow, view.call.call_id))
    texts = redacted_hits(transaction, rows, names, numbers)
    return [hit.model_copy(update={"text": texts[hit.utterance_id]}) for hit in hits]


@router.get("/recordings/{recording_id}", operation_id="getRecording", responses=responses(401, 403, 404))
def get_recording(parts: Parts, on: OnRecording = _READ) -> RecordingDetail:
    """A recording: audio facts, ledger, transcript and custody."""
    recording, call = on.view.recording, on.view.call
    with parts.database.read() as transaction:
        checks = recordings.last_checks(transaction, [recording.recording_id])
        events = calls.events_of_types(
            transaction, call.call_id, ("utterance", "gap", "voice", "alert_review")
        )
        alerts = calls.alerts(transaction, call.call_id)
        accesses = recordings.accesses(transaction, recording.recording_id)
    return RecordingDetail.model_validate(
        views.recording_fields(on.view, checks.get(recording.recording_id), [])
        | {
            "sealed_at": recording.sealed_at,
            "manifest_sha256": recording.manifest_sha256,
            "pcm_sha256": recording.pcm_sha256,
            "sample_rate_hz": recording.sample_rate_hz,
            "channels": call.channels,
            "sample_count": recording.sample_count,
            "ledger": recording.ledger,
            "transcript": views.utterances(events),
            "alerts": views.alerts(alerts, events),
            "gaps": views.gaps(events),
            "raised_voice": views.raised_voice(events, recording.duration_ms),
            "accesses": [views.access(view) for view in accesses],
        }
    )


@router.post(
    "/recordings/{recording_id}/verify",
    operation_id="verifyRecording",
    responses=responses(401, 403, 404, 422),
)
def verify(given: VerifyRequest, parts: Parts, on: OnRecording = _VERIFY) -> VerifyAnswer:
    """Compare the stored files with the manifest; the outcome is kept with the recording."""
    recording_id = on.view.recording.recording_id
    checked_at = utc_now()
    with parts.database.write() as transaction:
        transaction.add(new_access(recording_id, on.identity, "verify", given.purpose, checked_at))
    checks = _run_checks(parts.archive, on.view.recording)
    ok = all(check.ok for check in checks)
    with parts.database.write() as transaction:
        transaction.add(
            RecordingCheckRow(
                recording_id=recording_id,
                checked_at=checked_at,
                user_id=on.identity.user_id,
                ok=ok,
                checks=[check.model_dump() for check in checks],
            )
        )
    return VerifyAnswer(ok=ok, checks=checks, checked_at=checked_at)


def _run_checks(archive: LocalRecordingStore, recording: RecordingRow) -> list[IntegrityCheck]:
    """Every comparison; the manifest's hash is the one noted when the recording was sealed."""
    stored = archive.find(recording.recording_id)
    if stored is None:
        return [
            IntegrityCheck(
                name="manifest", ok=False, expected="a stored recording", came="nothing", file=MANIFEST_NAME
            )
        ]
    result = verify_recording(
        stored.directory, decode=decode_pcm, expected_manifest_sha256=recording.manifest_sha256
    )
    return [IntegrityCheck.model_validate(check) for check in result.checks]

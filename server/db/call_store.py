"""Calls in the database: what sessions and the bus keep, and what lists and searches need of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from koemori.audio.call import CallId, CallStarted
from koemori.audio.signals import CallUpdated
from koemori.server.calls.caller_keys import keys_of, phone_key
from koemori.server.cti.joining import fill_calls, note_number
from koemori.server.db.engine import Database
from koemori.server.db.repositories import callers, calls, cases
from koemori.server.db.tables import (
    AlertRow,
    CallRow,
    EventRow,
    ExternalIdRow,
    RecordingRow,
    UtteranceRow,
)
from koemori.server.search.words import searchable
from koemori.server.wire import (
    AlertEvent,
    CallEndedEvent,
    CaseEvent,
    UtteranceEvent,
    WireEvent,
    WireLedger,
)
from pydantic import TypeAdapter
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from koemori.server.archive.sealing import SealedRecording

_EVENT: TypeAdapter[WireEvent] = TypeAdapter(WireEvent)


class UnknownCallError(LookupError):
    """Events for a call that `call_started` never announced."""


class CallRecords:
    """Calls and their events in the database; each method blocks and is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def call_started(self, started: CallStarted) -> None:
        """See `CallStore`. What queue events already said about the call is filled in."""
        with self._database.write() as session:
            if session.get(CallRow, started.call_id) is not None:
                return
            number = started.customer_number
            session.add(
                CallRow(
                    call_id=started.call_id,
                    state=calls.LIVE,
                    started_at=started.started_at,
                    sample_rate_hz=started.sample_rate_hz,
                    channels=[
                        {"index": channel.index, "role": channel.role.value, "source": channel.source}
                        for channel in started.channels
                    ],
                    agent_id=started.agent_id,
                    queue=started.queue,
                    customer_number=number,
                    customer_digits=None if number is None else phone_key(number),
                    severity=0,
                    harassment_categories=[],
                    last_seq=0,
                )
            )
            session.flush()
            session.add_all(
                ExternalIdRow(call_id=started.call_id, name=name, value=value)
                for name, value in started.external_ids.items()
            )
            callers.note(session, started.call_id, keys_of({"phone": number}))
            session.flush()
            fill_calls(session, {started.call_id, *started.external_ids.values()})

    def call_updated(self, update: CallUpdated) -> None:
        """See `CallStore`. Names that queue events know join the call with what these say of it."""
        with self._database.write() as session:
            call = _known(session, update.call_id)
            call.agent_id = update.agent_id or call.agent_id
            call.queue = update.queue or call.queue
            if update.customer_number:
                note_number(session, call, update.customer_number)
            if update.roles:
                call.channels = [
                    channel | {"role": update.roles.get(channel["index"], channel["role"])}
                    for channel in call.channels
                ]
            for name, value in update.external_ids.items():
                session.merge(ExternalIdRow(call_id=call.call_id, name=name, value=value))
            session.flush()
            if update.external_ids:
                fill_calls(session, {call.call_id, *update.external_ids.values()})

    def append(self, call_id: CallId, events: Sequence[WireEvent]) -> None:
        """See `CallStore`."""
        # Analysed beforehand: nobody else can write while this transaction is open.
        spoken = {event.seq: _utterance(event) for event in events if isinstance(event, UtteranceEvent)}
        with self._database.write() as session:
            call = _known(session, call_id)
            kept = calls.kept_seqs(session, call_id, [event.seq for event in events])
            for event in events:
                if event.seq not in kept:
                    _keep(session, call, event, spoken.get(event.seq))
                    call.last_seq = max(call.last_seq, event.seq)

    def read(self, call_id: CallId, after_seq: int, limit: int) -> list[WireEvent]:
        """See `CallStore`."""
        with self._database.read() as session:
            rows = calls.events(session, call_id, after_seq, limit)
        return [_EVENT.validate_python(row.body) for row in rows]

    def sealed(self, call_id: CallId, recording: SealedRecording) -> None:
        """See `CallStore`. Idempotent on the recording's id."""
        with self._database.write() as session:
            call = _known(session, call_id)
            if session.get(RecordingRow, recording.recording_id) is None:
                session.add(_recording(call, recording))

    def ended(self, call_id: CallId, event: CallEndedEvent) -> None:
        """See `CallStore`."""
        with self._database.write() as session:
            call = _known(session, call_id)
            call.state = calls.ENDED
            call.duration_ms = event.duration_ms
            call.ended_at = call.started_at + timedelta(milliseconds=event.duration_ms)
            call.end_reason = event.reason
            calls.close_help(session, call_id, datetime.now(UTC))


class DatabaseCallStore:
    """`CallStore` on the database: `CallRecords` in worker threads."""

    def __init__(self, records: CallRecords) -> None:
        self._records = records

    async def call_started(self, started: CallStarted) -> None:
        """See `CallStore`."""
        await asyncio.to_thread(self._records.call_started, started)

    async def call_updated(self, update: CallUpdated) -> None:
        """See `CallStore`."""
        await asyncio.to_thread(self._records.call_updated, update)

    async def append(self, call_id: CallId, events: Sequence[WireEvent]) -> None:
        """See `CallStore`."""
        await asyncio.to_thread(self._records.append, call_id, events)

    async def read(self, call_id: CallId, after_seq: int = 0, limit: int = 500) -> list[WireEvent]:
        """See `CallStore`."""
        return await asyncio.to_thread(self._records.read, call_id, after_seq, limit)

    async def sealed(self, call_id: CallId, recording: SealedRecording) -> None:
        """See `CallStore`."""
        await asyncio.to_thread(self._records.sealed, call_id, recording)

    async def ended(self, call_id: CallId, event: CallEndedEvent) -> None:
        """See `CallStore`."""
        await asyncio.to_thread(self._records.ended, call_id, event)


_CASE_PARTS: Final = {
    *("fields", "end_state", "harassment_categories", "demand_validity", "manner"),
    *("summary", "tags", "record_keeping"),
}


def case_body(event: CaseEvent) -> dict[str, Any]:
    """The part of a case event that the `cases` tables keep."""
    return event.model_dump(mode="json", include=_CASE_PARTS)


def _known(session: Session, call_id: str) -> CallRow:
    call = session.get(CallRow, call_id)
    if call is None:
        raise UnknownCallError(call_id)
    return call


def _keep(session: Session, call: CallRow, event: WireEvent, spoken: UtteranceRow | None) -> None:
    body = event.model_dump(mode="json")
    session.add(EventRow(call_id=call.call_id, seq=event.seq, type=event.type, body=body))
    if spoken is not None:
        session.add(spoken)
    match event:
        case AlertEvent():
            session.add(_alert(event, body))
            _raise_severity(call, event)
        case CaseEvent():
            at = call.started_at + timedelta(milliseconds=event.at_ms)
            cases.revise(session, call.call_id, event.revision, case_body(event), at, None)
        case _:
            pass


def _utterance(event: UtteranceEvent) -> UtteranceRow:
    found = searchable(event.text)
    return UtteranceRow(
        call_id=event.call_id,
        utterance_id=event.utterance_id,
        speaker=event.speaker.value,
        start_ms=event.start_ms,
        end_ms=event.end_ms,
        text=event.text,
        normalized=found.surface,
        reading=found.reading,
    )


def _alert(event: AlertEvent, body: dict[str, Any]) -> AlertRow:
    return AlertRow(
        call_id=event.call_id,
        alert_id=event.alert_id,
        seq=event.seq,
        at_ms=event.at_ms,
        category=event.category.value,
        severity=event.severity,
        harassment=event.harassment,
        body=body,
    )


def _raise_severity(call: CallRow, event: AlertEvent) -> None:
    call.severity = max(call.severity, event.severity)
    call.last_alert = {
        "category": event.category.value,
        "severity": event.severity,
        "quote": event.quote,
        "at_ms": event.at_ms,
    }
    if call.gravest_alert is None or event.severity >= call.gravest_alert["severity"]:
        call.gravest_alert = call.last_alert
    category = event.category.value
    if event.harassment and category not in call.harassment_categories:
        call.harassment_categories = [*call.harassment_categories, category]


def _recording(call: CallRow, recording: SealedRecording) -> RecordingRow:
    ledger = WireLedger.model_validate(recording.ledger.as_json())
    return RecordingRow(
        recording_id=recording.recording_id,
        call_id=call.call_id,
        sealed_at=datetime.now(UTC),
        manifest_sha256=recording.manifest_sha256,
        pcm_sha256=recording.pcm_sha256,
        sample_rate_hz=recording.sample_rate_hz,
        channel_count=len(call.channels),
        sample_count=recording.sample_count,
        duration_ms=recording.duration_ms,
        ledger=ledger.model_dump(mode="json"),
    )

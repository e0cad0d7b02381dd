"""What a start does before the first call: the schema, and whatever a crash left unfinished.

Afterwards the database knows every recording that the archive holds, and no call is live that is not.
Everything here blocks.
"""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from koemori.audio.call import CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.errors import KoemoriError
from koemori.server.archive.manifest import MANIFEST_NAME, file_sha256, read_manifest
from koemori.server.archive.recover import RecoveredCall, recover
from koemori.server.archive.sealing import SealedRecording, ledger_of
from koemori.server.archive.store import LocalRecordingStore, StoredRecording
from koemori.server.db import schema
from koemori.server.db.call_store import CallRecords
from koemori.server.db.engine import Database
from koemori.server.db.repositories import calls, recordings
from koemori.server.wire import CallEndedEvent, WireLatency, WireLedger, WireRecording

logger = logging.getLogger(__name__)
INTERRUPTED = "interrupted"
"""End of a call that was live when the service died and of which no recording is left to finish."""


def open_database(url: str) -> Database:
    """The database, with its schema: made when it is empty, and refused when it is another version's.

    Raises:
        SchemaVersionError: It is older (then `koemori db upgrade` is the operator's decision) or newer.
    """
    if schema.current_revision(url) is None:
        schema.upgrade(url)
    database = Database(url)
    try:
        schema.check(database.engine)
    except KoemoriError:
        database.close()
        raise
    return database


def finish_interrupted(database: Database, archive_dir: Path) -> list[RecoveredCall]:
    """Finish what a crash interrupted: seal journals, note recordings, end calls.

    Returns:
        The calls whose journals were finished, oldest first.

    Raises:
        JournalError: Another process records into this archive.
    """
    records = CallRecords(database)
    recovered = recover(archive_dir, lambda call: _note_recovered(records, database, call))
    _note_unknown_recordings(records, database, LocalRecordingStore(archive_dir))
    unfinished = {call.call_id for call in recovered if call.sealed is None}
    _end_dead_calls(records, database, unfinished)
    return recovered


def _note_recovered(records: CallRecords, database: Database, call: RecoveredCall) -> None:
    if call.sealed is None:
        return
    records.call_started(call.started)
    records.sealed(call.call_id, call.sealed)
    _end(records, database, call.call_id, call.ended.end_ms, call.ended.reason, call.sealed)


def _note_unknown_recordings(records: CallRecords, database: Database, archive: LocalRecordingStore) -> None:
    """Take in recordings that the archive holds and the database does not, as after a restored backup."""
    with database.read() as transaction:
        known = recordings.all_ids(transaction)
    for stored in archive.list_recordings():
        if stored.recording_id in known:
            continue
        try:
            started, sealed, reason = _read_sealed(stored)
        except (ValueError, KeyError, TypeError) as error:
            logger.error(
                "a stored recording cannot be read",
                extra={"recording_id": stored.recording_id, "error": type(error).__name__},
            )
            continue
        records.call_started(started)
        records.sealed(started.call_id, sealed)
        _end(records, database, started.call_id, sealed.duration_ms, reason, sealed)


def _end_dead_calls(records: CallRecords, database: Database, unfinished: set[CallId]) -> None:
    with database.read() as transaction:
        live = calls.live_with_last_ms(transaction)
    for call_id, last_ms in live:
        if call_id not in unfinished:
            _end(records, database, CallId(call_id), last_ms, INTERRUPTED, None)


def _end(
    records: CallRecords,
    database: Database,
    call_id: CallId,
    duration_ms: int,
    reason: str,
    sealed: SealedRecording | None,
) -> None:
    """Add the last event of a call that never sent it; one that has ended stays as it is."""
    with database.read() as transaction:
        view = calls.find(transaction, call_id)
    if view is None or view.call.state != calls.LIVE:
        return
    event = CallEndedEvent(
        call_id=call_id,
        seq=view.call.last_seq + 1,
        at_ms=duration_ms,
        duration_ms=duration_ms,
        reason=reason,
        recording=None if sealed is None else _wire_recording(sealed),
        ledger=WireLedger(channels=())
        if sealed is None
        else WireLedger.model_validate(sealed.ledger.as_json()),
        latency=WireLatency(),
    )
    records.append(call_id, [event])
    records.ended(call_id, event)


def _wire_recording(sealed: SealedRecording) -> WireRecording:
    return WireRecording(
        id=sealed.recording_id, manifest_sha256=sealed.manifest_sha256, path=str(sealed.directory)
    )


def _read_sealed(stored: StoredRecording) -> tuple[CallStarted, SealedRecording, str]:
    """What a manifest says of its call; persons and numbers are not in it."""
    body = read_manifest(stored.directory)
    audio = body["audio"]
    call_id = CallId(body["call_id"])
    channels = tuple(
        Channel(call_id, LegId(entry["leg_id"]), entry["index"], ChannelRole(entry["role"]), entry["source"])
        for entry in audio["channels"]
    )
    started_at = datetime.fromisoformat(body["started_at"])
    started = CallStarted(call_id, started_at, audio["sample_rate_hz"], channels)
    sealed = SealedRecording(
        recording_id=stored.recording_id,
        call_id=call_id,
        directory=stored.directory,
        manifest_sha256=file_sha256(stored.directory / MANIFEST_NAME),
        pcm_sha256=audio["pcm_sha256"],
        ledger=ledger_of(body),
        sample_rate_hz=audio["sample_rate_hz"],
        sample_count=audio["sample_count"],
        duration_ms=audio["duration_ms"],
    )
    return started, sealed, str(body["end_reason"])

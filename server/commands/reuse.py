"""`koemori reuse`: a call's words and sound without personal data, for training and analysis."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Annotated

import typer
from koemori.server.commands.exits import OK, UnusableInputError
from koemori.server.commands.options import ArchiveOption, ConfigOption, quiet_logging, settings_for

if TYPE_CHECKING:
    from koemori.server.archive.store import LocalRecordingStore
    from koemori.server.auth.permissions import Identity
    from koemori.server.db.engine import Database
    from koemori.server.db.repositories.recordings import RecordingView


def reuse(
    call_id: Annotated[str, typer.Argument(metavar="CALL_ID")],
    out: Annotated[Path, typer.Option(help="A folder that is made; it must not be there yet.")],
    who: Annotated[str, typer.Option("--as", help="Account in whose name this is done.")],
    purpose: Annotated[str, typer.Option(help="What for; kept in the custody record.")],
    archive: ArchiveOption = None,
    config: ConfigOption = None,
) -> int:
    """Write a call's redacted transcript, its redacted sound and a note of what was removed."""
    settings = settings_for(config, archive=archive)
    quiet_logging(settings)
    if out.exists():
        raise UnusableInputError("--out", "a folder that is not there yet", "one that is")
    if not purpose.strip() or len(purpose) > _LONGEST_PURPOSE:
        raise UnusableInputError("--purpose", f"1 to {_LONGEST_PURPOSE} characters", "none or more")
    from koemori.server.archive.store import LocalRecordingStore
    from koemori.server.db import schema
    from koemori.server.db.engine import Database

    if schema.current_revision(settings.database.url) is None:
        raise UnusableInputError("database", "one with calls in it", "none, or an empty one")
    database = Database(settings.database.url)
    try:
        schema.check(database.engine)
        person, view = _allowed(database, who, call_id)
        store = LocalRecordingStore(settings.archive.directory)
        written = _export(database, store, person, view, purpose.strip(), out)
    finally:
        database.close()
    sys.stdout.write(json.dumps(written, ensure_ascii=False) + "\n")
    return OK


_LONGEST_PURPOSE = 200


def _allowed(database: Database, who: str, call_id: str) -> tuple[Identity, RecordingView]:
    """The person and the recording, when this person may reuse it."""
    from koemori.server.auth.accounts import identity_of
    from koemori.server.auth.permissions import Action, CallResource, decide
    from koemori.server.db.repositories import calls, recordings, users

    with database.read() as transaction:
        account = users.by_username(transaction, who)
        call = calls.find(transaction, call_id)
        found = (
            None
            if call is None or call.recording_id is None
            else recordings.find(transaction, call.recording_id)
        )
    if account is None or account.disabled_at is not None:
        raise UnusableInputError("--as", "an account that is not disabled", "another")
    if found is None:
        raise UnusableInputError("CALL_ID", "a call with a sealed recording", "another")
    person = identity_of(account)
    resource = CallResource(found.call.agent_id, live=found.call.state == calls.LIVE)
    decision = decide(person, Action.RECORDING_REUSE, resource)
    if not decision.allowed:
        raise UnusableInputError("--as", "somebody who may reuse this recording", f"{person.role.value}")
    return person, found


def _export(
    database: Database,
    store: LocalRecordingStore,
    person: Identity,
    view: RecordingView,
    purpose: str,
    out: Path,
) -> dict[str, object]:
    """Note the access, then write; the folder appears whole or not at all."""
    from datetime import UTC, datetime

    from koemori.server import reuse as reusing
    from koemori.server.api.custody import new_access
    from koemori.server.archive.manifest import MASTER_NAME

    recording_id = view.recording.recording_id
    master = store.file_path(recording_id, MASTER_NAME)
    row = new_access(recording_id, person, "reuse", purpose, datetime.now(UTC))
    with database.write() as transaction:
        transaction.add(row)
    call = reusing.reusable_call(database, view)
    out.parent.mkdir(parents=True, exist_ok=True)
    made = Path(mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        written = reusing.write_files(call, master, made, row.access_id)
        made.rename(out)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return written

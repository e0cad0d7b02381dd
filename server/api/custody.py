"""Custody entries: who did what to a recording, and why."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from koemori.server.api.errors import ApiError
from koemori.server.auth.permissions import Identity
from koemori.server.db.engine import Database
from koemori.server.db.tables import AccessRow
from ulid import ULID

GRANT_LASTS = timedelta(hours=12)
AccessAction = Literal["play", "verify", "reuse", "look_up"]


def new_access(
    recording_id: str, who: Identity, action: AccessAction, purpose: str, at: datetime
) -> AccessRow:
    """An entry of its own."""
    return AccessRow(
        access_id=str(ULID.from_datetime(at)),
        recording_id=recording_id,
        user_id=who.user_id,
        at=at,
        action=action,
        purpose=purpose,
    )


def new_read(under: AccessRow, first_byte: int, last_byte: int, at: datetime) -> AccessRow:
    """An entry for one range of bytes that is about to be served under another entry."""
    return AccessRow(
        access_id=str(ULID.from_datetime(at)),
        recording_id=under.recording_id,
        user_id=under.user_id,
        at=at,
        action="read",
        purpose=under.purpose,
        part_of=under.access_id,
        first_byte=first_byte,
        last_byte=last_byte,
    )


def granted(
    database: Database, access_id: str, recording_id: str, who: Identity, action: AccessAction, now: datetime
) -> AccessRow:
    """The person's own entry that permits this, if it is not over.

    Raises:
        ApiError: `access-not-found`, `access-expired`.
    """
    with database.read() as transaction:
        access = transaction.get(AccessRow, access_id)
    if (
        access is None
        or access.recording_id != recording_id
        or access.user_id != who.user_id
        or access.action != action
    ):
        raise ApiError("access-not-found", "There is no permission of this id for this recording.")
    if now - access.at >= GRANT_LASTS:
        raise ApiError("access-expired", "This permission is over; state the purpose again.")
    return access

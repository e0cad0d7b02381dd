"""Custody entries: who did what to a recording, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from koemori.server.auth.permissions import Identity
from koemori.server.db.tables import AccessRow
from ulid import ULID


def new_access(
    recording_id: str, who: Identity, action: Literal["play", "verify"], purpose: str, at: datetime
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

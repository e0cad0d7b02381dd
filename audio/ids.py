"""Identifiers of calls and recordings: ULIDs as text, and their 16 bytes on disk.

A ULID sorts by its creation time and needs no central counter (github.com/ulid/spec).
"""

from __future__ import annotations

from datetime import UTC, datetime

from koemori.audio.call import CallId
from koemori.audio.errors import JournalError
from ulid import ULID


def new_call_id(started_at: datetime | None = None) -> CallId:
    """Make the identifier of a call that begins at `started_at` (now when left out)."""
    return CallId(str(ULID.from_datetime(started_at or datetime.now(UTC))))


def new_recording_id(started_at: datetime | None = None) -> str:
    """Make the identifier of a recording; its time part is the call's start: a listing is in call order."""
    return str(ULID.from_datetime(started_at or datetime.now(UTC)))


def id_to_bytes(ulid_text: str) -> bytes:
    """Turn a ULID's 26 characters, in their canonical spelling, into its 16 bytes.

    Raises:
        JournalError: The text is not a ULID so spelled.
    """
    try:
        ulid = ULID.from_str(ulid_text)
    except ValueError:
        ulid = None
    if ulid is None or str(ulid) != ulid_text:
        raise JournalError(f"expected a call id of 26 ULID characters; got {len(ulid_text)} others")
    return ulid.bytes


def bytes_to_call_id(raw: bytes) -> CallId:
    """Turn 16 bytes into the text form of a call id."""
    return CallId(str(ULID.from_bytes(raw)))

"""Cases: the newest revision, and every one before it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from koemori.server.calls.caller_keys import cleared, keys_of, name_key, phone_key
from koemori.server.db.repositories import callers
from koemori.server.db.tables import CallRow, CaseRevisionRow, CaseRow
from sqlalchemy.orm import Session


def find(session: Session, call_id: str) -> CaseRow | None:
    """The case of a call as it stands."""
    return session.get(CaseRow, call_id)


def revise(
    session: Session, call_id: str, revision: int, body: dict[str, Any], at: datetime, edited_by: str | None
) -> None:
    """Keep a revision; it becomes the case when it is the newest. Idempotent on (call, revision).

    Args:
        session: A write transaction.
        call_id: The call.
        revision: Its number.
        body: `fields`, `end_state`, `harassment_categories`, `demand_validity`, `manner`, as on the wire.
        at: When it came.
        edited_by: The person who caused it; None when the engine did, which never takes a person's name off.
    """
    current = session.get(CaseRow, call_id)
    if current is None:
        session.add(CaseRow(call_id=call_id, revision=revision, updated_at=at, body=body))
        session.flush()
    elif revision >= current.revision:
        current.revision, current.updated_at, current.body = revision, at, body
    kept = session.get(CaseRevisionRow, (call_id, revision))
    if kept is None:
        session.add(
            CaseRevisionRow(call_id=call_id, revision=revision, created_at=at, edited_by=edited_by, body=body)
        )
    elif edited_by is not None:
        kept.edited_by = edited_by
    if current is None or revision >= current.revision:
        _show_customer(session, call_id, body)


def _show_customer(session: Session, call_id: str, body: dict[str, Any]) -> None:
    """Let lists show and searches find the customer that the case names."""
    call = session.get(CallRow, call_id)
    if call is None:
        return
    fields = body.get("fields", {})
    callers.forget(session, call_id, cleared(fields))
    callers.note(session, call_id, keys_of(fields))
    name = fields.get("customer_name", {}).get("value")
    if name:
        call.customer_name, call.customer_key = name, name_key(name)
    phone = fields.get("phone", {}).get("value")
    if phone and call.customer_number is None:
        call.customer_number, call.customer_digits = phone, phone_key(phone)

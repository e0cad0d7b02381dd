"""Keys of the person of a call, and the earlier calls that carry one of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from koemori.assist.types import Category, EarlierCall, EndState, MatchedBy
from koemori.server.calls.caller_keys import CASE_FIELDS
from koemori.server.db.repositories.calls import ENDED
from koemori.server.db.tables import CallerKeyRow, CallRow, CaseRow
from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

MOST_CALLS: Final = 20


def note(session: Session, call_id: str, keys: Mapping[MatchedBy, str]) -> None:
    """Keep the keys of a call; a newer one of a kind takes the older one's place."""
    for kind, key in keys.items():
        row = session.get(CallerKeyRow, (call_id, kind.value))
        if row is None:
            session.add(CallerKeyRow(call_id=call_id, kind=kind.value, key=key))
        else:
            row.key = key


def keys(session: Session, call_id: str) -> dict[MatchedBy, str]:
    """The keys of a call."""
    rows = session.scalars(select(CallerKeyRow).where(CallerKeyRow.call_id == call_id))
    return {MatchedBy(row.kind): row.key for row in rows}


def forget(session: Session, call_id: str, kinds: Collection[MatchedBy]) -> None:
    """Drop the keys of these kinds: the case says no more that they are this caller's."""
    if kinds:
        names = [kind.value for kind in kinds]
        session.execute(
            delete(CallerKeyRow).where(CallerKeyRow.call_id == call_id, CallerKeyRow.kind.in_(names))
        )


def earlier(
    session: Session, call_id: str, keys: Mapping[MatchedBy, str], since: datetime
) -> tuple[EarlierCall, ...]:
    """Ended calls other than `call_id` with one of these keys, newest first, at most `MOST_CALLS`."""
    if not keys:
        return ()
    fits = [and_(CallerKeyRow.kind == kind.value, CallerKeyRow.key == key) for kind, key in keys.items()]
    query = (
        select(CallRow, CallerKeyRow.kind, CaseRow)
        .join(CallerKeyRow, CallerKeyRow.call_id == CallRow.call_id)
        .outerjoin(CaseRow, CaseRow.call_id == CallRow.call_id)
        .where(or_(*fits), CallRow.call_id != call_id, CallRow.state == ENDED, CallRow.started_at >= since)
        .order_by(CallRow.started_at.desc(), CallRow.call_id)
        .limit(MOST_CALLS * len(CASE_FIELDS))
    )
    found: dict[str, tuple[CallRow, set[MatchedBy], CaseRow | None]] = {}
    for call, kind, case in session.execute(query):
        found.setdefault(call.call_id, (call, set(), case))[1].add(MatchedBy(kind))
    return tuple(_earlier(*one) for one in list(found.values())[:MOST_CALLS])


def _earlier(call: CallRow, matched: set[MatchedBy], case: CaseRow | None) -> EarlierCall:
    body = {} if case is None else case.body
    fields = body.get("fields", {})
    return EarlierCall(
        call_id=call.call_id,
        started_on=call.started_at.astimezone().date().isoformat(),
        matched_by=next(kind for kind in CASE_FIELDS if kind in matched),
        demand=fields.get("demand", {}).get("value", ""),
        end_state=EndState(body.get("end_state", EndState.OPEN.value)),
        harassment_categories=tuple(Category(name) for name in call.harassment_categories),
        promises=fields.get("promises", {}).get("value", ""),
    )

"""Calls, their events and transcripts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from koemori.server.auth.permissions import Identity, Reach
from koemori.server.db.cursors import Position, after
from koemori.server.db.tables import (
    AlertRow,
    CallRow,
    EventRow,
    ExternalIdRow,
    HelpRequestRow,
    RecordingRow,
    UserRow,
    UtteranceRow,
)
from sqlalchemy import ColumnElement, Select, func, select, true, update
from sqlalchemy.orm import Session

LIVE = "live"
ENDED = "ended"


@dataclass(frozen=True, slots=True)
class CallView:
    """A call with what lists show of other tables."""

    call: CallRow
    agent_name: str | None
    recording_id: str | None
    help_requested_at: datetime | None


def find(session: Session, call_id: str) -> CallView | None:
    """One call."""
    return _one(session, _views().where(CallRow.call_id == call_id))


def listing(
    session: Session,
    who: Identity,
    reach: Reach,
    *,
    state: str | None = None,
    before: Position | None = None,
    limit: int,
) -> list[CallView]:
    """Calls within a right's reach, newest first."""
    query = _views().where(within(reach, who))
    if state is not None:
        query = query.where(CallRow.state == state)
    if before is not None:
        query = query.where(after(before, CallRow.started_at, CallRow.call_id))
    query = query.order_by(CallRow.started_at.desc(), CallRow.call_id.desc()).limit(limit)
    return _all(session, query)


def live(session: Session, who: Identity, reach: Reach) -> list[CallView]:
    """Live calls within a right's reach: most severe first, then the longest."""
    query = (
        _views()
        .where(within(reach, who), CallRow.state == LIVE)
        .order_by(CallRow.severity.desc(), CallRow.started_at, CallRow.call_id)
    )
    return _all(session, query)


def live_with_last_ms(session: Session) -> list[tuple[str, int]]:
    """Live calls and the media time of their newest kept utterance, 0 when there is none."""
    query = (
        select(CallRow.call_id, func.coalesce(func.max(UtteranceRow.end_ms), 0))
        .outerjoin(UtteranceRow, UtteranceRow.call_id == CallRow.call_id)
        .where(CallRow.state == LIVE)
        .group_by(CallRow.call_id)
    )
    return [(call_id, last_ms) for call_id, last_ms in session.execute(query)]


def count_live(session: Session) -> int:
    """How many calls are live."""
    return session.scalar(select(func.count()).select_from(CallRow).where(CallRow.state == LIVE)) or 0


def live_ids_by_agent(session: Session) -> dict[str, list[str]]:
    """The live calls of each agent, by user name."""
    query = (
        select(CallRow.agent_id, CallRow.call_id).where(CallRow.state == LIVE).order_by(CallRow.started_at)
    )
    found: dict[str, list[str]] = {}
    for agent_id, call_id in session.execute(query):
        if agent_id is not None:
            found.setdefault(agent_id, []).append(call_id)
    return found


def within(reach: Reach, who: Identity) -> ColumnElement[bool]:
    """The condition on `calls` that says the same as `decide` does for one call."""
    match reach:
        case Reach.ANY:
            return true()
        case Reach.OWN:
            return CallRow.agent_id == who.username
        case Reach.ENDED:
            return CallRow.state != LIVE
    assert_never(reach)


def external_ids(session: Session, call_id: str) -> dict[str, str]:
    """The names other systems have for a call."""
    rows = session.scalars(select(ExternalIdRow).where(ExternalIdRow.call_id == call_id))
    return {row.name: row.value for row in rows}


def events(session: Session, call_id: str, after_seq: int, limit: int) -> list[EventRow]:
    """Kept events above a `seq`, in order."""
    query = (
        select(EventRow)
        .where(EventRow.call_id == call_id, EventRow.seq > after_seq)
        .order_by(EventRow.seq)
        .limit(limit)
    )
    return list(session.scalars(query))


def events_of_types(session: Session, call_id: str, types: Iterable[str]) -> list[EventRow]:
    """Kept events of some types, in order."""
    query = (
        select(EventRow)
        .where(EventRow.call_id == call_id, EventRow.type.in_(tuple(types)))
        .order_by(EventRow.seq)
    )
    return list(session.scalars(query))


def kept_seqs(session: Session, call_id: str, seqs: Sequence[int]) -> set[int]:
    """Which of these events are kept already."""
    query = select(EventRow.seq).where(EventRow.call_id == call_id, EventRow.seq.in_(seqs))
    return set(session.scalars(query))


def alerts(session: Session, call_id: str) -> list[AlertRow]:
    """The alerts of a call, in order."""
    return list(session.scalars(select(AlertRow).where(AlertRow.call_id == call_id).order_by(AlertRow.seq)))


def ask_help(session: Session, call_id: str, user_id: str, at: datetime) -> None:
    """Note that an agent asks for help on a call; asking again while that is open changes nothing."""
    query = select(HelpRequestRow.id).where(
        HelpRequestRow.call_id == call_id, HelpRequestRow.resolved_at.is_(None)
    )
    if session.scalar(query) is None:
        session.add(HelpRequestRow(call_id=call_id, user_id=user_id, requested_at=at))


def close_help(session: Session, call_id: str, at: datetime) -> None:
    """The request for help on a call is settled."""
    session.execute(
        update(HelpRequestRow)
        .where(HelpRequestRow.call_id == call_id, HelpRequestRow.resolved_at.is_(None))
        .values(resolved_at=at)
    )


def _views() -> Select[CallRow, str, str, datetime]:
    asked = (
        select(func.min(HelpRequestRow.requested_at))
        .where(HelpRequestRow.call_id == CallRow.call_id, HelpRequestRow.resolved_at.is_(None))
        .correlate(CallRow)
        .scalar_subquery()
    )
    return (
        select(CallRow, UserRow.display_name, RecordingRow.recording_id, asked)
        .outerjoin(UserRow, UserRow.username == CallRow.agent_id)
        .outerjoin(RecordingRow, RecordingRow.call_id == CallRow.call_id)
    )


def _all(session: Session, query: Select[CallRow, str, str, datetime]) -> list[CallView]:
    return [CallView(*row) for row in session.execute(query)]


def _one(session: Session, query: Select[CallRow, str, str, datetime]) -> CallView | None:
    row = session.execute(query).one_or_none()
    return None if row is None else CallView(*row)

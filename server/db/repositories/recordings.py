"""Recordings, their checks and their custody entries."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from koemori.server.auth.permissions import Identity, Reach
from koemori.server.calls.caller_keys import phone_key
from koemori.server.db.cursors import Position, after
from koemori.server.db.repositories.calls import within
from koemori.server.db.tables import AccessRow, CallRow, RecordingCheckRow, RecordingRow, UserRow
from koemori.server.search.port import TranscriptIndex
from koemori.server.search.words import Searchable, searchable
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class RecordingQuery:
    """What is searched; None and empty mean anything."""

    person: str | None = None
    number: str | None = None
    started_from: datetime | None = None
    started_before: datetime | None = None
    words: tuple[Searchable, ...] = ()


@dataclass(frozen=True, slots=True)
class RecordingView:
    """A recording with its call and the agent's name."""

    recording: RecordingRow
    call: CallRow
    agent_name: str | None


@dataclass(frozen=True, slots=True)
class AccessView:
    """A custody entry with the person's name and the number of ranges served under it."""

    access: AccessRow
    user_name: str
    reads: int


def find(session: Session, recording_id: str) -> RecordingView | None:
    """One recording."""
    row = session.execute(_views().where(RecordingRow.recording_id == recording_id)).one_or_none()
    return None if row is None else RecordingView(*row)


def search(
    session: Session,
    index: TranscriptIndex,
    query: RecordingQuery,
    who: Identity,
    reach: Reach,
    *,
    before: Position | None,
    limit: int,
) -> list[RecordingView]:
    """Recordings within a right's reach that fit the query, newest first."""
    conditions = [within(reach, who), *_conditions(index, query)]
    if before is not None:
        conditions.append(after(before, CallRow.started_at, RecordingRow.recording_id))
    found = session.execute(
        _views()
        .where(*conditions)
        .order_by(CallRow.started_at.desc(), RecordingRow.recording_id.desc())
        .limit(limit)
    )
    return [RecordingView(*row) for row in found]


def _conditions(index: TranscriptIndex, query: RecordingQuery) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if query.person:
        conditions.append(_is_person(query.person))
    if query.number:
        conditions.append(CallRow.customer_digits.contains(phone_key(query.number) or "-", autoescape=True))
    if query.started_from is not None:
        conditions.append(CallRow.started_at >= query.started_from)
    if query.started_before is not None:
        conditions.append(CallRow.started_at < query.started_before)
    conditions.extend(CallRow.call_id.in_(index.calls_with(word)) for word in query.words)
    return conditions


def _is_person(person: str) -> ColumnElement[bool]:
    name = searchable(person)
    forms = [
        CallRow.customer_key.contains(form, autoescape=True) for form in {name.surface, name.reading} if form
    ]
    return or_(
        *forms,
        UserRow.display_name.contains(person.strip(), autoescape=True),
        CallRow.agent_id == person.strip(),
    )


def _views() -> Select[RecordingRow, CallRow, str]:
    return (
        select(RecordingRow, CallRow, UserRow.display_name)
        .join(CallRow, CallRow.call_id == RecordingRow.call_id)
        .outerjoin(UserRow, UserRow.username == CallRow.agent_id)
    )


def all_ids(session: Session) -> set[str]:
    """Every recording that is known."""
    return set(session.scalars(select(RecordingRow.recording_id)))


def last_checks(session: Session, recording_ids: Collection[str]) -> dict[str, RecordingCheckRow]:
    """The newest check of each recording that has one."""
    newest = (
        select(func.max(RecordingCheckRow.id))
        .where(RecordingCheckRow.recording_id.in_(recording_ids))
        .group_by(RecordingCheckRow.recording_id)
    )
    rows = session.scalars(select(RecordingCheckRow).where(RecordingCheckRow.id.in_(newest)))
    return {row.recording_id: row for row in rows}


def accesses(session: Session, recording_id: str) -> list[AccessView]:
    """Custody entries of a recording, newest first; byte ranges are counted under theirs."""
    part = AccessRow.__table__.alias("part")
    reads = (
        select(func.count())
        .select_from(part)
        .where(part.c.part_of == AccessRow.access_id)
        .correlate(AccessRow)
        .scalar_subquery()
    )
    query = (
        select(AccessRow, UserRow.display_name, reads)
        .join(UserRow, UserRow.user_id == AccessRow.user_id)
        .where(AccessRow.recording_id == recording_id, AccessRow.part_of.is_(None))
        .order_by(AccessRow.at.desc(), AccessRow.access_id.desc())
    )
    return [AccessView(*row) for row in session.execute(query)]


def of_calls(session: Session, call_ids: Collection[str]) -> list[str]:
    """Ids of the recordings of these calls; calls without one are left out."""
    query = select(RecordingRow.recording_id).where(RecordingRow.call_id.in_(call_ids))
    return list(session.scalars(query.order_by(RecordingRow.recording_id)))

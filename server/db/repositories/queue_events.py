"""Operational events from phone systems, and what they say about calls."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from koemori.server.db.tables import CallRow, ExternalIdRow, QueueEventRow
from sqlalchemy import or_, select
from sqlalchemy.orm import Session


def known(session: Session, source: str, event_id: str) -> bool:
    """Whether this source sent this event before."""
    query = select(QueueEventRow.id).where(QueueEventRow.source == source, QueueEventRow.event_id == event_id)
    return session.scalar(query) is not None


@dataclass(frozen=True, slots=True)
class QueueFact:
    """An event without its body: what figures need."""

    id: int
    source: str
    event_id: str
    occurred_at: datetime
    type: str
    call_id: str
    queue: str | None
    wait_s: float | None


def arrived_after(session: Session, last_id: int, occurred_since: datetime) -> list[QueueFact]:
    """Events that came in after one and occurred since a time, in the order in which they came in."""
    query = (
        select(
            QueueEventRow.id,
            QueueEventRow.source,
            QueueEventRow.event_id,
            QueueEventRow.occurred_at,
            QueueEventRow.type,
            QueueEventRow.call_id,
            QueueEventRow.queue,
            QueueEventRow.wait_s,
        )
        .where(QueueEventRow.id > last_id, QueueEventRow.occurred_at >= occurred_since)
        .order_by(QueueEventRow.id)
    )
    return [QueueFact(*row) for row in session.execute(query)]


def about(session: Session, names: Collection[str]) -> list[QueueEventRow]:
    """Events that name a call by one of these identifiers, in the order in which they occurred."""
    query = (
        select(QueueEventRow)
        .where(
            or_(
                QueueEventRow.call_id.in_(names),
                QueueEventRow.linked_id.in_(names),
                QueueEventRow.leg_id.in_(names),
            )
        )
        .order_by(QueueEventRow.occurred_at, QueueEventRow.id)
    )
    return list(session.scalars(query))


def calls_named(session: Session, names: Collection[str]) -> list[CallRow]:
    """Calls that have one of these identifiers, by our name or by another system's."""
    external = select(ExternalIdRow.call_id).where(ExternalIdRow.value.in_(names))
    query = select(CallRow).where(or_(CallRow.call_id.in_(names), CallRow.call_id.in_(external)))
    return list(session.scalars(query))


def external_ids(session: Session, call_id: str) -> dict[str, str]:
    """Names that other systems have for a call, by what kind of name it is."""
    query = select(ExternalIdRow.name, ExternalIdRow.value).where(ExternalIdRow.call_id == call_id)
    return {name: value for name, value in session.execute(query)}

"""Walking through what was said in calls that are over, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from koemori.server.db.engine import Database
from koemori.server.db.repositories.calls import LIVE
from koemori.server.db.tables import CallRow, UtteranceRow
from sqlalchemy import and_, or_, select

CALLS_A_PAGE = 200
UTTERANCES_A_PAGE = 500


def ended_calls(database: Database, since: datetime | None = None) -> Iterator[str]:
    """The ids of calls that are over, oldest first; one short transaction a page."""
    last: tuple[datetime, str] | None = None
    while True:
        query = select(CallRow.started_at, CallRow.call_id).where(CallRow.state != LIVE)
        if since is not None:
            query = query.where(CallRow.started_at >= since)
        if last is not None:
            at, call_id = last
            later = and_(CallRow.started_at == at, CallRow.call_id > call_id)
            query = query.where(or_(CallRow.started_at > at, later))
        query = query.order_by(CallRow.started_at, CallRow.call_id).limit(CALLS_A_PAGE)
        with database.read() as transaction:
            page = [(at, call_id) for at, call_id in transaction.execute(query)]
        yield from (call_id for _, call_id in page)
        if len(page) < CALLS_A_PAGE:
            return
        last = page[-1]


def of_call(database: Database, call_id: str) -> Iterator[UtteranceRow]:
    """A call's utterances in the order in which they were understood; one short transaction a page."""
    last = 0
    while True:
        query = (
            select(UtteranceRow)
            .where(UtteranceRow.call_id == call_id, UtteranceRow.id > last)
            .order_by(UtteranceRow.id)
            .limit(UTTERANCES_A_PAGE)
        )
        with database.read() as transaction:
            page = list(transaction.scalars(query))
        yield from page
        if len(page) < UTTERANCES_A_PAGE:
            return
        last = page[-1].id

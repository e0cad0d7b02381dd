"""Queue figures for many viewers: events are read once, figures computed at most once a second."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from koemori.server.cti.schema import EventType
from koemori.server.db.engine import Database
from koemori.server.db.repositories import queue_events
from koemori.server.wallboard import QueueEvent, QueueFigures, Thresholds, figures

LONGEST_BELIEVABLE_WAIT = timedelta(hours=4)
"""A caller who joined before this and of whom nothing more came is taken for a lost event, not for a wait."""

_FRESH = timedelta(milliseconds=900)


class QueueFeed:
    """Keeps the day's events in memory and follows the table by its growing id. Thread-safe; blocking."""

    def __init__(self, database: Database, thresholds: Mapping[str, Thresholds]) -> None:
        self._database = database
        self._thresholds = thresholds
        self._lock = threading.Lock()
        self._since: datetime | None = None
        self._last_id = 0
        self._events: list[QueueEvent] = []
        self._figures: list[QueueFigures] = []
        self._computed_at: datetime | None = None

    def figures(self, since: datetime, at: datetime) -> list[QueueFigures]:
        """How each queue does in `[since, at]`; at most a second old."""
        with self._lock:
            if since != self._since:
                self._since, self._last_id, self._events, self._computed_at = since, 0, [], None
            if self._read_new(since - LONGEST_BELIEVABLE_WAIT) or not self._is_fresh(at):
                self._figures = figures(self._events, since=since, at=at, thresholds=self._thresholds)
                self._computed_at = at
            return self._figures

    def _is_fresh(self, at: datetime) -> bool:
        return self._computed_at is not None and timedelta(0) <= at - self._computed_at < _FRESH

    def _read_new(self, horizon: datetime) -> bool:
        """Append events that arrived since the last look; False when there are none."""
        with self._database.read() as transaction:
            rows = queue_events.arrived_after(transaction, self._last_id, horizon)
        if not rows:
            return False
        self._last_id = rows[-1].id
        self._events += [
            QueueEvent(
                row.source,
                row.event_id,
                row.occurred_at,
                EventType(row.type),
                row.call_id,
                row.queue,
                row.wait_s,
            )
            for row in rows
        ]
        return True

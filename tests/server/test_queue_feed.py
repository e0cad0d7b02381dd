"""The queue feed gives what a fresh computation gives, whatever arrived since the last look."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from koemori.server.cti import joining
from koemori.server.cti.schema import EventType, OperationalEvent
from koemori.server.db.engine import Database
from koemori.server.queue_feed import LONGEST_BELIEVABLE_WAIT, QueueFeed
from koemori.server.wallboard import QueueFigures, Thresholds

from tests.fakes.office import open_database

pytestmark = pytest.mark.integration

MIDNIGHT = datetime(2026, 11, 19, 15, 0, tzinfo=UTC)
NOON = MIDNIGHT + timedelta(hours=12)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def arrive(database: Database, kind: EventType, at: datetime, call_id: str = "c1") -> None:
    event = OperationalEvent(
        source="pbx", event_id=f"{kind}-{call_id}-{at}", occurred_at=at, type=kind, call_id=call_id, queue="q"
    )
    assert joining.record(database, event)


def only(feed: QueueFeed, at: datetime) -> QueueFigures:
    (figures,) = feed.figures(MIDNIGHT, at)
    return figures


def test_events_show_as_soon_as_they_arrive_late_ones_too(database: Database) -> None:
    feed = QueueFeed(database, {"q": Thresholds()})
    assert only(feed, NOON).waiting == 0
    arrive(database, EventType.AGENT_CONNECTED, NOON)
    assert only(feed, NOON).incomplete == 1
    arrive(database, EventType.QUEUE_JOINED, NOON - timedelta(seconds=9))
    assert (only(feed, NOON).incomplete, only(feed, NOON).asa_s) == (0, 9)


def test_a_wait_grows_while_nothing_arrives(database: Database) -> None:
    feed = QueueFeed(database, {})
    arrive(database, EventType.QUEUE_JOINED, NOON)
    assert only(feed, NOON + timedelta(seconds=5)).longest_wait_s == 5
    assert only(feed, NOON + timedelta(seconds=5.5)).longest_wait_s == 5
    assert only(feed, NOON + timedelta(seconds=6)).longest_wait_s == 6


def test_a_new_day_begins_anew_and_keeps_who_still_waits(database: Database) -> None:
    feed = QueueFeed(database, {})
    tomorrow = MIDNIGHT + timedelta(days=1)
    arrive(database, EventType.QUEUE_JOINED, NOON, "answered")
    arrive(database, EventType.AGENT_CONNECTED, NOON + timedelta(seconds=3), "answered")
    arrive(database, EventType.QUEUE_JOINED, tomorrow - timedelta(minutes=1), "waiting")
    arrive(database, EventType.QUEUE_JOINED, tomorrow - LONGEST_BELIEVABLE_WAIT - timedelta(1), "lost")
    assert only(feed, tomorrow - timedelta(seconds=1)).answered == 1
    (figures,) = feed.figures(tomorrow, tomorrow + timedelta(minutes=1))
    assert (figures.answered, figures.waiting, figures.longest_wait_s) == (0, 1, 120)

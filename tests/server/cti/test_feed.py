"""Events meet the live audio they speak of, whichever comes first and by whatever name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from koemori.audio.call import CallEnded
from koemori.server.bells import Bells
from koemori.server.bus import InProcessBus
from koemori.server.calls.known import KnownOfCall
from koemori.server.calls.live import LiveCalls
from koemori.server.calls.masking_plan import MaskingStanding
from koemori.server.cti.connections import CtiConnections
from koemori.server.cti.feed import CtiFeed
from koemori.server.cti.schema import EventType, OperationalEvent
from koemori.server.db.call_store import CallRecords, DatabaseCallStore
from koemori.server.db.engine import Database
from koemori.server.db.tables import CallRow
from koemori.server.telemetry import Metrics
from koemori.server.wire import CallUpdatedEvent, MaskingEvent, WireEvent

from tests.fakes.calls import CALL, STARTED, FakeParts, ScriptedSource, frames
from tests.fakes.office import open_database

pytestmark = pytest.mark.integration

UUID = "40325ec2-5efd-4bd3-805f-53576e581d13"
LINKED = "1795301882.4"


@dataclass
class Floor:
    """A service without models: live calls, the bus, the database, the feed."""

    database: Database
    live: LiveCalls
    bus: InProcessBus
    feed: CtiFeed
    number: int = 0

    async def tell(self, kind: str, more: dict[str, Any] | None = None, *, after_s: float = 0) -> bool:
        self.number += 1
        first = datetime.now(UTC) - timedelta(minutes=1)
        body = {
            "source": "pbx",
            "event_id": f"e{self.number}",
            "occurred_at": first + timedelta(seconds=self.number + after_s),
            "type": kind,
            "call_id": LINKED,
        }
        return await self.feed.take(OperationalEvent.model_validate(body | (more or {})))

    @asynccontextmanager
    async def call(self, **external_ids: str) -> AsyncIterator[None]:
        """A call that lasts as long as the block."""
        over = asyncio.Event()
        started = replace(STARTED, external_ids=external_ids)
        source = ScriptedSource([started, *frames(10), over, CallEnded(CALL, 200, "completed")])
        running = asyncio.create_task(self.live.run(source))
        try:
            await self.until(lambda known: known is not None)
            yield
        finally:
            over.set()
            await running

    async def until(self, holds: Callable[[KnownOfCall | None], object]) -> None:
        async with asyncio.timeout(5):
            while not holds(self.live.known().get(CALL)):  # noqa: ASYNC110 -- nothing tells of it
                await asyncio.sleep(0.002)

    async def told(self) -> list[WireEvent]:
        await self.bus.settled(CALL, 5)
        return await self.bus._store.read(CALL)

    def row(self) -> CallRow:
        with self.database.read() as session:
            return session.get_one(CallRow, CALL)


@asynccontextmanager
async def opened(home: Path, agents: dict[str, str] | None = None) -> AsyncIterator[Floor]:
    database = open_database(home)
    bus = InProcessBus(DatabaseCallStore(CallRecords(database)))
    live = LiveCalls(FakeParts().ports(), bus, Metrics())
    feed = CtiFeed(database, live, bus, Bells(), agents or {})
    connections = CtiConnections(feed, {})
    connections.start()
    await asyncio.sleep(0)
    try:
        yield Floor(database, live, bus, feed)
    finally:
        await connections.aclose()
        await bus.aclose()
        database.close()


async def test_what_events_said_before_the_audio_came_is_known_when_it_comes(tmp_path: Path) -> None:
    async with opened(tmp_path, {"1001": "tanaka"}) as floor:
        await floor.tell("call.started", {"leg_id": UUID})
        await floor.tell("queue.joined", {"queue": "claims", "from": "+81312345678"})
        await floor.tell("agent.connected", {"queue": "claims", "agent_id": "1001"})
        await floor.tell("call.held")
        async with floor.call(uuid=UUID):
            await floor.until(lambda known: known and known.held)
            known = floor.live.known()[CALL]
            assert (known.agent_id, known.queue, known.customer_number) == (
                "tanaka",
                "claims",
                "+81312345678",
            )
            assert LINKED in known.external_ids.values()
        row = floor.row()
        assert (row.agent_id, row.queue, row.customer_number) == ("tanaka", "claims", "+81312345678")


async def test_events_that_come_while_the_call_is_live_are_told_to_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as floor, floor.call(linked_id=LINKED):
        await floor.tell("agent.connected", {"agent_id": "tanaka", "queue": "claims"})
        await floor.tell("call.held")
        await floor.tell("call.resumed")
        assert not await floor.feed.take(
            OperationalEvent(
                source="pbx",
                event_id="e3",
                occurred_at=datetime.now(UTC),
                type=EventType.CALL_HELD,
                call_id=LINKED,
            )
        )
        await floor.tell("call.transferred", {"transfer": "blind", "to": "1002"})
        await floor.tell("agent.connected", {"agent_id": "suzuki"})
        updates = [one for one in await floor.told() if isinstance(one, CallUpdatedEvent)]
        assert [(one.kind.value, one.agent_id, one.facts) for one in updates] == [
            ("facts", "tanaka", {}),
            ("held", None, {}),
            ("resumed", None, {}),
            ("transferred", None, {"transfer": "blind"}),
            ("facts", "suzuki", {}),
        ]
        assert floor.row().agent_id == "suzuki"


async def test_a_name_that_comes_late_brings_what_was_said_under_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as floor, floor.call(uuid=UUID):
        await floor.tell("agent.connected", {"agent_id": "tanaka"})
        assert floor.live.known()[CALL].agent_id is None
        await floor.tell("call.started", {"leg_id": UUID})
        await floor.until(lambda known: known and known.agent_id == "tanaka")


async def test_events_of_other_calls_tell_this_one_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as floor, floor.call(uuid=UUID):
        await floor.tell("agent.connected", {"agent_id": "tanaka", "call_id": "another"})
        await floor.tell("call.held", {"call_id": "another"})
        known = floor.live.known()[CALL]
        assert (known.agent_id, known.held) == (None, False)


async def test_an_older_hold_that_comes_late_does_not_hold_the_call_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as floor, floor.call(linked_id=LINKED):
        await floor.tell("call.resumed")
        await floor.tell("call.held", after_s=-30)
        assert not floor.live.known()[CALL].held


async def test_a_payment_page_masks_the_call_from_its_start_to_its_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as floor:
        async with floor.call(linkedid=LINKED):
            assert await floor.tell("payment.started")
            assert await floor.tell("payment.started", {"call_id": "another"})
            assert await floor.tell("payment.ended")
            assert await floor.tell("payment.ended", {"call_id": "another"})
        events = [event for event in await floor.told() if isinstance(event, MaskingEvent)]
    assert [(event.masked, event.reason) for event in events] == [(True, "payment"), (False, "payment")]


async def test_whoever_is_on_the_call_masks_it_extends_that_and_ends_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as floor:
        async with floor.call():
            first = await floor.live.mask(CALL, "button", 120)
            longer = await floor.live.mask(CALL, "button", 300)
            over = await floor.live.unmask(CALL)
            again = await floor.live.unmask(CALL)
        assert await floor.live.mask(CALL, "button", 120) is None, "it is over"
        assert await floor.live.unmask(CALL) is None
    assert first is not None
    assert longer is not None
    assert (first.masked, first.reason) == (True, "button")
    assert (longer.until_ms or 0) - (first.until_ms or 0) == 180_000
    assert over == again == MaskingStanding(False)

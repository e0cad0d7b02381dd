"""Readers see each event once and in order, from wherever they join; a slow one is cut off alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.audio.call import CallId, CallStarted, ChannelRole
from koemori.server import bus as bus_module
from koemori.server.bus import InProcessBus, SlowReaderError, Subscription
from koemori.server.calls import writer as writer_module
from koemori.server.wire import (
    AssistanceEvent,
    AssistanceLevel,
    CallEndedEvent,
    ChecklistEvent,
    PartialEvent,
    UtteranceEvent,
    WireEvent,
    WireLatency,
    WireLedger,
)

from tests.fakes.sink import MemoryStore

pytestmark = pytest.mark.unit

CALL = CallId("01JDKQ0000000000000000CALL")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "BATCH_DELAY_S", 0.0)


def _item(seq: int, call_id: str = CALL) -> WireEvent:
    return ChecklistEvent(call_id=call_id, seq=seq, at_ms=seq, item="x", done=True)


def _partial(seq: int, speaker: ChannelRole = ChannelRole.CUSTOMER) -> WireEvent:
    return PartialEvent(
        call_id=CALL,
        seq=seq,
        at_ms=seq,
        speaker=speaker,
        utterance_id="u",
        revision=seq,
        stable="",
        unstable="あ",
    )


def _utterance(seq: int) -> WireEvent:
    return UtteranceEvent(
        call_id=CALL,
        seq=seq,
        at_ms=seq,
        speaker=ChannelRole.CUSTOMER,
        utterance_id="u",
        start_ms=0,
        end_ms=seq,
        text="あ",
        model_id="m",
    )


def _end(seq: int) -> CallEndedEvent:
    return CallEndedEvent(
        call_id=CALL,
        seq=seq,
        at_ms=seq,
        duration_ms=seq,
        reason="stop",
        recording=None,
        ledger=WireLedger(channels=()),
        latency=WireLatency(),
    )


@asynccontextmanager
async def _running(store: MemoryStore | None = None) -> AsyncIterator[tuple[InProcessBus, MemoryStore]]:
    store = store or MemoryStore()
    bus = InProcessBus(store)
    await bus.call_started(CallStarted(CALL, datetime.now(UTC), 8000, ()))
    yield bus, store
    await bus.aclose()


async def _take(subscription: Subscription, count: int) -> list[int]:
    return [(await anext(aiter(subscription))).seq for _ in range(count)]


async def _all(subscription: Subscription) -> list[int]:
    return [event.seq async for event in subscription]


async def _all_into(delivered: list[int], subscription: Subscription) -> None:
    async for event in subscription:
        delivered.append(event.seq)


async def _stored(store: MemoryStore, seq: int) -> None:
    while seq not in store.events.get(CALL, {}):  # noqa: ASYNC110
        await asyncio.sleep(0)


async def test_a_late_reader_gets_stored_events_then_live_ones() -> None:
    async with _running() as (bus, store):
        for seq in (1, 2, 3):
            await bus.publish(_item(seq))
        await _stored(store, 3)
        async with bus.subscribe(CALL, after_seq=1) as reader:
            await bus.publish(_item(4))
            assert await _take(reader, 3) == [2, 3, 4]
            await bus.publish(_end(5))
            assert await _all(reader) == [5]


async def test_events_not_yet_stored_reach_a_new_reader() -> None:
    async with _running(MemoryStore(failures=3)) as (bus, _):
        await bus.publish(_item(1))
        await bus.publish(_item(2))
        assert await _take(bus.subscribe(CALL), 2) == [1, 2]


@settings(max_examples=40, deadline=None)
@given(
    total=st.integers(min_value=1, max_value=30),
    join_at=st.integers(min_value=0, max_value=30),
    after=st.integers(min_value=0, max_value=30),
    settle=st.lists(st.booleans(), min_size=30, max_size=30),
    failures=st.integers(min_value=0, max_value=2),
)
def test_nothing_is_missing_or_twice_wherever_a_reader_joins(
    total: int, join_at: int, after: int, settle: list[bool], failures: int
) -> None:
    async def story() -> list[int]:
        async with _running(MemoryStore(failures=failures)) as (bus, _):
            reader = None
            for seq in range(1, total + 1):
                if seq - 1 == min(join_at, total - 1):
                    reader = asyncio.create_task(_all(bus.subscribe(CALL, after)))
                await bus.publish(_item(seq))
                for _ in range(3 if settle[seq - 1] else 0):
                    await asyncio.sleep(0)
            await bus.publish(_end(total + 1))
            assert reader is not None
            return await reader

    writer_module.BATCH_DELAY_S = 0.0
    assert asyncio.run(story()) == [seq for seq in range(1, total + 2) if seq > after]


async def test_a_new_reader_gets_the_open_partial_but_not_a_finished_one() -> None:
    async with _running() as (bus, store):
        await bus.publish(_partial(1))
        await bus.publish(_partial(2))
        assert await _take(bus.subscribe(CALL), 1) == [2]
        await bus.publish(_utterance(3))
        assert await _take(bus.subscribe(CALL), 1) == [3]
        await _stored(store, 3)
        assert set(store.events[CALL]) == {3}


async def test_a_slow_reader_is_cut_off_and_others_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus_module, "QUEUE_LIMIT", 5)
    async with _running() as (bus, _):
        slow, quick = bus.subscribe(CALL), bus.subscribe(CALL)
        came = []
        for seq in range(1, 10):
            await bus.publish(_item(seq))
            came += await _take(quick, 1)
        assert came == list(range(1, 10))
        delivered: list[int] = []
        with pytest.raises(SlowReaderError):
            await _all_into(delivered, slow)
        assert delivered == sorted(delivered)
        assert await _take(bus.subscribe(CALL, delivered[-1]), 1) == [delivered[-1] + 1]


async def test_a_watcher_sees_chosen_events_of_all_calls() -> None:
    async with _running() as (bus, _):
        watcher = bus.watch(frozenset({"call_ended"}))
        await bus.publish(_item(1))
        await bus.publish(_end(2))
        assert await _take(watcher, 1) == [2]
        watcher.close()
        assert await _all(watcher) == []


async def test_an_ended_or_unknown_call_ends_the_reader() -> None:
    async with _running() as (bus, store):
        await bus.publish(_item(1))
        await bus.publish(_end(2))
        while bus.live_calls():  # noqa: ASYNC110
            await asyncio.sleep(0)
        assert await _all(bus.subscribe(CALL)) == [1, 2]
        assert await _all(bus.subscribe(CALL, 2)) == []
        assert await _all(bus.subscribe(CallId("unknown"))) == []
        assert store.ends[CALL].reason == "stop"


async def test_the_store_gets_each_step_in_order_after_failures() -> None:
    async with _running(MemoryStore(failures=2)) as (bus, store):
        await bus.publish(_item(1))
        await bus.publish(_item(2))
        await bus.publish(_end(3))
    assert store.steps[0] == "started"
    assert store.steps[-1] == "ended"
    assert sorted(store.events[CALL]) == [1, 2, 3]


async def test_a_store_that_takes_nothing_costs_bounded_memory_and_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writer_module, "MAX_WAITING", 5)
    dropped: list[None] = []
    store = MemoryStore(failures=3)
    bus = InProcessBus(store, lambda: dropped.append(None))
    await bus.call_started(CallStarted(CALL, datetime.now(UTC), 8000, ()))
    reader = asyncio.create_task(_all(bus.subscribe(CALL)))
    await asyncio.sleep(0)
    for seq in range(1, 10):
        await bus.publish(_item(seq))
    await bus.publish(_end(10))
    assert (bus.waiting, len(dropped)) == (6, 5)
    assert await reader == list(range(1, 11)), "a page that is there sees everything"
    await bus.aclose()
    assert sorted(store.events[CALL]) == [1, 2, 3, 4, 10]
    assert bus.waiting == 0


async def test_closing_the_bus_ends_waiting_readers() -> None:
    async with _running() as (bus, _):
        reader = asyncio.create_task(_all(bus.watch()))
        await asyncio.sleep(0)
    assert await reader == []


async def test_what_the_recogniser_sheds_is_remembered_while_the_call_is_live() -> None:
    bus = InProcessBus(MemoryStore())
    level = AssistanceLevel.PARTIALS_OFF
    assert bus.assistance(CALL) is AssistanceLevel.NORMAL
    await bus.call_started(CallStarted(CALL, datetime.now(UTC), 8000, ()))
    await bus.publish(AssistanceEvent(call_id=CALL, seq=1, at_ms=1, level=level))
    assert bus.assistance(CALL) is level
    await bus.publish(_end(2))
    await bus.aclose()
    assert bus.assistance(CALL) is AssistanceLevel.NORMAL

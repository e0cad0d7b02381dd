"""More becomes known of a live call: kept, told to everybody, and only when it is news."""

from __future__ import annotations

import asyncio

import pytest
from koemori.assist.types import CallerKnown, EarlierCall, EndState, MatchedBy
from koemori.audio.call import CallEnded, ChannelRole
from koemori.audio.frames import SourceEvent
from koemori.audio.signals import CallDocument, CallUpdated, UpdateKind
from koemori.server.calls.known import MOST_EXTERNAL_IDS, KnownOfCall
from koemori.server.calls.live import LiveCalls
from koemori.server.calls.ports import Pace
from koemori.server.calls.session import CallSession
from koemori.server.telemetry import Metrics
from koemori.server.wire import CallUpdatedEvent, UtteranceEvent

from tests.fakes.calls import CALL, STARTED, FakeParts, ScriptedSource, call, frames
from tests.fakes.sink import ListSink

pytestmark = pytest.mark.unit

HELD = CallUpdated(CALL, 500, UpdateKind.HELD)
RESUMED = CallUpdated(CALL, 600, UpdateKind.RESUMED)


async def run(*script: SourceEvent, parts: FakeParts | None = None) -> ListSink:
    sink = ListSink()
    session = CallSession((parts or FakeParts()).ports(), sink, Metrics(), Pace.HELD)
    await session.run(call(*script, end_ms=3000))
    return sink


async def test_an_update_is_recorded_stored_and_told_in_this_order() -> None:
    parts = FakeParts()
    update = CallUpdated(
        CALL,
        700,
        UpdateKind.FACTS,
        external_ids={"linked_id": "9"},
        agent_id="suzuki",
        customer_number="0312345678",
    )
    sink = await run(*frames(50), update, *frames(0), parts=parts)
    assert parts.recorder.noted == [update]
    assert sink.updates == [update]
    (event,) = sink.of("call_updated")
    assert isinstance(event, CallUpdatedEvent)
    assert (event.at_ms, event.agent_id, event.external_ids) == (700, "suzuki", {"linked_id": "9"})
    assert event.customer_known
    assert "0312345678" not in event.model_dump_json()


async def test_what_is_no_news_is_not_told_again() -> None:
    sink = await run(HELD, HELD, RESUMED, RESUMED, HELD, CallUpdated(CALL, 0, UpdateKind.FACTS))
    assert [event.kind for event in sink.of("call_updated")] == ["held", "resumed", "held"]  # type: ignore[union-attr]


async def test_a_document_goes_to_the_recorder_and_to_nobody_else() -> None:
    parts = FakeParts()
    document = CallDocument(CALL, 0, "invite-1.sdp", "application/sdp", b"v=0")
    sink = await run(document, parts=parts)
    assert parts.recorder.noted == [document]
    assert sink.of("call_updated") == []


async def test_a_role_that_becomes_known_is_whose_words_these_are_from_then_on() -> None:
    swapped = {0: ChannelRole.CUSTOMER, 1: ChannelRole.AGENT}
    middle = frames(150)
    update = CallUpdated(CALL, 1500, UpdateKind.FACTS, roles=swapped)
    sink = await run(*middle[:150], update, *middle[150:])
    said = [event.speaker.value for event in sink.of("utterance") if isinstance(event, UtteranceEvent)]
    assert said[-1] == "agent"


async def test_a_number_that_comes_late_finds_the_earlier_calls() -> None:
    asked: list[dict[MatchedBy, str]] = []
    earlier = EarlierCall("c0", "2026-11-20", MatchedBy.PHONE, "返金", EndState.OPEN)

    async def look_up(_call_id: str, keys: object) -> tuple[EarlierCall, ...]:
        asked.append(dict(keys))  # type: ignore[call-overload]
        return (earlier,)

    from dataclasses import replace

    parts = FakeParts()
    sink = ListSink()
    session = CallSession(replace(parts.ports(), look_up=look_up), sink, Metrics(), Pace.HELD)
    number = CallUpdated(CALL, 900, UpdateKind.FACTS, customer_number="+81312345678")
    await session.run(call(*frames(50), number, *frames(150)[100:], end_ms=3000))
    assert {MatchedBy.PHONE: "0312345678"} in asked
    assert any(isinstance(one, CallerKnown) for one in parts.engine.inputs)


async def test_others_can_tell_a_live_call_and_nobody_an_ended_one() -> None:
    go_on = asyncio.Event()
    sink = ListSink()
    live = LiveCalls(FakeParts().ports(), sink, Metrics())
    source = ScriptedSource([STARTED, *frames(10), go_on, CallEnded(CALL, 200, "completed")])
    running = asyncio.create_task(live.run(source))
    async with asyncio.timeout(5):
        while not live.known():  # noqa: ASYNC110 -- nothing tells when a call has begun
            await asyncio.sleep(0.001)
    assert live.known()[CALL].queue is None
    assert await live.update(CALL, CallUpdated(CALL, 0, UpdateKind.FACTS, queue="claims"))
    assert live.known()[CALL].queue == "claims"
    assert not await live.update("another", HELD)
    go_on.set()
    await running
    assert not await live.update(CALL, HELD)
    (event,) = sink.of("call_updated")
    assert event.at_ms <= 200


def test_facts_of_one_channel_are_no_news_of_another() -> None:
    known = KnownOfCall.of(STARTED)
    media = [
        CallUpdated(CALL, 0, UpdateKind.MEDIA, {"channel": channel, "codec": "PCMA"}) for channel in (0, 1, 0)
    ]
    assert [known.news(one) is not None for one in media] == [True, True, False]


def test_a_call_takes_only_so_many_names() -> None:
    known = KnownOfCall.of(STARTED)
    names = {f"name-{number}": "x" for number in range(2 * MOST_EXTERNAL_IDS)}
    assert known.news(CallUpdated(CALL, 0, UpdateKind.FACTS, external_ids=names)) is not None
    assert len(known.external_ids) == MOST_EXTERNAL_IDS
    assert known.news(CallUpdated(CALL, 0, UpdateKind.FACTS, external_ids={"more": "y"})) is None

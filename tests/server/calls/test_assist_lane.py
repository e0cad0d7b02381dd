"""The assist lane of a call: what the engine finds, how late it is, and what it must not hold up."""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import replace

import pytest
from koemori.assist.types import (
    AssistEvent,
    AssistInput,
    CallerKnown,
    EarlierCall,
    EndState,
    MatchedBy,
    Tick,
)
from koemori.audio.call import CallEnded
from koemori.models.types import LoadChanged, Timing
from koemori.server.calls.latency import by_stage
from koemori.server.calls.ports import CallSource, Pace
from koemori.server.calls.session import CallSession, SessionLimits
from koemori.server.telemetry import Metrics
from koemori.server.wire import AlertEvent, AssistanceEvent, CallEndedEvent, UtteranceEvent

from tests.fakes.calls import CALL, STARTED, FakeEngine, FakeParts, ScriptedSource, call, frames
from tests.fakes.sink import ListSink

pytestmark = pytest.mark.unit


class WaitingEngine(FakeEngine):
    """Thinks until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def push(self, event: AssistInput) -> list[AssistEvent]:
        self.go_on.wait(20)
        return super().push(event)


async def _run(source: CallSource, parts: FakeParts, pace: Pace) -> tuple[CallEndedEvent, ListSink]:
    sink = ListSink()
    session = CallSession(parts.ports(), sink, Metrics(), pace, SessionLimits(queue_ms=60_000))
    return await session.run(source), sink


async def _until_said(sink: ListSink, utterances: int) -> None:
    async with asyncio.timeout(20):
        while len(sink.of("utterance")) < utterances:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def test_an_alert_of_a_live_call_says_where_its_time_went() -> None:
    parts = FakeParts()
    parts.listener.timing = Timing(vad_ms=400, queue_ms=20, encode_ms=90, decode_ms=80, merge_ms=5)
    ended, sink = await _run(call(*frames(100), end_ms=2000), parts, Pace.LIVE)
    (utterance, _), (alert, _) = sink.of("utterance"), sink.of("alert")
    assert isinstance(utterance, UtteranceEvent)
    assert isinstance(alert, AlertEvent)
    for event in (utterance, alert):
        assert event.latency is not None
        assert event.emitted_ms is not None
        assert event.latency.vad_ms == 400
        assert sum(by_stage(event.latency).values()) == event.emitted_ms - event.at_ms
    assert ended.latency.stages["decode"].p50 == 80


async def test_a_held_call_says_nothing_of_latency() -> None:
    parts = FakeParts()
    parts.listener.timing = Timing(400, 20, 90, 80, 5)
    ended, sink = await _run(call(*frames(100), end_ms=2000), parts, Pace.HELD)
    assert [getattr(event, "latency", None) for event in (*sink.of("utterance"), *sink.of("alert"))] == [
        None
    ] * 4
    assert ended.latency.stages == {}


@pytest.mark.parametrize("pace", list(Pace))
async def test_a_change_of_load_is_told_and_costs_no_words(pace: Pace) -> None:
    parts = FakeParts()
    parts.listener.load_changes = {1000: LoadChanged(1100, "partials_reduced", 1500)}
    _, sink = await _run(call(*frames(150), end_ms=3000), parts, pace)
    (change,) = sink.of("assistance")
    assert isinstance(change, AssistanceEvent)
    assert (change.at_ms, change.level, change.partial_interval_ms) == (1100, "partials_reduced", 1500)
    assert len(sink.of("utterance")) == len(sink.of("alert")) == 3


async def test_words_of_a_live_call_do_not_wait_for_a_thinking_engine() -> None:
    engine = WaitingEngine()
    sink = ListSink()
    session = CallSession(FakeParts(engine=engine).ports(), sink, Metrics(), Pace.LIVE)
    running = asyncio.create_task(session.run(call(*frames(150), end_ms=3000)))
    try:
        await _until_said(sink, 3)
        assert sink.of("alert") == []
    finally:
        engine.go_on.set()
    await running
    assert len(sink.of("alert")) == 3


async def test_an_engine_far_behind_is_spared_seconds_and_told_every_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("koemori.server.calls.assist_lane.MOST_QUESTIONS", 2)
    engine = WaitingEngine()
    sink = ListSink()
    limits = SessionLimits(queue_ms=60_000)
    session = CallSession(FakeParts(engine=engine).ports(), sink, Metrics(), Pace.LIVE, limits)
    running = asyncio.create_task(session.run(call(*frames(400), end_ms=8000)))
    try:
        await _until_said(sink, 8)
    finally:
        engine.go_on.set()
    await running
    assert len(sink.of("alert")) == 8
    assert sum(isinstance(one, Tick) for one in engine.inputs) < 8


async def test_a_known_number_and_a_name_in_the_case_bring_the_callers_history() -> None:
    asked: list[dict[MatchedBy, str]] = []
    earlier = EarlierCall("c0", "2026-11-20", MatchedBy.PHONE, "返金", EndState.UNRESOLVED_PENDING)

    async def look_up(_call_id: str, keys: Mapping[MatchedBy, str]) -> tuple[EarlierCall, ...]:
        asked.append(dict(keys))
        return (earlier,)

    parts = FakeParts()
    ports = replace(parts.ports(), look_up=look_up)
    session = CallSession(ports, ListSink(), Metrics(), Pace.HELD, SessionLimits(queue_ms=60_000))
    started = replace(STARTED, customer_number="090-1111-2222")
    await session.run(ScriptedSource([started, *frames(20), CallEnded(CALL, 400, "completed")]))
    assert asked == [{MatchedBy.PHONE: "09011112222"}]
    assert CallerKnown(0, (earlier,)) in parts.engine.inputs

"""One call: recorded first and whatever happens; heard as well as possible; always ended visibly."""

import asyncio
import threading
import time
from concurrent.futures import Future
from dataclasses import replace

import pytest
from koemori.assist.ladder import LadderStanding
from koemori.assist.third_opinion import Doubt
from koemori.assist.types import AssistEvent, AssistInput, CallClosed, Heard, Tick
from koemori.audio.call import CallEnded, CallStarted
from koemori.audio.errors import AudioFileError, JournalError
from koemori.audio.frames import AudioFrame, Gap, GapCause
from koemori.audio.recording import JournalHead
from koemori.server.archive.sealing import SealedRecording
from koemori.server.calls.live import LiveCalls
from koemori.server.calls.ports import CallSource, Pace
from koemori.server.calls.session import CallSession, SessionLimits, SourceProtocolError
from koemori.server.telemetry import Metrics
from koemori.server.wire import AlertEvent, CallEndedEvent, CaseEvent, GapEvent

from tests.fakes.calls import (
    AGENT,
    CALL,
    CUSTOMER,
    RATE_HZ,
    STARTED,
    FakeEngine,
    FakeParts,
    FakeRecorder,
    ScriptedSource,
    call,
    frame,
    frames,
)
from tests.fakes.sink import ListSink

pytestmark = pytest.mark.unit


async def _run(
    source: CallSource, parts: FakeParts, pace: Pace = Pace.HELD, **limits: float
) -> tuple[CallEndedEvent, ListSink]:
    sink = ListSink()
    session = CallSession(parts.ports(), sink, Metrics(), pace, SessionLimits(**limits))  # type: ignore[arg-type]
    return await session.run(source), sink


def _not_assisted(sink: ListSink) -> list[tuple[int, int, int]]:
    return [
        (event.channel, event.start_ms, event.start_ms + event.duration_ms)
        for event in sink.events
        if isinstance(event, GapEvent) and event.cause is GapCause.NOT_ASSISTED
    ]


async def test_a_call_is_recorded_heard_understood_and_sealed() -> None:
    parts = FakeParts()
    script = frames(150)
    ended, sink = await _run(call(*script, end_ms=3000), parts)
    assert parts.recorder.pushed == script
    kinds = [event.type for event in sink.events]
    assert kinds[0] == "call_started"
    assert kinds[-2:] == ["case", "call_ended"]
    assert kinds.count("utterance") == kinds.count("alert") == 3
    assert [event.seq for event in sink.events] == list(range(1, len(kinds) + 1))
    assert (ended.duration_ms, ended.reason) == (3000, "completed")
    assert ended.recording is not None
    assert parts.released == [CALL]
    assert sink.recordings[0].recording_id == ended.recording.id


async def test_the_engine_hears_ticks_each_second_and_then_the_end() -> None:
    parts = FakeParts()
    await _run(call(*frames(150), end_ms=3000), parts)
    assert [one.at_ms for one in parts.engine.inputs if isinstance(one, Tick)] == [1000, 2000, 3000]
    assert [one.utterance_id for one in parts.engine.inputs if isinstance(one, Heard)] == [
        "1-0",
        "1-1000",
        "1-2000",
    ]
    assert isinstance(parts.engine.inputs[-1], CallClosed)


@pytest.mark.parametrize("pace", list(Pace))
async def test_a_failing_listener_costs_assistance_and_not_one_sample(pace: Pace) -> None:
    parts = FakeParts()
    parts.listener.fail_at_ms = 1500
    script = frames(150)
    ended, sink = await _run(call(*script, end_ms=3000), parts, pace)
    assert parts.recorder.pushed == script
    assert ended.recording is not None
    spans = _not_assisted(sink)
    for channel in (0, 1):
        assert max(end for index, _, end in spans if index == channel) == 3000
    assert sink.events[-2].type == "case"


async def test_a_listener_that_cannot_be_made_leaves_the_whole_call_not_assisted() -> None:
    parts = FakeParts(listener_error=RuntimeError("no weights"))
    script = frames(50)
    ended, sink = await _run(call(*script, end_ms=1000), parts)
    assert parts.recorder.pushed == script
    assert sum(end - start for _, start, end in _not_assisted(sink)) == 2000
    assert ended.recording is not None


async def test_a_listener_that_hangs_is_given_up_at_the_deadline() -> None:
    parts = FakeParts()
    parts.listener.hang = True
    ended, sink = await _run(call(*frames(80), end_ms=1600), parts, drain_s=0.01)
    assert ended.recording is not None
    assert [event.type for event in sink.events][-2:] == ["case", "call_ended"]


async def test_an_engine_that_fails_leaves_the_transcript_whole() -> None:
    parts = FakeParts()
    parts.engine.fail_on = Heard
    _, sink = await _run(call(*frames(150), end_ms=3000), parts)
    assert len(sink.of("utterance")) == 3
    assert sink.of("alert") == []
    assert sink.events[-2].type == "case"


async def test_a_thinking_engine_holds_nothing_up() -> None:
    class SlowEngine(FakeEngine):
        def push(self, event: AssistInput) -> list[AssistEvent]:
            if isinstance(event, Heard):
                time.sleep(0.4)
            return super().push(event)

    async def longest_stall() -> float:
        longest, last = 0.0, time.monotonic()
        try:
            while True:
                await asyncio.sleep(0.005)
                longest, last = max(longest, time.monotonic() - last), time.monotonic()
        except asyncio.CancelledError:
            return longest

    watch = asyncio.create_task(longest_stall())
    _, sink = await _run(call(*frames(150), end_ms=3000), FakeParts(engine=SlowEngine()))
    watch.cancel()
    assert len(sink.of("alert")) == 3
    assert await watch < 0.3


async def test_an_engine_that_hangs_does_not_keep_a_call_from_ending(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    class HangingEngine(FakeEngine):
        def push(self, event: AssistInput) -> list[AssistEvent]:
            go_on.wait(20)
            return super().push(event)

    monkeypatch.setattr("koemori.server.calls.assist_lane._LEAST_CLOSING_S", 0.05)
    try:
        ended, _ = await _run(call(*frames(5), end_ms=100), FakeParts(engine=HangingEngine()), drain_s=0.05)
    finally:
        go_on.set()
    assert ended.recording is not None


async def test_a_live_call_that_outruns_the_assist_side_skips_and_says_so() -> None:
    parts = FakeParts()
    script = frames(200)
    ended, sink = await _run(call(*script, end_ms=4000), parts, Pace.LIVE, queue_ms=200)
    assert parts.recorder.pushed == script
    spans = _not_assisted(sink)
    assert spans
    for channel in (0, 1):
        skipped = sum(end - start for index, start, end in spans if index == channel)
        told = sum(length for index, _, length in parts.listener.gaps if index == channel)
        assert skipped == told
        assert 0 < skipped < 4000
    assert all(row.captured_ms == 4000 for row in ended.ledger.channels)


async def test_a_held_source_waits_and_nothing_is_skipped() -> None:
    parts = FakeParts()
    _, sink = await _run(call(*frames(200), end_ms=4000), parts, Pace.HELD, queue_ms=200)
    assert _not_assisted(sink) == []
    assert parts.listener.heard[1] == pytest.approx(4000, abs=1)


async def test_gaps_are_recorded_told_and_passed_on() -> None:
    parts = FakeParts()
    gap = Gap(CUSTOMER, 0, 800, GapCause.LOST, RATE_HZ)
    _, sink = await _run(call(gap, frame(CUSTOMER, 5), end_ms=120), parts)
    assert parts.recorder.pushed[0] is gap
    event = sink.of("gap")[0]
    assert isinstance(event, GapEvent)
    assert (event.channel, event.start_ms, event.duration_ms, event.cause) == (1, 0, 100, GapCause.LOST)
    assert parts.listener.gaps == [(1, 0, 100)]


async def test_a_late_frame_is_recorded_and_not_heard() -> None:
    parts = FakeParts()
    late = frame(AGENT, 0, late=True)
    await _run(call(frame(AGENT, 1), late, end_ms=40), parts)
    assert late in parts.recorder.pushed
    assert parts.listener.heard == {0: pytest.approx(20, abs=1)}


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(AudioFileError("f", "audio", "noise"), "error:audio-file"), (ValueError("x"), "error:internal")],
)
async def test_a_source_that_dies_is_sealed_with_the_reason(failure: Exception, reason: str) -> None:
    parts = FakeParts()
    ended, _ = await _run(call(*frames(50), failure), parts)
    assert (ended.reason, ended.duration_ms) == (reason, 1000)
    assert ended.recording is not None


async def test_a_source_that_just_stops_is_disconnected() -> None:
    ended, _ = await _run(ScriptedSource([STARTED, *frames(10)]), FakeParts())
    assert ended.reason == "disconnected"


async def test_a_source_that_never_starts_is_refused() -> None:
    with pytest.raises(SourceProtocolError):
        await _run(ScriptedSource([]), FakeParts())


async def test_stopping_seals_what_came_so_far() -> None:
    parts = FakeParts()
    calls = LiveCalls(parts.ports(), ListSink(), Metrics())
    running = asyncio.create_task(calls.run(call(*frames(50), asyncio.Event())))
    while len(parts.recorder.pushed) < 100:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert calls.call_ids() == (CALL,)
    await calls.drain("shutdown")
    ended = await running
    assert (ended.reason, ended.duration_ms) == ("shutdown", 1000)
    assert ended.recording is not None
    assert len(calls) == 0


async def test_an_agents_edit_becomes_a_case_event_while_live_only() -> None:
    parts = FakeParts()
    sink = ListSink()
    go_on = asyncio.Event()
    calls = LiveCalls(parts.ports(), sink, Metrics())
    running = asyncio.create_task(calls.run(call(*frames(50), go_on), Pace.HELD))
    while len(parts.recorder.pushed) < 100:  # noqa: ASYNC110
        await asyncio.sleep(0)
    assert await calls.edit(CALL, {"customer_name": "小野寺"})
    case = sink.of("case")[0]
    assert isinstance(case, CaseEvent)
    assert case.fields["customer_name"].confirmed
    assert not await calls.edit("another", {})
    go_on.set()
    await running
    assert not await calls.edit(CALL, {})


async def test_a_supervisors_approval_becomes_an_event_while_live_and_where_it_is_due() -> None:
    parts = FakeParts(engine=FakeEngine(ladder=LadderStanding((), awaits_approval=True)))
    sink = ListSink()
    go_on = asyncio.Event()
    calls = LiveCalls(parts.ports(), sink, Metrics())
    running = asyncio.create_task(calls.run(call(*frames(50), go_on), Pace.HELD))
    while len(parts.recorder.pushed) < 100:  # noqa: ASYNC110
        await asyncio.sleep(0)
    standing = calls.ladder(CALL)
    assert standing is not None
    assert standing.awaits_approval
    approval = await calls.approve(CALL, "boss", "管理 花子")
    assert approval is not None
    (event,) = sink.of("approval")
    assert event.model_dump()["approved_by"] == approval.approved_by == "boss"
    assert await calls.approve(CALL, "boss", "管理 花子") is None
    assert await calls.approve("another", "boss", "") is None
    assert calls.ladder("another") is None
    go_on.set()
    await running
    assert await calls.approve(CALL, "boss", "") is None


async def test_the_end_of_a_call_that_is_over_is_not_approved() -> None:
    parts = FakeParts(engine=FakeEngine(ladder=LadderStanding((), awaits_approval=True)))
    sealed = threading.Event()
    ports = parts.ports()

    def seal(started: CallStarted, head: Future[JournalHead]) -> SealedRecording:
        sealed.wait(20)
        return ports.seal(started, head)

    sink = ListSink()
    session = CallSession(replace(ports, seal=seal), sink, Metrics(), Pace.HELD)
    running = asyncio.create_task(session.run(call(*frames(50))))
    while not any(isinstance(event, CallClosed) for event in parts.engine.inputs):  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert await session.approve("boss", "管理 花子") is None
    sealed.set()
    await running
    assert sink.of("approval") == []


async def test_nobody_is_asked_of_a_call_that_is_over() -> None:
    class Doubtful(FakeEngine):
        def take_doubts(self) -> list[Doubt]:
            return [Doubt("doubt", 0, ())] if isinstance(self.inputs[-1], CallClosed) else []

    class Silent:
        most_per_call, deadline_s = 5, 0.1
        asked = 0

        async def ask(self, _call_id: str, _doubt: Doubt) -> None:
            self.asked += 1

    adviser = Silent()
    ports = replace(FakeParts(engine=Doubtful()).ports(), adviser=adviser)
    await CallSession(ports, ListSink(), Metrics(), Pace.HELD).run(call(*frames(50)))
    await asyncio.sleep(0)
    assert adviser.asked == 0


async def test_a_recording_that_cannot_be_sealed_keeps_its_journal() -> None:
    parts = FakeParts(seal_error=OSError("disk full"))
    ended, _ = await _run(call(*frames(50), end_ms=1000), parts)
    assert ended.recording is None
    assert parts.released == []
    for row in ended.ledger.channels:
        assert row.captured_ms + row.lost_ms == row.duration_ms == 1000


async def test_a_journal_that_breaks_in_mid_call_ends_the_call_visibly() -> None:
    class BrokenRecorder(FakeRecorder):
        def push(self, event: AudioFrame | Gap) -> None:
            if len(self.pushed) >= 20:
                raise JournalError("the writer has failed")
            super().push(event)

        def close(self, ended: CallEnded) -> Future[JournalHead]:
            raise JournalError("the writer has failed")

    parts = FakeParts(recorder=BrokenRecorder(), seal_error=JournalError("the writer has failed"))
    ended, sink = await _run(call(*frames(50), end_ms=1000), parts)
    assert (ended.reason, ended.recording) == ("error:journal", None)
    assert [event.type for event in sink.events][-2:] == ["case", "call_ended"]
    for row in ended.ledger.channels:
        assert row.captured_ms + row.lost_ms == row.duration_ms == ended.duration_ms


async def test_no_thread_waits_for_a_disk_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    class HangingRecorder(FakeRecorder):
        def close(self, ended: CallEnded) -> Future[JournalHead]:
            return Future()

    monkeypatch.setattr("koemori.server.calls.session._JOURNAL_S", 0.05)
    waiting: list[CallStarted] = []

    def seal(started: CallStarted, head: Future[JournalHead]) -> SealedRecording:
        waiting.append(started)
        raise TimeoutError

    ports = replace(FakeParts(recorder=HangingRecorder()).ports(), seal=seal)
    sink = ListSink()
    ended = await CallSession(ports, sink, Metrics(), Pace.HELD).run(call(*frames(5), end_ms=100))
    assert (ended.recording, waiting) == (None, [])
    assert sink.events[-1].type == "call_ended"


async def test_a_call_whose_end_is_not_stored_keeps_its_journal() -> None:
    class DeafSink(ListSink):
        async def settled(self, call_id: str, patience_s: float) -> bool:
            return False

    parts = FakeParts()
    session = CallSession(parts.ports(), DeafSink(), Metrics(), Pace.HELD)
    await session.run(call(*frames(5), end_ms=100))
    assert parts.released == []


async def test_latency_is_measured_for_live_calls_only() -> None:
    live, live_sink = await _run(call(*frames(100), end_ms=2000), FakeParts(), Pace.LIVE, queue_ms=60_000)
    held, held_sink = await _run(call(*frames(100), end_ms=2000), FakeParts(), Pace.HELD)
    assert live.latency.utterance.count == 2
    assert held.latency.utterance.p50 is None
    alert = live_sink.of("alert")[0]
    assert isinstance(alert, AlertEvent)
    assert alert.emitted_ms is not None
    assert all(event.emitted_ms is None for event in held_sink.events)


async def test_frames_of_both_channels_reach_the_listener_at_their_times() -> None:
    parts = FakeParts()
    script = [event for event in frames(100) if isinstance(event, AudioFrame)]
    await _run(call(*script, end_ms=2000), parts)
    assert parts.listener.heard == {index: pytest.approx(2000, abs=1) for index in (0, 1)}

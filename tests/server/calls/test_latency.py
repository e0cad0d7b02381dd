"""Where the time of an event went: the stages always sum to the time since its words."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.types import Alert, Category, Guidance, Severity
from koemori.audio.call import CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.models.types import LoadChanged, Partial, Quarantined, Timing, Utterance
from koemori.server.calls.emitter import Emitter
from koemori.server.calls.latency import Cause, by_stage, stages_of_answer, stages_of_words
from koemori.server.telemetry import Metrics
from koemori.server.wire import (
    STAGES,
    AlertEvent,
    AssistanceEvent,
    AssistanceLevel,
    GuidanceEvent,
    UtteranceEvent,
    WireLedger,
    WireStages,
)

from tests.fakes.sink import ListSink

pytestmark = pytest.mark.unit

CALL = CallId("01JDKQ0000000000000000CALL")
CUSTOMER = Channel(CALL, LegId("c"), 1, ChannelRole.CUSTOMER, "media")
HEARD = Timing(vad_ms=500, queue_ms=30, encode_ms=120, decode_ms=100, merge_ms=10)

times = st.integers(min_value=0, max_value=20_000)
timings = st.builds(Timing, times, times, times, times, times)


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def _emitter(clock: Clock, *, live: bool = True) -> tuple[Emitter, ListSink, Metrics]:
    sink, metrics = ListSink(), Metrics()
    started = CallStarted(CALL, datetime(2026, 11, 22, tzinfo=UTC), 8000, (CUSTOMER,))
    emitter = Emitter(started, sink, metrics, live=live, monotonic=clock)
    emitter.first_frame(0)
    return emitter, sink, metrics


def _utterance(end_ms: int, timing: Timing | None = HEARD) -> Utterance:
    return Utterance(CUSTOMER, "1-0", 0, end_ms, "出せ", (), "ja", "base", timing)


@given(end_ms=times, timing=timings, came_ms=times, after_ms=times)
def test_the_stages_of_words_sum_to_emitted_less_at(
    end_ms: int, timing: Timing, came_ms: int, after_ms: int
) -> None:
    emitted_ms = came_ms + after_ms
    stages = stages_of_words(end_ms, timing, came_ms, emitted_ms)
    assert sum(by_stage(stages).values()) == stages.total_ms == emitted_ms - end_ms
    assert stages.deliver_ms == after_ms


@given(end_ms=times, timing=timings, steps=st.tuples(times, times, times, times))
def test_an_answer_keeps_the_stages_of_its_words_and_adds_the_engine(
    end_ms: int, timing: Timing, steps: tuple[int, int, int, int]
) -> None:
    came_ms = end_ms + steps[0]
    asked_ms = came_ms + steps[1]
    answered_ms = asked_ms + steps[2]
    emitted_ms = answered_ms + steps[3]
    words = stages_of_words(end_ms, timing, came_ms, asked_ms)
    answer = stages_of_answer(Cause(end_ms, timing, came_ms, asked_ms), answered_ms, emitted_ms)
    assert sum(by_stage(answer).values()) == answer.total_ms == emitted_ms - end_ms
    assert answer.understand_ms == steps[2]
    assert answer.deliver_ms == words.deliver_ms + steps[3]
    for stage in ("arrive", "vad", "queue", "encode", "decode", "merge"):
        assert by_stage(answer)[stage] == by_stage(words)[stage]


def test_every_stage_is_named_once_and_in_order() -> None:
    fields = [name.removesuffix("_ms") for name in WireStages.model_fields]
    assert fields == [*STAGES, "total"]


async def test_audio_that_came_late_is_told_as_a_stage_of_its_own() -> None:
    clock = Clock()
    emitter, sink, _ = _emitter(clock)
    clock.now_s += 3.0
    came_ms = emitter.now_ms()
    clock.now_s += 0.004
    await emitter.transcript(_utterance(2000), came_ms)
    (event,) = sink.events
    assert isinstance(event, UtteranceEvent)
    assert event.latency is not None
    assert (event.latency.arrive_ms, event.latency.deliver_ms) == (240, 4)
    assert event.emitted_ms is not None
    assert event.latency.total_ms == event.emitted_ms - event.at_ms == 1004


async def test_guidance_counts_from_the_words_though_it_speaks_of_a_later_moment() -> None:
    clock = Clock()
    emitter, sink, _ = _emitter(clock)
    clock.now_s += 3.0
    cause = Cause(2000, HEARD, came_ms=2990, asked_ms=2991)
    await emitter.assist(Guidance("g", None, "step1", "はい", "理由", "手引き", "1", 2500, 9000), cause, 2998)
    (event,) = sink.events
    assert isinstance(event, GuidanceEvent)
    assert event.latency is not None
    assert (event.latency.total_ms, event.latency.understand_ms, event.latency.deliver_ms) == (1000, 7, 3)


@pytest.mark.parametrize(("live", "timing"), [(False, HEARD), (True, None)])
async def test_no_latency_is_told_where_none_was_measured(live: bool, timing: Timing | None) -> None:
    emitter, sink, _ = _emitter(Clock(), live=live)
    await emitter.transcript(_utterance(2000, timing), emitter.now_ms())
    await emitter.transcript(Partial(CUSTOMER, "1-0", 1, 0, 900, "", "出", timing))
    await emitter.transcript(Quarantined(CUSTOMER, 0, 900, "出", "no_speech", "1-0", timing))
    assert [getattr(event, "latency", "missing") for event in sink.events] == [None] * 3
    assert all('"latency"' not in event.model_dump_json() for event in sink.events)


async def test_the_end_of_a_call_tells_percentiles_per_stage_of_utterances() -> None:
    clock = Clock()
    emitter, _, _ = _emitter(clock)
    for second in (1, 2, 3):
        clock.now_s = 50.8 + second
        timing = Timing(vad_ms=500, queue_ms=10 * second, encode_ms=120, decode_ms=100, merge_ms=10)
        await emitter.transcript(_utterance(second * 1000, timing), emitter.now_ms())
        await emitter.transcript(Partial(CUSTOMER, "1-0", 1, 0, second * 1000, "", "出", HEARD))
    ended = await emitter.ended(4000, "completed", None, WireLedger(channels=()))
    stages = ended.latency.stages
    assert list(stages) == [stage for stage in STAGES if stage != "understand"]
    assert (stages["queue"].p50, stages["queue"].p95, stages["queue"].count) == (20, 30, 3)
    assert (stages["vad"].p50, stages["arrive"].p50) == (500, 50)


async def test_a_change_of_load_is_told_as_it_is_and_without_an_interval_that_means_nothing() -> None:
    emitter, sink, _ = _emitter(Clock())
    for level in AssistanceLevel:
        await emitter.transcript(LoadChanged(1000, level.value, 1200))
    told = [
        (event.level.value, event.partial_interval_ms)
        for event in sink.events
        if isinstance(event, AssistanceEvent)
    ]
    assert told == [
        ("normal", 1200),
        ("partials_reduced", 1200),
        ("partials_off", None),
        ("large_windows", None),
        ("shedding", None),
    ]


async def test_metrics_hold_each_stage_of_words_and_alerts() -> None:
    clock = Clock()
    emitter, sink, metrics = _emitter(clock)
    clock.now_s += 3.0
    await emitter.transcript(_utterance(2000), 2999)
    alert = Alert("a", Category.THREAT, Severity.DANGER, True, "r", 2000, ("1-0",), "出せ", "理由")
    await emitter.assist(alert, Cause(2000, HEARD, 2980, 2981), 2991)
    assert isinstance(sink.events[-1], AlertEvent)
    value = metrics.registry.get_sample_value
    for stage in STAGES:
        labels = {"kind": "alert", "stage": stage}
        assert value("koemori_stage_seconds_count", labels) == 1
    assert value("koemori_stage_seconds_sum", {"kind": "utterance", "stage": "vad"}) == 0.5
    assert value("koemori_stage_seconds_sum", {"kind": "alert", "stage": "understand"}) == 0.01
    assert value("koemori_stage_seconds_count", {"kind": "utterance", "stage": "understand"}) is None

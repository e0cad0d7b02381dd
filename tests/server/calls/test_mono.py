"""A call of one channel with two voices: words at once, and whose they are by `speakers` events."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import numpy as np
import pytest
from koemori.assist.types import CallFacts
from koemori.audio.call import CallStarted
from koemori.audio.frames import AudioFrame
from koemori.models.diarizer import PyannoteDiarizer
from koemori.models.ports import Diarizer
from koemori.server.calls.assist_lane import AssistLane
from koemori.server.calls.emitter import Emitter
from koemori.server.calls.masking import CallMasking
from koemori.server.calls.masking_plan import MaskingPlan
from koemori.server.calls.mono import naming_voices, open_diarizer
from koemori.server.calls.ports import CallPorts, Listener, Pace
from koemori.server.config import Settings
from koemori.server.telemetry import Metrics
from koemori.server.wire import SpeakersEvent, UtteranceEvent, WireEvent

from tests.fakes.calls import STARTED, FakeEngine, FakeListener, FakeParts, FakeRecorder
from tests.fakes.sink import ListSink
from tests.fakes.voices import MONO, TURN_MS, LevelDiarizer, NoDiarizer, ScriptedListener, audio

pytestmark = pytest.mark.unit

CALL_MS = 120_000
CALL = CallStarted(MONO.call_id, datetime(2026, 11, 22, tzinfo=UTC), 16_000, (MONO,))


async def run(diarizer: Diarizer, pace: Pace) -> list[WireEvent]:
    """The scripted call through the assist lane."""

    def make_listener(started: CallStarted) -> Listener:
        return naming_voices(ScriptedListener(), started, diarizer, 20.0)

    never = FakeParts().ports()
    ports = CallPorts(never.open_recorder, never.seal, never.release, make_listener, lambda _: FakeEngine())
    sink, metrics = ListSink(), Metrics()
    emitter = Emitter(CALL, sink, metrics, live=False)
    masking = CallMasking(CALL, MaskingPlan(), FakeRecorder(), emitter)
    facts = CallFacts(call_id=CALL.call_id)
    lane = AssistLane(CALL, ports, emitter, metrics, pace, 10 * CALL_MS, facts, masking)
    task = asyncio.create_task(lane.run())
    for start_ms in range(0, CALL_MS, 1000):
        samples = (audio(start_ms, start_ms + 1000) * 32767).astype(np.int16)
        await lane.offer(AudioFrame(MONO, start_ms * 16, 16_000, samples))
    await lane.finish(task, 20.0, CALL_MS)
    return sink.events


@pytest.mark.parametrize("pace", [Pace.HELD, Pace.LIVE])
async def test_each_utterance_is_named_after_it_was_said(pace: Pace) -> None:
    events = await run(LevelDiarizer(), pace)
    said: dict[str, str] = {}
    for event in events:
        match event:
            case UtteranceEvent():
                said[event.utterance_id] = ""
                assert {word.speaker for word in event.words} <= {"unknown", "S1", "S2"}
            case SpeakersEvent():
                assert event.utterance_id in said
                assert [run.text for run in event.runs] == ["は" * 10]
                said[event.utterance_id] = event.runs[0].speaker
    assert said == {f"0-{start}": f"S{1 + start // TURN_MS % 2}" for start in range(0, CALL_MS, TURN_MS)}


@pytest.mark.parametrize("pace", [Pace.HELD, Pace.LIVE])
async def test_without_a_diarizer_the_words_say_unknown(pace: Pace) -> None:
    events = await run(NoDiarizer(), pace)
    words = [word for event in events if isinstance(event, UtteranceEvent) for word in event.words]
    assert len(words) == CALL_MS // 1000
    assert {word.speaker for word in words} == {"unknown"}
    assert not any(isinstance(event, SpeakersEvent) for event in events)


def test_a_call_with_a_channel_for_each_side_needs_no_diarizer() -> None:
    listener = FakeListener()
    assert naming_voices(listener, STARTED, NoDiarizer(), 20.0) is listener


async def test_where_nothing_is_configured_the_diarizer_is_there_and_starts_nothing() -> None:
    diarizer = await open_diarizer(Settings())
    assert isinstance(diarizer, PyannoteDiarizer)
    assert not diarizer.running
    await diarizer.aclose()

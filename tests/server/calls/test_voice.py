"""A change of the caller's voice on its way from the listener to the engine and to the screens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from koemori.assist.types import Heard, Tick, VoiceRaised
from koemori.models.types import TranscriptEvent, Utterance, VoiceChanged
from koemori.server.calls.ports import Pace
from koemori.server.calls.session import CallSession, SessionLimits
from koemori.server.telemetry import Metrics
from koemori.server.wire import VoiceEvent

from tests.fakes.calls import CUSTOMER, FakeListener, FakeParts, call, frames
from tests.fakes.sink import ListSink

pytestmark = pytest.mark.unit


@dataclass
class LouderListener(FakeListener):
    """The caller's voice rises within the second utterance and calms within the third."""

    async def events(self) -> AsyncIterator[TranscriptEvent]:
        async for event in super().events():
            if isinstance(event, Utterance) and event.start_ms == 1000:
                yield VoiceChanged(CUSTOMER, 1200, 1900, True, 7.44, 3.06)
            if isinstance(event, Utterance) and event.start_ms == 2000:
                yield VoiceChanged(CUSTOMER, 1200, 2600, False, 1.0, None)
            yield event


async def _run(pace: Pace) -> tuple[FakeParts, ListSink, Metrics]:
    parts, sink, metrics = FakeParts(listener=LouderListener()), ListSink(), Metrics()
    parts.listener.counts.voice_left_out_ms = 1500
    session = CallSession(parts.ports(), sink, metrics, pace, SessionLimits(queue_ms=60_000))
    await session.run(call(*frames(200), end_ms=4000))
    return parts, sink, metrics


@pytest.mark.parametrize("pace", [Pace.LIVE, Pace.HELD])
async def test_the_engine_knows_of_the_voice_before_the_words_and_the_screens_too(pace: Pace) -> None:
    parts, sink, _ = await _run(pace)
    told = [one for one in parts.engine.inputs if isinstance(one, (Heard, VoiceRaised))]
    assert [getattr(one, "utterance_id", one) for one in told] == [
        "1-0",
        VoiceRaised(1900, 1200, 7.44, 3.06),
        "1-1000",
        VoiceRaised(2600, 1200, 1.0, None, ended=True),
        "1-2000",
        "1-3000",
    ]
    kinds = [event.type for event in sink.events if event.type in ("utterance", "voice")]
    assert kinds == ["utterance", "voice", "utterance", "voice", "utterance", "utterance"]
    raised, calm = sink.of("voice")
    assert isinstance(raised, VoiceEvent)
    assert (raised.speaker, raised.raised, raised.at_ms, raised.since_ms) == ("customer", True, 1900, 1200)
    assert (raised.level_db, raised.pitch_semitones) == (7.4, 3.1)
    assert isinstance(calm, VoiceEvent)
    assert (calm.raised, calm.pitch_semitones) == (False, None)


async def test_a_held_call_gives_them_in_order_of_time() -> None:
    parts, sink, _ = await _run(Pace.HELD)
    ends = [event.at_ms for event in sink.events if event.type in ("utterance", "voice")]
    assert ends == sorted(ends)
    ticks = [one.at_ms for one in parts.engine.inputs if isinstance(one, (Tick, VoiceRaised))]
    assert ticks == sorted(ticks)


async def test_speech_that_was_not_measured_is_counted() -> None:
    _, _, metrics = await _run(Pace.LIVE)
    assert metrics.registry.get_sample_value("koemori_voice_left_out_seconds_total") == 1.5

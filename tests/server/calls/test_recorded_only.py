"""Calls that nobody listens to: recorded, sealed, and everybody sees that no words will come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from koemori.server.app import open_as_set
from koemori.server.calls.ports import Pace
from koemori.server.calls.recording_pipeline import RecordingPipeline
from koemori.server.calls.session import CallSession
from koemori.server.config import Settings
from koemori.server.doctor import examine
from koemori.server.telemetry import Metrics
from koemori.server.wire import CallEndedEvent, GapEvent

from tests.fakes.calls import FakeParts, call, frames
from tests.fakes.sink import ListSink

pytestmark = pytest.mark.unit


async def test_a_call_is_recorded_and_told_as_not_assisted_from_its_first_frame_to_its_end() -> None:
    parts, sink = FakeParts(listener_error=AssertionError("nobody may listen")), ListSink()
    session = CallSession(replace(parts.ports(), assisted=False), sink, Metrics(), Pace.LIVE)
    await session.run(call(*frames(60), end_ms=1_200))
    assert [event.type for event in sink.events] == ["call_started", "gap", "gap", "gap", "gap", "call_ended"]
    gaps = [event for event in sink.events if isinstance(event, GapEvent)]
    assert {gap.cause.value for gap in gaps} == {"not_assisted"}
    for channel in (0, 1):
        first, rest = (gap for gap in gaps if gap.channel == channel)
        assert first.start_ms == 0
        assert rest.start_ms == first.duration_ms
        ended = max(one.end_sample for one in parts.recorder.pushed if one.channel.index == channel)
        assert rest.start_ms + rest.duration_ms == ended * 1000 // parts.recorder.pushed[0].sample_rate_hz
    last = sink.events[-1]
    assert isinstance(last, CallEndedEvent)
    assert last.recording is not None
    assert not await session.edit({"name": "x"})


async def test_the_settings_decide_and_no_model_is_asked_for(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "archive": {"directory": tmp_path},
            "assist": {"enabled": False},
            "models": {"name": str(tmp_path / "nowhere")},
        }
    )
    pipeline = await open_as_set(settings, Metrics())
    try:
        assert isinstance(pipeline, RecordingPipeline)
        assert not pipeline.ports.assisted
        with pytest.raises(RuntimeError, match="recorded only"):
            pipeline.ports.make_engine(None)  # type: ignore[arg-type]
    finally:
        await pipeline.aclose()
    findings = {finding.check: finding for finding in examine(settings, quick=True)}
    assert findings["recognition"].came == "off; calls are recorded only"
    assert not {"weights", "capacity", "opinion"} & findings.keys()

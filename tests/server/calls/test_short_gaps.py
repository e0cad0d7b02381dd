"""A packet that never came: the recogniser hears it bridged, the recorder keeps the gap."""

from __future__ import annotations

import pytest
from koemori.audio.frames import Gap, GapCause, SourceEvent
from koemori.server.calls.ports import Pace
from koemori.server.calls.session import CallSession, SessionLimits
from koemori.server.telemetry import Metrics

from tests.fakes.calls import CUSTOMER, FRAME, RATE_HZ, FakeParts, call, frames
from tests.fakes.sink import ListSink

pytestmark = pytest.mark.unit


async def listened(lost_frames: int) -> tuple[FakeParts, Gap]:
    """A call of two seconds in which so many frames of the customer are lost after the first second."""
    gap = Gap(CUSTOMER, 50 * FRAME, lost_frames * FRAME, GapCause.LOST, RATE_HZ)
    script: list[SourceEvent] = []
    for event in frames(100):
        assert not isinstance(event, Gap)
        mine = getattr(event, "channel", None) == CUSTOMER
        start = getattr(event, "start_sample", 0)
        if mine and start == gap.start_sample:
            script.append(gap)
        elif not (mine and gap.start_sample < start < gap.end_sample):
            script.append(event)
    parts = FakeParts()
    session = CallSession(parts.ports(), ListSink(), Metrics(), Pace.HELD, SessionLimits(queue_ms=60_000))
    await session.run(call(*script, end_ms=2_000))
    return parts, gap


@pytest.mark.parametrize("lost_frames", [1, 3])
async def test_a_short_gap_is_bridged_for_the_recogniser_and_kept_by_the_recorder(lost_frames: int) -> None:
    parts, gap = await listened(lost_frames)
    assert parts.listener.gaps == []
    assert parts.listener.heard == {0: 2_000, 1: 2_000}
    assert [event for event in parts.recorder.pushed if isinstance(event, Gap)] == [gap]


async def test_a_long_gap_is_told_to_the_recogniser() -> None:
    parts, gap = await listened(20)
    assert parts.listener.gaps == [(1, 1_000, 400)]
    assert parts.listener.heard == {0: 2_000, 1: 2_000}
    assert gap in parts.recorder.pushed

"""A call of plain RTP: begins with a packet, ends by goodbye, silence or request, and accounts for both."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import numpy as np
import pytest
from koemori.audio.call import CallEnded, CallStarted, ChannelRole
from koemori.audio.frames import AudioFrame, Gap, GapCause, SourceEvent
from koemori.audio.ingest.rtp_call import RtpCall, RtpCallPlan, RtpLegPlan
from koemori.audio.rtp.payload import STATIC_PAYLOAD_TYPES
from koemori.audio.signals import CallUpdated

pytestmark = pytest.mark.unit

PCMU = STATIC_PAYLOAD_TYPES[0]
SIDES = (
    RtpLegPlan("c", ChannelRole.CUSTOMER, PCMU),
    RtpLegPlan("a", ChannelRole.AGENT, PCMU),
)
TICK_US = 40_000


class Line:
    """A call in virtual time; legs send two packets a tick."""

    def __init__(self, *legs: RtpLegPlan, silence_s: float = 5.0) -> None:
        plan = RtpCallPlan(legs, {"linked_id": "178.9"}, queue="claims")
        now = datetime(2026, 11, 22, tzinfo=UTC)
        self.call = RtpCall(plan, round(silence_s * 1e6), now=lambda: now)
        self.events: list[SourceEvent] = []
        self.now_us = 1_000_000_000
        self._numbers = dict.fromkeys(range(len(legs)), 0)

    def run(self, seconds: float, *speaking: int) -> None:
        for _ in range(round(seconds * 1e6 / TICK_US)):
            self.now_us += TICK_US
            for leg in range(len(self._numbers)):
                # Timestamps go on while nobody sends, as a telephone's do.
                first, self._numbers[leg] = self._numbers[leg], self._numbers[leg] + 2
                if leg in speaking:
                    batch = [
                        (self.now_us - 20_000 * (1 - more), packet(leg, first + more)) for more in (0, 1)
                    ]
                    self.events += self.call.packets(leg, batch, self.now_us)
            self.events += self.call.advance(self.now_us)

    def goodbye(self, leg: int) -> None:
        report = struct.pack("!BBHI", 0x80, 201, 1, leg + 1) + struct.pack("!BBHI", 0x81, 203, 1, leg + 1)
        self.call.control(leg, self.now_us, report)

    def of(self, kind: type[SourceEvent]) -> list[SourceEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    def end(self) -> CallEnded:
        (ended,) = self.of(CallEnded)
        assert isinstance(ended, CallEnded)
        assert self.events[-1] is ended
        return ended

    def covered(self) -> dict[int, int]:
        """Last sample of each channel; what comes in order must have no hole."""
        ends: dict[int, int] = {}
        for event in self.events:
            if isinstance(event, AudioFrame | Gap) and not getattr(event, "late", False):
                index = event.channel.index
                assert event.start_sample == ends.get(index, 0)
                ends[index] = event.end_sample
        return ends


def packet(leg: int, number: int) -> bytes:
    head = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, leg + 1)
    return head + np.full(160, 0x55 + leg, dtype=np.uint8).tobytes()


def test_a_call_begins_with_its_first_packet_and_the_agent_is_channel_0() -> None:
    line = Line(*SIDES)
    line.run(1)
    assert line.events == []
    line.run(2, 0, 1)
    started = line.events[0]
    assert isinstance(started, CallStarted)
    assert [channel.role for channel in started.channels] == [ChannelRole.AGENT, ChannelRole.CUSTOMER]
    assert (started.external_ids, started.queue) == ({"linked_id": "178.9"}, "claims")


def test_when_both_have_said_goodbye_the_call_is_completed() -> None:
    line = Line(*SIDES)
    line.run(3, 0, 1)
    line.goodbye(0)
    line.run(2, 1)
    assert not line.call.ended
    line.goodbye(1)
    line.run(3)
    assert line.end().reason == "completed"
    assert len(set(line.covered().values())) == 1


def test_a_call_that_falls_silent_ends_where_its_last_audio_did() -> None:
    line = Line(*SIDES, silence_s=20)
    line.run(3, 0, 1)
    line.run(25)
    ended = line.end()
    assert (ended.reason, abs(ended.end_ms - 3000) <= 40) == ("idle", True)
    assert set(line.covered().values()) == {ended.end_ms * 8}


def test_an_outage_that_ends_in_time_is_a_gap_of_the_call() -> None:
    line = Line(*SIDES, silence_s=20)
    line.run(2, 0, 1)
    line.run(5)
    line.run(2, 0, 1)
    line.events += line.call.end("stop", line.now_us)
    assert line.end().reason == "stop"
    lost = [event for event in line.of(Gap) if isinstance(event, Gap) and event.cause is GapCause.LOST]
    for index in (0, 1):
        missing = sum(gap.sample_count for gap in lost if gap.channel.index == index)
        assert abs(missing - 5 * 8000) <= 400
    assert abs(line.end().end_ms - 9000) <= 60
    assert len(set(line.covered().values())) == 1


def test_packets_are_accounted_for_at_the_end() -> None:
    line = Line(SIDES[0])
    line.run(2, 0)
    line.events += line.call.end("stop", line.now_us)
    updates = [event for event in line.of(CallUpdated) if isinstance(event, CallUpdated)]
    assert updates[-1].facts["packets_received"] == 100
    assert updates[-1].facts["packets_lost"] == 0
    assert line.call.end("again", line.now_us) == []
    assert line.call.packets(0, [(line.now_us, packet(0, 500))], line.now_us) == []


@pytest.mark.parametrize("goodbye", [True, False])
def test_silence_before_an_end_that_is_told_belongs_to_the_call(goodbye: bool) -> None:
    line = Line(*SIDES, silence_s=20)
    line.run(2, 0, 1)
    line.run(6)
    if goodbye:
        line.goodbye(0)
        line.goodbye(1)
        line.run(2)
    else:
        line.events += line.call.end("stop", line.now_us)
    assert line.end().reason == ("completed" if goodbye else "stop")
    assert set(line.covered().values()) == {line.end().end_ms * 8}


def test_keep_alives_and_strays_neither_begin_a_call_nor_keep_one_up() -> None:
    line = Line(SIDES[0], silence_s=5)
    strays = [b"", b"\0" * 20, b"\x80"]
    assert line.call.packets(0, [(line.now_us, stray) for stray in strays], line.now_us) == []
    assert line.call.started is None
    line.run(2, 0)
    for _ in range(150):
        line.events += line.call.packets(0, [(line.now_us, stray) for stray in strays], line.now_us)
        line.run(0.04)
    assert line.end().reason == "idle"

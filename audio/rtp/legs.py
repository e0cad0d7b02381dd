"""All legs of one call that come by RTP: packets in, frames on one timeline out; no I/O.

    legs = RtpLegs(channels, [agreed_types_of_leg_0, agreed_types_of_leg_1], sample_rate_hz=8000)
    events = legs.push(0, [(arrival_us, datagram), …])   # whatever came since the last tick, per leg
    events += legs.advance(now_us)                        # every tick, after the pushes
    events += legs.finish(now_us)                         # once; all legs then end at the same sample

All times are microseconds of one monotonic clock, the same for arrivals and `now_us`.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from koemori.audio.call import Channel
from koemori.audio.errors import RtpPacketError
from koemori.audio.rtp.alignment import Alignment
from koemori.audio.rtp.clock import CallClock
from koemori.audio.rtp.payload import PayloadType
from koemori.audio.rtp.receiver import LegCounters, LegEvent, LegReceiver, ReceiverLimits
from koemori.audio.rtp.reporting import Reporting
from koemori.audio.rtp.rtcp import parse_compound


class RtpLegs:
    """The receivers of a call's channels and the clock that they share."""

    def __init__(
        self,
        channels: Sequence[Channel],
        payload_types: Sequence[Mapping[int, PayloadType]],
        sample_rate_hz: int,
        limits: ReceiverLimits | None = None,
    ) -> None:
        """Begin before the first packet.

        Args:
            channels: In the order of their indices.
            payload_types: What was agreed on for each channel, by number.
            sample_rate_hz: Of the call: the highest `audio_rate_hz` of what was agreed.
            limits: Bounds of each leg.
        """
        self._clock = CallClock(sample_rate_hz)
        self._legs = [
            LegReceiver(channel, kinds, self._clock, limits)
            for channel, kinds in zip(channels, payload_types, strict=True)
        ]
        self._alignment = Alignment(self._legs, self._clock)
        cname = secrets.token_urlsafe(12)
        self._reporting = [Reporting(secrets.randbits(32), cname) for _ in channels]
        self._early: dict[int, tuple[int, bytes]] = {}
        """Leg → the newest RTCP that came before its first packet."""

    def push(self, leg: int, batch: Sequence[tuple[int, bytes]]) -> list[LegEvent]:
        """Take RTP datagrams of one leg in order of arrival, each with its arrival time; never raises."""
        events = self._legs[leg].push(batch)
        if leg in self._early and self._legs[leg].senders.current is not None:
            self.control(leg, *self._early.pop(leg))
        return events

    def control(self, leg: int, arrival_us: int, datagram: bytes) -> None:
        """Take an RTCP datagram of one leg; never raises."""
        try:
            compound = parse_compound(datagram)
        except RtpPacketError:
            return
        receiver = self._legs[leg]
        if receiver.last_arrival_us is None:
            self._early[leg] = (arrival_us, datagram)
        receiver.control(compound)
        segment = receiver.senders.current
        for report in compound.sender_reports:
            if segment is not None and report.ssrc == segment.ssrc:
                self._reporting[leg].heard(arrival_us, report)
        if segment is not None and segment.ssrc in compound.names:
            self._alignment.names[leg] = compound.names[segment.ssrc]

    def advance(self, now_us: int) -> list[LegEvent]:
        """Give up waiting for what is overdue, go on through outages, keep the legs together."""
        self._alignment.advance(now_us)
        events: list[LegEvent] = []
        for receiver in self._legs:
            events += receiver.advance(now_us)
        return events

    def agree(self, leg: int, payload_types: Mapping[int, PayloadType]) -> None:
        """Take over what a re-INVITE agreed on; the timeline goes on."""
        self._legs[leg].agree(payload_types)

    def pause(self, leg: int, now_us: int) -> list[LegEvent]:
        """The sender is inactive: from here `paused`; packets that come are counted and left out."""
        return self._legs[leg].pause(now_us)

    def resume(self, leg: int, now_us: int) -> list[LegEvent]:
        """Go on, where wall time says."""
        return self._legs[leg].resume(now_us)

    def finish(self, now_us: int) -> list[LegEvent]:
        """Place everything that is held and fill up, so that all legs end at the same sample."""
        events: list[LegEvent] = []
        for receiver in self._legs:
            events += receiver.flush(now_us)
        end_sample = self.end_sample
        for receiver in self._legs:
            events += receiver.finish(end_sample)
        return events

    def report(self, leg: int, now_us: int) -> bytes | None:
        """The RTCP receiver report that is owed to the leg's sender; None while nobody sends."""
        segment = self._legs[leg].senders.current
        return None if segment is None else self._reporting[leg].report(now_us, segment)

    def counters(self, leg: int) -> LegCounters:
        """What happened on a leg so far; a copy."""
        return self._legs[leg].counters

    def idle_us(self, leg: int, now_us: int) -> int | None:
        """How long no RTP has come, paused or not; None before the first packet."""
        last_us = self._legs[leg].last_arrival_us
        return None if last_us is None else now_us - last_us

    @property
    def end_sample(self) -> int:
        """How far the longest leg has come."""
        return max(receiver.placing.open_end for receiver in self._legs)

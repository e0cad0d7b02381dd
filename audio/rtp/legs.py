"""All legs of one call that come by RTP: packets in, frames on one timeline out; no I/O.

    legs = RtpLegs(channels, [agreed_types_of_leg_0, agreed_types_of_leg_1], sample_rate_hz=8000)
    events = legs.push(0, [(arrival_us, datagram), …])   # whatever came since the last tick, per leg
    events += legs.advance(now_us)                        # every tick, after the pushes
    events += legs.finish(now_us)                         # once; both legs then end at the same sample

All times are microseconds of one monotonic clock, the same for arrivals and `now_us`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from koemori.audio.call import Channel
from koemori.audio.rtp.payload import PayloadType
from koemori.audio.rtp.receiver import LegCounters, LegEvent, ReceiverLimits


class RtpLegs:
    """The receivers of a call's channels and the clock that they share."""

    def __init__(
        self,
        channels: Sequence[Channel],
        payload_types: Sequence[Mapping[int, PayloadType]],
        sample_rate_hz: int,
        limits: ReceiverLimits | None = None,
    ) -> None:
        """Begin before the first packet; `payload_types[i]` is what was agreed for `channels[i]`."""
        raise NotImplementedError

    def push(self, leg: int, batch: Sequence[tuple[int, bytes]]) -> list[LegEvent]:
        """Take RTP datagrams of one leg in order of arrival, each with its arrival time; never raises."""
        raise NotImplementedError

    def control(self, leg: int, arrival_us: int, datagram: bytes) -> None:
        """Take an RTCP datagram of one leg; never raises."""
        raise NotImplementedError

    def advance(self, now_us: int) -> list[LegEvent]:
        """Give up waiting for what is overdue, go on through outages, keep the legs together."""
        raise NotImplementedError

    def agree(self, leg: int, payload_types: Mapping[int, PayloadType]) -> None:
        """Take over what a re-INVITE agreed; the timeline goes on."""
        raise NotImplementedError

    def pause(self, leg: int, now_us: int) -> list[LegEvent]:
        """The sender is inactive: from here `paused`; packets that come are counted and left out."""
        raise NotImplementedError

    def resume(self, leg: int, now_us: int) -> list[LegEvent]:
        """Go on, where wall time says."""
        raise NotImplementedError

    def finish(self, now_us: int) -> list[LegEvent]:
        """Place everything that is held and fill up, so that all legs end at the same sample."""
        raise NotImplementedError

    def report(self, leg: int, now_us: int) -> bytes | None:
        """The RTCP receiver report that is owed to the leg's sender; None before its first packet."""
        raise NotImplementedError

    def counters(self, leg: int) -> LegCounters:
        """What happened on a leg so far."""
        raise NotImplementedError

    def idle_us(self, leg: int, now_us: int) -> int | None:
        """How long nothing has come; None before the first packet."""
        raise NotImplementedError

    @property
    def end_sample(self) -> int:
        """How far the longest leg has come."""
        raise NotImplementedError

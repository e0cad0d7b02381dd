"""The senders (SSRCs) of one leg: the one that is latched, one that may follow it, and those before it."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

from koemori.audio.rtp.leg_types import LegCounters
from koemori.audio.rtp.packet import RtpPacket
from koemori.audio.rtp.segment import Segment, Taken

_LEAST_PACKETS: Final = 2
"""One packet of another sender may be a stray (RFC 3550 A.1 asks for two as well)."""
_MOST_PACKETS: Final = 250
_STALE_US: Final = 3_000_000
_TAIL_US: Final = 500_000
_MOST_RETIRED: Final = 4


class Senders:
    """Who sends on a leg.

    Attributes:
        current: Whose packets are played.
        candidate: Who has begun to send meanwhile; it follows once the current one is silent.
    """

    def __init__(self) -> None:
        self.current: Segment | None = None
        self.candidate: Segment | None = None
        self._retired: deque[tuple[int, Segment]] = deque()
        self._before = LegCounters()
        """Sums over the segments that are forgotten."""

    def apply(self, arrival_us: int, packet: RtpPacket, clock_hz: int, jump_us: int) -> int:
        """Take a packet of another sender than the current one; return how many packets that gives up."""
        given_up = 0
        candidate = self.candidate
        if candidate is None or candidate.ssrc != packet.ssrc:
            given_up = 0 if candidate is None else len(candidate.held)
            candidate = self.candidate = Segment(arrival_us, packet, clock_hz)
        taken, _, _ = candidate.take(arrival_us, packet, jump_us=jump_us)
        if taken is not Taken.HELD:
            given_up += 1
        if len(candidate.held) > _MOST_PACKETS:
            given_up += len(candidate.held)
            self.candidate = None
        return given_up

    @property
    def shown(self) -> bool:
        """Whether the candidate is more than a stray."""
        return self.candidate is not None and len(self.candidate.held) >= _LEAST_PACKETS

    def may_switch(self, now_us: int, hold_us: int) -> bool:
        """Whether the candidate has shown itself and the current sender is silent."""
        current = self.current
        if not self.shown:
            return False
        return current is None or current.gone or now_us - current.last_arrival_us >= hold_us

    def drop_stale(self, now_us: int) -> int:
        """Give up a candidate that has fallen silent; return how many packets it had."""
        candidate = self.candidate
        if candidate is None or now_us - candidate.last_arrival_us < _STALE_US:
            return 0
        return self.drop_candidate()

    def drop_candidate(self) -> int:
        """Give up the candidate; return how many packets it had."""
        candidate, self.candidate = self.candidate, None
        return 0 if candidate is None else len(candidate.held)

    def retire(self, now_us: int) -> None:
        """End the current segment; what is still on its way belongs to it."""
        if self.current is not None:
            self._retired.append((now_us, self.current))
            self.current = None
            while len(self._retired) > _MOST_RETIRED:
                self._forget_oldest()

    def retired_of(self, arrival_us: int, packet: RtpPacket) -> Segment | None:
        """The earlier segment that a packet belongs to: still on its way then, or behind its end."""
        for retired_us, segment in reversed(self._retired):
            if segment.ssrc == packet.ssrc:
                on_its_way = arrival_us - retired_us <= _TAIL_US
                return segment if on_its_way or segment.is_behind(packet.sequence) else None
        return None

    def forget(self, now_us: int, late_us: int) -> None:
        """Let go of segments whose late packets are not waited for any more."""
        while self._retired and now_us - self._retired[0][0] > late_us:
            self._forget_oldest()

    def count(self, counters: LegCounters) -> LegCounters:
        """The counters with those of all segments added; the jitter is the current sender's."""
        total = replace(counters)
        for part in (self._before, *(_counted(segment) for _, segment in self._retired)):
            _add(total, part)
        if self.current is not None:
            _add(total, _counted(self.current))
        newest = self.current or (self._retired[-1][1] if self._retired else None)
        total.jitter_us = 0 if newest is None else newest.transit.jitter_us
        return total

    def _forget_oldest(self) -> None:
        _add(self._before, _counted(self._retired.popleft()[1]))


def _counted(segment: Segment) -> LegCounters:
    return LegCounters(
        expected=segment.expected,
        received=segment.received,
        late=segment.late,
        duplicated=segment.duplicated,
        out_of_order=segment.out_of_order,
    )


def _add(total: LegCounters, part: LegCounters) -> None:
    total.expected += part.expected
    total.received += part.received
    total.late += part.late
    total.duplicated += part.duplicated
    total.out_of_order += part.out_of_order

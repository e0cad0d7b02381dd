"""Keeps the legs of a call together although their senders' clocks differ.

A leg's lead is how far its timeline has run ahead of the time its packets were sent, as the fastest packets
of the last ten seconds tell it, or sender reports where both legs' come from one clock (the same CNAME, and
no contradiction to the arrivals). The leg with the greatest lead sets the call's clock. A leg behind it gets
`clock` gaps: at most ten milliseconds at once, in a pause where it can; all at once when a leg was placed
wrongly, as after a change of sender. No sample is given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from koemori.audio.rtp.clock import CallClock
from koemori.audio.rtp.receiver import LegReceiver
from koemori.audio.rtp.segment import Segment

_EVERY_US: Final = 1_000_000
_ACTIVE_US: Final = 1_000_000
_LEAST_S: Final = 2
"""Seconds of packets before a leg is judged."""
_IN_A_PAUSE_MS: Final = 4
_AT_LAST_MS: Final = 12
_PIECE_MS: Final = 10
_MISPLACED_MS: Final = 40
_BELIEVED_US: Final = 500_000


@dataclass(frozen=True, slots=True)
class _Standing:
    leg: LegReceiver
    segment: Segment
    lead: int
    """Samples, by arrival."""


class Alignment:
    """Works on the receivers of one call; `names` in order of the legs are their senders' CNAMEs."""

    def __init__(self, legs: Sequence[LegReceiver], clock: CallClock) -> None:
        self._legs = legs
        self._clock = clock
        self._next_us = 0
        self.names: list[str | None] = [None] * len(legs)

    def advance(self, now_us: int) -> None:
        """Judge the legs once a second; gaps are told with the legs' next events."""
        if now_us < self._next_us or len(self._legs) < 2:
            return
        self._next_us = now_us + _EVERY_US
        standings = [standing for leg in self._legs if (standing := self._standing(leg, now_us))]
        if not standings:
            return
        leads = self._leads(standings)
        top = max(leads)
        self._clock.ahead_samples = top
        for standing, lead in zip(standings, leads, strict=True):
            self._catch_up(standing.leg, top - lead)

    def _catch_up(self, leg: LegReceiver, lag: int) -> None:
        per_ms = self._clock.rate_hz // 1_000
        if lag >= _MISPLACED_MS * per_ms:
            leg.shift(lag)
        elif lag >= _AT_LAST_MS * per_ms or (lag >= _IN_A_PAUSE_MS * per_ms and leg.placing.quiet):
            leg.shift(min(lag, _PIECE_MS * per_ms))

    def _standing(self, leg: LegReceiver, now_us: int) -> _Standing | None:
        segment = leg.senders.current
        if segment is None or segment.place is None or leg.paused or self._clock.zero_us is None:
            return None
        if now_us - segment.last_arrival_us > _ACTIVE_US or segment.transit.seconds < _LEAST_S:
            return None
        waited = (segment.transit.least_us - self._clock.zero_us) * self._clock.rate_hz // 1_000_000
        return _Standing(leg, segment, segment.place.origin_sample - waited)

    def _leads(self, standings: Sequence[_Standing]) -> list[int]:
        """Leads by sender reports if all legs' are of one clock, else by arrival."""
        by_arrival = [standing.lead for standing in standings]
        names = {self.names[standing.leg.channel.index] for standing in standings}
        if len(names) != 1 or None in names or len(standings) < 2:
            return by_arrival
        offsets: list[int] = []
        """Per leg, by how much the sender's clock is behind the arrivals, µs."""
        for standing in standings:
            report = standing.segment.sender_clock
            if report is None:
                return by_arrival
            wall_us, ticks = report
            offsets.append(standing.segment.transit.least_us - (wall_us - standing.segment.us(ticks)))
        least = min(offsets)
        if max(offsets) - least > _BELIEVED_US:
            return by_arrival
        rate_hz = self._clock.rate_hz
        return [
            lead + (offset - least) * rate_hz // 1_000_000
            for lead, offset in zip(by_arrival, offsets, strict=True)
        ]

"""One sender's unbroken count of packets: order, holes, duplicates and late ones (RFC 3550 A.1).

A packet behind a hole is held until the hole is filled or declared lost; what comes after that is late. A
hole is known by its numbers, so that the account is exact: expected = received + late + lost.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, NamedTuple

from koemori.audio.rtp.numbering import MAX_DROPOUT, MAX_MISORDER, extend_sequence, extend_timestamp
from koemori.audio.rtp.packet import RtpPacket
from koemori.audio.rtp.transit import Transit

_MAX_HELD: Final = 250
_MAX_LOSSES: Final = 512
_BEFORE_FIRST: Final = 100
_REPEATS_OF_A_RESTART: Final = 10
_REMEMBERED_PAYLOADS: Final = 256


class Arrived(NamedTuple):
    """A packet with its extended numbers; `ticks` counts from the segment's origin."""

    arrival_us: int
    packet: RtpPacket
    number: int
    ticks: int


class Taken(Enum):
    """What a packet is to its segment."""

    HELD = auto()
    LATE = auto()
    DUPLICATE = auto()
    UNBELIEVABLE = auto()
    """Numbered far away from the others; a second one in sequence makes it a restart."""
    RESTART = auto()


@dataclass(slots=True)
class Place:
    """Where ticks stand on the channel's timeline: `origin_sample` is tick 0."""

    origin_sample: int
    rate_hz: int
    clock_hz: int

    def sample(self, ticks: int) -> int:
        """The sample at which this tick begins."""
        return self.origin_sample + ticks * self.rate_hz // self.clock_hz


@dataclass(slots=True)
class Loss:
    """A hole that was given up: `count` packets from `first`, and where they would have stood."""

    first: int
    count: int
    place: Place
    start_sample: int
    end_sample: int
    filled: set[int] = field(default_factory=set)


class Segment:
    """State of one sender.

    Attributes:
        ssrc: The sender.
        clock_hz: Of its timestamps.
        origin_timestamp: Extended; ticks count from here.
        next_number: Extended number of the packet that goes on.
        next_ticks: Where that packet should begin.
        place: Where it stands on the timeline; None until that is settled.
        transit: How its packets travel.
        received, late, duplicated, out_of_order: Packets.
        silences: Whether it is known to send nothing while nobody speaks.
        undecoded: Whether packets that nobody can decode came since the last audio.
        packet_ticks: Length of the newest audio packet.
        recent: Newest payloads by number, where the decoder has memory.
        sender_clock: Latest sender report: (wall clock, µs; ticks).
        gone: Whether its sender said that it sends no more.
    """

    def __init__(self, arrival_us: int, packet: RtpPacket, clock_hz: int) -> None:
        self.ssrc = packet.ssrc
        self.clock_hz = clock_hz
        self.origin_timestamp = packet.timestamp
        self.base = self.next_number = packet.sequence
        self.next_ticks = 0
        self.place: Place | None = None
        self.transit = Transit()
        self.first_arrival_us = self.last_arrival_us = self.placed_arrival_us = arrival_us
        self.received = self.late = self.duplicated = self.out_of_order = 0
        self.silences = self.undecoded = self.gone = False
        self.packet_ticks = 0
        self.recent: deque[tuple[int, bytes]] = deque(maxlen=_REMEMBERED_PAYLOADS)
        self.sender_clock: tuple[int, int] | None = None
        self.held: dict[int, Arrived] = {}
        self.losses: list[Loss] = []
        self._highest = packet.sequence - 1
        self._suspect: Arrived | None = None
        self._repeats = 0
        self._repeated = -1

    @property
    def expected(self) -> int:
        """Packets from the first to the highest number."""
        return self._highest - self.base + 1

    @property
    def highest_number(self) -> int:
        """Extended number of the newest packet."""
        return self._highest

    def us(self, ticks: int) -> int:
        """Ticks in microseconds of the sender's clock."""
        return ticks * 1_000_000 // self.clock_hz

    def ticks(self, timestamp: int) -> int:
        """Ticks of a timestamp, taken as near to what comes next."""
        near = self.origin_timestamp + self.next_ticks
        return extend_timestamp(timestamp, near) - self.origin_timestamp

    def take(self, arrival_us: int, packet: RtpPacket, *, jump_us: int) -> tuple[Taken, Arrived, Loss | None]:
        """Take a packet of this sender; a HELD one waits in `held`.

        Args:
            arrival_us: When it came.
            packet: What came.
            jump_us: How far numbers far ahead may be from what arrival says.
        """
        number = extend_sequence(packet.sequence, self.next_number)
        arrived = Arrived(arrival_us, packet, number, self.ticks(packet.timestamp))
        ahead = number - self.next_number
        self.last_arrival_us = arrival_us
        if (ahead >= MAX_DROPOUT and not self._outage(arrived, jump_us)) or ahead < -MAX_MISORDER:
            return self._unbelievable(arrived), arrived, None
        if self.place is None and ahead < 0:
            self.base = min(self.base, number)
            self.next_number = min(self.next_number, number)
            self.next_ticks = min(self.next_ticks, arrived.ticks)
            ahead = 0
        if ahead < 0:
            return self._behind(arrived)
        self._suspect, self._repeats = None, 0
        if number in self.held:
            self.duplicated += 1
            return Taken.DUPLICATE, arrived, None
        self.transit.push(arrival_us, self.us(arrived.ticks))
        self.received += 1
        if number > self._highest:
            self._highest = number
        else:
            self.out_of_order += 1
        self.held[number] = arrived
        return Taken.HELD, arrived, None

    def goes_on(self, arrival_us: int, packets: int, next_ticks: int, packet_ticks: int) -> None:
        """Count packets that simply went on and were placed elsewhere (the fast path)."""
        self.received += packets
        self.next_number += packets
        self._highest = self.next_number - 1
        self.next_ticks, self.packet_ticks = next_ticks, packet_ticks
        self.last_arrival_us = self.placed_arrival_us = arrival_us
        self._suspect, self._repeats = None, 0

    @property
    def suspect(self) -> Arrived | None:
        """The packet before a RESTART, which belongs to what begins."""
        return self._suspect

    def is_behind(self, sequence: int) -> bool:
        """Whether a number is one of those that have passed."""
        return -MAX_MISORDER <= extend_sequence(sequence, self.next_number) - self.next_number < 0

    def follow(self) -> Arrived | None:
        """Let go of the next packet; None while it is missing."""
        arrived = self.held.pop(self.next_number, None)
        if arrived is not None:
            self.next_number += 1
        return arrived

    def cut(self, arrived: Arrived) -> list[Arrived]:
        """Give up the packet that has just been let go, and all that are held: they are another segment's."""
        moved = [arrived, *self.held.values()]
        self.held.clear()
        self.received -= len(moved)
        self.next_number = arrived.number
        self._highest = arrived.number - 1
        return moved

    def overdue(self, now_us: int, hold_us: int) -> bool:
        """Whether a hole has kept others waiting for too long."""
        if not self.held:
            return False
        return now_us - next(iter(self.held.values())).arrival_us >= hold_us or len(self.held) > _MAX_HELD

    def give_up(self) -> tuple[int, int, Arrived]:
        """Pass over the hole before the first held packet.

        Returns:
            Number of the first missing packet, how many are missing, and the packet behind them.
        """
        number = min(self.held)
        first, self.next_number = self.next_number, number
        return first, number - first, self.held[number]

    def remember(self, loss: Loss) -> None:
        """Keep a hole for packets that come late."""
        self.losses.append(loss)
        del self.losses[:-_MAX_LOSSES]

    def settle(self, place: Place, free_from_sample: int) -> None:
        """Fix where the segment stands; packets before its first may come late, into the free samples."""
        self.place = place
        start = place.sample(self.next_ticks)
        first = self.base - _BEFORE_FIRST
        self.remember(Loss(first, _BEFORE_FIRST, place, min(free_from_sample, start), start))

    def _behind(self, arrived: Arrived) -> tuple[Taken, Arrived, Loss | None]:
        """Take a packet whose place has passed: late into its hole, or a duplicate."""
        number = arrived.number
        at = bisect_right(self.losses, number, key=lambda loss: loss.first) - 1
        loss = self.losses[at] if at >= 0 else None
        if loss is None or number >= loss.first + loss.count or number in loss.filled:
            self.duplicated += 1
            self._repeats = self._repeats + 1 if number == self._repeated + 1 else 1
            self._repeated = number
            if self._repeats < _REPEATS_OF_A_RESTART:
                return Taken.DUPLICATE, arrived, None
            self._suspect = None
            self.duplicated -= 1
            return Taken.RESTART, arrived, None
        loss.filled.add(number)
        self.base = min(self.base, number)
        self.late += 1
        return Taken.LATE, arrived, loss

    def _unbelievable(self, arrived: Arrived) -> Taken:
        suspect = self._suspect
        self._suspect = arrived
        if suspect is None or (suspect.packet.sequence + 1) & 0xFFFF != arrived.packet.sequence:
            return Taken.UNBELIEVABLE
        self._suspect = suspect
        return Taken.RESTART

    def _outage(self, arrived: Arrived, jump_us: int) -> bool:
        """Whether a number far ahead is explained by the time that has passed."""
        passed_us = arrived.arrival_us - self.placed_arrival_us
        return abs(self.us(arrived.ticks - self.next_ticks) - passed_us) <= jump_us

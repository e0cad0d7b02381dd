"""A sender of RTP and the network behind it, in virtual time: loss, jitter, duplicates, drift, outages."""

from __future__ import annotations

import heapq
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

QUIET_CODE = 0xFF
MARK_CODES = (0x10, 0x20, 0x30)
"""µ-law codes that fill the packets of one mark; decoded, each is another loud constant."""


@dataclass(slots=True)
class Network:
    """What happens to packets; `seed` fixes all of it."""

    seed: int = 1
    loss: float = 0.0
    duplicates: float = 0.0
    jitter_us: int = 0
    delay_us: int = 20_000


@dataclass(slots=True)
class Sender:
    """PCMU from `start_us` of true time on a clock that is `ppm` fast; loss spares the ends of a segment.

    Attributes:
        packet_ms: Length of a packet.
        marks_every: Packets between the beginnings of two marks.
        changes: Packet index → new SSRC, with new random numbers.
        silent: Packet indices that are never sent although their time passes (an outage of the network).
        sent: Packets sent, without the network's duplicates.
        delivered: Datagrams that arrive.
        dropped: Packets that the network lost or that fell into an outage.
    """

    start_us: int
    ppm: int = 0
    packet_ms: int = 20
    marks_every: int = 1_000
    changes: dict[int, int] = field(default_factory=dict)
    silent: range = range(0)
    network: Network = field(default_factory=Network)
    ssrc: int = 0x1234
    sent: int = 0
    delivered: int = 0
    dropped: int = 0
    duplicated: int = 0

    def true_us(self, index: int) -> int:
        """When the first sample of a packet was spoken."""
        return self.start_us + index * self.packet_ms * 1_000_000_000 // (1_000_000 + self.ppm)

    def arrivals(self, packets: int) -> Iterator[tuple[int, bytes]]:
        """Datagrams in order of arrival."""
        dice = random.Random(self.network.seed)  # noqa: S311
        net = self.network
        number, timestamp, ssrc = dice.randrange(65_536), dice.randrange(1 << 32), self.ssrc
        size = self.packet_ms * 8
        bounds = {0, packets - 1, *self.changes, *(index - 1 for index in self.changes)}
        under_way: list[tuple[int, int, bytes]] = []
        for index in range(packets):
            if index in self.changes:
                ssrc = self.changes[index]
                number, timestamp = dice.randrange(65_536), dice.randrange(1 << 32)
            sent_us = self.true_us(index) + self.packet_ms * 1_000
            self.sent += 1
            if index not in bounds and (index in self.silent or dice.random() < net.loss):
                self.dropped += 1
            else:
                place = index % self.marks_every
                code = MARK_CODES[place] if place < len(MARK_CODES) else QUIET_CODE
                header = struct.pack("!BBHII", 0x80, 0, number, timestamp, ssrc)
                copies = 2 if dice.random() < net.duplicates else 1
                self.duplicated += copies - 1
                for _ in range(copies):
                    late_us = int(dice.random() * net.jitter_us)
                    heapq.heappush(
                        under_way, (sent_us + net.delay_us + late_us, index, header + bytes([code]) * size)
                    )
            number, timestamp = (number + 1) & 0xFFFF, (timestamp + size) & 0xFFFF_FFFF
            while under_way and under_way[0][0] <= sent_us:
                yield self._deliver(heapq.heappop(under_way))
        while under_way:
            yield self._deliver(heapq.heappop(under_way))

    def _deliver(self, item: tuple[int, int, bytes]) -> tuple[int, bytes]:
        self.delivered += 1
        return item[0], item[2]

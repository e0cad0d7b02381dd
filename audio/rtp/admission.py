"""How much one peer may send: datagrams a second, and their size."""

from __future__ import annotations

from koemori.audio.rtp.leg_types import ReceiverLimits


class Admission:
    """Counts datagrams in seconds of arrival time."""

    def __init__(self, limits: ReceiverLimits) -> None:
        self._most = limits.packets_per_s
        self._most_bytes = limits.datagram_bytes
        self._second_ends_us = 0
        self._came = 0

    def admits(self, arrival_us: int, size_bytes: int) -> bool:
        """Whether the datagram is within the limits; counts it."""
        if arrival_us >= self._second_ends_us:
            self._second_ends_us, self._came = arrival_us + 1_000_000, 0
        self._came += 1
        return self._came <= self._most and size_bytes <= self._most_bytes

    def return_one(self) -> None:
        """Take back the newest datagram, which will be asked about again."""
        self._came -= 1

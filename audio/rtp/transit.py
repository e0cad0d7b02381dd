"""How long packets take, but for a constant: the lower envelope of arrival minus timestamp, and jitter.

The fastest packets of a window waited in no queue, so that their transit follows the sender's clock alone.
"""

from __future__ import annotations

from collections import deque
from typing import Final

_BUCKET_US: Final = 1_000_000
_BUCKETS: Final = 10


class Transit:
    """Of one sender's packets, in microseconds.

    Attributes:
        last_us: Of the newest packet.
    """

    __slots__ = ("_buckets", "_jitter_16", "_most", "_until_us", "last_us")

    def __init__(self) -> None:
        self._buckets: deque[int] = deque(maxlen=_BUCKETS)
        self._until_us = 0
        self._jitter_16 = 0
        self._most = 0
        self.last_us = 0

    def push(self, arrival_us: int, sent_us: int) -> None:
        """Take a packet's arrival, and its timestamp in microseconds of the sender's clock."""
        transit = arrival_us - sent_us
        buckets = self._buckets
        if not buckets:
            buckets.append(transit)
            self._until_us = arrival_us + _BUCKET_US
            self._most = transit
        else:
            self._jitter_16 += abs(transit - self.last_us) - ((self._jitter_16 + 8) >> 4)
            if arrival_us >= self._until_us:
                buckets.append(transit)
                self._until_us = arrival_us + _BUCKET_US
            elif transit < buckets[-1]:
                buckets[-1] = transit
            if transit > self._most:
                self._most = transit
        self.last_us = transit

    @property
    def jitter_us(self) -> int:
        """Interarrival jitter (RFC 3550 §6.4.1)."""
        return self._jitter_16 >> 4

    @property
    def spread_us(self) -> int:
        """Between the slowest and the fastest packet so far."""
        return self._most - self.least_us

    @property
    def least_us(self) -> int:
        """The envelope now; needs a packet."""
        return min(self._buckets)

    @property
    def seconds(self) -> int:
        """How many seconds with packets it rests on, at most ten."""
        return len(self._buckets)

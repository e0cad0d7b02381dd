"""The clock of one call: which arrival is which sample, shared by its legs."""

from __future__ import annotations


class CallClock:
    """Arrival times (µs of one monotonic clock) ↔ samples of the call.

    Attributes:
        rate_hz: Samples a second.
        zero_us: Arrival time that sample 0 stands for; None before a leg has settled.
        ahead_samples: How far the fastest leg has come beyond `zero_us` and the wall clock.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.zero_us: int | None = None
        self.ahead_samples = 0
        self._begins: dict[int, int] = {}

    def expect(self, leg: int, begin_us: int) -> None:
        """Note when a leg that has not settled would have begun, by what is known so far."""
        self._begins[leg] = begin_us

    def sample(self, at_us: int) -> int:
        """The sample that is due at a time; the first call fixes sample 0 at the earliest leg's begin."""
        if self.zero_us is None:
            self.zero_us = min([at_us, *self._begins.values()])
        return (at_us - self.zero_us) * self.rate_hz // 1_000_000 + self.ahead_samples

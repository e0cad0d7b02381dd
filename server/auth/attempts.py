"""Sign-in attempts: few failures per user name and per address in a sliding window."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 300.0
MAX_PER_USERNAME = 8
MAX_PER_ADDRESS = 40
_MAX_KEYS = 10_000


class AttemptLimiter:
    """Counts failures; forgets them after `WINDOW_S`. In memory: a restart forgives.

    An attempt counts before its password is checked, so that attempts made at the same time count too;
    a right password takes it back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, str], deque[float]] = {}

    def begin(self, username: str, address: str) -> float | None:
        """Count an attempt.

        Returns:
            None when it may go on; otherwise the seconds to wait, and nothing is counted.
        """
        now = self._clock()
        limits = ((("user", username), MAX_PER_USERNAME), (("address", address), MAX_PER_ADDRESS))
        waits = [wait for key, limit in limits if (wait := self._wait(key, limit, now)) is not None]
        if waits:
            return max(waits)
        if len(self._failures) >= _MAX_KEYS:
            self._sweep(now)
        for key, _ in limits:
            self._failures.setdefault(key, deque()).append(now)
        return None

    def succeeded(self, username: str, address: str) -> None:
        """The password was right: forget the user name's failures and this attempt of the address."""
        self._failures.pop(("user", username), None)
        counted = self._failures.get(("address", address))
        if counted:
            counted.pop()

    def _wait(self, key: tuple[str, str], limit: int, now: float) -> float | None:
        times = self._failures.get(key)
        if times is None:
            return None
        while times and now - times[0] >= WINDOW_S:
            times.popleft()
        return WINDOW_S - (now - times[0]) if len(times) >= limit else None

    def _sweep(self, now: float) -> None:
        self._failures = {
            key: times for key, times in self._failures.items() if times and now - times[-1] < WINDOW_S
        }

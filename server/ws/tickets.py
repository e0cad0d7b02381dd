"""One-time tickets for WebSockets.

A browser cannot set headers on a WebSocket, and a cookie alone would let any page that reaches the socket
use it. So a signed-in page fetches a ticket over HTTP, behind the Origin check, and sends it as its first
message. A ticket works once, for 30 seconds, and stands for the session it came from.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

LIFETIME_S = 30
_TOKEN_BYTES = 32
_MAX_OPEN = 10_000


@dataclass(frozen=True, slots=True)
class _Ticket:
    session_sha256: str
    expires_s: float


class Tickets:
    """Issues and redeems tickets; in memory, since none outlives half a minute. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, _Ticket] = {}
        self._lock = threading.Lock()

    def issue(self, session_sha256: str) -> str:
        """A new ticket for a session."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now = self._clock()
        with self._lock:
            for key in [key for key, ticket in self._open.items() if ticket.expires_s <= now]:
                del self._open[key]
            while len(self._open) >= _MAX_OPEN:
                del self._open[next(iter(self._open))]
            self._open[_digest(token)] = _Ticket(session_sha256, now + LIFETIME_S)
        return token

    def redeem(self, token: str) -> str | None:
        """The session a ticket stands for; None when it is unknown, used or too old."""
        with self._lock:
            ticket = self._open.pop(_digest(token), None)
        if ticket is None or ticket.expires_s <= self._clock():
            return None
        return ticket.session_sha256


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

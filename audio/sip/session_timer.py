"""How long a session goes on without a sign of life from its other end (RFC 4028), as the called side."""

from __future__ import annotations

import re
from dataclasses import dataclass

from koemori.audio.errors import SipError
from koemori.audio.sip.fields import parameters
from koemori.audio.sip.message import Headers

LEAST_S = 90
_MOST_S = 86_400
_SECONDS = re.compile(r"\s*([0-9]{1,9})\s*(;.*)?\Z")


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """What was agreed.

    Attributes:
        interval_s: Time between refreshes at most.
        ours: Whether we have to refresh; else the caller does, and we end what is not refreshed.
    """

    interval_s: int
    ours: bool = False

    @property
    def header(self) -> tuple[str, str]:
        """The `Session-Expires` of our answer."""
        return "Session-Expires", f"{self.interval_s};refresher={'uas' if self.ours else 'uac'}"

    @property
    def patience_s(self) -> float:
        """From a refresh until we act: half of it to refresh, else shortly before its end (§10)."""
        return self.interval_s / 2 if self.ours else self.interval_s - min(32, self.interval_s / 3)


class TooShortError(SipError):
    """A session interval below the least one; the answer 422 says which that is."""

    code = "sip-interval"

    def __init__(self, interval_s: int) -> None:
        super().__init__(422, f"a session interval of at least {LEAST_S} s", f"{interval_s} s")


def agree_timer(headers: Headers) -> SessionTimer | None:
    """Take what the caller proposes; None when it has no session timer.

    Raises:
        TooShortError: It supports timers and proposes one that is too short.
    """
    told = headers.get("Session-Expires")
    match = _SECONDS.match(told) if told is not None else None
    supports = "timer" in headers.tokens("Supported") | headers.tokens("Require")
    if match is None or not supports:
        return None
    interval_s = int(match[1])
    if interval_s < LEAST_S:
        raise TooShortError(interval_s)
    refresher = parameters(match[2] or "").get("refresher", "uac").lower()
    return SessionTimer(min(interval_s, _MOST_S), ours=refresher == "uas")

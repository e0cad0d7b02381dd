"""Signed events: HMAC-SHA256 over time and body, so that nothing on the way can change or repeat them.

    X-Koemori-Timestamp: 1795301882          seconds since 1970
    X-Koemori-Signature: v1=<hex of HMAC-SHA256(key, "<timestamp>." + body)>

Several `v1=` values, separated by commas, may be given while a key is being changed.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from enum import StrEnum
from typing import Final

TIMESTAMP_HEADER: Final = "x-koemori-timestamp"
SIGNATURE_HEADER: Final = "x-koemori-signature"
WINDOW_S: Final = 300
_MOST_SIGNATURES: Final = 4
_MOST_REMEMBERED: Final = 50_000
_MOST_DIGITS: Final = 12


class SignatureFault(StrEnum):
    """Why a signature does not hold."""

    MALFORMED = "signature-malformed"
    EXPIRED = "signature-expired"
    WRONG = "signature-wrong"
    REPLAYED = "signature-replayed"


class SignatureCheck:
    """Remembers the signatures of the window, so that each is taken once."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._seen: OrderedDict[str, float] = OrderedDict()

    def fault(
        self, timestamp: str | None, signature: str | None, body: bytes, now_s: float
    ) -> SignatureFault | None:
        """What is wrong with a request's signature; None when it holds. A good one is remembered.

        Args:
            timestamp: The header, if any.
            signature: The header, if any.
            body: As received.
            now_s: Wall time, seconds since 1970.
        """
        given = _signatures(signature)
        if timestamp is None or not _is_count(timestamp) or not given:
            return SignatureFault.MALFORMED
        if abs(now_s - int(timestamp)) > WINDOW_S:
            return SignatureFault.EXPIRED
        right = hmac.new(self._key, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not any([hmac.compare_digest(one, right) for one in given]):
            return SignatureFault.WRONG
        self._forget(now_s)
        if right in self._seen:
            return SignatureFault.REPLAYED
        self._seen[right] = now_s + 2 * WINDOW_S
        return None

    def _forget(self, now_s: float) -> None:
        while self._seen:
            first, until_s = next(iter(self._seen.items()))
            if until_s > now_s and len(self._seen) < _MOST_REMEMBERED:
                return
            del self._seen[first]


def sign(key: str, body: bytes, now_s: int) -> dict[str, str]:
    """The headers of a signed request."""
    digest = hmac.new(key.encode(), f"{now_s}.".encode() + body, hashlib.sha256).hexdigest()
    return {TIMESTAMP_HEADER: str(now_s), SIGNATURE_HEADER: f"v1={digest}"}


def _signatures(header: str | None) -> list[str]:
    parts = (header or "").split(",")[:_MOST_SIGNATURES]
    found = [part.strip().removeprefix("v1=") for part in parts if part.strip().startswith("v1=")]
    return [one for one in found if len(one) == 64 and one.isascii()]


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS

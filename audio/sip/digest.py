"""Digest authentication of requests: a challenge, and the check of what answers it.

SHA-256 is offered first, MD5 for clients that know nothing else. Each nonce is ours, lives a minute, and each
of its counts is taken once: what was overheard cannot be sent again.

Source: RFC 7616, RFC 8760 (several challenges in SIP), RFC 3261 §22.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from koemori.audio.sip.message import split_list

_ALGORITHMS = {"SHA-256": "sha256", "MD5": "md5"}
_PAIR = re.compile(r'\s*([A-Za-z0-9\-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^",\s]+)\s*\Z')
_COUNT = re.compile(r"[0-9a-fA-F]{8}\Z")
_NONCE_LIFE_S = 60.0
_MOST_NONCES = 10_000


class Verdict(StrEnum):
    """What a request's credentials are."""

    GOOD = "good"
    MISSING = "missing"
    WRONG = "wrong"
    STALE = "stale"
    """The nonce is too old or not ours; the client may try again with a new one."""
    REPLAYED = "replayed"


@dataclass(slots=True)
class DigestGuard:
    """Challenges and checks.

    Attributes:
        realm: Shown in the challenge.
        passwords: User → password.
    """

    realm: str
    passwords: Mapping[str, str] = field(repr=False)
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _counts: OrderedDict[str, int] = field(default_factory=OrderedDict, repr=False)
    _issued: int = 0

    def challenges(self, now_s: float, *, stale: bool = False) -> tuple[str, ...]:
        """Values for `WWW-Authenticate`, best first."""
        self._issued += 1
        stamp = f"{int(now_s * 1000):x}.{self._issued:x}"
        nonce = f"{stamp}.{self._mac(stamp)}"
        tail = ", stale=true" if stale else ""
        return tuple(
            f'Digest realm="{self.realm}", nonce="{nonce}", algorithm={name}, qop="auth"{tail}'
            for name in _ALGORITHMS
        )

    def check(self, method: str, authorization: str | None, now_s: float) -> Verdict:
        """Judge the `Authorization` of a request."""
        if authorization is None:
            return Verdict.MISSING
        told = _told(authorization)
        name = told.get("algorithm", "MD5").upper()
        count = told.get("nc", "")
        if told.get("realm") != self.realm or name not in _ALGORITHMS or told.get("qop") != "auth":
            return Verdict.WRONG
        if not _COUNT.match(count):
            return Verdict.WRONG
        if not self._answers(method, told, _ALGORITHMS[name]):
            return Verdict.WRONG
        return self._fresh(told.get("nonce", ""), int(count, 16), now_s)

    def _answers(self, method: str, told: Mapping[str, str], algorithm: str) -> bool:
        def digest(*parts: str) -> str:
            return hashlib.new(algorithm, _raw(":".join(parts)), usedforsecurity=False).hexdigest()

        user = told.get("username", "")
        # An unknown user costs the same as a known one.
        password = self.passwords.get(user, secrets.token_hex(8))
        secret = digest(user, self.realm, password)
        asked = digest(method, told.get("uri", ""))
        parts = (told.get("nonce", ""), told.get("nc", ""), told.get("cnonce", ""), "auth", asked)
        given = told.get("response", "").lower()
        return hmac.compare_digest(_raw(given), digest(secret, *parts).encode())

    def _fresh(self, nonce: str, count: int, now_s: float) -> Verdict:
        stamp, _, mac = nonce.rpartition(".")
        if not hmac.compare_digest(_raw(mac), self._mac(stamp).encode()):
            return Verdict.STALE
        if not 0 <= now_s - int(stamp.partition(".")[0], 16) / 1000 <= _NONCE_LIFE_S:
            return Verdict.STALE
        if count <= self._counts.get(nonce, 0):
            return Verdict.REPLAYED
        self._counts[nonce] = count
        while len(self._counts) > _MOST_NONCES:
            self._counts.popitem(last=False)
        return Verdict.GOOD

    def _mac(self, stamp: str) -> str:
        return hmac.new(self._secret, _raw(stamp), hashlib.sha256).hexdigest()[:32]


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _told(authorization: str) -> Mapping[str, str]:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "digest":
        return MappingProxyType({})
    pairs = (_PAIR.match(part) for part in split_list(rest))
    return {
        match[1].lower(): re.sub(r"\\(.)", r"\1", match[2][1:-1]) if match[2].startswith('"') else match[2]
        for match in pairs
        if match is not None
    }

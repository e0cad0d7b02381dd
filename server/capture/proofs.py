"""How a peer proves, on the upgrade request of its WebSocket, that it is the phone system it should be.

Pure: headers, addresses and secrets in, yes or no out; every comparison takes constant time. A signature
covers the address that the provider was given, so the public address must be known behind a proxy; it is
tried with and without port, as `wss` and `https`, since providers differ.

Sources: twilio.com/docs/usage/security#validating-requests (URL without parameters, HMAC-SHA1, base64),
plivo-python `plivo/utils/signature_v3.py` (sorted query, a dot, the nonce; HMAC-SHA256, base64; several
signatures between commas).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

_PORTS = {"wss": 443, "https": 443, "ws": 80, "http": 80}
_MOST_SIGNATURES = 8
_MAX_HEADER_CHARACTERS = 1_024


def same(given: str, expected: str) -> bool:
    """Whether two texts are equal, in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def bearer(authorization: str, token: str) -> bool:
    """Whether this is `Authorization: Bearer <token>`."""
    scheme, _, given = authorization.partition(" ")
    return scheme.lower() == "bearer" and same(given.strip(), token)


def basic(authorization: str, username: str, password: str) -> bool:
    """Whether this is `Authorization: Basic …` with this name and password (RFC 7617)."""
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "basic" or len(given) > _MAX_HEADER_CHARACTERS:
        return False
    try:
        decoded = base64.b64decode(given.strip(), validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(decoded, f"{username}:{password}".encode())


def addresses(url: str) -> Iterator[str]:
    """The spellings of an address under which a provider may have signed it."""
    parts = urlsplit(url)
    secure = parts.scheme in ("wss", "https")
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    rest = f"{parts.path}?{parts.query}" if parts.query else parts.path
    for scheme in ("wss", "https") if secure else ("ws", "http"):
        usual = _PORTS[scheme]
        port = parts.port or usual
        for authority in (f"{host}:{port}", host) if port == usual else (f"{host}:{port}",):
            yield f"{scheme}://{authority}{rest}"


def url_sha1(given: str, secret: str, url: str) -> bool:
    """Twilio's signature of an address without parameters."""
    found = False
    for address in addresses(url):
        digest = hmac.new(secret.encode(), address.encode(), hashlib.sha1).digest()
        found |= same(given, base64.b64encode(digest).decode())
    return found


def url_nonce_sha256(given: str, nonce: str, secret: str, url: str) -> bool:
    """Plivo's signature, version 3, of a GET request."""
    if not nonce or len(given) > _MAX_HEADER_CHARACTERS or len(nonce) > _MAX_HEADER_CHARACTERS:
        return False
    found = False
    for address in addresses(url):
        base, _, query = address.partition("?")
        pairs = sorted(parse_qsl(query, keep_blank_values=True, max_num_fields=64))
        text = base + ("?" + "&".join(f"{name}={value}" for name, value in pairs) if pairs else "")
        digest = hmac.new(secret.encode(), f"{text}.{nonce}".encode(), hashlib.sha256).digest()
        expected = base64.b64encode(digest).decode()
        for one in given.split(",")[:_MOST_SIGNATURES]:
            found |= same(one.strip(), expected)
    return found


@dataclass(slots=True)
class SeenNonces:
    """Nonces that were used, so that none is used again.

    Attributes:
        keep_s: How long one is remembered; a signature must not live longer.
        most: How many are remembered; the oldest is forgotten, which only a flood of valid ones can cause.
    """

    keep_s: float = 600.0
    most: int = 20_000
    _seen: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def use(self, nonce: str, at_s: float) -> bool:
        """Take a nonce of a request that is otherwise proven; False when it was used before."""
        while self._seen and (len(self._seen) >= self.most or self._is_old(at_s)):
            self._seen.popitem(last=False)
        if nonce in self._seen:
            return False
        self._seen[nonce] = at_s
        return True

    def _is_old(self, at_s: float) -> bool:
        return next(iter(self._seen.values())) < at_s - self.keep_s

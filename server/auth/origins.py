"""Which web pages may act for a signed-in person: the service's own, and nobody else's."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any
from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_FORWARDED = (
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-real-ip",
)
"""What proxies add to a request; one is enough."""
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origins:
    """The allow-list for the Origin header.

    Args:
        public_url: What browsers call the service. None when it is reached on loopback only: then the
            loopback names with the port the request came in on are its own page. The Host header is not
            asked, since whoever controls a name can point it here.
    """

    def __init__(self, public_url: str | None) -> None:
        self.secure = public_url is not None and urlsplit(public_url).scheme == "https"
        self._public = None if public_url is None else _origin(public_url)

    def allows(self, origin: str | None, scope: MutableMapping[str, Any]) -> bool:
        """Whether a request with this Origin header and ASGI scope comes from an own page; no header, no."""
        if origin is None:
            return False
        if self._public is not None:
            return origin == self._public
        _host, port = scope.get("server") or (None, None)
        return origin in {_origin(f"http://{host}:{port}") for host in _LOOPBACK}

    def foreign(self, origin: str | None, scope: MutableMapping[str, Any]) -> bool:
        """Whether a browser sent this from another's page; phone systems send no Origin header."""
        return origin is not None and not self.allows(origin, scope)


def forwarded(headers: Mapping[str, str]) -> bool:
    """Whether a request came through a proxy, which speaks for somebody elsewhere."""
    return any(name in headers for name in _FORWARDED)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"

"""Which web pages may act for a signed-in person: the service's own, and nobody else's."""

from __future__ import annotations

from urllib.parse import urlsplit

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Origins:
    """The allow-list for the Origin header.

    Args:
        public_url: What browsers call the service; None when it is reached on loopback only.
        port: Where the service listens; its loopback origins are allowed while there is no public URL.
        extra: Further origins, such as a development server's.
    """

    def __init__(self, public_url: str | None, port: int, extra: tuple[str, ...] = ()) -> None:
        self.secure = public_url is not None and urlsplit(public_url).scheme == "https"
        own = (public_url,) if public_url else tuple(f"http://{host}:{port}" for host in _LOOPBACK)
        self._allowed = frozenset(_origin(url) for url in (*own, *extra))

    def allows(self, origin: str | None) -> bool:
        """True for an origin of the list; a missing one is not on it."""
        return origin is not None and origin in self._allowed


def _origin(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    port = "" if parts.port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"

"""What every request passes and every response carries: size limit, Origin check, security headers."""

from __future__ import annotations

from koemori.server.api.errors import problem
from koemori.server.auth.origins import Origins
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 64 * 1024
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_API = "/api/"
_MACHINE_PATHS = frozenset({"/api/v1/events"})
"""Unsafe operations that never act on a cookie, so that no web page can misuse one."""

_MACHINE_PREFIXES = ("/api/v1/events/", "/api/v1/trunks/")

_ORIGIN_REFUSED = (
    "This request must come from the service's own page; behind another address than loopback,"
    " that is server.public_url of the settings."
)

_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        # The component library writes its theme's variables into a style element.
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "media-src 'self' blob:",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(self), geolocation=(), microphone=(self), payment=()",
}


class SecurityHeaders:
    """Adds the headers that tell a browser to trust nothing else, and caches to keep nothing personal."""

    def __init__(self, app: ASGIApp, *, secure: bool) -> None:
        self._app = app
        self._headers = dict(_HEADERS)
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith(_API):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class OriginGuard:
    """Refuses requests that change something unless the service's own page sent them.

    Browsers name the sending page in Origin on every such request (Fetch standard); a script that signs in
    by itself has to name it too.
    """

    def __init__(self, app: ASGIApp, *, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and self._refuses(scope):
            response = problem("origin-refused", _ORIGIN_REFUSED)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refuses(self, scope: Scope) -> bool:
        if scope["method"] in _SAFE_METHODS or not scope["path"].startswith(_API):
            return False
        if scope["path"] in _MACHINE_PATHS or scope["path"].startswith(_MACHINE_PREFIXES):
            return False
        return not self._origins.allows(Headers(scope=scope).get("origin"), scope)


class BodyLimit:
    """Refuses bodies of more than `MAX_BODY_BYTES`, announced or not."""

    def __init__(self, app: ASGIApp, *, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or int(announced[:18]) > self._max_bytes:
            await self._refusal()(scope, receive, send)
            return
        received = 0

        async def counting_receive() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._max_bytes:
                    raise HTTPException(413, f"A body may have at most {self._max_bytes} bytes.")
            return message

        await self._app(scope, counting_receive, send)

    def _refusal(self) -> ASGIApp:
        return problem("body-too-large", f"A body may have at most {self._max_bytes} bytes.")

"""`/ingest/media`: phone systems of the Twilio family send a call's audio over a WebSocket.

One socket is one call. Every sample that arrives is recorded, however the socket ends; what cannot be used is
counted, and the call goes on. A peer must prove itself by bearer token or signature; when neither is
configured, only peers on this machine may connect, and no web page that a browser here happens to show.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import logging
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

from fastapi import APIRouter, WebSocket
from koemori.audio.errors import KoemoriError, MediaMessageError
from koemori.audio.frames import SourceEvent
from koemori.audio.ingest.stream import MediaStream, load_dialect
from koemori.server.api.dependencies import Services
from koemori.server.calls.live import LiveCalls
from koemori.server.calls.session import SourceProtocolError
from koemori.server.config import MediaIngestSettings
from koemori.server.telemetry import Metrics

logger = logging.getLogger(__name__)

PATH = "/ingest/media"
router = APIRouter()
_REFUSED = 1008
_NOT_UNDERSTOOD = 1003
_TOO_MANY = 1013
_FAILED = 1011


@router.websocket(PATH)
async def media(socket: WebSocket) -> None:
    """Take one call."""
    services: Services = socket.app.state.services
    settings, metrics, live = services.settings.ingest.media, services.metrics, services.live
    if not isinstance(live, LiveCalls):
        raise TypeError("the service runs no calls")
    if not _allowed(socket, settings, services):
        metrics.ingest_errors.labels("not-allowed").inc()
        await socket.close(_REFUSED)
        return
    if len(live) >= settings.max_calls:
        metrics.ingest_errors.labels("too-many-calls").inc()
        await socket.close(_TOO_MANY)
        return
    await socket.accept()
    source = MediaSource(socket, settings, metrics)
    code = await _run(source, live, metrics)
    if not source.gone:
        try:
            await socket.close(code)
        except RuntimeError:
            logger.debug("media socket was closed already")


async def _run(source: MediaSource, live: LiveCalls, metrics: Metrics) -> int:
    """Run the call; return what to close the socket with."""
    try:
        await live.run(source)
    except SourceProtocolError:
        metrics.ingest_errors.labels("no-call").inc()
    except KoemoriError as error:
        logger.error("call refused", exc_info=error)
        metrics.ingest_errors.labels(error.code).inc()
        return _FAILED
    return source.close_code


class MediaSource:
    """A `CallSource` over one socket.

    Attributes:
        gone: True once the peer has closed or the socket died.
        close_code: What to close the socket with.
    """

    def __init__(self, socket: WebSocket, settings: MediaIngestSettings, metrics: Metrics) -> None:
        self.gone = False
        self.close_code = 1000
        self._socket = socket
        self._settings = settings
        self._metrics = metrics
        self._stream = MediaStream(load_dialect("twilio"))
        self._stopped: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def stop(self, reason: str) -> None:
        """End the call from our side, after what has been received."""
        if not self._stopped.done():
            self._stopped.set_result(reason)

    async def events(self) -> AsyncIterator[SourceEvent]:
        """Yield the call's events until the stream stops, the socket ends, or nothing comes for too long."""
        while not self._stream.ended:
            text, reason = await self._next_message()
            if reason is not None:
                for event in self._stream.close(reason):
                    yield event
                return
            for event in self._understand(text):
                yield event

    def _understand(self, text: str) -> list[SourceEvent]:
        size_bytes = len(text.encode("utf-8", "surrogatepass"))
        try:
            if size_bytes > self._settings.max_message_bytes:
                limit = self._settings.max_message_bytes
                raise MediaMessageError(f"at most {limit} bytes", f"{size_bytes} bytes")
            return self._stream.push(text)
        except MediaMessageError as error:
            self._metrics.ingest_errors.labels(error.code).inc()
            logger.warning("media message not used", extra={"expected": error.expected, "came": error.came})
            if not error.fatal:
                return []
            self.close_code = _NOT_UNDERSTOOD
            return self._stream.close(f"error:{error.code}")

    async def _next_message(self) -> tuple[str, str | None]:
        """The next text, or the reason why there is none."""
        receiving = asyncio.ensure_future(self._socket.receive())
        try:
            await asyncio.wait(
                (receiving, self._stopped),
                timeout=self._settings.idle_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if receiving.done():
                return self._read(receiving)
            if self._stopped.done():
                return "", self._stopped.result()
            self._metrics.ingest_errors.labels("idle").inc()
            return "", "idle"
        finally:
            if not receiving.done():
                receiving.cancel()

    def _read(self, receiving: asyncio.Future[MutableMapping[str, Any]]) -> tuple[str, str | None]:
        failed = receiving.cancelled() or receiving.exception() is not None
        if failed or receiving.result()["type"] == "websocket.disconnect":
            self.gone = True
            return "", "disconnected"
        text = receiving.result().get("text")
        return (text, None) if isinstance(text, str) else ("", None)


def _allowed(socket: WebSocket, settings: MediaIngestSettings, services: Services) -> bool:
    """Whether the upgrade request proves who sends it."""
    token, signing = settings.bearer_token(), settings.signing_token()
    if token is None and signing is None:
        foreign = services.origins.foreign(socket.headers.get("origin"), socket.scope)
        return _on_loopback(socket) and not foreign
    if token is not None:
        given = socket.headers.get("authorization", "")
        if hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return True
    if signing is not None:
        public_url = services.settings.server.public_url
        url = str(socket.url) if public_url is None else _socket_url(public_url)
        digest = hmac.new(signing.encode(), url.encode(), hashlib.sha1).digest()
        given = socket.headers.get("x-twilio-signature", "")
        return hmac.compare_digest(given.encode(), base64.b64encode(digest))
    return False


def _socket_url(public_url: str) -> str:
    return public_url.rstrip("/").replace("http", "ws", 1) + PATH


def _on_loopback(socket: WebSocket) -> bool:
    if socket.client is None or "forwarded" in socket.headers or "x-forwarded-for" in socket.headers:
        return False
    try:
        return ipaddress.ip_address(socket.client.host).is_loopback
    except ValueError:
        return False

"""`/ingest/<trunk>`: the WebSocket route of every trunk whose phone system opens one, and what they share.

A peer that may not is refused before its socket is accepted, so it sees HTTP 403. Everything that comes over
an accepted socket is bounded: each message, how many there are, how long the first may take, and how long
none may come.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, WebSocket
from koemori.server.api.dependencies import Services
from koemori.server.auth.origins import Origins, forwarded
from koemori.server.capture import proofs
from koemori.server.capture.socket_settings import SocketLimits, SocketSettings
from koemori.server.capture.trunk import TrunkContext

logger = logging.getLogger(__name__)
router = APIRouter()

DONE = 1000
NOT_UNDERSTOOD = 1003
REFUSED = 1008
FAILED = 1011
TOO_MANY = 1013
_UNKNOWN = "unknown-trunk"
_PER_SECOND = 400
_AT_ONCE = 6_000


@router.websocket("/ingest/{trunk}")
async def ingest(socket: WebSocket, trunk: str) -> None:
    """Hand a connection to its trunk."""
    services: Services = socket.app.state.services
    listener = services.trunks.socket(trunk)
    if listener is None:
        services.metrics.trunk_refusals.labels(_UNKNOWN, _UNKNOWN).inc()
        logger.warning("a WebSocket for a trunk that is not configured")
        await socket.close(REFUSED)
        return
    await listener.serve(socket)


@dataclass(frozen=True, slots=True)
class Closed:
    """No more messages will come.

    Attributes:
        reason: `disconnected`, `idle`, `start-timeout`, `too-fast`, `too-large`, or what `stop` was given.
        gone: Whether the peer has closed; nothing can be sent any more.
    """

    reason: str
    gone: bool = False


@dataclass(slots=True)
class SocketReader:
    """Messages of one accepted socket.

    Attributes:
        socket: Accepted.
        context: Its trunk's.
        settings: Limits.
        begun: Set by the owner once the peer's call has begun; until then `start_s` runs.
    """

    socket: WebSocket
    context: TrunkContext
    settings: SocketLimits
    begun: bool = False
    clock_s: Callable[[], float] = time.monotonic
    _opened_s: float = field(init=False)
    _heard_s: float = field(init=False)
    _tokens: float = _AT_ONCE
    _receiving: asyncio.Future[MutableMapping[str, Any]] | None = None
    _stopped: asyncio.Event = field(default_factory=asyncio.Event)
    _stop_reason: str = ""
    _closed: Closed | None = None

    def __post_init__(self) -> None:
        """Begin to count."""
        self._opened_s = self._heard_s = self.clock_s()

    def stop(self, reason: str) -> None:
        """End the reading from our side."""
        if not self._stopped.is_set():
            self._stop_reason = reason
            self._stopped.set()

    @property
    def gone(self) -> bool:
        """Whether the peer has closed."""
        return self._closed is not None and self._closed.gone

    async def next(self, patience_s: float | None = None) -> str | bytes | Closed | None:
        """The next message; None when none came within the patience. After `Closed` only `Closed` comes.

        Must not be cancelled in the middle but at the very end: a message could be lost.
        """
        if self._closed is not None:
            return self._closed
        if self._receiving is None:
            self._receiving = asyncio.ensure_future(self.socket.receive())
        stopped = asyncio.ensure_future(self._stopped.wait())
        try:
            await asyncio.wait(
                (self._receiving, stopped),
                timeout=self._left_s(patience_s),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            stopped.cancel()
        if self._receiving.done():
            taken, self._receiving = self._receiving, None
            return self._read(taken)
        if self._stopped.is_set():
            return self._end(self._stop_reason)
        now_s = self.clock_s()
        if not self.begun and now_s - self._opened_s >= self.settings.start_s:
            return self._refuse("start-timeout")
        if now_s - self._heard_s >= self.settings.idle_timeout_s:
            return self._refuse("idle")
        return None

    async def send(self, text: str) -> None:
        """Send a text message; a peer that is gone does not matter here."""
        if self.gone:
            return
        try:
            await self.socket.send_text(text)
        except Exception as error:  # the server's own classes for a socket that has died
            logger.debug("a socket took no message", extra={"error": type(error).__name__})

    async def close(self, code: int = DONE) -> None:
        """Close the socket, whatever state it is in."""
        if self._receiving is not None:
            self._receiving.cancel()
        if self.gone:
            return
        try:
            await self.socket.close(code)
        except Exception as error:  # as in `send`
            logger.debug("a socket was closed already", extra={"error": type(error).__name__})

    def _left_s(self, patience_s: float | None) -> float:
        now_s = self.clock_s()
        left = [self._heard_s + self.settings.idle_timeout_s - now_s]
        if not self.begun:
            left.append(self._opened_s + self.settings.start_s - now_s)
        if patience_s is not None:
            left.append(patience_s)
        return max(0.0, min(left))

    def _read(self, taken: asyncio.Future[MutableMapping[str, Any]]) -> str | bytes | Closed:
        if taken.cancelled() or taken.exception() is not None:
            return self._end("disconnected", gone=True)
        message = taken.result()
        if message["type"] == "websocket.disconnect":
            return self._end("disconnected", gone=True)
        now_s = self.clock_s()
        self._tokens = min(_AT_ONCE, self._tokens + (now_s - self._heard_s) * _PER_SECOND) - 1
        self._heard_s = now_s
        if self._tokens < 0:
            return self._refuse("too-fast")
        text: str | None = message.get("text")
        content = text if text is not None else bytes(message.get("bytes") or b"")
        size = len(content) if isinstance(content, bytes) else len(content.encode("utf-8", "surrogatepass"))
        if size > self.settings.max_message_bytes:
            self.context.refuse("too-large")
            return b"" if self.begun else self._end("too-large")
        return content

    def _refuse(self, code: str) -> Closed:
        self.context.refuse(code)
        return self._end(code)

    def _end(self, reason: str, *, gone: bool = False) -> Closed:
        self._closed = Closed(reason, gone)
        return self._closed


@dataclass(slots=True)
class Gate:
    """Who may open a socket of a trunk.

    Attributes:
        context: The trunk's.
        settings: The trunk's.
        token: Read from its file.
    """

    context: TrunkContext
    settings: SocketLimits
    token: str | None = None

    def allows_address(self, socket: WebSocket, *, by_proof: bool | None = None) -> bool:
        """Whether the peer's address may send at all.

        A trunk that asks for a proof (`by_proof`; a token when left out) takes it from everywhere, unless its
        settings name networks: providers in the cloud have no addresses of their own.
        """
        by_proof = self.token is not None if by_proof is None else by_proof
        if by_proof and "allow" not in self.settings.model_fields_set:
            return True
        return socket.client is not None and self.settings.allows(socket.client.host)

    def needs_none(self, socket: WebSocket) -> bool:
        """Whether the address alone is proof enough: no secret is configured, no proxy, no web page."""
        origins = Origins(self.context.public_url)
        return not forwarded(socket.headers) and not origins.foreign(
            socket.headers.get("origin"), socket.scope
        )

    def has_token(self, socket: WebSocket) -> bool:
        """Whether the peer presents the trunk's token."""
        if self.token is None or not isinstance(self.settings, SocketSettings):
            return False
        if self.settings.bearer_in == "query":
            return proofs.same(socket.query_params.get("token", ""), self.token)
        return proofs.bearer(socket.headers.get("authorization", ""), self.token)

    async def admits(self, socket: WebSocket) -> bool:
        """Whether this peer may, by address and token alone; a refused one is told and counted."""
        if not self.allows_address(socket):
            self.context.refuse("not-allowed")
        elif self.has_token(socket) if self.token is not None else self.needs_none(socket):
            return True
        else:
            self.context.refuse("bad-token" if self.token is not None else "not-allowed")
        await socket.close(REFUSED)
        return False


@dataclass(slots=True)
class Places:
    """How many sockets of a trunk may be calls at once, where each socket is one."""

    context: TrunkContext
    most: int
    _taken: int = 0

    @asynccontextmanager
    async def take(self, socket: WebSocket) -> AsyncIterator[bool]:
        """Hold a place and accept the socket; False when there is none: the peer was told, and it counts."""
        if self._taken >= self.most:
            self.context.refuse("too-many-calls")
            await socket.close(TOO_MANY)
            yield False
            return
        self._taken += 1
        try:
            await socket.accept()
            yield True
        finally:
            self._taken -= 1


def public_address(socket: WebSocket, public_url: str | None) -> str:
    """The address under which the peer opened this socket: the public one, where it is known."""
    if public_url is None:
        return str(socket.url)
    parts = urlsplit(public_url)
    scheme = "wss" if parts.scheme == "https" else "ws"
    query = socket.url.query
    path = parts.path.rstrip("/") + socket.url.path
    return f"{scheme}://{parts.netloc}{path}" + (f"?{query}" if query else "")

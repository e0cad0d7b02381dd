"""What the desk and the wallboard have in common: who is connected, what may be sent, when it is over.

A connection begins with a hello that carries a ticket, from a page of an allowed origin. From then on the
session behind the ticket is looked at again every minute and at once when it is signed out. Anything that
ends the connection from our side has a code of 4400 upwards and a reason.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum

from fastapi import WebSocket
from koemori.audio.errors import KoemoriError
from koemori.server.api.dependencies import Services
from koemori.server.auth.permissions import Action, Identity, decide
from koemori.server.bells import session_ended
from koemori.server.bus import SlowReaderError
from koemori.server.ws.messages import CLIENT_MESSAGE, DeskClientMessage, Hello
from pydantic import BaseModel, ValidationError
from starlette.websockets import WebSocketDisconnect

HELLO_PATIENCE_S = 10.0
SEND_PATIENCE_S = 10.0
RECHECK_S = 60.0
MAX_MESSAGE_BYTES = 32 * 1024
MESSAGES_PER_S = 20.0
BURST_MESSAGES = 60.0


class CloseCode(IntEnum):
    """Why we closed (4000-4999 are for applications, RFC 6455 §7.4.2)."""

    NOT_UNDERSTOOD = 4400
    NOT_SIGNED_IN = 4401
    NOT_ALLOWED = 4403
    NO_HELLO = 4408
    TOO_MUCH = 4413
    TOO_SLOW = 4429


class CloseError(KoemoriError):
    """Ends a connection with a code and a reason."""

    code = "socket-close"

    def __init__(self, close_code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.close_code = close_code
        self.reason = reason


@dataclass(slots=True)
class _Allowance:
    """A token bucket for incoming messages."""

    left: float = BURST_MESSAGES
    seen_s: float = field(default_factory=time.monotonic)

    def spend(self) -> bool:
        now = time.monotonic()
        self.left = min(BURST_MESSAGES, self.left + (now - self.seen_s) * MESSAGES_PER_S)
        self.seen_s = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


@dataclass(slots=True, eq=False)
class Connection:
    """One WebSocket after its hello.

    Attributes:
        socket: The socket, accepted.
        services: The service's parts.
        identity: Who is connected.
        session_sha256: The session behind the ticket.
        hello: The first message.
    """

    socket: WebSocket
    services: Services
    identity: Identity
    session_sha256: str
    hello: Hello
    _sending: asyncio.Lock = field(default_factory=asyncio.Lock)
    _allowance: _Allowance = field(default_factory=_Allowance)

    async def send(self, message: BaseModel) -> None:
        """Send one message.

        Raises:
            CloseError: The peer takes nothing any more.
        """
        await self.send_text(message.model_dump_json())

    async def send_text(self, text: str) -> None:
        """Send one message that is JSON already; raises as `send`."""
        try:
            async with self._sending, asyncio.timeout(SEND_PATIENCE_S):
                await self.socket.send_text(text)
        except TimeoutError:
            raise CloseError(CloseCode.TOO_SLOW, "messages are not being taken") from None

    async def receive(self) -> DeskClientMessage:
        """The next message.

        Raises:
            CloseError: It is too large, one too many, or no message at all.
            WebSocketDisconnect: The peer has gone.
        """
        text = await receive_text(self.socket)
        if not self._allowance.spend():
            raise CloseError(CloseCode.TOO_MUCH, "too many messages")
        return _read(text)

    async def guard(self, action: Action) -> None:
        """Watch over the session and the right; never returns.

        Raises:
            CloseError: The session is over, or the right is gone.
        """
        with self.services.bells.listening(session_ended(self.session_sha256)) as signed_out:
            while True:
                try:
                    await asyncio.wait_for(signed_out.wait(), RECHECK_S)
                except TimeoutError:
                    signed_out.clear()
                self.identity = await find_identity(self.services, self.session_sha256, action)


async def serve(
    socket: WebSocket, services: Services, action: Action, run: Callable[[Connection], Awaitable[None]]
) -> None:
    """Accept a socket, ask for the hello, run the connection, and close it with a code that says why.

    Args:
        socket: Not accepted yet.
        services: The service's parts.
        action: The right that the connection needs.
        run: What to do; ends only by raising.
    """
    if not services.origins.allows(socket.headers.get("origin"), socket.scope):
        await socket.close(CloseCode.NOT_ALLOWED, "this page may not connect")
        return
    await socket.accept()
    close: CloseError | None = None
    try:
        connection = await _greet(socket, services, action)
        async with asyncio.TaskGroup() as group:
            group.create_task(connection.guard(action))
            await run(connection)
    except* WebSocketDisconnect:
        close = None
    except* SlowReaderError:
        close = CloseError(CloseCode.TOO_SLOW, "too far behind; connect again from your last seq")
    except* CloseError as errors:
        close = _first(errors)
    if close is not None:
        await _close(socket, close)


async def receive_text(socket: WebSocket) -> str:
    """One text message within the size limit.

    Raises:
        CloseError: It is binary or too large.
        WebSocketDisconnect: The peer has gone.
    """
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text = message.get("text")
    if text is None:
        raise CloseError(CloseCode.NOT_UNDERSTOOD, "expected JSON text")
    if len(text.encode()) > MAX_MESSAGE_BYTES:
        raise CloseError(CloseCode.TOO_MUCH, "message too large")
    return str(text)


async def find_identity(services: Services, session_sha256: str, action: Action) -> Identity:
    """The person of a session that is still good and still has the right.

    Raises:
        CloseError: It is not, or has not.
    """
    found = await asyncio.to_thread(services.sessions.find_by_digest, session_sha256, touch=True)
    if found is None:
        raise CloseError(CloseCode.NOT_SIGNED_IN, "sign in again")
    if not decide(found.identity, action).allowed:
        raise CloseError(CloseCode.NOT_ALLOWED, "your role does not include this")
    return found.identity


async def _greet(socket: WebSocket, services: Services, action: Action) -> Connection:
    try:
        async with asyncio.timeout(HELLO_PATIENCE_S):
            hello = _read(await receive_text(socket))
    except TimeoutError:
        raise CloseError(CloseCode.NO_HELLO, "expected a hello") from None
    if not isinstance(hello, Hello):
        raise CloseError(CloseCode.NO_HELLO, "expected a hello first")
    session_sha256 = services.tickets.redeem(hello.ticket)
    if session_sha256 is None:
        raise CloseError(CloseCode.NOT_SIGNED_IN, "expected a fresh ticket")
    identity = await find_identity(services, session_sha256, action)
    return Connection(socket, services, identity, session_sha256, hello)


def _read(text: str) -> DeskClientMessage:
    try:
        return CLIENT_MESSAGE.validate_json(text)
    except ValidationError:
        raise CloseError(CloseCode.NOT_UNDERSTOOD, "message not understood") from None


async def _close(socket: WebSocket, close: CloseError) -> None:
    try:
        async with asyncio.timeout(SEND_PATIENCE_S):
            await socket.close(close.close_code, close.reason)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        # The peer went first; there is nobody left to tell.
        return


def _first(group: BaseExceptionGroup[CloseError]) -> CloseError:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, CloseError)  # noqa: S101 - the group was split by this class
    return error

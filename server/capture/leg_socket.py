"""What sockets that carry legs have in common: messages in, a place in a call, and its end."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod

from koemori.audio.call import ChannelRole
from koemori.audio.errors import KoemoriError, MediaMessageError
from koemori.audio.ingest.legs import JoinLimits
from koemori.server.capture.joining import JoinedLeg, Joining
from koemori.server.capture.socket_settings import LegSocketSettings
from koemori.server.capture.sockets import DONE, NOT_UNDERSTOOD, TOO_MANY, Closed, Gate, SocketReader
from koemori.server.capture.trunk import TrunkContext
from koemori.server.config import read_secret
from starlette.websockets import WebSocket

logger = logging.getLogger(__name__)


class LegListener(ABC):
    """The sockets of one trunk; a kind says how its upgrade is answered and what its messages mean.

    Args:
        context: The trunk's.
        settings: The trunk's.
        source: Name of the ingest, for `Channel.source`.
    """

    def __init__(self, context: TrunkContext, settings: LegSocketSettings, source: str) -> None:
        self._context = context
        self._limits = settings
        self._gate = Gate(context, settings)
        self._joining = Joining(context, source, JoinLimits(wait_ms=round(settings.join_s * 1000)))

    async def start(self) -> None:
        """Read the secret."""
        place, settings = f"trunks.{self._context.name}", self._limits
        self._gate.token = read_secret(place, "token", settings.token, settings.token_file)

    async def aclose(self) -> None:
        """End what still runs."""
        await self._joining.aclose()

    async def serve(self, socket: WebSocket) -> None:
        """Take one connection."""
        if not await self._gate.admits(socket):
            return
        await socket.accept(subprotocol=self.subprotocol(list(socket.scope.get("subprotocols") or ())))
        await self.opened(socket, SocketReader(socket, self._context, self._limits)).run()

    @abstractmethod
    def subprotocol(self, offered: list[str]) -> str | None:
        """Which of the sub-protocols that the peer offers is taken."""

    @abstractmethod
    def opened(self, socket: WebSocket, reader: SocketReader) -> LegSocket:
        """What reads an accepted socket."""


class LegSocket(ABC):
    """Reads one accepted socket to its end; a kind says what its messages mean."""

    def __init__(self, reader: SocketReader, joining: Joining, context: TrunkContext, max_calls: int) -> None:
        self.legs: list[JoinedLeg] = []
        self._reader = reader
        self._joining = joining
        self._context = context
        self._max_calls = max_calls

    @abstractmethod
    def text(self, message: str) -> None:
        """Take a text message; may raise `MediaMessageError`."""

    @abstractmethod
    def audio(self, payload: bytes) -> None:
        """Take a binary message; may raise `MediaMessageError`."""

    async def run(self) -> None:
        """Read until the peer closes, its call has ended, or it sends what cannot be used."""
        code, reason = DONE, "disconnected"
        watch: asyncio.Task[None] | None = None
        try:
            while True:
                message = await self._reader.next()
                if isinstance(message, Closed):
                    reason = message.reason
                    break
                if message is None:
                    continue
                code = self._take(message)
                if code != DONE:
                    reason = "error:media-message"
                    break
                if self.legs and watch is None:
                    self._reader.begun = True
                    watch = asyncio.create_task(self._until_call_ends(), name="leg-watch")
        finally:
            for leg in self.legs:
                leg.leave(reason)
            if watch is not None:
                watch.cancel()
            await self._reader.close(code)

    def has_place(self, key: str | None, role: ChannelRole) -> bool:
        """Whether one more call, or this one's other leg, may come; counts the refusal."""
        if self._joining.has_place(key, role) or len(self._joining) < self._max_calls:
            return True
        self._context.refuse("too-many-calls")
        return False

    def _take(self, message: str | bytes) -> int:
        """Take a message; return what to close the socket with, `DONE` to go on."""
        try:
            self.text(message) if isinstance(message, str) else self.audio(message)
        except MediaMessageError as error:
            self._context.status.problems[error.code] += 1
            self._context.metrics.ingest_errors.labels(error.code).inc()
            extra = {"trunk": self._context.name, "expected": error.expected, "came": error.came}
            logger.warning("media message not used", extra=extra)
            return NOT_UNDERSTOOD if error.fatal else DONE
        except NoPlaceError:
            return TOO_MANY
        return DONE

    async def _until_call_ends(self) -> None:
        await self.legs[0].call.done.wait()
        self._reader.stop("completed")


class NoPlaceError(KoemoriError):
    """There are as many calls as the trunk may have; counted already."""

    code = "too-many-calls"

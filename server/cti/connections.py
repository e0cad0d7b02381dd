"""Keeps the connections open that bring events by themselves: one task for each Asterisk manager.

A manager that cannot be reached, or goes away, is tried again with a growing pause; nothing else waits for
it. Events of the meantime are lost: a manager does not repeat any.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from koemori.audio.errors import KoemoriError
from koemori.server.config import read_secret
from koemori.server.cti.ami import AmiDialog, AmiError, AmiLoginError
from koemori.server.cti.ami_events import AmiEvents
from koemori.server.cti.ami_settings import AmiSettings
from koemori.server.cti.feed import CtiFeed

logger = logging.getLogger(__name__)
_READ_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class AmiTimes:
    """How patient a connection is, in seconds.

    Attributes:
        connect_s: Until connected and let in.
        ping_s: Silence after which the manager is asked whether it is there; a second such silence ends it.
        first_pause_s: Before the first new attempt; doubled each time.
        longest_pause_s: Most of it; also after a refused login, which nobody mends within seconds.
    """

    connect_s: float = 10.0
    ping_s: float = 30.0
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0


class CtiConnections:
    """Every connection of the settings, and the feed's own watch over calls.

    Args:
        feed: Takes the events.
        managers: By name.
        times: See `AmiTimes`.
    """

    def __init__(
        self, feed: CtiFeed, managers: Mapping[str, AmiSettings], times: AmiTimes | None = None
    ) -> None:
        self._feed = feed
        self._managers = managers
        self._times = times or AmiTimes()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin; secrets are read now, so that a missing one is told at the start.

        Raises:
            SettingsError: A secret's file cannot be read.
        """
        listeners = [
            AmiListener(name, settings, self._feed, self._times) for name, settings in self._managers.items()
        ]
        self._tasks = [asyncio.create_task(self._feed.run(), name="cti-feed")]
        self._tasks += [asyncio.create_task(one.run(), name=f"ami-{one.name}") for one in listeners]

    async def aclose(self) -> None:
        """Let go of every connection."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []


@dataclass(slots=True, eq=False)
class AmiListener:
    """One Asterisk manager."""

    name: str
    settings: AmiSettings
    feed: CtiFeed
    times: AmiTimes = field(default_factory=AmiTimes)
    connected: int = 0
    """How often the manager has let us in."""
    _secret: str = field(default="", repr=False)
    _events: AmiEvents = field(init=False)

    def __post_init__(self) -> None:
        """Read the secret."""
        mine = self.settings
        secret = read_secret(f"cti.ami.{self.name}", "password", mine.password, mine.password_file)
        self._secret = secret or ""
        self._events = AmiEvents(f"asterisk.{self.name}")

    async def run(self) -> None:
        """Listen until cancelled."""
        pause_s = self.times.first_pause_s
        while True:
            before = self.connected
            try:
                await self._listen()
                code = "closed"
            except (KoemoriError, OSError, TimeoutError) as error:
                code = error.code if isinstance(error, KoemoriError) else type(error).__name__
                if isinstance(error, AmiLoginError):
                    pause_s = self.times.longest_pause_s
            if self.connected > before:
                pause_s = self.times.first_pause_s
            logger.warning("manager is not connected", extra={"manager": self.name, "code": code})
            await asyncio.sleep(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 -- no secret
            pause_s = min(2 * pause_s, self.times.longest_pause_s)

    async def _listen(self) -> None:
        async with asyncio.timeout(self.times.connect_s):
            reader, writer = await asyncio.open_connection(
                self.settings.host, self.settings.port, ssl=self._tls()
            )
        try:
            await self._follow(AmiDialog(self.settings.username, self._secret), reader, writer)
        finally:
            writer.transport.abort()

    async def _follow(
        self, dialog: AmiDialog, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            patience_s = self.times.ping_s if dialog.is_listening else self.times.connect_s
            try:
                async with asyncio.timeout(patience_s):
                    received = await reader.read(_READ_BYTES)
            except TimeoutError:
                if not dialog.is_listening or dialog.pings_unanswered:
                    raise AmiError("an answer", f"nothing for {patience_s:g} s") from None
                dialog.ping()
                received = None
            if received == b"":
                return
            await self._take(dialog, received or b"")
            if waiting := dialog.outgoing():
                writer.write(waiting)
                await writer.drain()

    async def _take(self, dialog: AmiDialog, received: bytes) -> None:
        was_listening = dialog.is_listening
        messages = dialog.push(received)
        if dialog.is_listening and not was_listening:
            self.connected += 1
            logger.info("manager is connected", extra={"manager": self.name})
        for message in messages:
            event = self._events.push(message)
            if event is None:
                continue
            try:
                await self.feed.take(event)
            except Exception as error:  # a database that is busy must not end the connection
                logger.error("event not kept", extra={"manager": self.name}, exc_info=error)

    def _tls(self) -> ssl.SSLContext | None:
        if not self.settings.tls:
            return None
        return ssl.create_default_context(cafile=self.settings.ca_file)

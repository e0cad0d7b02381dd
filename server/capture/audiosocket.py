"""A trunk that Asterisk sends channels to by AudioSocket: one TCP connection, one leg.

We never write: the connection is no part of the live path. It may end with a frame that says so or by just
closing, and it says nothing about the call but its UUID. That UUID is an id of the call, so events that name
it (`UserEvent(KoemoriLeg, Uuid: …)`) bring queue, agent and number.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from koemori.audio.call import ChannelRole
from koemori.audio.errors import AudioSocketError, KoemoriError
from koemori.audio.ingest.audiosocket import (
    AudioSocketReader,
    SocketAudio,
    SocketEnded,
    SocketFrame,
    SocketKey,
    SocketNamed,
)
from koemori.audio.ingest.legs import JoinLimits, LegFacts
from koemori.audio.resample import ChannelResampler
from koemori.server.capture.audiosocket_settings import AudioSocketTrunk
from koemori.server.capture.joining import JoinedLeg, Joining
from koemori.server.capture.trunk import TrunkContext, TrunkListener
from numpy.typing import NDArray

logger = logging.getLogger(__name__)

_READ_BYTES = 64 * 1024
_MOST_RATE_HZ = 48_000
_MOST_KEYS = 64
"""Pressed before the first audio."""
_BYTES_PER_S = 2_000_000
"""Five times what the fastest format needs; a peer that sends more is no telephone."""
_SIDES = {"0": ChannelRole.AGENT, "1": ChannelRole.CUSTOMER}


class AudioSocketListenError(KoemoriError):
    """An address that cannot be listened at."""

    code = "audiosocket-listen"

    def __init__(self, port: int, came: str) -> None:
        super().__init__(f"audiosocket port {port}: expected an address this machine may use; got {came}")


def open_trunk(context: TrunkContext, settings: AudioSocketTrunk) -> TrunkListener:
    """The listener of a trunk, not yet started."""
    return AudioSocketListener(context, settings)


class AudioSocketListener:
    """Takes connections of one trunk.

    Attributes:
        port: Where it listens, once started.
    """

    def __init__(self, context: TrunkContext, settings: AudioSocketTrunk) -> None:
        self.port = settings.port
        self._context = context
        self._settings = settings
        limits = JoinLimits(wait_ms=round(settings.join_s * 1000))
        self._joining = Joining(context, "audiosocket", limits)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            AudioSocketListenError: The address cannot be used.
        """
        settings = self._settings
        try:
            self._server = await asyncio.start_server(
                self._serve, settings.host, settings.port, limit=_READ_BYTES
            )
        except OSError as error:
            came = os.strerror(error.errno) if error.errno else type(error).__name__
            raise AudioSocketListenError(settings.port, came) from None
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def aclose(self) -> None:
        """Take nothing more; live calls have been sealed before."""
        if self._server is not None:
            self._server.close()
        await self._joining.aclose()
        for task in tuple(self._open):
            task.cancel()
        if self._open:
            await asyncio.wait(self._open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._open.add(task)
        try:
            peer = writer.get_extra_info("peername")
            if not self._settings.allows(str(peer[0]) if peer else ""):
                self._context.refuse("not-allowed")
            elif len(self._open) > self._settings.max_calls * (2 if self._settings.pairs else 1):
                self._context.refuse("too-many-calls")
            else:
                await _Connection(
                    self._context, self._settings, self._joining, reader, writer.transport
                ).run()
        except asyncio.CancelledError:
            # The service closes; to the server's machinery this task has simply ended.
            logger.debug("audiosocket connection let go")
        finally:
            writer.transport.abort()
            if task is not None:
                self._open.discard(task)


@dataclass(slots=True, eq=False)
class _Connection:
    """One channel of Asterisk."""

    context: TrunkContext
    settings: AudioSocketTrunk
    joining: Joining
    reader: asyncio.StreamReader
    transport: asyncio.WriteTransport
    frames: AudioSocketReader = field(default_factory=AudioSocketReader)
    uuid: str | None = None
    leg: JoinedLeg | None = None
    _rate_hz: int = 0
    _resampler: ChannelResampler | None = None
    _keys: list[str] = field(default_factory=list)
    _received: int = 0
    _watch: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Take everything up to the end, whoever makes it."""
        reason = "disconnected"
        try:
            reason = await self._read()
        except AudioSocketError as error:
            self.context.refuse(error.code)
            reason = f"error:{error.code}"
            facts = {"trunk": self.context.name, "came": error.came}
            logger.warning("audiosocket not understood", extra=facts)
        finally:
            if self._watch is not None:
                self._watch.cancel()
            if self.leg is not None:
                self.leg.leave(reason)

    async def _read(self) -> str:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        while True:
            try:
                async with asyncio.timeout(self.settings.idle_s if self.uuid else self.settings.start_s):
                    received = await self.reader.read(_READ_BYTES)
            except TimeoutError:
                return self._silent()
            except ConnectionError:
                return "disconnected"
            if not received:
                return "disconnected"
            self._received += len(received)
            if self._received > _BYTES_PER_S * (loop.time() - begun_s + 5):
                self.context.refuse("too-fast")
                return "error:too-fast"
            for frame in self.frames.push(received):
                if isinstance(frame, SocketEnded):
                    return "error:audiosocket" if frame.error else "completed"
                self._take(frame)

    async def _until_call_ends(self, leg: JoinedLeg) -> None:
        """The service ended the call: nothing more is read."""
        await leg.call.done.wait()
        self.transport.abort()

    def _silent(self) -> str:
        if self.uuid is None:
            self.context.refuse("start-timeout")
        else:
            self.context.status.problems["no-media" if self.leg is None else "idle"] += 1
        return "idle"

    def _take(self, frame: SocketFrame) -> None:
        match frame:
            case SocketNamed():
                self.uuid = frame.uuid
            case SocketKey():
                self._press(frame.key)
            case SocketAudio():
                self._audio(frame)
            case SocketEnded():
                pass

    def _press(self, key: str) -> None:
        if self.leg is None:
            self._keys = [*self._keys, key][-_MOST_KEYS:]
        else:
            self.leg.key(key)

    def _audio(self, frame: SocketAudio) -> None:
        self.context.status.last_media_at = datetime.now(UTC)
        if self.leg is None:
            self._rate_hz = min(frame.sample_rate_hz, _MOST_RATE_HZ)
            self.leg = self._enter()
        if frame.sample_rate_hz != (self._rate_hz if self._resampler is None else self._resampler.from_hz):
            same = frame.sample_rate_hz == self._rate_hz
            self._resampler = None if same else ChannelResampler(frame.sample_rate_hz, self._rate_hz)
        samples = frame.samples if self._resampler is None else _int16(self._resampler.push(frame.samples))
        self.leg.audio(samples)

    def _enter(self) -> JoinedLeg:
        """A place in a call, now that the rate is known."""
        name = self.uuid or ""
        side = _SIDES.get(name[-1:]) if self.settings.pairs else None
        facts = LegFacts(
            leg_id=name,
            sample_rate_hz=self._rate_hz,
            role=side or self.settings.role,
            external_ids={"uuid" if side is None else f"uuid_{side.value}": name},
            queue=self.settings.queue,
        )
        leg = self.joining.enter(facts, None if side is None else name[:-1])
        for key in self._keys:
            leg.key(key)
        self._watch = asyncio.create_task(self._until_call_ends(leg), name="audiosocket-watch")
        return leg


def _int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)

"""A trunk that takes plain RTP: at fixed ports, or at ports that the phone system asks for by HTTP."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from koemori.audio.call import CallEnded, ChannelRole
from koemori.audio.errors import KoemoriError, MediaPortError
from koemori.audio.frames import SourceEvent
from koemori.audio.ingest.rtp_call import RtpCall, RtpCallPlan, RtpLegPlan
from koemori.audio.rtp.sockets import RtpPort, RtpSockets
from koemori.server.capture.rtp_settings import RtpCodec, RtpTrunk
from koemori.server.capture.running import run_call
from koemori.server.capture.trunk import TrunkContext, TrunkListener

logger = logging.getLogger(__name__)


class TooManyRtpCallsError(KoemoriError):
    """The trunk has as many calls as it may."""

    code = "too-many-calls"

    def __init__(self, most: int) -> None:
        super().__init__(f"rtp trunk: expected at most {most} calls; got one more")


def open_trunk(context: TrunkContext, settings: RtpTrunk) -> TrunkListener:
    """The listener of a trunk, not yet started."""
    return RtpListener(context, settings)


@dataclass(frozen=True, slots=True)
class WantedCall:
    """What the phone system says when it asks for ports."""

    roles: tuple[ChannelRole, ...]
    codec: RtpCodec | None = None
    external_ids: dict[str, str] = field(default_factory=dict)
    agent_id: str | None = None
    customer_number: str | None = field(default=None, repr=False)
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class GivenPorts:
    """What it is given: a name for the call, the address, and for each leg its RTP and RTCP port."""

    name: str
    host: str
    ports: tuple[tuple[ChannelRole, int, int], ...]


class _Source:
    """A call on its way to the recorder: a stoppable `CallSource`."""

    def __init__(self, call: RtpCall) -> None:
        self.call = call
        self._events: asyncio.Queue[SourceEvent] = asyncio.Queue()

    def give(self, events: Sequence[SourceEvent]) -> None:
        for event in events:
            self._events.put_nowait(event)

    async def events(self) -> AsyncIterator[SourceEvent]:
        """The call, until it has ended."""
        while True:
            event = await self._events.get()
            yield event
            if isinstance(event, CallEnded):
                return

    def stop(self, reason: str) -> None:
        """End the call from our side, after what has been received."""
        self.give(self.call.end(reason, _now_us()))


class RtpLine:
    """Ports and the calls that come to them: a `MediaSink`. One that is not `standing` takes one call."""

    def __init__(self, listener: RtpListener, plan: RtpCallPlan, *, standing: bool) -> None:
        self.ports: list[RtpPort] = []
        self.opened_us = _now_us()
        self.standing = standing
        self._listener = listener
        self._plan = plan
        self._source: _Source | None = None

    def packets(self, leg: int, batch: Sequence[tuple[int, bytes]]) -> None:
        """RTP of one leg; the first begins a call."""
        if self._source is None or (self._source.call.ended and self.standing):
            self._source = self._listener.begin(self._plan)
        if self._source is not None:
            self._listener.heard()
            self._source.give(self._source.call.packets(leg, batch, _now_us()))

    def control(self, leg: int, arrival_us: int, datagram: bytes) -> None:
        """RTCP of one leg."""
        if self._source is not None:
            self._source.call.control(leg, arrival_us, datagram)

    def tick(self, now_us: int) -> None:
        """Give up waiting for what is overdue; a call that is over frees its ports."""
        if self._source is not None:
            self._source.give(self._source.call.advance(now_us))
            if self._source.call.ended and not self.standing:
                self._listener.free(self)
        elif not self.standing and self._listener.is_overdue(self, now_us):
            self._listener.free(self, "no-media")

    def report(self, leg: int, now_us: int) -> bytes | None:
        """The receiver report that is owed."""
        return None if self._source is None else self._source.call.report(leg, now_us)

    def end(self, reason: str) -> None:
        """End the call that is going on, if any, and give the ports back."""
        if self._source is not None:
            self._source.stop(reason)
        self._listener.free(self)


class RtpListener:
    """The ports of one trunk."""

    def __init__(self, context: TrunkContext, settings: RtpTrunk) -> None:
        self._context = context
        self._settings = settings
        self._sockets = RtpSockets(settings.host, settings.media_port_first, settings.media_port_last)
        self._fixed: list[RtpSockets] = []
        self._given: dict[str, RtpLine] = {}
        self._calls: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to take media at the fixed ports, and to give out others.

        Raises:
            MediaPortError: A fixed port cannot be had.
        """
        await self._sockets.start()
        try:
            for number, settings in enumerate(self._settings.lines):
                external = {"line": f"{self._context.name}.{number}"}
                plan = RtpCallPlan(
                    tuple(self._leg(role, f"port-{port}", None) for role, port in settings.ports),
                    external,
                    agent_id=settings.agent,
                    queue=settings.queue or self._settings.queue,
                )
                line = RtpLine(self, plan, standing=True)
                for leg, (_, port) in enumerate(settings.ports):
                    sockets = RtpSockets(self._settings.host, port, port + 1)
                    self._fixed.append(sockets)
                    await sockets.start()
                    line.ports.append(sockets.open(line, leg, allows=self._settings.allows))
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Take nothing more; live calls have been sealed before."""
        for line in tuple(self._given.values()):
            line.end("shutdown")
        for sockets in (self._sockets, *self._fixed):
            await sockets.aclose()
        for task in tuple(self._calls):
            task.cancel()
        if self._calls:
            await asyncio.wait(self._calls)

    def give_ports(self, wanted: WantedCall) -> GivenPorts:
        """Bind ports for a call; it begins with its first packet.

        Raises:
            TooManyRtpCallsError: There is no room for it.
            MediaPortError: No port is free.
        """
        if len(self._given) >= self._settings.max_calls:
            self._context.refuse("too-many-calls")
            raise TooManyRtpCallsError(self._settings.max_calls)
        name = secrets.token_urlsafe(12)
        plan = RtpCallPlan(
            tuple(self._leg(role, f"{name}.{role.value}", wanted.codec) for role in wanted.roles),
            {**wanted.external_ids, "rtp_call": name},
            agent_id=wanted.agent_id,
            customer_number=wanted.customer_number,
            queue=wanted.queue or self._settings.queue,
        )
        line = RtpLine(self, plan, standing=False)
        try:
            for leg in range(len(wanted.roles)):
                line.ports.append(self._sockets.open(line, leg, allows=self._settings.allows))
        except MediaPortError as error:
            self.free(line)
            self._context.refuse(error.code)
            raise
        self._given[name] = line
        given = zip(wanted.roles, line.ports, strict=True)
        ports = tuple((role, port.rtp_port, port.rtcp_port) for role, port in given)
        return GivenPorts(name, self._settings.reached_at, ports)

    def end_call(self, name: str) -> bool:
        """End a call that was given ports; False when there is none of this name."""
        line = self._given.get(name)
        if line is None:
            return False
        line.end("completed")
        return True

    def begin(self, plan: RtpCallPlan) -> _Source | None:
        """Run a call whose first packet came; None when there are too many."""
        if self._context.status.calls_live >= self._settings.max_calls:
            self._context.refuse("too-many-calls")
            return None
        source = _Source(RtpCall(plan, round(self._settings.silence_s * 1_000_000)))
        task = asyncio.create_task(self._run(source), name="rtp-call")
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)
        return source

    def free(self, line: RtpLine, problem: str | None = None) -> None:
        """Give a line's ports back; again does nothing."""
        for port in line.ports:
            port.close()
        self._given = {name: one for name, one in self._given.items() if one is not line}
        if problem is not None:
            self._context.status.problems[problem] += 1
            logger.warning("trunk has a problem", extra={"trunk": self._context.name, "problem": problem})

    def is_overdue(self, line: RtpLine, now_us: int) -> bool:
        """Whether nothing came to ports for longer than they are kept."""
        return now_us - line.opened_us >= self._settings.start_s * 1_000_000

    def heard(self) -> None:
        """Note that media came."""
        self._context.status.last_media_at = datetime.now(UTC)

    async def _run(self, source: _Source) -> None:
        try:
            await run_call(self._context, source)
        except Exception as error:  # the task's edge
            logger.error("call failed", extra={"trunk": self._context.name}, exc_info=error)
        finally:
            source.call.end("stop", _now_us())  # else packets would wait for a reader that is gone

    def _leg(self, role: ChannelRole, leg_id: str, codec: RtpCodec | None) -> RtpLegPlan:
        chosen = codec or self._settings
        return RtpLegPlan(leg_id, role, chosen.agreed, chosen.events)


def _now_us() -> int:
    return time.monotonic_ns() // 1_000

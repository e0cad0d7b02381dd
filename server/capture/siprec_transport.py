"""SIP over UDP, TCP and TLS: who may send, how much, and where answers go."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from koemori.audio.errors import KoemoriError, SipError
from koemori.audio.sip.flow import Flow, Send
from koemori.audio.sip.framing import Ping, StreamFramer, TooLong
from koemori.audio.sip.message import CutOffError, Message, MessageLimits, Request, parse_message
from koemori.audio.sip.multipart import SDP, split_body
from koemori.audio.sip.responses import make_response
from koemori.audio.sip.transaction import answer_flow, received_by

logger = logging.getLogger(__name__)

_SOURCES = 1_000
_CONNECTIONS = 500
_CONNECTIONS_PER_SOURCE = 50
_HALF_MESSAGE_S = 10.0
_HANDSHAKE_S = 5.0
_MOST_UNSENT_BYTES = 1_048_576


class SipListenError(KoemoriError):
    """An address or a certificate that SIP cannot be taken with."""

    code = "sip-listen"

    def __init__(self, transport: str, port: int, came: str) -> None:
        super().__init__(f"SIP over {transport}: expected to listen at port {port}; got {came}")


@dataclass(slots=True)
class SourceBudget:
    """Requests per second of each source, with bursts of two seconds."""

    per_s: float
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def take(self, host: str, now_s: float) -> bool:
        """Whether one more message of this host may be read; if so, it is counted."""
        left = self._now(host, now_s)
        self._left[host] = (left - 1 if left >= 1 else left, now_s)
        return left >= 1

    def spend(self, host: str, now_s: float) -> float:
        """Count a message that was read in any case; returns for how long nothing more should be read."""
        left = self._now(host, now_s) - 1
        self._left[host] = (left, now_s)
        return max(0.0, -left / self.per_s)

    def _now(self, host: str, now_s: float) -> float:
        left, at_s = self._left.pop(host, (2 * self.per_s, now_s))
        while len(self._left) >= _SOURCES:
            self._left.popitem(last=False)
        return min(2 * self.per_s, left + (now_s - at_s) * self.per_s)


@dataclass(slots=True, eq=False)
class SipSockets:
    """All sockets of one trunk.

    Attributes:
        allows: Whether a host may send at all.
        taken: Takes a message; returns what is to be sent.
        lost: Told when a connection is gone.
        refuse: Counts a refusal.
        budget: See `SourceBudget`.
        limits: See `MessageLimits`.
    """

    allows: Callable[[str], bool]
    taken: Callable[[Message, Flow], list[Send]]
    lost: Callable[[Flow], None]
    refuse: Callable[[str], None]
    budget: SourceBudget
    limits: MessageLimits = field(default_factory=MessageLimits)
    _udp: asyncio.DatagramTransport | None = None
    _servers: list[asyncio.Server] = field(default_factory=list)
    _connections: dict[int, _Connection] = field(default_factory=dict)
    _next: int = 1

    async def listen(self, host: str, transport: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Open one socket.

        Raises:
            SipListenError: It cannot be opened.
        """
        loop = asyncio.get_running_loop()
        try:
            if transport == "udp":
                self._udp, _ = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(self), local_addr=(host, port)
                )
            else:
                name = transport.upper()
                server = await loop.create_server(
                    lambda: _Connection(self, name),
                    sock=_Door(host, port, self._lets_in),
                    ssl=tls,
                    backlog=128,
                    ssl_handshake_timeout=None if tls is None else _HANDSHAKE_S,
                )
                self._servers.append(server)
        except OSError as error:
            raise SipListenError(transport, port, error.strerror or type(error).__name__) from error

    def send(self, sends: list[Send]) -> None:
        """Send; what has no way any more is dropped, as a network would."""
        for each in sends:
            if each.flow.transport == "UDP":
                if self._udp is not None and not self._udp.is_closing():
                    self._udp.sendto(each.message, (each.flow.host, each.flow.port))
                continue
            connection = self._connections.get(each.flow.connection)
            if connection is not None:
                connection.write(each.message)

    async def aclose(self) -> None:
        """Close everything."""
        for server in self._servers:
            server.close()
        for connection in tuple(self._connections.values()):
            connection.close()
        if self._udp is not None:
            self._udp.close()
        self._servers.clear()
        await asyncio.sleep(0)

    def datagram(self, datagram: bytes, host: str, port: int) -> None:
        """Take one datagram."""
        if not self.allows(host):
            self.refuse("not-allowed")
        elif datagram.strip(b"\r\n\0"):
            if not self.budget.take(host, asyncio.get_running_loop().time()):
                self.refuse("too-many-requests")
                return
            self._read(datagram, Flow("UDP", host, port))

    def _read(self, datagram: bytes, flow: Flow) -> None:
        try:
            message = parse_message(datagram, self.limits)
        except CutOffError as error:
            self.refuse("cut-off")
            if not _enough(error.message):
                self.send(refusal_of(error.message, flow, 400))
                return
            message = error.message  # only the end of the metadata is missing: the audio must not be
        except SipError as error:
            self.refuse("not-understood")
            logger.warning("SIP datagram not used", extra={"expected": error.expected, "came": error.came})
            return
        self.send(self.taken(message, flow))

    def admit(self, connection: _Connection, host: str) -> int | None:
        """A number for a new connection; None refuses it."""
        theirs = sum(each.host == host for each in self._connections.values())
        if len(self._connections) >= _CONNECTIONS or theirs >= _CONNECTIONS_PER_SOURCE:
            self.refuse("too-many-connections")
            return None
        number, self._next = self._next, self._next + 1
        self._connections[number] = connection
        return number

    def _lets_in(self, host: str) -> bool:
        if self.allows(host):
            return True
        self.refuse("not-allowed")
        return False

    def gone(self, number: int) -> None:
        """A connection is closed."""
        self._connections.pop(number, None)


class _Door(socket.socket):
    """Listens, and closes on whoever may not connect before anything is said, TLS included."""

    def __init__(self, host: str, port: int, lets_in: Callable[[str], bool]) -> None:
        super().__init__(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self._lets_in = lets_in
        try:
            self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.bind((host, port))
        except OSError:
            self.close()
            raise

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        peer, address = super().accept()
        if self._lets_in(str(address[0]).partition("%")[0]):
            return peer, address
        peer.close()
        raise ConnectionAbortedError  # the loop goes on to the next one


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, sockets: SipSockets) -> None:
        self._sockets = sockets

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._sockets.datagram(data, addr[0].partition("%")[0], addr[1])


class _Connection(asyncio.Protocol):
    """One TCP or TLS connection."""

    def __init__(self, sockets: SipSockets, transport: str) -> None:
        self.host = ""
        self._sockets = sockets
        self._kind = transport
        self._framer = StreamFramer(sockets.limits)
        self._transport: asyncio.Transport | None = None
        self._flow: Flow | None = None
        self._waiting: asyncio.TimerHandle | None = None
        self._pause_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername") or ("", 0)
        self.host = str(peer[0]).partition("%")[0]
        number = self._sockets.admit(self, self.host)
        if number is None:
            self._transport.abort()
            return
        self._flow = Flow(self._kind, self.host, int(peer[1]), number)

    def data_received(self, data: bytes) -> None:
        if self._flow is None:
            return
        try:
            items = self._framer.push(data)
        except SipError as error:
            self._sockets.refuse("not-understood")
            logger.warning("SIP stream not used", extra={"expected": error.expected, "came": error.came})
            self.close()
            return
        for item in items:
            self._take(item, self._flow)
        self._slow_down()
        self._watch(progress=bool(items))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        if self._flow is not None:
            self._sockets.gone(self._flow.connection)
            self._sockets.lost(self._flow)

    def write(self, message: bytes) -> None:
        """Send, unless the peer reads nothing."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > _MOST_UNSENT_BYTES:
            self._transport.abort()
            return
        self._transport.write(message)

    def close(self) -> None:
        """Close after what has been written."""
        if self._transport is not None:
            self._transport.close()

    def _take(self, item: Message | Ping | TooLong, flow: Flow) -> None:
        if isinstance(item, Ping):
            self.write(b"\r\n")
        elif isinstance(item, TooLong):
            self._sockets.refuse("too-large")
            self._sockets.send(refusal_of(item.head, flow, 413))
            self.close()
        else:
            self._sockets.send(self._sockets.taken(item, flow))
            self._pause_s = self._sockets.budget.spend(flow.host, asyncio.get_running_loop().time())

    def _slow_down(self) -> None:
        """Nothing is dropped on a stream, where nothing would be repeated: it is read more slowly."""
        if self._pause_s > 0 and self._transport is not None and self._transport.is_reading():
            self._sockets.refuse("slowed-down")
            self._transport.pause_reading()
            asyncio.get_running_loop().call_later(self._pause_s, self._read_on)
            self._pause_s = 0.0

    def _read_on(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def _watch(self, *, progress: bool) -> None:
        """Give a message that has begun some seconds to come whole."""
        if self._waiting is not None and (progress or self._framer.idle):
            self._waiting.cancel()
            self._waiting = None
        if not self._framer.idle and self._waiting is None:
            self._waiting = asyncio.get_running_loop().call_later(_HALF_MESSAGE_S, self.close)


def _enough(message: Message) -> bool:
    """Whether a message that was cut off has its session description whole: another part comes after it."""
    try:
        parts = split_body(message.headers, message.body)
    except SipError:
        return False
    return any(part.media_type == SDP for part in parts[:-1])


def refusal_of(message: Message, flow: Flow, status: int) -> list[Send]:
    """An answer to a request that no transaction was made of; none to anything else."""
    if not isinstance(message, Request) or message.method == "ACK":
        return []
    try:
        request = received_by(message, flow)
        return [Send(answer_flow(request, flow), make_response(request, status, "").to_bytes())]
    except SipError:
        return []

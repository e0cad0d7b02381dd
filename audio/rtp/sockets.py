"""UDP sockets of all RTP streams of a process, drained together every tick.

    sockets = RtpSockets("0.0.0.0", 20_000, 29_999)
    await sockets.start()
    port = sockets.open(sink, leg=0, allows=trunk.allows)   # binds RTP (even) and RTCP (odd)
    port.rtp_port, port.rtcp_port                           # for the SDP answer
    port.close()                                            # the ports stay bound, and deaf, for 32 s

One system call tells which sockets have something, and each of those is emptied. When this thread is busy
for more than a quarter of a tick, with whatever it is, the next ones are longer: the sockets' own buffers
hold seconds, and larger batches cost less.
"""

from __future__ import annotations

import asyncio
import logging
import selectors
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from koemori.audio.errors import MediaPortError
from koemori.audio.rtp.arrivals import Address, open_arrivals
from koemori.audio.rtp.packet import is_rtcp
from koemori.audio.rtp.port import ReceivingSocket, bound_socket
from koemori.audio.rtp.srtp import SrtpSession

logger = logging.getLogger(__name__)

_REPORT_EVERY_US: Final = 5_000_000
_DEAF_US: Final = 32_000_000
"""As long as a SIP transaction may take (RFC 3261, timer B): a late packet must not reach another call."""
_SCAN_EVERY_US: Final = 250_000
_LONGEST_TICK_US: Final = 120_000
_BUSY_TICKS: Final = 4
"""A tick is this many times as long as what the thread has to do in it, within its bounds."""


class MediaSink(Protocol):
    """Who takes what comes for a call; one sink may have several legs, each with its port. Must not raise."""

    def packets(self, leg: int, batch: Sequence[tuple[int, bytes]]) -> None:
        """RTP of a tick in order of arrival: (`arrival_us`, datagram), from allowed peers, decrypted."""
        ...

    def control(self, leg: int, arrival_us: int, datagram: bytes) -> None:
        """One RTCP datagram."""
        ...

    def tick(self, now_us: int) -> None:
        """Called every tick, once for each sink, after its packets."""
        ...

    def report(self, leg: int, now_us: int) -> bytes | None:
        """The receiver report to send now (every 5 s); None sends nothing."""
        ...


class RtpPort:
    """One leg's pair of ports, or its one port where RTCP comes on it too."""

    def __init__(
        self,
        owner: RtpSockets,
        sink: MediaSink,
        leg: int,
        rtp: ReceivingSocket,
        rtcp: ReceivingSocket | None,
        srtp: SrtpSession | None,
    ) -> None:
        self._owner = owner
        self.sink = sink
        self.leg = leg
        self.rtp = rtp
        self.rtcp = rtcp
        self.srtp = srtp
        self.rtp_port: int = rtp.sock.getsockname()[1]
        self.rtcp_port: int = self.rtp_port if rtcp is None else rtcp.sock.getsockname()[1]
        self.report_to: Address | None = None
        """Where RTCP goes until a packet of RTCP has shown it; by default the port above the RTP's."""
        self.next_report_us = 0

    @property
    def refused(self) -> int:
        """Datagrams of hosts that may not send, or that did not verify."""
        return self.rtp.refused + (0 if self.rtcp is None else self.rtcp.refused)

    def close(self) -> None:
        """Take nothing more; again does nothing."""
        self._owner.release(self)

    def drain(self) -> None:
        """Hand over what waits on this leg now, before a change of which it must not be a part."""
        self._owner.drain_port(self)

    def send_report(self, now_us: int) -> None:
        """Send what the sink owes to its sender."""
        report = self.sink.report(self.leg, now_us)
        media = self.rtp.came_from
        if report is None or media is None:
            return
        if self.rtcp is None:
            to, through = media, self.rtp
        else:
            to = self.rtcp.came_from or self.report_to or (media[0], media[1] + 1)
            through = self.rtcp
        through.send(report if self.srtp is None else self.srtp.protect(report, control=True), to)


class RtpSockets:
    """Allocates, drains and releases.

    Attributes:
        longest_tick_us: Time that the longest tick took.
    """

    def __init__(self, host: str, port_min: int, port_max: int, *, tick_ms: int = 40) -> None:
        """Begin without a socket; `port_min` to `port_max` are for this object alone."""
        self._host = host
        self._first = port_min + port_min % 2
        self._pairs = max(0, (port_max + 1 - self._first) // 2)
        self._port_range = (port_min, port_max)
        self._next_pair = 0
        self._tick_us = tick_ms * 1_000
        self._selector = selectors.DefaultSelector()
        self._arrivals = open_arrivals()
        self._ports: set[RtpPort] = set()
        self._sinks: dict[int, MediaSink] = {}
        self._next_scan_us = 0
        self._deaf: deque[tuple[int, list[socket.socket]]] = deque()
        self._task: asyncio.Task[None] | None = None
        self.longest_tick_us = 0

    async def start(self) -> None:
        """Begin to drain."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="rtp sockets")

    async def aclose(self) -> None:
        """Close all sockets."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        for port in tuple(self._ports):
            port.close()
        while self._deaf:
            _close(self._deaf.popleft()[1])
        self._selector.close()

    def open(
        self,
        sink: MediaSink,
        leg: int,
        *,
        allows: Callable[[str], bool],
        mux: bool = False,
        report_to: Address | None = None,
        srtp: SrtpSession | None = None,
    ) -> RtpPort:
        """Bind ports for a leg.

        Args:
            sink: Who takes what comes.
            leg: Number handed to the sink.
            allows: Whether a host (numeric) may send.
            mux: RTCP comes on the RTP port (RFC 5761), and no other is bound.
            report_to: Where RTCP goes until a packet of RTCP has shown it.
            srtp: Keys, when the leg is encrypted.

        Raises:
            MediaPortError: No port is free.
        """
        bound = [ReceivingSocket(sock, allows, srtp, self._arrivals) for sock in self._bind(1 if mux else 2)]
        port = RtpPort(self, sink, leg, bound[0], None if mux else bound[1], srtp)
        port.report_to = report_to
        port.next_report_us = _now_us() + _REPORT_EVERY_US
        for receiving in bound:
            self._selector.register(receiving.sock, selectors.EVENT_READ, (port, receiving))
        self._ports.add(port)
        self._sinks[id(sink)] = sink
        return port

    def release(self, port: RtpPort) -> None:
        """Stop draining a port; its sockets stay bound for a while."""
        if port not in self._ports:
            return
        self._ports.remove(port)
        if all(other.sink is not port.sink for other in self._ports):
            del self._sinks[id(port.sink)]
        socks = [receiving.sock for receiving in (port.rtp, port.rtcp) if receiving is not None]
        for sock in socks:
            self._selector.unregister(sock)
        self._deaf.append((_now_us() + _DEAF_US, socks))

    def drain(self) -> None:
        """One tick: everything that waits, to whom it belongs."""
        now_us = _now_us()
        for key, _ in self._selector.select(0):
            _guarded(self._drain, *key.data)
        for sink in tuple(self._sinks.values()):
            _guarded(sink.tick, now_us)
        if now_us >= self._next_scan_us:
            self._next_scan_us = now_us + _SCAN_EVERY_US
            self._scan(now_us)

    def drain_port(self, port: RtpPort) -> None:
        """Hand over what waits on one port."""
        for receiving in (port.rtp, port.rtcp):
            if receiving is not None:
                self._drain(port, receiving)

    def _drain(self, port: RtpPort, receiving: ReceivingSocket) -> None:
        now_us = _now_us()
        batch = receiving.drain(now_us, now_us - time.time_ns() // 1_000)
        if batch and port in self._ports:
            _guarded(self._hand_over, port, batch)

    def _scan(self, now_us: int) -> None:
        """Send the reports that are due, and close ports that have been deaf for long enough."""
        for port in tuple(self._ports):
            if now_us >= port.next_report_us:
                port.next_report_us = now_us + _REPORT_EVERY_US
                _guarded(port.send_report, now_us)
        while self._deaf and self._deaf[0][0] <= now_us:
            _close(self._deaf.popleft()[1])

    async def _run(self) -> None:
        due_us, worked_ns = _now_us(), time.thread_time_ns()
        while True:
            begun_us = _now_us()
            _guarded(self.drain)
            taken_us = _now_us() - begun_us
            self.longest_tick_us = max(self.longest_tick_us, taken_us)
            before_ns, worked_ns = worked_ns, time.thread_time_ns()
            needs_us = max(2 * taken_us, _BUSY_TICKS * (worked_ns - before_ns) // 1_000)
            due_us = max(due_us + self._tick_us, begun_us + min(needs_us, _LONGEST_TICK_US))
            await asyncio.sleep(max(due_us - _now_us(), 0) / 1_000_000)
            due_us = max(due_us, _now_us() - self._tick_us)

    def _hand_over(self, port: RtpPort, batch: list[tuple[int, bytes]]) -> None:
        """Part RTP from RTCP, which may come on either port, and hand both over."""
        # As `is_rtcp`, without a call for each packet.
        media = [item for item in batch if len(item[1]) < 2 or not 192 <= item[1][1] <= 223]
        if len(media) < len(batch):
            for arrival_us, datagram in batch:
                if is_rtcp(datagram):
                    port.sink.control(port.leg, arrival_us, datagram)
        if media:
            port.sink.packets(port.leg, media)

    def _bind(self, count: int) -> list[socket.socket]:
        """One or two sockets at the next free even port, and the one above it."""
        for _ in range(self._pairs):
            port = self._first + 2 * self._next_pair
            self._next_pair = (self._next_pair + 1) % self._pairs
            socks: list[socket.socket] = []
            try:
                for number in range(port, port + count):
                    socks.append(bound_socket(self._host, number))
            except OSError:
                _close(socks)
                continue
            return socks
        raise MediaPortError(*self._port_range)


def _guarded(work: Callable[..., None], *arguments: object) -> None:
    """A mistake about one call must not end the capture of the others."""
    try:
        work(*arguments)
    except Exception as error:
        logger.error("media not handed over", exc_info=error)


def _close(socks: list[socket.socket]) -> None:
    for sock in socks:
        sock.close()


def _now_us() -> int:
    return time.monotonic_ns() // 1_000

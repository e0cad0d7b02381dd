"""One leg's UDP sockets: what came since the last tick, with the kernel's arrival times."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Final

from koemori.audio.errors import RtpPacketError
from koemori.audio.rtp.arrivals import AT_ONCE, SO_TIMESTAMPNS, Address, Arrivals
from koemori.audio.rtp.packet import is_rtcp
from koemori.audio.rtp.srtp import SrtpSession

_MOST_READS_A_TICK: Final = 64
_RECEIVE_BUFFER_BYTES: Final = 1 << 19
_MOST_KNOWN_HOSTS: Final = 16
_OLDEST_US: Final = 10_000_000


def bound_socket(host: str, port: int) -> socket.socket:
    """A UDP socket that never waits and notes when a datagram came.

    Raises:
        OSError: The address cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        if SO_TIMESTAMPNS is not None:
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


class ReceivingSocket:
    """One socket and who may send to it.

    Attributes:
        sock: The socket.
        refused: Datagrams of hosts that may not send, or that do not verify.
        came_from: Who sent the newest datagram that was taken.
    """

    def __init__(
        self,
        sock: socket.socket,
        allows: Callable[[str], bool],
        srtp: SrtpSession | None,
        arrivals: Arrivals,
    ) -> None:
        self.sock = sock
        self._arrivals = arrivals
        self.refused = 0
        self.came_from: Address | None = None
        self._allows = allows
        self._srtp = srtp
        self._allowed: set[str] = set()

    def drain(self, now_us: int, clock_offset_us: int) -> list[tuple[int, bytes]]:
        """Everything that waits, in order, with arrival times of the monotonic clock in µs.

        Args:
            now_us: Monotonic time.
            clock_offset_us: Monotonic minus wall time, by which the kernel stamps.
        """
        batch: list[tuple[int, bytes]] = []
        allowed, oldest_us = self._allowed, now_us - _OLDEST_US
        for _ in range(_MOST_READS_A_TICK):
            came = self._arrivals.read(self.sock)
            for stamped_us, datagram, address in came:
                if address[0] not in allowed and not self._lets_in(address[0]):
                    self.refused += 1
                    continue
                arrival_us = stamped_us + clock_offset_us
                batch.append((arrival_us if oldest_us < arrival_us < now_us else now_us, datagram))
                self.came_from = address
            if len(came) < AT_ONCE:
                break
        return batch if self._srtp is None else self._open(batch, self._srtp)

    def send(self, datagram: bytes, to: Address) -> None:
        """Send; a peer that cannot be reached is none of a recorder's business."""
        with contextlib.suppress(OSError):
            self.sock.sendto(datagram, to)

    def _lets_in(self, host: str) -> bool:
        if not self._allows(host):
            return False
        if len(self._allowed) < _MOST_KNOWN_HOSTS:
            self._allowed.add(host)
        return True

    def _open(self, batch: list[tuple[int, bytes]], srtp: SrtpSession) -> list[tuple[int, bytes]]:
        """Take the cover off; what does not verify is left out."""
        opened: list[tuple[int, bytes]] = []
        for arrival_us, datagram in batch:
            try:
                opened.append((arrival_us, srtp.unprotect(datagram, control=is_rtcp(datagram))))
            except RtpPacketError:
                self.refused += 1
        return opened

"""What waits at a UDP socket, with the times at which it came.

`recvmmsg(2)` of Linux takes many datagrams at once. It never waits here, and so keeps the interpreter's lock:
letting go of it for each of thousands of sockets, and queueing for it again, costs more than the call. Where
it is missing, and for IPv6 (whose scopes the short form of an address has no room for), datagrams are taken
one by one.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from typing import Final, Protocol

Address = tuple[str, int]
Arrival = tuple[int, bytes, Address]
"""Wall time at which the kernel took it, in µs (0: it did not say); the datagram; who sent it."""

SO_TIMESTAMPNS: Final = 35 if sys.platform == "linux" else None
DATAGRAM_BYTES: Final = 4_096
AT_ONCE: Final = 32
_TIMESPEC: Final = struct.Struct("@qq")
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_TIMESPEC.size)
_HEADER: Final = struct.Struct("@PI4xPNPNi4xI4x")
"""`struct mmsghdr`: name, its length; vectors, how many; ancillary data, its length; flags; bytes."""
_VECTOR: Final = struct.Struct("@PN")
_CAME: Final = struct.Struct("@40xN8xI4x")
"""The same, as far as it tells of what came."""
_NAME: Final = struct.Struct("!2xH4s8x")
"""`struct sockaddr_in`."""
_BESIDE: Final = struct.Struct(f"@{_NAME.size}sNiiqq")
"""A name, then ancillary data: `struct cmsghdr` and a `timespec`."""
_STAMP_BYTES: Final = _BESIDE.size - _NAME.size
_MOST_NAMES: Final = 4_096


class Arrivals(Protocol):
    """Takes datagrams from sockets; one object for many sockets of one thread."""

    def read(self, sock: socket.socket) -> list[Arrival]:
        """Up to `AT_ONCE` of what waits, in order; fewer mean that nothing more waits."""
        ...


class OneByOne:
    """`recvmsg(2)`, for every system and every family."""

    def read(self, sock: socket.socket) -> list[Arrival]:
        """See `Arrivals`."""
        came: list[Arrival] = []
        while len(came) < AT_ONCE:
            try:
                datagram, ancillary, _, address = sock.recvmsg(DATAGRAM_BYTES, _ANCILLARY_BYTES)
            except OSError:
                break
            stamped_us = 0
            if ancillary:
                seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
                stamped_us = seconds * 1_000_000 + nanoseconds // 1_000
            came.append((stamped_us, datagram, address))
        return came


class ManyAtOnce:
    """`recvmmsg(2)`, for IPv4 on Linux with 64 bits."""

    def __init__(self) -> None:
        """Make room for `AT_ONCE` datagrams.

        Raises:
            AttributeError: The C library has no such call.
        """
        self._call = ctypes.PyDLL(None).recvmmsg
        self._others = OneByOne()
        self._known: dict[bytes, Address] = {}
        self._datagrams = bytearray(AT_ONCE * DATAGRAM_BYTES)
        self._beside = bytearray(AT_ONCE * _BESIDE.size)
        self._vectors = bytearray(AT_ONCE * _VECTOR.size)
        datagrams, beside, vectors = map(_address, (self._datagrams, self._beside, self._vectors))
        headers = bytearray()
        for index in range(AT_ONCE):
            _VECTOR.pack_into(
                self._vectors, index * _VECTOR.size, datagrams + index * DATAGRAM_BYTES, DATAGRAM_BYTES
            )
            headers += _HEADER.pack(
                beside + index * _BESIDE.size,
                _NAME.size,
                vectors + index * _VECTOR.size,
                1,
                beside + index * _BESIDE.size + _NAME.size,
                _STAMP_BYTES,
                0,
                0,
            )
        self._as_given = bytes(headers)
        self._headers = headers
        self._headers_at = ctypes.c_void_p(_address(headers))

    def read(self, sock: socket.socket) -> list[Arrival]:
        """See `Arrivals`."""
        if sock.family != socket.AF_INET:
            return self._others.read(sock)
        count = self._call(sock.fileno(), self._headers_at, AT_ONCE, socket.MSG_DONTWAIT, None)
        if count <= 0:
            return []
        datagrams, known = memoryview(self._datagrams), self._known
        came: list[Arrival] = []
        begin, used = 0, count * _HEADER.size
        for index in range(count):
            stamp_bytes, size = _CAME.unpack_from(self._headers, index * _HEADER.size)
            name, _, _, _, seconds, nanoseconds = _BESIDE.unpack_from(self._beside, index * _BESIDE.size)
            # Nothing else is asked for that the kernel could tell beside a datagram.
            stamped_us = seconds * 1_000_000 + nanoseconds // 1_000 if stamp_bytes >= _STAMP_BYTES else 0
            address = known.get(name) or self._learn(name)
            came.append((stamped_us, bytes(datagrams[begin : begin + size]), address))
            begin += DATAGRAM_BYTES
        self._headers[:used] = self._as_given[:used]
        return came

    def _learn(self, name: bytes) -> Address:
        port, host = _NAME.unpack(name)
        if len(self._known) >= _MOST_NAMES:
            self._known.clear()
        address = self._known[name] = (socket.inet_ntoa(host), port)
        return address


def open_arrivals() -> Arrivals:
    """The best there is here."""
    if sys.platform == "linux" and ctypes.sizeof(ctypes.c_void_p) == 8:
        try:
            return ManyAtOnce()
        except AttributeError:
            pass
    return OneByOne()


def _address(buffer: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))

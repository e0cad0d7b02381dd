"""Sends the RTP of a capture benchmark: a process of its own, hundreds of legs, 50 packets a second each.

    python -m koemori.server.bench.capture_sender HOST

Reads a line of JSON for each order from its standard input, `{"leg": 3, "port": 20006}` to begin and
`{"leg": 3}` to end, and answers the latter with `{"leg": 3, "packets": 500}`. All packets of a quarter of a
tick leave with one system call, `sendmmsg(2)`, so that the sender costs little beside what it measures.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import socket
import sys
import time
from dataclasses import dataclass, field

import numpy as np
from koemori.server.bench.capture_voice import (
    LOOP_PACKETS,
    NUMBER_SAMPLES,
    PACKET_SAMPLES,
    loop,
    number_codes,
)
from numpy.typing import NDArray

_HEADER_BYTES = 12
_PACKET_BYTES = _HEADER_BYTES + PACKET_SAMPLES
_TICK_S = 0.02
_PHASES = 4
_SEND_BUFFER_BYTES = 4 << 20


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """`struct mmsghdr` of Linux on 64 bits."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iov_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_uint32),
        ("sent", ctypes.c_uint32),
    )


@dataclass(slots=True)
class _Phase:
    """The legs that send at the same moment; one row of `packets` for each."""

    sock: socket.socket
    host: bytes
    legs: list[int] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    voices: NDArray[np.uint8] = field(
        default_factory=lambda: np.zeros((0, LOOP_PACKETS, PACKET_SAMPLES), np.uint8)
    )
    packets: NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, _PACKET_BYTES), np.uint8))
    kept: list[object] = field(default_factory=list)
    """What the kernel is pointed to."""
    headers: ctypes.Array[_Header] | None = None

    def begin(self, leg: int, port: int) -> None:
        """A leg sends from the next tick on."""
        self.legs.append(leg)
        self.ports.append(port)
        self.counts = np.append(self.counts, 0)
        self.voices = np.concatenate((self.voices, loop(leg)[None]))
        self._lay_out()

    def end(self, leg: int) -> int:
        """A leg sends no more; how many packets it has sent."""
        row = self.legs.index(leg)
        packets = int(self.counts[row])
        del self.legs[row], self.ports[row]
        self.counts = np.delete(self.counts, row)
        self.voices = np.delete(self.voices, row, axis=0)
        self._lay_out()
        return packets

    def send(self) -> None:
        """One packet of each leg."""
        if self.headers is None:
            return
        rows = np.arange(len(self.legs))
        packets, counts = self.packets, self.counts
        packets[:, 2:4] = counts.astype(">u2").view(np.uint8).reshape(-1, 2)
        packets[:, 4:8] = (counts * PACKET_SAMPLES).astype(">u4").view(np.uint8).reshape(-1, 4)
        packets[:, _HEADER_BYTES:] = self.voices[rows, counts % LOOP_PACKETS]
        packets[:, _HEADER_BYTES : _HEADER_BYTES + NUMBER_SAMPLES] = number_codes(counts)
        done, total = 0, len(self.legs)
        while done < total:
            start = ctypes.byref(self.headers, done * ctypes.sizeof(_Header))
            sent = _SENDMMSG(self.sock.fileno(), start, total - done, 0)
            if sent < 0:
                raise OSError(ctypes.get_errno(), "sendmmsg")
            done += sent
        counts += 1

    def _lay_out(self) -> None:
        count = len(self.legs)
        self.packets = np.zeros((count, _PACKET_BYTES), np.uint8)
        self.headers = None
        if not count:
            return
        self.packets[:, 0] = 0x80
        ssrcs = np.array(self.legs, dtype=">u4") + 0x4B000000
        self.packets[:, 8:12] = ssrcs.astype(">u4").view(np.uint8).reshape(-1, 4)
        family = socket.AF_INET.to_bytes(2, sys.byteorder)
        names = [
            ctypes.create_string_buffer(family + port.to_bytes(2, "big") + self.host, 16)
            for port in self.ports
        ]
        base = self.packets.ctypes.data
        vectors = (_Iovec * count)(
            *(_Iovec(base + row * _PACKET_BYTES, _PACKET_BYTES) for row in range(count))
        )
        at = ctypes.addressof(vectors)
        self.headers = (_Header * count)(
            *(
                _Header(
                    ctypes.addressof(names[row]), 16, at + row * ctypes.sizeof(_Iovec), 1, None, 0, 0, 0, 0
                )
                for row in range(count)
            )
        )
        self.kept = [names, vectors]


_SENDMMSG = ctypes.CDLL(None, use_errno=True).sendmmsg


def main() -> None:
    """Send until standard input ends."""
    host = socket.inet_aton(sys.argv[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        phases = [_Phase(sock, host) for _ in range(_PHASES)]
        os.set_blocking(0, False)
        gc.disable()
        _run(phases)


def _run(phases: list[_Phase]) -> None:
    step_s = _TICK_S / len(phases)
    due_s, step, waiting = time.monotonic(), 0, b""
    while True:
        phases[step % len(phases)].send()
        step += 1
        came = _read()
        if came is None:
            return
        *orders, waiting = (waiting + came).split(b"\n")
        for order in orders:
            _take(phases, json.loads(order))
        due_s += step_s
        time.sleep(max(0.0, due_s - time.monotonic()))


def _read() -> bytes | None:
    """What came; None at the end."""
    try:
        return os.read(0, 65_536) or None
    except BlockingIOError:
        return b""


def _take(phases: list[_Phase], order: dict[str, int]) -> None:
    leg = order["leg"]
    phase = phases[leg % len(phases)]
    if "port" in order:
        phase.begin(leg, order["port"])
        return
    sys.stdout.write(json.dumps({"leg": leg, "packets": phase.end(leg)}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()

"""Datagrams taken many at once are those that are taken one by one."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from koemori.audio.rtp.arrivals import AT_ONCE, DATAGRAM_BYTES, Arrivals, ManyAtOnce, OneByOne, open_arrivals
from koemori.audio.rtp.port import bound_socket

pytestmark = pytest.mark.unit


@pytest.fixture(params=["one by one", "many at once"])
def arrivals(request: pytest.FixtureRequest) -> Arrivals:
    if request.param == "one by one":
        return OneByOne()
    if sys.platform != "linux":
        pytest.skip("recvmmsg is a call of Linux")
    return ManyAtOnce()


@pytest.fixture(params=["127.0.0.1", "::1"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    with ExitStack() as opened:
        try:
            ours, theirs = (opened.enter_context(bound_socket(request.param, 0)) for _ in range(2))
        except OSError:
            pytest.skip("no IPv6 here")
        yield ours, theirs


def test_datagrams_come_in_order_with_sender_and_time(
    arrivals: Arrivals, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    sizes = [1, 172, 0, 1_500, DATAGRAM_BYTES, DATAGRAM_BYTES + 1, 12]
    before_us = time.time_ns() // 1_000
    for number, size in enumerate(sizes):
        theirs.sendto(bytes([number]) * size, ours.getsockname())
    came = arrivals.read(ours)
    after_us = time.time_ns() // 1_000
    sent = [bytes([number]) * min(size, DATAGRAM_BYTES) for number, size in enumerate(sizes)]
    assert [datagram for _, datagram, _ in came] == sent
    assert {address[:2] for _, _, address in came} == {theirs.getsockname()[:2]}
    if sys.platform == "linux":
        assert before_us <= came[0][0] <= came[-1][0] <= after_us
    assert arrivals.read(ours) == []


def test_more_than_fits_at_once_waits_for_the_next_time(
    arrivals: Arrivals, pair: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = pair
    sent = [number.to_bytes(4, "big") * 43 for number in range(AT_ONCE + 5)]
    for datagram in sent:
        theirs.sendto(datagram, ours.getsockname())
    came = [arrivals.read(ours), arrivals.read(ours), arrivals.read(ours)]
    assert [len(part) for part in came] == [AT_ONCE, 5, 0]
    assert [datagram for part in came for _, datagram, _ in part] == sent


def test_a_socket_that_does_not_tell_the_time_gives_none(arrivals: Arrivals) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
        bound_socket("127.0.0.1", 0) as stamping,
    ):
        ours.bind(("127.0.0.1", 0))
        ours.setblocking(False)
        theirs.sendto(b"stamped", stamping.getsockname())
        arrivals.read(stamping)
        theirs.sendto(b"bare", ours.getsockname())
        assert [(stamped, datagram) for stamped, datagram, _ in arrivals.read(ours)] == [(0, b"bare")]


def test_linux_takes_many_at_once() -> None:
    assert isinstance(open_arrivals(), ManyAtOnce if sys.platform == "linux" else OneByOne)


def test_a_closed_socket_has_nothing(arrivals: Arrivals) -> None:
    sock = bound_socket("127.0.0.1", 0)
    sock.close()
    assert arrivals.read(sock) == []

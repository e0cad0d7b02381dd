"""Real UDP sockets: batches with arrival times, refused peers, reports, encryption, ports that stay deaf."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from koemori.audio.errors import MediaPortError, RtpPacketError
from koemori.audio.rtp.packet import RtpPacket, build_packet, is_rtcp
from koemori.audio.rtp.rtcp import build_receiver_report
from koemori.audio.rtp.sockets import RtpPort, RtpSockets
from koemori.audio.rtp.srtp import SRTP_SUITES, SrtpKey, SrtpSession

pytestmark = pytest.mark.integration
PORTS = (37_000 + os.getpid() % 500 * 4, 37_003 + os.getpid() % 500 * 4)


class Sink:
    """Keeps what comes."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, list[tuple[int, bytes]]]] = []
        self.controls: list[bytes] = []
        self.ticked = asyncio.Event()

    def packets(self, leg: int, batch: Sequence[tuple[int, bytes]]) -> None:
        self.batches.append((leg, list(batch)))

    def control(self, leg: int, arrival_us: int, datagram: bytes) -> None:
        self.controls.append(datagram)

    def tick(self, now_us: int) -> None:
        self.ticked.set()

    def report(self, leg: int, now_us: int) -> bytes:
        return build_receiver_report(1, [], "us")

    @property
    def datagrams(self) -> list[bytes]:
        return [datagram for _, batch in self.batches for _, datagram in batch]


@pytest.fixture
async def sockets() -> AsyncIterator[RtpSockets]:
    opened = RtpSockets("127.0.0.1", *PORTS, tick_ms=10)
    await opened.start()
    yield opened
    await opened.aclose()


def packet(number: int) -> bytes:
    return build_packet(RtpPacket(0, False, number, 160 * number, 7, bytes(160)))


async def sent(port: RtpPort, datagrams: Sequence[bytes], sink: Sink, *, rtcp: bool = False) -> socket.socket:
    """Send from a socket of its own, and wait until the ticks have passed."""
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sender.bind(("127.0.0.1", 0))
    sender.settimeout(5)
    for datagram in datagrams:
        sender.sendto(datagram, ("127.0.0.1", port.rtcp_port if rtcp else port.rtp_port))
    async with asyncio.timeout(10):
        for _ in range(2):
            sink.ticked.clear()
            await sink.ticked.wait()
    return sender


async def test_a_socket_that_fails_costs_the_others_nothing(
    sockets: RtpSockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    sinks = Sink(), Sink()
    broken, whole = (sockets.open(sink, 0, allows=lambda host: True) for sink in sinks)

    def fails(*_arguments: object) -> list[tuple[int, bytes]]:
        raise ValueError("a mistake")

    monkeypatch.setattr(broken.rtp, "drain", fails)
    for number in range(2):
        for port, sink in zip((broken, whole), sinks, strict=True):
            (await sent(port, [packet(number)], sink)).close()
    assert sinks[1].datagrams == [packet(0), packet(1)]


async def test_what_comes_between_two_ticks_is_one_batch_stamped_by_the_kernel(sockets: RtpSockets) -> None:
    sink = Sink()
    port = sockets.open(sink, 3, allows=lambda host: True)
    assert port.rtp_port % 2 == 0
    assert port.rtcp_port == port.rtp_port + 1
    before_us = time.monotonic_ns() // 1_000
    time.sleep(0.005)  # noqa: ASYNC251 - the loop must not drain meanwhile
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for number in range(5):
        sender.sendto(packet(number), ("127.0.0.1", port.rtp_port))
    sent_us = time.monotonic_ns() // 1_000
    time.sleep(0.05)  # noqa: ASYNC251
    (await sent(port, [], sink)).close()
    sender.close()
    assert [leg for leg, _ in sink.batches] == [3]
    assert sink.datagrams == [packet(number) for number in range(5)]
    arrivals = [arrival for arrival, _ in sink.batches[0][1]]
    assert arrivals == sorted(arrivals)
    assert before_us < arrivals[0]
    assert arrivals[-1] < sent_us + 20_000


async def test_a_leg_can_be_emptied_before_a_change(sockets: RtpSockets) -> None:
    sink = Sink()
    port = sockets.open(sink, 0, allows=lambda host: True)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(packet(0), ("127.0.0.1", port.rtp_port))
    port.drain()
    assert sink.datagrams == [packet(0)]
    port.close()
    port.drain()


async def test_hosts_that_may_not_send_are_refused_and_counted(sockets: RtpSockets) -> None:
    sink = Sink()
    port = sockets.open(sink, 0, allows=lambda host: host != "127.0.0.1")
    (await sent(port, [packet(0), packet(1)], sink)).close()
    assert sink.datagrams == []
    assert port.refused == 2


async def test_rtcp_is_told_from_rtp_on_one_port_and_answered_with_a_report(sockets: RtpSockets) -> None:
    sink = Sink()
    port = sockets.open(sink, 0, allows=lambda host: True, mux=True)
    assert port.rtcp_port == port.rtp_port
    theirs = build_receiver_report(9, [], "them")
    sender = await sent(port, [packet(0), theirs], sink)
    assert sink.datagrams == [packet(0)]
    assert sink.controls == [theirs]
    port.next_report_us = 0
    assert is_rtcp(await asyncio.to_thread(sender.recv, 2_000))
    sender.close()


async def test_reports_go_where_rtcp_comes_from(sockets: RtpSockets) -> None:
    sink = Sink()
    port = sockets.open(sink, 0, allows=lambda host: True)
    (await sent(port, [packet(0)], sink)).close()
    control = await sent(port, [build_receiver_report(9, [], "them")], sink, rtcp=True)
    port.next_report_us = 0
    assert is_rtcp(await asyncio.to_thread(control.recv, 2_000))
    control.close()


@pytest.mark.parametrize("suite", SRTP_SUITES)
async def test_encrypted_media_is_opened_and_a_replay_refused(sockets: RtpSockets, suite: str) -> None:
    sink, theirs, ours = Sink(), SrtpKey.new(suite), SrtpKey.new(suite)
    peer = SrtpSession(received=ours, sent=SrtpKey.from_inline(suite, theirs.inline + "|2^20"))
    session = SrtpSession(received=theirs, sent=ours)
    port = sockets.open(sink, 0, allows=lambda host: True, mux=True, srtp=session)
    covered = peer.protect(packet(1))
    report = peer.protect(build_receiver_report(9, [], "them"), control=True)
    sender = await sent(port, [covered, covered, packet(2), b"\x80", report], sink)
    assert sink.datagrams == [packet(1)]
    assert len(sink.controls) == 1
    assert (session.replayed, session.failed, port.refused) == (1, 2, 3)
    port.next_report_us = 0
    answer = await asyncio.to_thread(sender.recv, 2_000)
    assert is_rtcp(peer.unprotect(answer, control=True))
    sender.close()


async def test_closed_ports_are_not_given_to_another_call(sockets: RtpSockets) -> None:
    sink = Sink()
    ports = [sockets.open(sink, leg, allows=lambda host: True) for leg in range(2)]
    assert len({port.rtp_port for port in ports}) == 2
    ports[0].close()
    ports[0].close()
    with pytest.raises(MediaPortError):
        sockets.open(sink, 2, allows=lambda host: True)
    (await sent(ports[0], [packet(0)], sink)).close()
    assert sink.datagrams == []


async def test_a_sink_that_fails_does_not_end_the_others(
    sockets: RtpSockets, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(Sink):
        def packets(self, leg: int, batch: Sequence[tuple[int, bytes]]) -> None:
            raise ValueError("a mistake")

    failing, sink = Failing(), Sink()
    bad = sockets.open(failing, 0, allows=lambda host: True)
    good = sockets.open(sink, 0, allows=lambda host: True)
    (await sent(bad, [packet(0)], sink)).close()
    (await sent(good, [packet(1)], sink)).close()
    assert sink.datagrams == [packet(1)]
    assert "media not handed over" in caplog.text


@pytest.mark.parametrize("parameters", ["inline:", "inline:abc", "inline:!!!", "clear:AAAA", ""])
def test_a_key_that_is_none_is_refused_without_being_shown(parameters: str) -> None:
    with pytest.raises(RtpPacketError, match="an inline key of 30 bytes"):
        SrtpKey.from_inline("AES_CM_128_HMAC_SHA1_80", parameters)
    with pytest.raises(RtpPacketError, match="an SRTP suite among"):
        SrtpKey.from_inline("F8_128_HMAC_SHA1_80", parameters)
    assert "key_and_salt" not in repr(SrtpKey.new("AEAD_AES_256_GCM"))

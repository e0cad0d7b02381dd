"""Media of a recording server over loopback sockets: what was sent before a change is never lost by it."""

from __future__ import annotations

import base64
import socket
from collections.abc import AsyncIterator

import pytest
from koemori.audio.call import CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.frames import AudioFrame, SourceEvent
from koemori.audio.rtp.packet import RtpPacket, build_packet
from koemori.audio.rtp.sockets import RtpSockets
from koemori.audio.rtp.srtp import SrtpKey, SrtpSession
from koemori.audio.signals import CallUpdated
from koemori.audio.sip.answer import LocalStream, Stream
from koemori.audio.sip.sdp import Codec, Crypto
from koemori.server.capture.siprec_media import RtpCallMedia

from tests.fakes.siprec_media import AT

pytestmark = pytest.mark.unit

SUITE = "AES_CM_128_HMAC_SHA1_80"
PCMU = Codec(0, "PCMU", 8_000)
CHANNEL = Channel(CallId("call"), LegId("leg"), 0, ChannelRole.UNKNOWN, "siprec")


def offered(key: SrtpKey | None = None) -> Stream:
    told = None if key is None else base64.b64encode(key.key_and_salt).decode()
    crypto = None if told is None else Crypto(1, SUITE, told)
    return Stream(0, None, PCMU, (PCMU,), held=False, crypto=crypto)


class Call:
    """A call of one leg, and who sends to it."""

    def __init__(self, key: SrtpKey | None = None) -> None:
        self.sockets = RtpSockets("127.0.0.1", 40_000, 40_199)
        self.media = RtpCallMedia(
            self.sockets,
            allows=lambda host: host == "127.0.0.1",
            began=lambda _media: None,
            stopped=lambda _call, _reason: None,
            heard=lambda: None,
        )
        self.local = self.media.open(0, offered(key))
        self.media.start(CallStarted(CallId("call"), AT, 8_000, (CHANNEL,)), [0])
        self._sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._number = 0
        self.cover = None if key is None else SrtpSession(key, key)

    def send(self, count: int, local: LocalStream | None = None, *, twice: bool = False) -> None:
        for _ in range(count):
            packet = build_packet(RtpPacket(0, False, self._number, self._number * 160, 7, b"\x10" * 160))
            datagram = packet if self.cover is None else self.cover.protect(packet)
            for _ in range(2 if twice else 1):
                self._sender.sendto(datagram, ("127.0.0.1", (local or self.local).port))
            self._number += 1

    async def events(self) -> list[SourceEvent]:
        """Everything told, once the call has ended."""
        self.media.end("completed")
        return [event async for event in self.media.events()]

    async def aclose(self) -> None:
        self._sender.close()
        await self.sockets.aclose()


def samples(events: list[SourceEvent]) -> int:
    return sum(len(event.samples) for event in events if isinstance(event, AudioFrame))


def counts(events: list[SourceEvent]) -> dict[str, str | int]:
    return dict([event.facts for event in events if isinstance(event, CallUpdated)][-1])


@pytest.fixture
async def plain() -> AsyncIterator[Call]:
    call = Call()
    yield call
    await call.aclose()


@pytest.fixture
async def covered() -> AsyncIterator[Call]:
    call = Call(SrtpKey.new(SUITE))
    yield call
    await call.aclose()


async def test_what_waits_on_a_stream_that_ends_is_recorded(plain: Call) -> None:
    plain.send(5)
    plain.media.close(0)
    events = await plain.events()
    assert samples(events) == 5 * 160
    assert counts(events)["packets_lost"] == 0


async def test_a_new_key_costs_no_packet_under_the_former_one(covered: Call) -> None:
    covered.send(5)
    after = covered.media.change(0, offered(new := SrtpKey.new(SUITE)))
    assert after.port != covered.local.port
    covered.send(5)  # our answer is still on its way to the sender
    covered.sockets.drain()
    covered.cover = SrtpSession(new, new)
    covered.send(5, after)
    events = await covered.events()
    assert samples(events) == 15 * 160
    assert counts(events)["packets_expected"] == counts(events)["packets_received"] == 15


async def test_duplicates_under_srtp_are_counted_as_such(covered: Call) -> None:
    covered.send(4, twice=True)
    told = counts(await covered.events())
    assert (told["packets_received"], told["packets_duplicated"]) == (4, 4)

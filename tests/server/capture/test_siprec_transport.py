"""SIP sockets: who may connect, how fast a peer is read, and who must show a certificate."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from koemori.audio.sip.flow import Flow, Send
from koemori.audio.sip.message import Message, Request
from koemori.audio.sip.responses import make_response
from koemori.server.capture.siprec import read_passwords
from koemori.server.capture.siprec_settings import SiprecTrunk
from koemori.server.capture.siprec_transport import SipListenError, SipSockets, SourceBudget

from tests.fakes.siprec import OPENSIPS, ORACLE
from tests.support.clients import program
from tests.support.service import free_port

pytestmark = pytest.mark.integration

HOST = "127.0.0.1"
OPTIONS = (
    b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)


def echo(message: Message, flow: Flow) -> list[Send]:
    assert isinstance(message, Request)
    return [Send(flow, make_response(message, 200, "t").to_bytes())]


@asynccontextmanager
async def listening(
    transport: str, *, allowed: bool = True, per_s: float = 1_000, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[str], list[Flow]]]:
    """A port that answers every request; what was refused, and which connections are gone."""
    refused: list[str] = []
    gone: list[Flow] = []
    sockets = SipSockets(lambda _host: allowed, echo, gone.append, refused.append, SourceBudget(per_s))
    port = free_port()
    await sockets.listen(HOST, transport, port, tls)
    try:
        yield port, refused, gone
    finally:
        await sockets.aclose()


@asynccontextmanager
async def connected(
    port: int, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that is closed for good at the end."""
    reader, writer = await asyncio.open_connection(HOST, port, ssl=tls)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """What still comes until the other end closes or resets."""
    try:
        return await reader.read(100)
    except ConnectionResetError:
        return b""


async def test_who_is_not_allowed_gets_no_byte_back() -> None:
    async with listening("tcp", allowed=False) as (port, refused, gone):
        async with connected(port) as (reader, writer):
            writer.write(OPTIONS)
            assert await _rest(reader) == b""
        assert refused == ["not-allowed"]
        assert gone == []


async def test_a_fast_stream_is_read_more_slowly_and_nothing_of_it_is_dropped() -> None:
    async with listening("tcp", per_s=400) as (port, refused, gone):
        began = asyncio.get_running_loop().time()
        async with connected(port) as (reader, writer):
            for count in (1_000, 1):
                writer.write(OPTIONS * count)
                for _ in range(count):
                    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200 ")
        assert asyncio.get_running_loop().time() - began > 0.3
        assert set(refused) == {"slowed-down"}
        for _ in range(500):
            if gone:
                break
            await asyncio.sleep(0.01)
        assert [flow.transport for flow in gone] == ["TCP"]


async def test_a_stream_whose_reads_end_within_messages_lives_as_long_as_messages_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("koemori.server.capture.siprec_transport._HALF_MESSAGE_S", 1.0)
    async with listening("tcp") as (port, _, _), connected(port) as (reader, writer):
        writer.write(OPTIONS[:20])
        for _ in range(14):
            await asyncio.sleep(0.1)
            writer.write(OPTIONS[20:] + OPTIONS[:20])
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200 ")
        assert await _rest(reader) == b""  # half a message, and then nothing more


async def test_who_is_not_allowed_gets_no_handshake_either(tmp_path: Path) -> None:
    signed(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    known = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    async with listening("tls", allowed=False, tls=server) as (port, refused, _):
        for count in (1, 2):
            with pytest.raises((ConnectionError, ssl.SSLError)):
                await asyncio.open_connection(HOST, port, ssl=known)
            assert refused == ["not-allowed"] * count


async def test_a_peer_that_does_not_finish_the_handshake_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("koemori.server.capture.siprec_transport._HANDSHAKE_S", 0.2)
    signed(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    async with listening("tls", tls=server) as (port, _, _), connected(port) as (reader, _):
        async with asyncio.timeout(5):
            assert await _rest(reader) == b""


def signed(folder: Path) -> None:
    """A certificate of its own authority, for server and client alike."""
    command = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True, timeout=20)


async def test_a_client_without_the_certificate_that_is_asked_for_is_not_heard(tmp_path: Path) -> None:
    signed(tmp_path)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.load_verify_locations(tmp_path / "cert.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    async with listening("tls", tls=server) as (port, _, _):
        known = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        async with connected(port, known) as (reader, writer):
            writer.write(OPTIONS)
            with pytest.raises((ssl.SSLError, asyncio.IncompleteReadError)):
                await reader.readuntil(b"\r\n\r\n")
        known.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        async with connected(port, known) as (reader, writer):
            writer.write(OPTIONS)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200 ")


class Caller(asyncio.DatagramProtocol):
    """A UDP peer that keeps what it gets."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        del addr
        self.got.put_nowait(data)


async def test_a_datagram_that_lost_its_end_is_taken_only_with_its_offer_whole() -> None:
    offer_last, offer_first = ORACLE.filled(ORACLE.invite()), OPENSIPS.filled(OPENSIPS.invite())
    async with listening("udp") as (port, refused, _):
        loop = asyncio.get_running_loop()
        transport, caller = await loop.create_datagram_endpoint(Caller, remote_addr=(HOST, port))
        for request, answer in ((offer_last, b"SIP/2.0 400 "), (offer_first, b"SIP/2.0 200 ")):
            transport.sendto(request[:-200])
            assert (await asyncio.wait_for(caller.got.get(), 5)).startswith(answer)
        transport.sendto(b"\r\n\r\n")
        transport.sendto(b"noise")
        transport.sendto(offer_first)
        assert (await asyncio.wait_for(caller.got.get(), 5)).startswith(b"SIP/2.0 200 ")
        assert refused == ["cut-off", "cut-off", "not-understood"]
        transport.close()


async def test_a_port_that_is_taken_says_so() -> None:
    async with listening("tcp") as (port, _, _):
        sockets = SipSockets(
            lambda _host: True, echo, lambda _flow: None, lambda _code: None, SourceBudget(1)
        )
        with pytest.raises(SipListenError, match=str(port)):
            await sockets.listen(HOST, "tcp", port)


def test_a_source_has_its_own_budget_which_fills_again() -> None:
    budget = SourceBudget(10)
    assert [budget.take("a", 0.0) for _ in range(21)] == [True] * 20 + [False]
    assert budget.take("b", 0.0)
    assert budget.take("a", 0.1)
    assert not budget.take("a", 0.1)
    assert [budget.spend("c", 0.0) for _ in range(25)][-1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"transports": ["tls"]},
        {"host": "0.0.0.0"},  # noqa: S104
        {"host": "sbc.example"},
        {"media_port_first": 30_000, "media_port_last": 30_000},
        {"codecs": ["G729"]},
    ],
)
def test_settings_that_cannot_work_are_mistakes(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        SiprecTrunk.model_validate({"kind": "siprec", **wrong})


def test_passwords_are_pairs(tmp_path: Path) -> None:
    path = tmp_path / "sip.passwords"
    path.write_text("# comment\nsbc:se:cret\n\n", encoding="utf-8")
    assert read_passwords(path) == {"sbc": "se:cret"}
    path.write_text("sbc\n", encoding="utf-8")
    with pytest.raises(Exception, match="user:password"):
        read_passwords(path)

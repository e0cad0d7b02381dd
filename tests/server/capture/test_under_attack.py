"""Two calls go on, sample for sample, while strangers try every listener: refused, counted, nobody named."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from koemori.audio.codecs.g711 import decode_mulaw
from koemori.server.capture.audiosocket import AudioSocketListener
from numpy.typing import NDArray
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from tests.fakes import media
from tests.fakes.audiohook import SECRET, signed_headers
from tests.fakes.light import light_service
from tests.support.service import free_port
from tests.support.sockets import refused, sealed, status, until

pytestmark = pytest.mark.integration

FRIEND, STRANGER = "127.0.0.1", "127.0.0.2"
NUMBER, KEY = "09012345678", "key-of-a-stranger"
TICKS = 250
"""Of 20 ms: how long the live calls last at least."""
MOST_TICKS = 1_000
FLOOD = 150
"""Datagrams of a stranger to the port of a live call."""
SIP_FLOOD = 400
OPTIONS = (
    f"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:{NUMBER}@b>;tag=1\r\n"
    "To: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
).encode()


class LiveCalls:
    """A call by RTP and one by WebSocket, both paced; they end once the attacks are over."""

    def __init__(self, client: TestClient, rtp_port: int) -> None:
        self.ticks = 0
        self._client = client
        self._rtp_port = rtp_port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._play)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Begin before the block, end after it."""
        self._thread.start()
        try:
            until(lambda: self.ticks > 10)
            yield
        finally:
            self._over.set()
            self._thread.join(30)
        assert not self._thread.is_alive()

    @property
    def rtp_samples(self) -> NDArray[np.int16]:
        return decode_mulaw(b"".join(voice(number) for number in range(self.ticks)))

    @property
    def stream_samples(self) -> dict[str, NDArray[np.int16]]:
        chunks = range(1, self.ticks + 1)
        return {
            track: decode_mulaw(b"".join(media.payload(track, number) for number in chunks))
            for track in ("inbound", "outbound")
        }

    def _play(self) -> None:
        with (
            self._client.websocket_connect("/ingest/media") as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line,
        ):
            line.bind((FRIEND, 0))
            stream.send_text(media.start())
            begun_s = time.monotonic()
            while self.ticks < TICKS or (not self._over.is_set() and self.ticks < MOST_TICKS):
                line.sendto(rtp(self.ticks), (FRIEND, self._rtp_port))
                for track in ("inbound", "outbound"):
                    stream.send_text(media.media(track, self.ticks + 1))
                self.ticks += 1
                time.sleep(max(0.0, begun_s + self.ticks * 0.02 - time.monotonic()))
            stream.send_text(media.STOP)
            self._until_closed(stream)

    @staticmethod
    def _until_closed(stream: WebSocketTestSession) -> None:
        with suppress(WebSocketDisconnect):
            stream.receive_text()


def voice(number: int) -> bytes:
    """160 bytes of µ-law that tell which packet they are."""
    return bytes((number * 13 + step * 3) % 251 for step in range(160))


def rtp(number: int, ssrc: int = 7, payload: bytes | None = None) -> bytes:
    head = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * 160, ssrc)
    return head + (voice(number) if payload is None else payload)


def datagrams(host: str, port: int, *contents: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind((host, 0))
        for number, content in enumerate(contents):
            line.sendto(content, (FRIEND, port))
            if number % 50 == 49:
                time.sleep(0.005)  # the sockets' buffers are not what is tried here


def connection(host: str, port: int, *contents: bytes) -> None:
    """Send, and wait until the other end has had enough."""
    with (
        suppress(ConnectionError, TimeoutError),
        socket.create_connection((FRIEND, port), timeout=3, source_address=(host, 0)) as line,
    ):
        for content in contents:
            line.sendall(content)
        while line.recv(4_096):
            pass


def closing_code(client: TestClient, path: str, headers: dict[str, str], *messages: str) -> int:
    """What a socket that was accepted is closed with."""
    with client.websocket_connect(path, headers=headers) as stranger:
        for message in messages:
            stranger.send_text(message)
        try:
            while True:
                stranger.receive_text()
        except WebSocketDisconnect as error:
            return error.code


def trunks(rtp_port: int, sip_port: int) -> dict[str, Any]:
    only_friend = {"allow": [f"{FRIEND}/32"]}
    ports = {"media_port_first": 31_000, "media_port_last": 31_099}
    lines = [{"mixed_port": rtp_port}]
    sip = {"kind": "siprec", "port": sip_port, "requests_per_s": 20, **ports}
    return {
        "line": {"kind": "rtp", "lines": lines, "silence_s": 1.0, **ports, **only_friend},
        "sbc": {**sip, **only_friend},
        "pbx": {"kind": "audiosocket", "port": 0, "start_s": 0.3, **only_friend},
        "cloud": {"kind": "stream", "auth_token": "our-signing-secret-123"},
        "genesys": {"kind": "audiohook", "api_key": "the-api-key", "client_secret": SECRET.decode()},
        "fork": {"kind": "freeswitch", "token": "our-token-of-16-letters", "start_s": 0.3},
        "web": {"kind": "whip", "token": "our-device-token-16"},
    }


def free_even_port() -> int:
    """With the odd one above it, which RTCP has."""
    for first in range(24_000 + 2 * (time.monotonic_ns() % 1_000), 60_000, 2):
        with (
            suppress(OSError),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as even,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as odd,
        ):
            even.bind((FRIEND, first))
            odd.bind((FRIEND, first + 1))
            return first
    raise AssertionError("no ports are free")


def attack_web(client: TestClient) -> None:
    """Wrong, old and used signatures, wrong tokens, trunks that do not exist, bodies that are too large."""
    strange = {"X-Twilio-Signature": KEY, "authorization": f"Bearer {KEY}", "x-caller": NUMBER}
    assert refused(client, f"/ingest/{KEY}", strange)
    assert refused(client, "/ingest/cloud", strange)
    assert refused(client, "/ingest/fork", strange)
    used = signed_headers("testserver")
    replayed = signed_headers("testserver", nonce='"a-nonce-that-is-used-twice"')
    assert refused(client, "/ingest/genesys", {**used, "signature": "sig1=:AAAA:"})
    assert refused(client, "/ingest/genesys", signed_headers("testserver", created="1000000000"))
    with client.websocket_connect("/ingest/genesys", headers=replayed) as first:
        assert refused(client, "/ingest/genesys", replayed)
        first.close()
    ours = {"authorization": "Bearer our-token-of-16-letters"}
    assert closing_code(client, "/ingest/fork", ours, f'{{"from": "{NUMBER}"}}' + " " * 70_000) == 1000
    assert closing_code(client, "/ingest/fork", ours) == 1000
    offer = {"Content-Type": "application/sdp", "Authorization": f"Bearer {KEY}"}
    assert client.post("/ingest/web/whip", content=b"v=0", headers=offer).status_code == 401
    large = client.post(
        "/api/v1/events", content=NUMBER.encode() * 8_000, headers={"content-type": "application/json"}
    )
    assert large.status_code == 413
    assert client.post("/api/v1/trunks/none/calls", json={}).status_code == 404


def attack_sip(port: int) -> None:
    datagrams(STRANGER, port, *[OPTIONS] * 20)
    datagrams(FRIEND, port, f"{NUMBER} is not SIP".encode(), b"\xff" * 1_400, OPTIONS[:60])
    datagrams(FRIEND, port, *[OPTIONS] * SIP_FLOOD)
    connection(STRANGER, port, OPTIONS)
    connection(FRIEND, port, NUMBER.encode() * 9_000)
    connection(FRIEND, port, OPTIONS.replace(b"Content-Length: 0", b"Content-Length: 99999999"))


def attack_media(audiosocket_port: int, rtp_port: int) -> None:
    connection(STRANGER, audiosocket_port, b"\x01\x00\x10" + bytes(16))
    connection(FRIEND, audiosocket_port, f"GET /{NUMBER} HTTP/1.1\r\n\r\n".encode())
    connection(FRIEND, audiosocket_port)
    datagrams(STRANGER, rtp_port, *[rtp(number, payload=b"\x00" * 160) for number in range(FLOOD)])
    datagrams(FRIEND, rtp_port, b"", b"\x80", b"\xff" * 1_400, NUMBER.encode(), b"\x80\xc8" + bytes(30))


def test_live_calls_are_exact_while_strangers_try_every_listener(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    rtp_port, sip_port = free_even_port(), free_port()
    with light_service(tmp_path, trunks=trunks(rtp_port, sip_port)) as client:
        listener = client.app.state.services.trunks.listeners["pbx"]  # type: ignore[attr-defined]
        assert isinstance(listener, AudioSocketListener)
        calls = LiveCalls(client, rtp_port)
        with calls.going_on():
            attack_media(listener.port, rtp_port)
            attack_sip(sip_port)
            attack_web(client)
        found = sealed(tmp_path, 2)
        counted = {
            name: dict(status(client, name).refused)
            for name in ("sbc", "pbx", "cloud", "genesys", "fork", "web")
        }
        metrics = client.get("/metrics").text
        assert {name: status(client, name).calls_taken for name in counted} == dict.fromkeys(counted, 0)

    check_samples(calls, found)
    assert counted["cloud"] == {"bad-proof": 1}
    assert counted["genesys"] == {"bad-signature": 1, "clock-skew": 1, "replayed": 1}
    assert counted["fork"] == {"bad-token": 1, "too-large": 1, "start-timeout": 1}
    assert counted["web"] == {"bad-token": 1}
    assert counted["pbx"] == {"not-allowed": 1, "audiosocket": 1, "start-timeout": 1}
    assert counted["sbc"]["not-allowed"] == 21
    assert counted["sbc"]["not-understood"] >= 3
    assert counted["sbc"]["too-large"] == 1
    assert counted["sbc"]["too-many-requests"] > SIP_FLOOD // 2
    assert 'koemori_trunk_refusals_total{reason="unknown-trunk",trunk="unknown-trunk"} 1.0' in metrics
    said = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records if is_ours(record))
    assert "not signed as it should be" in said
    for secret in (NUMBER, KEY, "our-signing-secret-123", "our-token-of-16-letters", STRANGER):
        assert secret not in said
        assert secret not in metrics


def is_ours(record: logging.LogRecord) -> bool:
    return record.name.startswith("koemori")


def check_samples(calls: LiveCalls, found: list[tuple[Any, dict[str, Any]]]) -> None:
    """Nothing is missing, nothing is added, nothing is another."""
    assert calls.ticks >= TICKS
    ((mixed, line),) = [one for one in found if one[0].shape[1] == 1]
    ((both, stream),) = [one for one in found if one[0].shape[1] == 2]
    assert mixed[~without_sound(line, len(mixed)), 0].tobytes() == calls.rtp_samples.tobytes()
    sides = {channel["role"]: channel["index"] for channel in stream["audio"]["channels"]}
    sent = calls.stream_samples
    assert np.array_equal(both[:, sides["agent"]], sent["outbound"])
    assert np.array_equal(both[:, sides["customer"]], sent["inbound"])
    assert stream["gaps"] == []


def without_sound(manifest: dict[str, Any], samples: int) -> NDArray[np.bool_]:
    """Where nothing was sent: the sender shares this machine and may stall, and stops before the call does.

    What was sent and is missing would be missing from the rest.
    """
    found = np.zeros(samples, np.bool_)
    for gap in manifest["gaps"]:
        found[gap["start_sample"] : gap["start_sample"] + gap["sample_count"]] = True
    return found

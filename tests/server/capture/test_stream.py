"""Calls over the media socket: who may, what is kept, and how each end is told."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from koemori.audio.codecs.g711 import decode_mulaw
from koemori.server.archive.manifest import verify_recording
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from tests.fakes import media
from tests.fakes.light import light_service

pytestmark = pytest.mark.integration

PATH = "/ingest/media"
BOTH = ("inbound", "outbound")
PATIENCE_S = 10


def _send(socket: WebSocketTestSession, count: int, first: int = 1) -> None:
    for number in range(first, first + count):
        for track in BOTH:
            socket.send_text(media.media(track, number))


def _sent(track: str, count: int) -> Any:
    return decode_mulaw(b"".join(media.payload(track, number) for number in range(1, count + 1)))


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.01)


def _manifests(home: Path) -> list[Path]:
    return list((home / "archive" / "recordings").rglob("manifest.json"))


def _sealed(home: Path) -> tuple[Any, dict[str, Any]]:
    """The one recording: samples (n, 2) and manifest."""
    _until(lambda: len(_manifests(home)) == 1)
    (path,) = _manifests(home)
    assert verify_recording(path.parent).ok
    samples, _ = soundfile.read(path.parent / "master.flac", dtype="int16", always_2d=True)
    return samples, json.loads(path.read_text(encoding="utf-8"))["body"]


def _recorded_ms(client: TestClient) -> int:
    live = client.app.state.services.live  # type: ignore[attr-defined]
    return max((session.now_ms for session in tuple(live._sessions)), default=0)


def _metric(client: TestClient, line: str) -> bool:
    return line in client.get("/metrics").text


def test_anothers_web_page_on_this_machine_is_no_phone_system(tmp_path: Path) -> None:
    with light_service(tmp_path) as client:
        headers = {"Origin": "http://elsewhere.example:8410"}
        with (
            pytest.raises(WebSocketDisconnect) as refused,
            client.websocket_connect(PATH, headers=headers) as socket,
        ):
            socket.receive()
        assert refused.value.code == 1008
        assert _metric(client, 'koemori_trunk_refusals_total{reason="not-allowed",trunk="media"} 1.0')


def test_a_call_is_sealed_with_exactly_the_samples_that_came(tmp_path: Path) -> None:
    with light_service(tmp_path) as client:
        with client.websocket_connect(PATH) as socket:
            socket.send_text(media.start(*BOTH))
            _send(socket, 60)
            socket.send_text(media.STOP)
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_text()
        assert closed.value.code == 1000
        samples, _ = _sealed(tmp_path)
    assert np.array_equal(samples[:, 0], _sent("outbound", 60))
    assert np.array_equal(samples[:, 1], _sent("inbound", 60))


def test_a_socket_that_dies_is_sealed_with_all_that_came(tmp_path: Path) -> None:
    with light_service(tmp_path) as client:
        with client.websocket_connect(PATH) as socket:
            socket.send_text(media.start(*BOTH))
            _send(socket, 30)
            # Leaving the block throws away what the test client has not handed over yet; a real peer cannot.
            _until(lambda: _recorded_ms(client) == 600)
        samples, manifest = _sealed(tmp_path)
    assert len(samples) == 30 * 160
    assert manifest["end_reason"] == "disconnected"


def test_unusable_messages_are_counted_and_cost_nothing_else(tmp_path: Path) -> None:
    bad = [
        "not json",
        "[]",
        '{"event":"surprise"}',
        media.media("inbound", 11).replace('"payload": "', '"payload": "%%%'),
        media.media("sideways", 11),
        json.dumps({"event": "media", "x": "y" * 70_000}),
    ]
    with light_service(tmp_path) as client:
        with client.websocket_connect(PATH) as socket:
            socket.send_text(media.start(*BOTH))
            _send(socket, 10)
            for message in bad:
                socket.send_text(message)
            socket.send_bytes(b"\0\1")
            _send(socket, 10, first=11)
            socket.send_text(media.STOP)
            with pytest.raises(WebSocketDisconnect):
                socket.receive_text()
        samples, _ = _sealed(tmp_path)
        assert _metric(client, f'koemori_ingest_errors_total{{code="media-message"}} {float(len(bad) + 1)}')
        assert _metric(client, 'koemori_trunk_refusals_total{reason="too-large",trunk="media"} 1.0')
    assert len(samples) == 20 * 160


def test_reordered_and_doubled_chunks_are_put_right_and_a_missing_one_is_a_gap(tmp_path: Path) -> None:
    with light_service(tmp_path) as client:
        with client.websocket_connect(PATH) as socket:
            socket.send_text(media.start(*BOTH))
            for number in (1, 3, 2, 2, 4, 6, 7):
                for track in BOTH:
                    socket.send_text(media.media(track, number))
            socket.send_text(media.STOP)
            with pytest.raises(WebSocketDisconnect):
                socket.receive_text()
        samples, manifest = _sealed(tmp_path)
    expected = _sent("outbound", 7)
    expected[4 * 160 : 5 * 160] = 0
    assert np.array_equal(samples[:, 0], expected)
    row = manifest["ledger"]["channels"][0]
    assert (row["captured_ms"], row["lost_ms"], row["duration_ms"]) == (120, 20, 140)


def test_a_start_that_cannot_be_used_closes_the_socket_and_records_nothing(tmp_path: Path) -> None:
    with light_service(tmp_path) as client:
        with client.websocket_connect(PATH) as socket:
            socket.send_text(media.start(*BOTH, encoding="audio/opus"))
            with pytest.raises(WebSocketDisconnect) as closed:
                socket.receive_text()
        assert closed.value.code == 1003
    assert _manifests(tmp_path) == []


def test_a_stream_that_falls_silent_is_taken_for_dead(tmp_path: Path) -> None:
    with light_service(tmp_path, trunks={"media": {"idle_timeout_s": 0.2}}) as client:
        with client.websocket_connect(PATH) as socket:
            socket.send_text(media.start(*BOTH))
            _send(socket, 5)
            with pytest.raises(WebSocketDisconnect):
                socket.receive_text()
        _, manifest = _sealed(tmp_path)
    assert manifest["end_reason"] == "idle"


def test_shutdown_seals_a_call_with_all_that_came(tmp_path: Path) -> None:
    with light_service(tmp_path) as client, client.websocket_connect(PATH) as socket:
        socket.send_text(media.start(*BOTH))
        _send(socket, 40)
        # The sixth-last chunk waits in the reorder buffer for one that never comes.
        for track in BOTH:
            socket.send_text(media.media(track, 42))
        socket.send_text("the last message is read once it is counted")
        _until(lambda: _metric(client, 'koemori_ingest_errors_total{code="media-message"} 1.0'))
        live = client.app.state.services.live  # type: ignore[attr-defined]
        assert client.portal is not None
        client.portal.call(live.drain, "shutdown")
        samples, manifest = _sealed(tmp_path)
    assert manifest["end_reason"] == "shutdown"
    assert np.array_equal(samples[41 * 160 :, 0], _sent("outbound", 42)[41 * 160 :])


def _refused(client: TestClient, **headers: str) -> bool:
    try:
        with client.websocket_connect(PATH, headers=headers):
            return False
    except WebSocketDisconnect as error:
        return error.code == 1008


def test_without_a_secret_only_this_machine_may_send(tmp_path: Path) -> None:
    with light_service(tmp_path / "far", peer="192.0.2.7") as client:
        assert _refused(client)
    with light_service(tmp_path / "near") as client:
        assert not _refused(client)
        for header in ("x-forwarded-for", "forwarded", "via", "x-real-ip", "x-forwarded-proto"):
            assert _refused(client, **{header: "192.0.2.7"})


def test_a_bearer_token_opens_the_socket(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("s3cret\n", encoding="utf-8")
    trunk = {"token_file": str(secret)}
    with light_service(tmp_path, peer="192.0.2.7", trunks={"media": trunk}) as client:
        assert _refused(client)
        assert _refused(client, authorization="Bearer wrong")
        assert not _refused(client, authorization="Bearer s3cret")


def test_a_signature_over_the_public_address_opens_the_socket(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("s3cret", encoding="utf-8")
    url = b"wss://calls.example.jp/ingest/media"
    signature = base64.b64encode(hmac.new(b"s3cret", url, hashlib.sha1).digest()).decode()
    with light_service(
        tmp_path,
        peer="192.0.2.7",
        server={"public_url": "https://calls.example.jp/"},
        trunks={"media": {"auth_token_file": str(secret), "allow": ["192.0.2.0/24"]}},
    ) as client:
        assert _refused(client, **{"x-twilio-signature": "wrong"})
        assert not _refused(client, **{"x-twilio-signature": signature})


def test_more_calls_than_allowed_are_turned_away(tmp_path: Path) -> None:
    with light_service(tmp_path, trunks={"media": {"max_calls": 1}}) as client:
        with client.websocket_connect(PATH) as socket:
            socket.send_text(media.start(*BOTH))
            live = client.app.state.services.live  # type: ignore[attr-defined]
            _until(lambda: len(live) == 1)
            with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect(PATH):
                pass
        assert closed.value.code == 1013

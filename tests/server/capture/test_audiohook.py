"""AudioHook over a socket: a call is sealed, a probe leaves nothing, and who is not signed is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from koemori.audio.codecs.g711 import decode_mulaw
from koemori.server.config import SettingsError
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.fakes.audiohook import NOBODY, SECRET, AudioHookClient, signed_headers
from tests.fakes.light import light_service
from tests.support.sockets import manifests, refused, sealed, status, until

pytestmark = pytest.mark.integration
PATH = "/ingest/genesys"


@contextmanager
def service(home: Path, public_url: str | None = None) -> Iterator[TestClient]:
    (home / "key").write_text("the-api-key\n", encoding="utf-8")
    (home / "secret").write_text(SECRET.decode(), encoding="utf-8")
    trunk = {
        "kind": "audiohook",
        "api_key_file": str(home / "key"),
        "client_secret_file": str(home / "secret"),
    }
    server = {"public_url": public_url}
    with light_service(home, trunks={"genesys": trunk}, server=server) as client:
        yield client


def headers() -> dict[str, str]:
    """As the test client's host sees them."""
    return signed_headers("testserver")


def test_a_conversation_is_sealed_and_closed_as_the_protocol_has_it(tmp_path: Path) -> None:
    peer = AudioHookClient()
    external = bytes(n % 100 for n in range(8000))
    internal = bytes(128 + n % 100 for n in range(8000))
    with service(tmp_path) as client:
        with client.websocket_connect(PATH, headers=headers()) as socket:
            socket.send_text(peer.open())
            assert peer.hear(socket.receive_text())[0]["type"] == "opened"
            for place in range(0, 8000, 1600):
                ends = slice(place, place + 1600)
                socket.send_bytes(peer.audio(external[ends], internal[ends]))
            socket.send_text(peer.say("ping"))
            assert peer.hear(socket.receive_text())[0]["type"] == "pong"
            socket.send_text(peer.say("close", reason="end"))
            assert peer.hear(socket.receive_text())[0]["type"] == "closed"
        ((samples, manifest),) = sealed(tmp_path)
        until(lambda: status(client, "genesys").calls_taken == 1)
        assert status(client, "genesys").problems == {}
    assert manifest["end_reason"] == "stop"
    assert np.array_equal(samples[:, 0], decode_mulaw(internal))
    assert np.array_equal(samples[:, 1], decode_mulaw(external))


def test_probes_refusals_and_broken_clients_leave_nothing_behind(tmp_path: Path) -> None:
    with service(tmp_path) as client:
        peer = AudioHookClient()
        used = headers()
        with client.websocket_connect(PATH, headers=used) as socket:
            socket.send_text(peer.open(NOBODY))
            peer.hear(socket.receive_text())
            socket.send_text(peer.say("close", reason="end"))
            assert peer.hear(socket.receive_text())[0]["type"] == "closed"
        began_s = time.monotonic()
        assert refused(client, PATH, used)
        assert time.monotonic() - began_s >= 0.5
        assert refused(client, PATH, {"x-api-key": "the-api-key"})
        assert refused(client, PATH, signed_headers("testserver", created="1000000000"))
        with client.websocket_connect(PATH, headers=headers()) as socket:
            socket.send_text("{}")
            assert json.loads(socket.receive_text())["parameters"]["reason"] == "error"
        until(lambda: status(client, "genesys").problems["audiohook-protocol"] == 1)
        assert status(client, "genesys").refused == {"replayed": 1, "bad-signature": 1, "clock-skew": 1}
        assert status(client, "genesys").calls_taken == 0
        assert manifests(tmp_path) == []


def test_behind_a_proxy_the_public_address_is_what_was_signed(tmp_path: Path) -> None:
    with service(tmp_path, "https://calls.example.jp") as client:
        assert refused(client, PATH, headers())
        public = signed_headers("calls.example.jp")
        with client.websocket_connect(PATH, headers=public) as socket:
            socket.send_text(AudioHookClient().open(NOBODY))
            assert json.loads(socket.receive_text())["type"] == "opened"


def test_shutdown_tells_the_client_and_seals(tmp_path: Path) -> None:
    peer = AudioHookClient()
    with service(tmp_path) as client, client.websocket_connect(PATH, headers=headers()) as socket:
        socket.send_text(peer.open())
        peer.hear(socket.receive_text())
        socket.send_bytes(peer.audio(b"\x01" * 800, b"\x02" * 800))
        socket.send_text(peer.say("ping"))
        peer.hear(socket.receive_text())
        assert client.portal is not None
        client.portal.call(client.app.state.services.live.drain, "shutdown")  # type: ignore[attr-defined]
        assert peer.hear(socket.receive_text())[0]["type"] == "disconnect"
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()
    ((samples, manifest),) = sealed(tmp_path)
    assert (len(samples), manifest["end_reason"]) == (800, "shutdown")


def test_a_trunk_without_an_api_key_does_not_open(tmp_path: Path) -> None:
    with (
        pytest.raises(SettingsError, match=r"trunks\.genesys: expected an api_key_file"),
        light_service(tmp_path, trunks={"genesys": {"kind": "audiohook"}}),
    ):
        pass

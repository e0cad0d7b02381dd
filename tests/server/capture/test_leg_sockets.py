"""FreeSWITCH forks and Asterisk channels over sockets: stereo, legs that are joined, keys, and limits."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from koemori.audio.codecs.g711 import decode_mulaw
from numpy.typing import NDArray
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from tests.fakes.light import light_service
from tests.support.sockets import manifests, recorded_ms, refused, sealed, status, until

pytestmark = pytest.mark.integration
TRUNKS = {
    "fs": {"kind": "freeswitch", "join_s": 1.0},
    "ast": {"kind": "chan_websocket", "join_s": 1.0, "start_s": 0.5, "max_calls": 2},
}
CHUNK_S = 0.02


def tone(hz: int, seconds: float, rate_hz: int = 8000) -> NDArray[np.int16]:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return (8000 * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)


def loudest_hz(samples: NDArray[np.int16], rate_hz: int = 8000) -> int:
    spectrum = np.abs(np.fft.rfft(samples))
    return round(float(np.argmax(spectrum)) * rate_hz / len(samples))


def play(sockets: dict[WebSocketTestSession, bytes], size: dict[WebSocketTestSession, int]) -> None:
    """Send each socket's audio in chunks, paced like a line."""
    begun_s = time.monotonic()
    count = max(-(-len(audio) // size[socket]) for socket, audio in sockets.items())
    for number in range(count):
        for socket, audio in sockets.items():
            socket.send_bytes(audio[number * size[socket] : (number + 1) * size[socket]])
        time.sleep(max(0.0, begun_s + (number + 1) * CHUNK_S - time.monotonic()))


def test_a_stereo_fork_is_a_call_with_its_sides_apart(tmp_path: Path) -> None:
    both = np.stack((tone(440, 1.0), tone(1000, 1.0)), axis=1).tobytes()
    metadata = {"uuid": "u-1", "callid": "c-1", "from": "0300000000", "agent": "suzuki"}
    with light_service(tmp_path, trunks=TRUNKS) as client:
        with client.websocket_connect("/ingest/fs", subprotocols=["audio.drachtio.org"]) as socket:
            assert socket.accepted_subprotocol == "audio.drachtio.org"
            socket.send_text(json.dumps(metadata))
            play({socket: both}, {socket: 642})
            socket.send_text(json.dumps({"event": "dtmf", "digits": "4111111111111111"}))
            until(lambda: recorded_ms(client) == 1000)
        ((samples, manifest),) = sealed(tmp_path)
    assert [one["name"] for one in manifest["files"]] == ["master.flac", "metadata-1.json"]
    assert [channel["role"] for channel in manifest["audio"]["channels"]] == ["agent", "customer"]
    assert (loudest_hz(samples[:, 0]), loudest_hz(samples[:, 1])) == (1000, 440)
    assert np.ascontiguousarray(samples[:, ::-1]).tobytes() == both


def start(channel: str, form: str = "ulaw", **variables: str) -> str:
    fields = {
        "event": "MEDIA_START",
        "connection_id": "koemori",
        "channel": f"WebSocket/koemori/{channel}",
        "channel_id": channel,
        "format": form,
        "optimal_frame_size": 160,
        "ptime": 20,
        "channel_variables": {"DIALEDPEERNUMBER": "koemori/c(ulaw)", **variables},
    }
    return json.dumps(fields)


PLAIN = (
    "MEDIA_START connection_id:koemori channel:WebSocket/koemori/0x7f00 channel_id:1795301882.4"
    " format:slin optimal_frame_size:320 ptime:20"
)


def test_two_channels_of_one_call_are_joined(tmp_path: Path) -> None:
    """One says so in its address and in plain text, the other one by variables in JSON."""
    customer, agent = tone(440, 1.0), tone(1000, 1.0)
    coded = bytes(
        np.argmin(np.abs(decode_mulaw(bytes(range(256)))[None, :] - agent[:, None]), axis=1).tolist()
    )
    with light_service(tmp_path, trunks=TRUNKS) as client:
        with (
            client.websocket_connect("/ingest/ast?call=7&role=customer", subprotocols=["media"]) as first,
            client.websocket_connect("/ingest/ast", subprotocols=["media"]) as second,
        ):
            assert first.accepted_subprotocol == "media"
            first.send_text(PLAIN)
            second.send_text(start("8.1", KOEMORI_CALL="7", KOEMORI_ROLE="agent", KOEMORI_AGENT="suzuki"))
            play({first: customer.tobytes(), second: coded}, {first: 320, second: 160})
            first.send_text("DTMF_END digit:4 channel_id:1795301882.4")
            first.send_text("QUEUE_DRAINED")
            second.send_text(json.dumps({"event": "DTMF_END", "channel_id": "8.1", "digit": "#"}))
            until(lambda: recorded_ms(client) >= 1000)
        ((samples, manifest),) = sealed(tmp_path)
        assert status(client, "ast").problems == {}
    roles = {channel["role"]: channel["index"] for channel in manifest["audio"]["channels"]}
    assert roles == {"agent": 0, "customer": 1}
    assert (loudest_hz(samples[:, 0]), loudest_hz(samples[:, 1])) == (1000, 440)
    assert 8_000 <= len(samples) <= 8_800


def test_what_the_channels_own_variables_say_outweighs_a_stale_address(tmp_path: Path) -> None:
    """Asterisk dials with the parameters of the call before when a channel has none of its own."""
    customer, agent = tone(440, 1.0), tone(1000, 1.0)
    stale = "/ingest/ast?call=6&role=customer&queue=other"
    with light_service(tmp_path, trunks=TRUNKS) as client:
        with client.websocket_connect(stale) as first, client.websocket_connect(stale) as second:
            first.send_text(start("8.1", "slin", __KOEMORI_CALL="7", __KOEMORI_ROLE="customer"))
            second.send_text(start("8.2", "slin", KOEMORI_CALL="7", KOEMORI_ROLE="agent"))
            play({first: customer.tobytes(), second: agent.tobytes()}, {first: 320, second: 320})
            until(lambda: recorded_ms(client) >= 1000)
        ((samples, manifest),) = sealed(tmp_path)
    roles = {channel["role"]: channel["index"] for channel in manifest["audio"]["channels"]}
    assert roles == {"agent": 0, "customer": 1}
    assert (loudest_hz(samples[:, 0]), loudest_hz(samples[:, 1])) == (1000, 440)


def test_a_channel_that_stays_alone_is_a_mono_call(tmp_path: Path) -> None:
    with light_service(tmp_path, trunks=TRUNKS) as client:
        with client.websocket_connect("/ingest/ast?call=9") as socket:
            socket.send_text(PLAIN.replace("slin ", "slin16 "))
            play({socket: tone(440, 1.2, 16_000).tobytes()}, {socket: 640})
            until(lambda: recorded_ms(client) == 1200)
        ((samples, manifest),) = sealed(tmp_path)
    assert (samples.shape[1], manifest["audio"]["sample_rate_hz"]) == (1, 16_000)
    assert np.array_equal(samples[:, 0], tone(440, 1.2, 16_000))


def test_peers_that_may_not_or_cannot_are_refused_and_counted(tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("s3cret", encoding="utf-8")
    trunks = {
        **TRUNKS,
        "asked": {"kind": "freeswitch", "token_file": str(secret), "bearer_in": "query"},
        "far": {"kind": "chan_websocket", "token_file": str(secret), "allow": ["192.0.2.0/24"]},
    }
    with light_service(tmp_path, trunks=trunks) as client:
        assert refused(client, "/ingest/nobody")
        assert refused(client, "/ingest/far", {"authorization": "Bearer s3cret"})
        assert refused(client, "/ingest/asked")
        assert refused(client, "/ingest/asked?token=wrong")
        assert not refused(client, "/ingest/asked?token=s3cret")
        assert refused(client, "/ingest/ast", {"origin": "http://elsewhere.example"})
        for message, code in ((PLAIN.replace("slin ", "g729 "), 1003), ("x" * 70_000, 1000), (None, 1000)):
            with client.websocket_connect("/ingest/ast") as socket:
                if message is not None:
                    socket.send_text(message)
                with pytest.raises(WebSocketDisconnect) as closed:
                    socket.receive_text()
            assert closed.value.code == code
        assert status(client, "asked").refused == {"bad-token": 2}
        assert status(client, "far").refused == {"not-allowed": 1}
        assert status(client, "ast").refused == {"not-allowed": 1, "too-large": 1, "start-timeout": 1}
        metrics = client.get("/metrics").text
        assert 'koemori_trunk_refusals_total{reason="unknown-trunk",trunk="unknown-trunk"} 1.0' in metrics
        assert manifests(tmp_path) == []


def test_a_leg_of_a_call_that_is_there_still_finds_its_place_when_all_are_taken(tmp_path: Path) -> None:
    with (
        light_service(tmp_path, trunks=TRUNKS) as client,
        client.websocket_connect("/ingest/ast?call=1") as one,
        client.websocket_connect("/ingest/ast?call=2") as two,
        client.websocket_connect("/ingest/ast?call=3") as three,
        client.websocket_connect("/ingest/ast?call=1") as other,
    ):
        for socket in (one, two):
            socket.send_text(PLAIN)
            socket.send_bytes(bytes(320))
        until(lambda: status(client, "ast").calls_live == 2)
        three.send_text(PLAIN)
        with pytest.raises(WebSocketDisconnect) as closed:
            three.receive_text()
        assert closed.value.code == 1013
        other.send_text(PLAIN)
        other.send_bytes(bytes(320))
        until(lambda: len(client.app.state.services.live.call_ids()) == 2)  # type: ignore[attr-defined]
        assert status(client, "ast").refused == {"too-many-calls": 1}
        until(lambda: status(client, "ast").calls_live == 2)

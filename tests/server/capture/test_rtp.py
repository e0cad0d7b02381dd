"""Plain RTP into the real service: from ffmpeg, GStreamer and rtpengine, at given and at fixed ports."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from koemori.audio.ingest.rtp_call import RtpCall
from koemori.audio.rtp.rtcp import parse_compound
from koemori.server.db.tables import CallRow
from numpy.typing import NDArray
from sqlalchemy import select
from starlette.testclient import TestClient

from tests.fakes.light import light_service
from tests.support.clients import program, started
from tests.support.media_proxy import media_proxy
from tests.support.sockets import manifests, recorded_ms, sealed, status, until

pytestmark = pytest.mark.integration

TOKEN = {"Authorization": "Bearer s3cret"}


def free_ports(count: int) -> int:
    """The first, even, of so many UDP ports in a row that nothing uses."""
    for first in range(24_000 + 2 * (time.monotonic_ns() % 1_000), 60_000, 2 * count):
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                probe.bind(("127.0.0.1", port))
            return first
    raise AssertionError("no ports are free")


@contextmanager
def service(home: Path, **settings: Any) -> Iterator[TestClient]:
    first = free_ports(8)
    trunk = {
        "kind": "rtp",
        "media_port_first": first,
        "media_port_last": first + 7,
        "silence_s": 1.0,
        **settings,
    }
    secret = home / "cti.token"
    home.mkdir(exist_ok=True)
    secret.write_text("s3cret", encoding="utf-8")
    with light_service(home, trunks={"media": trunk}, cti={"token_file": str(secret)}) as client:
        yield client


def ask(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/api/v1/trunks/media/calls", json=body, headers=TOKEN)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ports(given: dict[str, Any]) -> dict[str, int]:
    return {leg["role"]: leg["rtp_port"] for leg in given["legs"]}


def loudest_hz(samples: NDArray[np.int16], rate_hz: int) -> int:
    return round(float(np.argmax(np.abs(np.fft.rfft(samples)))) * rate_hz / len(samples))


def ffmpeg(hz: int, port: int, seconds: float, *coded: str) -> list[str]:
    source = f"sine=frequency={hz}:sample_rate=16000:duration={seconds}"
    return [
        *(program("ffmpeg"), "-nostdin", "-loglevel", "error", "-re", "-f", "lavfi", "-i", source),
        *(coded or ("-ar", "8000", "-c:a", "pcm_mulaw")),
        *("-f", "rtp", f"rtp://127.0.0.1:{port}?pkt_size=172"),
    ]


def gstreamer(hz: int, port: int, seconds: float, *coded: str) -> list[str]:
    """`coded`: caps, then encoder and payloader."""
    count = round(seconds * 50)
    chain = (
        f"audiotestsrc is-live=true freq={hz} num-buffers={count} samplesperbuffer=160 ! {' ! '.join(coded)}"
    )
    return [program("gst-launch-1.0"), "-q", *f"{chain} ! udpsink host=127.0.0.1 port={port}".split()]


def run(folder: Path, *commands: Sequence[str]) -> None:
    """Run senders side by side to their end."""
    with contextlib.ExitStack() as stack:
        senders = [
            stack.enter_context(started(command, folder / str(number)))
            for number, command in enumerate(commands)
        ]
        for sender in senders:
            try:
                assert sender.wait(20) == 0
            except subprocess.TimeoutExpired:
                pytest.fail("a sender did not end")


def check_sides(
    samples: NDArray[np.int16], manifest: dict[str, Any], agent_hz: int, customer_hz: int
) -> None:
    rate_hz = manifest["audio"]["sample_rate_hz"]
    roles = {channel["role"]: channel["index"] for channel in manifest["audio"]["channels"]}
    assert roles == {"agent": 0, "customer": 1}
    for index, hz in ((0, agent_hz), (1, customer_hz)):
        middle = samples[rate_hz // 2 : rate_hz * 3 // 2, index]
        assert abs(loudest_hz(middle, rate_hz) - hz) <= 2
    # Senders begin and end one after the other; in between nothing is missing. On a busy machine one may fall
    # behind the other, which is told as `clock`.
    between = range(rate_hz // 2, rate_hz * 3 // 2)
    gaps = [gap for gap in manifest["gaps"] if gap["start_sample"] in between]
    assert {gap["cause"] for gap in gaps} <= {"clock"}
    assert sum(gap["sample_count"] for gap in gaps) <= rate_hz // 10


def test_ffmpeg_and_gstreamer_send_a_call_to_ports_that_were_asked_for(tmp_path: Path) -> None:
    alaw = ("audio/x-raw,rate=8000,channels=1", "alawenc", "rtppcmapay")
    with service(tmp_path) as client:
        given = ask(client, external_ids={"linked_id": "178.9"}, queue="claims", agent_id="suzuki")
        at = ports(given)
        run(tmp_path, ffmpeg(440, at["customer"], 2), gstreamer(1000, at["agent"], 2, *alaw))
        ((samples, manifest),) = sealed(tmp_path)
        assert set(status(client, "media").problems) == {"codec-deviates"}
    check_sides(samples, manifest, 1000, 440)
    assert manifest["end_reason"] in {"idle", "completed"}
    counted = [fact["facts"] for fact in manifest["told"]["facts"] if "packets_received" in fact["facts"]]
    assert [fact["channel"] for fact in counted] == [0, 1]
    assert all(fact["packets_lost"] == 0 and fact["packets_received"] >= 95 for fact in counted)
    # PCMA was never agreed on; its number says what it is.
    assert counted[0]["packets_unagreed"] == counted[0]["packets_received"]


def test_wide_band_comes_as_g722_and_linear_pcm(tmp_path: Path) -> None:
    wide = ("audio/x-raw,rate=16000,channels=1", "rtpL16pay pt=118")
    with service(tmp_path, codec="L16", payload_type=118) as client:
        at = ports(ask(client))
        run(
            tmp_path,
            ffmpeg(3000, at["customer"], 2, "-ar", "16000", "-c:a", "g722"),
            gstreamer(5000, at["agent"], 4, *wide),
        )
        ((samples, manifest),) = sealed(tmp_path)
    assert manifest["audio"]["sample_rate_hz"] == 16_000
    check_sides(samples, manifest, 5000, 3000)


def test_media_relayed_by_rtpengine_with_sender_reports_is_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: set[int] = set()
    control = RtpCall.control

    def noting(call: RtpCall, leg: int, arrival_us: int, datagram: bytes) -> None:
        if parse_compound(datagram).sender_reports:
            reported.add(leg)
        control(call, leg, arrival_us, datagram)

    monkeypatch.setattr(RtpCall, "control", noting)
    first = free_ports(102)
    with (
        media_proxy(tmp_path / "proxy", first, first + 2) as proxy,
        service(tmp_path / "koemori") as client,
    ):
        at = ports(ask(client))
        relayed = {role: proxy.relay(role, port) for role, port in at.items()}
        run(tmp_path, ffmpeg(440, relayed["customer"], 5.8), ffmpeg(1000, relayed["agent"], 5.8))
        ((samples, manifest),) = sealed(tmp_path / "koemori")
    check_sides(samples, manifest, 1000, 440)
    # A sender reports at its beginning, which the proxy may not relay yet, and every five seconds.
    assert reported
    assert 5.6 * 8000 <= len(samples) <= 6.8 * 8000


def packet(number: int, payload_type: int = 0) -> bytes:
    samples = (8000 * np.sin(2 * np.pi * 440 * np.arange(number * 160, number * 160 + 160) / 8000)).astype(
        "<i2"
    )
    return struct.pack("!BBHII", 0x80, payload_type, number, number * 160, 7) + samples.tobytes()[::2]


def send(port: int, count: int, since: int = 0) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        begun_s = time.monotonic()
        for number in range(count):
            line.sendto(packet(since + number), ("127.0.0.1", port))
            time.sleep(max(0.0, begun_s + (number + 1) * 0.02 - time.monotonic()))


def test_a_fixed_line_takes_one_call_after_the_other(tmp_path: Path) -> None:
    first = free_ports(2)
    line = {"mixed_port": first, "agent": "suzuki", "queue": "front"}
    with service(tmp_path, lines=[line]) as client:
        send(first, 30)
        sealed(tmp_path)
        send(first, 20)
        (_, one), (_, two) = sealed(tmp_path, 2)
        with client.app.state.services.database.read() as session:  # type: ignore[attr-defined]
            until(lambda: status(client, "media").calls_live == 0)
            rows = list(session.scalars(select(CallRow)))
    assert {(row.agent_id, row.queue) for row in rows} == {("suzuki", "front")}
    assert [body["end_reason"] for body in (one, two)] == ["idle", "idle"]
    assert one["ledger"]["channels"][0]["captured_ms"] == 600


def test_a_call_ends_when_its_owner_says_so_and_its_ports_are_free(tmp_path: Path) -> None:
    with service(tmp_path) as client:
        given = ask(client, legs=["unknown"])
        path = f"/api/v1/trunks/media/calls/{given['name']}"
        send(ports(given)["unknown"], 25)
        until(lambda: recorded_ms(client) >= 500)
        assert client.delete(path, headers=TOKEN).status_code == 204
        assert client.delete(path, headers=TOKEN).status_code == 404
        ((samples, manifest),) = sealed(tmp_path)
    assert (manifest["end_reason"], len(samples)) == ("completed", 4000)


def test_who_may_not_ask_or_send_is_refused_and_counted(tmp_path: Path) -> None:
    calls = "/api/v1/trunks/media/calls"
    with service(tmp_path, max_calls=1, start_s=0.2) as client:
        assert client.post(calls, json={}).status_code == 401
        assert client.post(calls, json={"legs": []}, headers=TOKEN).status_code == 422
        assert client.post(calls, json={"media": {"codec": "OPUS"}}, headers=TOKEN).status_code == 422
        assert client.post("/api/v1/trunks/none/calls", json={}, headers=TOKEN).status_code == 404
        ask(client)
        assert client.post(calls, json={}, headers=TOKEN).status_code == 503
        until(lambda: status(client, "media").problems == {"no-media": 1})
        assert status(client, "media").refused == {"too-many-calls": 1}
    with service(tmp_path / "far", allow=["192.0.2.0/24"], start_s=0.5) as client:
        send(ports(ask(client, legs=["unknown"]))["unknown"], 10)
        until(lambda: status(client, "media").problems == {"no-media": 1})
        assert manifests(tmp_path / "far") == []

"""AudioSocket over TCP into the real service: recordings, pairs of channels, limits, and sudden ends."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from koemori.server.capture.audiosocket import AudioSocketListener
from numpy.typing import NDArray
from starlette.testclient import TestClient

from tests.fakes.audiosocket import UUID, audio, frame, named
from tests.fakes.light import light_service
from tests.support.sockets import manifests, recorded_ms, sealed, status, until

pytestmark = pytest.mark.integration

AGENT, CUSTOMER = UUID[:-1] + "0", UUID[:-1] + "1"


def tone(hz: int, seconds: float, rate_hz: int = 8000) -> NDArray[np.int16]:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return (8000 * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)


def loudest_hz(samples: NDArray[np.int16], rate_hz: int = 8000) -> int:
    return round(float(np.argmax(np.abs(np.fft.rfft(samples)))) * rate_hz / len(samples))


@contextmanager
def service(home: Path, **settings: Any) -> Iterator[tuple[TestClient, int]]:
    trunk = {"kind": "audiosocket", "port": 0, "join_s": 0.3, "start_s": 0.3, **settings}
    with light_service(home, trunks={"pbx": trunk}) as client:
        listener = client.app.state.services.trunks.listeners["pbx"]  # type: ignore[attr-defined]
        assert isinstance(listener, AudioSocketListener)
        yield client, listener.port


def play(lines: dict[socket.socket, NDArray[np.int16]], kind: int = 0x10, rate_hz: int = 8000) -> None:
    """20 ms at a time, paced like a channel."""
    size, begun_s = rate_hz // 50, time.monotonic()
    longest = max(len(samples) for samples in lines.values())
    for number in range(-(-longest // size)):
        for line, samples in lines.items():
            part = samples[number * size : (number + 1) * size]
            if len(part):
                line.sendall(audio(part, kind))
        time.sleep(max(0.0, begun_s + (number + 1) * 0.02 - time.monotonic()))


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def is_closed(line: socket.socket) -> bool:
    try:
        return line.recv(1) == b""
    except ConnectionError:
        return True


def test_two_channels_of_a_pair_are_one_call_with_its_sides_apart(tmp_path: Path) -> None:
    with service(tmp_path, pairs=True) as (client, port):
        with connect(port) as customer, connect(port) as agent:
            customer.sendall(named(CUSTOMER))
            agent.sendall(named(AGENT))
            play({customer: tone(440, 1.0), agent: tone(1000, 1.0)})
            customer.sendall(frame(0x03, b"5") + frame(0x00))
            until(lambda: recorded_ms(client) >= 1000)
        ((samples, manifest),) = sealed(tmp_path)
        assert status(client, "pbx").problems == {}
    assert [channel["role"] for channel in manifest["audio"]["channels"]] == ["agent", "customer"]
    assert (loudest_hz(samples[:8000, 0]), loudest_hz(samples[:8000, 1])) == (1000, 440)
    assert 8_000 <= len(samples) <= 8_800


def test_one_channel_is_a_mono_call_sample_by_sample_however_it_ends(tmp_path: Path) -> None:
    said = tone(440, 0.5)
    with service(tmp_path, role="customer") as (client, port):
        with connect(port) as line:
            line.sendall(named())
            play({line: said})
            until(lambda: recorded_ms(client) == 500)
        ((samples, manifest),) = sealed(tmp_path)
        with connect(port) as line:
            line.sendall(named(AGENT))
            play({line: said})
            line.sendall(frame(0x00))
            assert is_closed(line)
        _, (_, second) = sealed(tmp_path, 2)
    assert np.array_equal(samples[:, 0], said)
    assert (manifest["end_reason"], second["end_reason"]) == ("disconnected", "completed")
    assert manifest["audio"]["channels"][0]["role"] == "customer"


@pytest.mark.parametrize(("kind", "rate_hz", "kept_hz"), [(0x12, 16_000, 16_000), (0x18, 192_000, 48_000)])
def test_every_rate_is_recorded_as_it_comes_up_to_48_khz(
    tmp_path: Path, kind: int, rate_hz: int, kept_hz: int
) -> None:
    with service(tmp_path) as (client, port):
        with connect(port) as line:
            line.sendall(named())
            play({line: tone(440, 0.4, rate_hz)}, kind, rate_hz)
            until(lambda: recorded_ms(client) >= 350)
        ((samples, manifest),) = sealed(tmp_path)
    assert manifest["audio"]["sample_rate_hz"] == kept_hz
    middle = samples[kept_hz // 10 : 3 * kept_hz // 10, 0]
    assert abs(loudest_hz(middle, kept_hz) - 440) <= 5


def test_a_sender_that_stalls_leaves_a_gap_and_no_sample_out(tmp_path: Path) -> None:
    said = tone(440, 0.4)
    with service(tmp_path) as (_, port):
        with connect(port) as line:
            line.sendall(named())
            play({line: said})
            time.sleep(1.2)
            play({line: said})
            time.sleep(0.6)
        ((_, manifest),) = sealed(tmp_path)
    ledger = manifest["ledger"]["channels"][0]
    assert ledger["captured_samples"] + ledger["late_samples"] == 2 * len(said)
    assert 800 <= ledger["clock_ms"] <= 1600


def test_who_may_not_or_cannot_is_refused_and_counted(tmp_path: Path) -> None:
    with service(tmp_path, max_calls=1) as (client, port):
        with connect(port) as silent:
            assert is_closed(silent)
        with connect(port) as web:
            web.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert is_closed(web)
        until(lambda: sum(status(client, "pbx").refused.values()) == 2)
        with connect(port) as first:
            first.sendall(named())
            play({first: tone(440, 0.1)})
            with connect(port) as second:
                assert is_closed(second)
            assert status(client, "pbx").refused == {
                "start-timeout": 1,
                "audiosocket": 1,
                "too-many-calls": 1,
            }
            play({first: tone(440, 0.1)})
        assert len(sealed(tmp_path)) == 1
    with service(tmp_path / "far", allow=["192.0.2.0/24"]) as (client, port), connect(port) as far:
        assert is_closed(far)
        assert status(client, "pbx").refused == {"not-allowed": 1}
        assert manifests(tmp_path / "far") == []


def test_a_service_that_stops_seals_what_came(tmp_path: Path) -> None:
    with service(tmp_path) as (client, port):
        line = connect(port)
        line.sendall(named())
        play({line: tone(440, 0.3)})
        until(lambda: recorded_ms(client) == 300)
    line.close()
    ((samples, manifest),) = sealed(tmp_path)
    assert (len(samples), manifest["end_reason"]) == (2400, "shutdown")

"""Sessions of real clients: SIPp in five vendors' shapes by UDP and TCP; baresip with SRTP by UDP and TLS."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from koemori.audio.codecs.g711 import encode_alaw, encode_mulaw
from koemori.server.archive.manifest import verify_recording
from numpy.typing import NDArray
from starlette.testclient import TestClient

from tests.fakes.light import light_service
from tests.fakes.siprec import OPENSIPS, SHAPES, Shape, scenario
from tests.support.clients import program, started
from tests.support.service import free_port
from tests.support.sockets import manifests, status, until

pytestmark = pytest.mark.integration

RATE_HZ = 8_000
CUSTOMER_HZ, AGENT_HZ = 440, 880
TONES = Path(__file__).resolve().parents[2] / "support" / "tones.py"


@dataclass
class Recorded:
    """One sealed call."""

    samples: NDArray[np.int16]
    body: dict[str, Any]
    folder: Path
    external: dict[str, str]

    @property
    def documents(self) -> set[str]:
        return {path.name for path in self.folder.iterdir() if path.suffix in (".sdp", ".xml")}

    def share(self, channel: int, tone_hz: int) -> float:
        """Share of a channel's energy that is this tone (Goertzel's sum over the whole length)."""
        audio = self.samples[:, channel].astype(np.float64)
        waves = np.exp(-2j * np.pi * tone_hz * np.arange(len(audio)) / RATE_HZ)
        # Windows of 20 ms, so that gaps between them do not turn the phase.
        whole = len(audio) // 160 * 160
        sums = np.abs((audio * waves)[:whole].reshape(-1, 160).sum(axis=1)) ** 2 / 80
        return float(sums.sum() / max(1.0, (audio[:whole] ** 2).sum()))

    def ledger(self, channel: int, name: str) -> int:
        return int(self.body["ledger"]["channels"][channel][name])

    def packets(self, channel: int) -> dict[str, int]:
        """What was counted at the end of the call."""
        facts = [each.get("facts", {}) for each in self.body["told"]["facts"]]
        return next(each for each in facts if "packets_expected" in each and each["channel"] == channel)


def tone(tone_hz: int, duration_s: float) -> NDArray[np.int16]:
    at = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
    return (8_000 * np.sin(2 * np.pi * tone_hz * at)).astype(np.int16)


@dataclass
class Trunk:
    """The service with a trunk, and where it is reached."""

    client: TestClient
    home: Path
    port: int
    tls_port: int

    def recorded(self, count: int) -> list[Recorded]:
        until(lambda: len(manifests(self.home)) == count and status(self.client, "sbc").calls_live == 0)
        with sqlite3.connect(self.home / "koemori.db") as database:
            rows = database.execute("select call_id, name, value from call_external_ids").fetchall()
        database.close()
        found = []
        for path in manifests(self.home):
            assert verify_recording(path.parent).ok
            samples, _ = soundfile.read(path.parent / "master.flac", dtype="int16", always_2d=True)
            body = json.loads(path.read_text(encoding="utf-8"))["body"]
            external = {name: value for call_id, name, value in rows if call_id == body["call_id"]}
            found.append(Recorded(samples, body, path.parent, external))
        return found


@pytest.fixture
def trunk(tmp_path: Path) -> Iterator[Trunk]:
    with trunk_at(tmp_path) as opened:
        yield opened


@contextmanager
def trunk_at(tmp_path: Path) -> Iterator[Trunk]:
    """A service whose trunk takes everything."""
    certificate(tmp_path)
    first = 20_000 + os.getpid() % 100 * 100
    port, tls_port = free_port(), free_port()
    settings = {
        "kind": "siprec",
        "port": port,
        "tls_port": tls_port,
        "transports": ["udp", "tcp", "tls"],
        "media_port_first": first,
        "media_port_last": first + 99,
        "tls_certificate": tmp_path / "cert.pem",
        "tls_key": tmp_path / "key.pem",
        "agents": ["sip:8*@*"],
        "silence_s": 2,
        "requests_per_s": 100,
        "queue": "support",
    }
    with light_service(tmp_path, trunks={"sbc": settings}) as client:
        yield Trunk(client, tmp_path, port, tls_port)


def certificate(folder: Path) -> None:
    with started(
        [
            *(program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        folder / "openssl",
    ) as process:
        assert process.wait(20) == 0


def sipp(trunk: Trunk, shape: Shape, transport: str, duration_s: float) -> list[str | Path]:
    """The command of one call, with a script beside it that sends a tone for each stream."""
    folder = trunk.home / f"{shape.name}-{transport}"
    folder.mkdir()
    (folder / "scenario.xml").write_text(scenario(shape), encoding="utf-8")
    encode = encode_alaw if shape.payload_type == 8 else encode_mulaw
    tones = [CUSTOMER_HZ, AGENT_HZ] if shape.customer_line == 0 else [AGENT_HZ, CUSTOMER_HZ]
    for line, tone_hz in enumerate(tones):
        (folder / f"{line}.raw").write_bytes(encode(tone(tone_hz, duration_s)))
    run = f"{sys.executable} -S -E {TONES} {shape.payload_type}"
    (folder / "tones.sh").write_text(f'exec {run} "$1" {folder}/0.raw "$2" {folder}/1.raw\n')
    return [
        *(program("sipp"), f"127.0.0.1:{trunk.port}", "-sf", "scenario.xml", "-m", "1", "-nostdin"),
        *("-t", "u1" if transport == "udp" else "t1", "-i", "127.0.0.1", "-p", str(free_port())),
        *("-cid_str", f"{shape.name}-{transport}", "-key", "tones", f"sh {folder}/tones.sh"),
        *("-trace_err", "-timeout", "30", "-timeout_error"),
    ]


def test_five_vendors_shapes_over_udp_and_tcp_become_recordings_with_each_side_in_its_place(
    trunk: Trunk,
) -> None:
    durations = {"cisco-cube": 2.0, "audiocodes": 2.0, "oracle": 2.0, "broadworks": 2.2, "opensips": 1.5}
    calls = [(shape, transport) for shape in SHAPES for transport in ("udp", "tcp")]
    with ExitStack() as running:
        processes = {
            f"{shape.name}-{transport}": running.enter_context(
                started(
                    sipp(trunk, shape, transport, durations[shape.name]),
                    trunk.home / f"{shape.name}-{transport}",
                )
            )
            for shape, transport in calls
        }
        for name, process in processes.items():
            said = trunk.home / name / "said.txt"
            assert process.wait(40) == 0, said.read_text(errors="replace")[-1500:]
    found = {each.external["sip_call_id"]: each for each in trunk.recorded(len(calls))}
    assert set(found) == {f"{shape.name}-{transport}" for shape, transport in calls}
    for shape, transport in calls:
        one = found[f"{shape.name}-{transport}"]
        assert one.share(0, AGENT_HZ) > 0.95, (shape.name, transport)
        assert one.share(1, CUSTOMER_HZ) > 0.95, (shape.name, transport)
        assert shape.external.items() <= one.external.items()
        assert [channel["role"] for channel in one.body["audio"]["channels"]] == ["agent", "customer"]
        assert {"offer-1.sdp", "metadata-1.xml"} <= one.documents
        ended = "silence" if shape.name == "opensips" else "completed"
        assert one.body["end_reason"] == ended
        for channel in (0, 1):
            assert one.ledger(channel, "captured_ms") >= 1_000
            assert one.ledger(channel, "late_ms") == one.ledger(channel, "lost_ms") == 0 or shape is OPENSIPS
            packets = one.packets(channel)
            assert packets["packets_lost"] == packets["packets_late"] == packets["packets_unagreed"] == 0
            assert packets["packets_expected"] == packets["packets_received"]
            sent = packets["packets_received"] + packets["packets_withheld"]
            assert sent > 40 * durations[shape.name]  # the sender may start late and be hung up
    assert {"metadata-2.xml", "offer-2.sdp"} <= found["cisco-cube-udp"].documents
    assert "metadata-2.xml" in found["audiocodes-tcp"].documents
    assert found["broadworks-udp"].packets(0)["packets_withheld"] > 10
    assert found["broadworks-udp"].ledger(0, "paused_ms") == pytest.approx(500, abs=150)
    assert status(trunk.client, "sbc").calls_taken == len(calls)


BARESIP = """
poll_method epoll
sip_listen 127.0.0.1:{port}
net_interface 127.0.0.1
audio_player aubridge,nil
audio_source aufile,{folder}/tone.wav
audio_alert aubridge,nil
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module srtp.so
module_app account.so
module_app menu.so
"""


def baresip(trunk: Trunk, transport: str, target: str) -> list[str | Path]:
    """The command of a softphone that calls for some seconds with a tone as microphone."""
    folder = trunk.home / f"baresip-{transport}"
    folder.mkdir()
    soundfile.write(folder / "tone.wav", tone(CUSTOMER_HZ, 5), RATE_HZ, subtype="PCM_16")
    (folder / "config").write_text(BARESIP.format(port=free_port(), folder=folder))
    parameters = "regint=0;mediaenc=srtp-mand;audio_codecs=PCMU/8000/1"
    (folder / "accounts").write_text(f"<sip:8001@127.0.0.1;transport={transport}>;{parameters}\n")
    (folder / "contacts").write_text("")
    return [program("baresip"), "-f", folder, "-e", f"d {target}", "-t", "4"]


def test_a_softphone_with_srtp_is_recorded_over_udp_and_over_tls(trunk: Trunk) -> None:
    targets = {
        "udp": f"sip:record@127.0.0.1:{trunk.port}",
        "tls": f"sip:record@127.0.0.1:{trunk.tls_port};transport=tls",
    }
    with ExitStack() as running:
        for transport, target in targets.items():
            command = baresip(trunk, transport, target)
            running.enter_context(started(command, trunk.home / f"baresip-{transport}"))
        calls = trunk.recorded(2)
    for one in calls:
        assert one.samples.shape[1] == 1
        assert one.share(0, CUSTOMER_HZ) > 0.95
        assert one.body["end_reason"] == "completed"
        assert one.ledger(0, "captured_ms") > 2_000
    assert status(trunk.client, "sbc").problems["keys-in-clear"] == 1


def test_a_service_that_closes_hangs_up_and_seals(tmp_path: Path) -> None:
    with ExitStack() as running:
        with trunk_at(tmp_path) as trunk:
            command = sipp(trunk, OPENSIPS, "udp", 1.0)
            process = running.enter_context(started(command, tmp_path / "opensips-udp"))
            until(lambda: status(trunk.client, "sbc").last_media_at is not None)
        assert process.wait(10) == 0
    (manifest,) = manifests(tmp_path)
    assert json.loads(manifest.read_text(encoding="utf-8"))["body"]["end_reason"] == "shutdown"


def test_who_is_not_allowed_or_sends_too_much_is_refused_and_nobody_else_notices(trunk: Trunk) -> None:
    with socket.create_connection(("127.0.0.1", trunk.port), timeout=5) as line:
        line.sendall(b"\r\n\r\n")
        assert line.recv(10) == b"\r\n"
        line.sendall(b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nl: 70000\r\n\r\n")
        assert line.recv(4096).startswith(b"SIP/2.0 413 ")
        assert line.recv(10) == b""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flood:
        for number in range(1_000):
            head = f"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bK{number}\r\n"
            rest = "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"
            flood.sendto((head + rest).encode(), ("127.0.0.1", trunk.port))
            if number % 50 == 0:
                time.sleep(0.005)
        flood.settimeout(5)
        assert flood.recv(4096).startswith(b"SIP/2.0 200 ")
    until(lambda: status(trunk.client, "sbc").refused["too-many-requests"] > 0)
    assert status(trunk.client, "sbc").refused["too-large"] == 1

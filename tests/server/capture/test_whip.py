"""Calls offered by WHIP, from a real WebRTC peer: who may, what is recorded on which side, how they end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from av import AudioFrame
from koemori.server.archive.manifest import verify_recording
from numpy.typing import NDArray
from starlette.testclient import TestClient

from tests.fakes.light import light_service

pytestmark = pytest.mark.integration

PATH = "/ingest/softphone/whip"
TRUNKS = {"softphone": {"kind": "whip", "token": "device-secret"}}
DEVICE = {"Authorization": "Bearer device-secret", "Content-Type": "application/sdp"}
RATE_HZ = 48_000


class Tone(MediaStreamTrack):
    """A tone at the speed of the clock; frames in `skipped` are never sent."""

    kind = "audio"

    def __init__(self, tone_hz: float, skipped: range = range(0)) -> None:
        super().__init__()
        self._tone_hz = tone_hz
        self._skipped = skipped
        self._number = 0
        self._began_s = 0.0

    async def recv(self) -> AudioFrame:
        self._began_s = self._began_s or time.monotonic()
        self._number += 1
        while self._number in self._skipped:
            self._number += 1
        await asyncio.sleep(max(0.0, self._began_s + self._number * 0.02 - time.monotonic()))
        at = np.arange(960) + self._number * 960
        samples = (8000 * np.sin(2 * np.pi * self._tone_hz * at / RATE_HZ)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, int(at[0]), Fraction(1, RATE_HZ)
        return frame


@asynccontextmanager
async def calling(
    client: TestClient, headers: dict[str, str], *tracks: Tone, query: str = ""
) -> AsyncIterator[str]:
    """A connected call; gives its address."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connected = asyncio.Event()

    def changed() -> None:
        if peer.connectionState == "connected":
            connected.set()

    peer.on("connectionstatechange", changed)
    for track in tracks:
        peer.addTrack(track)
    await peer.setLocalDescription(await peer.createOffer())
    content = peer.localDescription.sdp
    answer = await asyncio.to_thread(client.post, PATH + query, content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    assert answer.headers["content-type"] == "application/sdp"
    await peer.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
    async with asyncio.timeout(15):
        await connected.wait()
    try:
        yield answer.headers["location"]
    finally:
        await peer.close()


async def sealed(home: Path) -> tuple[NDArray[np.int16], dict[str, Any]]:
    """Samples (n, channels) and manifest of the one recording."""
    async with asyncio.timeout(15):
        while not (found := list((home / "archive" / "recordings").rglob("manifest.json"))):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    (path,) = found
    assert verify_recording(path.parent).ok
    samples, rate_hz = soundfile.read(path.parent / "master.flac", dtype="int16", always_2d=True)
    assert rate_hz == 16_000
    return samples, json.loads(path.read_text(encoding="utf-8"))["body"]


def loudest_hz(samples: NDArray[np.int16]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 16_000 / len(samples))


async def test_both_tracks_are_recorded_each_on_its_own_side(tmp_path: Path) -> None:
    with light_service(tmp_path, trunks=TRUNKS) as client:
        query = "?number=0312345678&queue=support&external_id=crm-7"
        async with calling(client, DEVICE, Tone(440), Tone(1000), query=query) as location:
            await asyncio.sleep(2.5)
            ended = await asyncio.to_thread(client.delete, location)
            assert ended.status_code == 200
            samples, manifest = await sealed(tmp_path)
    assert samples.shape[1] == 2
    assert len(samples) > 2 * 16_000
    middle = samples[8000:-8000]
    assert loudest_hz(middle[:, 0]) == pytest.approx(440, abs=5)
    assert loudest_hz(middle[:, 1]) == pytest.approx(1000, abs=5)
    assert manifest["end_reason"] == "completed"
    assert [channel["role"] for channel in manifest["ledger"]["channels"]] == ["agent", "customer"]


async def test_audio_that_was_never_sent_is_a_gap_of_its_length_at_its_place(tmp_path: Path) -> None:
    with light_service(tmp_path, trunks=TRUNKS) as client:
        async with calling(client, DEVICE, Tone(440, skipped=range(50, 75))) as location:
            await asyncio.sleep(2.5)
            await asyncio.to_thread(client.delete, location)
            samples, manifest = await sealed(tmp_path)
    (ledger,) = manifest["ledger"]["channels"]
    assert ledger["lost_ms"] == pytest.approx(500, abs=60)
    silent = np.flatnonzero(np.abs(samples[:, 0]) < 2)
    assert len(silent) > 16 * 400


async def test_while_held_nothing_is_recorded_and_the_ledger_says_so(tmp_path: Path) -> None:
    with light_service(tmp_path, trunks=TRUNKS) as client:
        async with calling(client, DEVICE, Tone(440)) as location:
            await asyncio.sleep(0.8)
            assert (await asyncio.to_thread(client.put, f"{location}/hold")).status_code == 204
            await asyncio.sleep(1)
            assert (await asyncio.to_thread(client.delete, f"{location}/hold")).status_code == 204
            await asyncio.sleep(0.6)
            await asyncio.to_thread(client.delete, location)
            _, manifest = await sealed(tmp_path)
    (ledger,) = manifest["ledger"]["channels"]
    assert ledger["paused_ms"] == pytest.approx(1000, abs=200)
    assert ledger["captured_ms"] > 1000


async def test_a_peer_that_vanishes_ends_the_call_and_seals_it(tmp_path: Path) -> None:
    with light_service(tmp_path, trunks=TRUNKS) as client:
        async with calling(client, DEVICE, Tone(440)):
            await asyncio.sleep(1)
        _, manifest = await sealed(tmp_path)
        assert manifest["end_reason"] == "disconnected"


@pytest.mark.parametrize(
    ("headers", "body", "status", "reason"),
    [
        ({}, "v=0", 401, "bad-token"),
        ({"Authorization": "Bearer other"}, "v=0", 401, "bad-token"),
        (DEVICE | {"Content-Type": "text/plain"}, "v=0", 415, None),
        (DEVICE, "not a description", 400, "offer"),
        (DEVICE, "", 400, "offer"),
        (DEVICE, "v=0\r\n" * 40_000, 413, None),
    ],
)
def test_what_cannot_be_taken_is_refused_and_counted(
    tmp_path: Path, headers: dict[str, str], body: str, status: int, reason: str | None
) -> None:
    with light_service(tmp_path, trunks=TRUNKS) as client:
        answer = client.post(PATH, content=body, headers=headers)
        assert answer.status_code == status
        assert "device-secret" not in answer.text
        if reason is not None:
            line = f'koemori_trunk_refusals_total{{reason="{reason}",trunk="softphone"}} 1.0'
            assert line in client.get("/metrics").text


def test_a_peer_from_elsewhere_and_an_unknown_trunk_are_refused(tmp_path: Path) -> None:
    with light_service(tmp_path, trunks=TRUNKS, peer="192.0.2.7") as client:
        assert client.post(PATH, content="v=0", headers=DEVICE).status_code == 403
        assert client.post("/ingest/other/whip", content="v=0", headers=DEVICE).status_code == 404
        assert client.delete(PATH + "/guessed").status_code == 404
        assert client.options(PATH).headers["accept-post"] == "application/sdp"


async def test_offers_that_come_together_do_not_pass_the_limit(tmp_path: Path) -> None:
    trunks = {"softphone": {**TRUNKS["softphone"], "max_calls": 1}}
    peers = [RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(3)]
    for peer in peers:
        peer.addTrack(Tone(440))
        await peer.setLocalDescription(await peer.createOffer())
    offers = [peer.localDescription.sdp for peer in peers]
    with light_service(tmp_path, trunks=trunks) as client:
        answers = await asyncio.gather(
            *(asyncio.to_thread(client.post, PATH, content=offer, headers=DEVICE) for offer in offers)
        )
        assert sorted(answer.status_code for answer in answers) == [201, 503, 503]
        taken = next(answer for answer in answers if answer.status_code == 201)
        assert client.delete(taken.headers["location"]).status_code == 200
    for peer in peers:
        await peer.close()

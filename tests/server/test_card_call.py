"""The card test: a number that is said and keyed in a call is afterwards nowhere.

Through the whole service but for the recogniser, whose words are scripted; `test_card_sound` has a real one.
"""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.audio.codecs.g711 import encode_mulaw
from koemori.audio.dtmf import DtmfDetector
from koemori.server.archive.manifest import read_manifest, verify_recording
from numpy.typing import NDArray
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.audio.test_masking import noise, tone
from tests.fakes import media
from tests.fakes.light import light_service

pytestmark = pytest.mark.integration

NUMBER = "4929731605842617"
GROUPS = ("4929", "7316", "0584", "2617")
SAID = "の".join(GROUPS) + "です"
BOTH = ("inbound", "outbound")
SECONDS = 8


def keyed_sound() -> NDArray[np.int16]:
    """Eight seconds at 8 kHz, shape `(n,)`: three keys at 0.2 s, all digits of the number from 4 s on."""
    sound = noise(SECONDS * 1_000)
    places = [200, 360, 520, *range(4_000, 4_000 + 160 * 16, 160)]
    for key, at_ms in zip("492" + NUMBER, places, strict=True):
        sound[at_ms * 8 : at_ms * 8 + 640] = tone(key)
    return sound


def keys_in(sound: NDArray[np.int16]) -> str:
    detector = DtmfDetector(8_000)
    return "".join(key.key for key in [*detector.push(0, sound), *detector.finish()])


def _call(client: TestClient) -> None:
    sound = keyed_sound()
    with client.websocket_connect("/ingest/media") as socket:
        socket.send_text(media.start(*BOTH))
        for number in range(1, SECONDS * 50 + 1):
            piece = encode_mulaw(sound[(number - 1) * 160 : number * 160])
            socket.send_text(media.media("inbound", number, body=piece))
            socket.send_text(media.media("outbound", number))
            if number > 200 and number % 10 == 0 and (number - 210) // 10 < len(NUMBER):
                digit = NUMBER[(number - 210) // 10]
                socket.send_text(
                    json.dumps({"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": digit}})
                )
        socket.send_text(media.STOP)
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()


def _bytes_below(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_a_number_that_is_said_and_keyed_is_nowhere_afterwards(tmp_path: Path, log: io.StringIO) -> None:
    with light_service(tmp_path, words=SAID, understands=True) as client:
        _call(client)
        exposed = client.get("/metrics").text
    [master] = tmp_path.rglob("master.flac")
    assert verify_recording(master.parent).ok
    texts = {**_bytes_below(tmp_path), "log": log.getvalue().encode(), "metrics": exposed.encode()}
    plain = [NUMBER, SAID, *(f"{one}の" for one in GROUPS[:3]), *(f"の{one}" for one in GROUPS[1:])]
    forms = [*plain, *(json.dumps(one).strip('"') for one in plain)]
    found = [(name, form) for name, content in texts.items() for form in forms if form.encode() in content]
    assert found == []
    stored = texts["koemori.db"] + texts.get("koemori.db-wal", b"")
    assert json.dumps("[カード番号]").strip('"').encode() in stored, "the words came that far"
    manifest = read_manifest(master.parent)
    told = [fact for fact in manifest["told"]["facts"] if fact["what"] == "masking"]
    assert {fact["facts"]["reason"] for fact in told} & {"card-spoken", "key-run"}
    for channel in manifest["ledger"]["channels"]:
        assert channel["masked_ms"] > 3_000
        causes = [value for key, value in channel.items() if key.endswith("_ms") and key != "duration_ms"]
        assert sum(causes) == channel["duration_ms"]


def test_no_key_is_heard_in_the_master_though_the_line_carried_them(tmp_path: Path) -> None:
    with light_service(tmp_path, words="もしもし") as client:
        _call(client)
    [master] = tmp_path.rglob("master.flac")
    samples = soundfile.read(master, dtype="int16", always_2d=True)[0]
    assert keys_in(keyed_sound()) == "492" + NUMBER
    assert [keys_in(np.ascontiguousarray(channel)) for channel in samples.T] == ["", ""]
    manifest = read_manifest(master.parent)
    assert all(
        channel["masked_ms"] < manifest["audio"]["duration_ms"] for channel in manifest["ledger"]["channels"]
    )

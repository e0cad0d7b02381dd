"""What people say, dial and are called never reaches a log, an error or a metric."""

import io
import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from tests.fakes import media
from tests.fakes.light import light_service

pytestmark = pytest.mark.integration

WORDS = "責任者の小野寺を今すぐ出せ"
NUMBER = "08011112301"
AGENT = "hanako.sato"
BOTH = ("inbound", "outbound")


def _call(client: TestClient, chunks: int) -> None:
    parameters = {"agent": AGENT, "queue": "support", "from": NUMBER}
    with client.websocket_connect("/ingest/media") as socket:
        socket.send_text(media.start(*BOTH, parameters=parameters))
        for number in range(1, chunks + 1):
            for track in BOTH:
                socket.send_text(media.media(track, number))
        socket.send_text(json.dumps({"event": "media", "payload": WORDS, "from": NUMBER}))
        socket.send_text(media.STOP)
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()


def test_a_calls_words_number_and_names_stay_out_of_logs_and_metrics(
    tmp_path: Path, log: io.StringIO
) -> None:
    with light_service(tmp_path, words=WORDS) as client:
        _call(client, 120)
        client.post(
            "/api/v1/session",
            json={"username": AGENT, "password": WORDS},
            headers={"Origin": "http://127.0.0.1:8410"},
        )
        client.get("/api/v1/recordings", params={"words": WORDS, "number": NUMBER})
        exposed = client.get("/metrics").text
    written = log.getvalue() + exposed
    assert "recording sealed" in written
    assert 'koemori_alerts_total{category="threat"' in written
    for private in (WORDS, "小野寺", NUMBER, AGENT):
        assert private not in written
        assert json.dumps(private).strip('"') not in written

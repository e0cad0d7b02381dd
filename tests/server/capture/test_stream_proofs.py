"""Providers prove themselves as they document it; who hangs up without a word leaves no error in the log."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from koemori.server import service
from koemori.server.config import Settings, SettingsError, load_settings
from koemori.server.service import RunningService, bind, run_service
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import connect

from tests.fakes import media
from tests.fakes.light import light_app, light_service, light_settings
from tests.support.sockets import manifests, refused, sealed, status

pytestmark = pytest.mark.integration
EXCHANGES = Path(__file__).resolve().parents[2] / "data" / "streams"
HOST = "calls.example.jp"


def trunks(home: Path) -> dict[str, object]:
    secret = home / "secret"
    secret.write_text("s3cret\n", encoding="utf-8")
    name = str(secret)
    return {
        "twilio": {"kind": "stream", "dialect": "twilio", "auth_token_file": name},
        "signalwire": {"kind": "stream", "dialect": "signalwire", "auth_token_file": name},
        "plivo": {"kind": "stream", "dialect": "plivo", "auth_token_file": name},
        "bandwidth": {
            "kind": "stream",
            "dialect": "bandwidth",
            "username": "koemori",
            "password_file": name,
        },
        "telnyx": {"kind": "stream", "dialect": "telnyx", "token_file": name, "bearer_in": "query"},
        "inside": {"kind": "stream", "dialect": "telnyx", "token_file": name, "bearer_in_parameters": True},
    }


def sha1(trunk: str) -> str:
    url = f"wss://{HOST}/ingest/{trunk}"
    return base64.b64encode(hmac.new(b"s3cret", url.encode(), hashlib.sha1).digest()).decode()


def plivo(nonce: str) -> dict[str, str]:
    text = f"wss://{HOST}/ingest/plivo.{nonce}"
    digest = hmac.new(b"s3cret", text.encode(), hashlib.sha256).digest()
    return {
        "x-plivo-signature-v3": base64.b64encode(digest).decode(),
        "x-plivo-signature-v3-nonce": nonce,
    }


def call(client: TestClient, path: str, headers: dict[str, str], exchange: str, **parameters: str) -> int:
    """Play a documented exchange; what the socket was closed with."""
    with client.websocket_connect(path, headers=headers) as socket:
        for line in (EXCHANGES / f"{exchange}.jsonl").read_text(encoding="utf-8").splitlines():
            message = json.loads(line)
            if message.get("event") == "start" and parameters:
                message["start"]["custom_parameters"].update(parameters)
            socket.send_text(json.dumps(message))
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    return int(closed.value.code)


def test_each_provider_proves_itself_and_its_call_is_sealed(tmp_path: Path) -> None:
    password = base64.b64encode(b"koemori:s3cret").decode()
    proofs = {
        "twilio": {"x-twilio-signature": sha1("twilio")},
        "signalwire": {"x-signalwire-signature": sha1("signalwire")},
        "plivo": plivo("n-1"),
        "bandwidth": {"authorization": f"Basic {password}"},
    }
    public = {"public_url": f"https://{HOST}"}
    with light_service(tmp_path, trunks=trunks(tmp_path), server=public) as client:
        for name, headers in proofs.items():
            assert refused(client, f"/ingest/{name}", {key: "wrong" for key in headers})
            assert refused(client, f"/ingest/{name}")
            assert call(client, f"/ingest/{name}", headers, name) == 1000
            assert status(client, name).refused == {"bad-proof": 2}
        assert refused(client, "/ingest/plivo", proofs["plivo"]), "a nonce is good for one call"
        assert refused(client, "/ingest/telnyx?token=wrong")
        assert call(client, "/ingest/telnyx?token=s3cret", {}, "telnyx") == 1000
        assert call(client, "/ingest/inside", {}, "telnyx") == 1003
        assert call(client, "/ingest/inside", {}, "telnyx", token="wrong") == 1003
        assert call(client, "/ingest/inside", {}, "telnyx", token="s3cret") == 1000
        calls = sealed(tmp_path, count=6)
    assert {len(samples) for samples, _ in calls} <= set(range(400, 600))
    assert len(manifests(tmp_path)) == 6


def test_secrets_of_trunks_come_from_the_environment_and_never_from_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KOEMORI_TRUNKS__MEDIA__TOKEN", "s3cret")
    monkeypatch.setenv("KOEMORI_TRUNKS__GENESYS__CLIENT_SECRET", "c2VjcmV0")
    path = tmp_path / "koemori.toml"
    path.write_text('[trunks.genesys]\nkind = "audiohook"\napi_key_file = "key"\n', encoding="utf-8")
    settings = load_settings(path)
    assert settings.trunks["media"].token.get_secret_value() == "s3cret"  # type: ignore[union-attr]
    assert "c2VjcmV0" not in repr(settings)
    for key in ("client_secret", "password", "token", "auth_token", "api_key"):
        path.write_text(f'[trunks.x]\nkind = "stream"\n{key} = "geheim"\n', encoding="utf-8")
        with pytest.raises(Exception, match=f"{key}_file or the variable") as told:
            load_settings(path)
        assert "geheim" not in str(told.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dialect": "telnyx", "auth_token_file": "secret"},
        {"dialect": "bandwidth", "password_file": "secret"},
        {"dialect": "bandwidth", "username": "koemori"},
    ],
)
def test_a_secret_that_would_prove_nothing_keeps_the_trunk_shut(
    tmp_path: Path, wrong: dict[str, str]
) -> None:
    (tmp_path / "secret").write_text("s3cret", encoding="utf-8")
    given = {key: str(tmp_path / value) if key.endswith("_file") else value for key, value in wrong.items()}
    trunk = {"kind": "stream", **given}
    with pytest.raises(SettingsError), light_service(tmp_path, trunks={"calls": trunk}):
        pass


@pytest.fixture
def light(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def create(settings: Settings) -> FastAPI:
        return light_app(settings)

    monkeypatch.setattr(service, "create_app", create)
    yield
    logging.getLogger("uvicorn.error").filters.clear()


@pytest.mark.usefixtures("light")
async def test_a_peer_that_is_gone_is_no_error_and_its_call_is_sealed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Over a real server: the connection is cut in the call, right after stop, and before the start."""
    listener = bind("127.0.0.1", 0)
    running: asyncio.Future[RunningService] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_service(light_settings(tmp_path), listener, running.set_result))
    handle = await asyncio.wait_for(running, 20)
    for messages in ((media.start(), media.media("inbound", 1)), (media.start(), media.STOP), ()):
        socket = await connect(f"ws://127.0.0.1:{handle.port}/ingest/media")
        for message in messages:
            await socket.send(message)
        if media.STOP not in messages:
            await asyncio.sleep(0.1)
        socket.transport.abort()
    async with asyncio.timeout(10):
        while len(manifests(tmp_path)) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    handle.stop()
    await asyncio.wait_for(task, 20)
    listener.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert len(manifests(tmp_path)) == 2

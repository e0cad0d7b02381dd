"""Koemori itself: `koemori serve`, one-track calls over `/ingest/media`, events from `/ws/desk`.

Everything the product does with a call is in its figures: recording, detection, database, events. `commit`
is an `utterance`, which is final; the stable part of a `partial` is counted as revisable.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from benchmarks.peers.processes import PeerError, Server, free_port, plain_environment
from benchmarks.peers.records import StreamLog
from benchmarks.peers.streams import LINE_HZ, PACKET_MS
from benchmarks.peers.systems import PATIENCE_S, START_S, THREADS, paced

_PACKET_BYTES = LINE_HZ * PACKET_MS // 1000
_USER = "bench"
_HANG_UP_S = 10.0
_PACKAGES = ("koemori", "faster-whisper", "ctranslate2", "onnxruntime")


class Koemori:
    """The service with its default settings, in a folder of its own."""

    name = "koemori"

    def __init__(self) -> None:
        self._cookies = httpx.Cookies()
        self._numbers = count(1)

    def options(self, model: Path) -> list[str]:
        """See `System`."""
        return [f"models.workers={THREADS}", "everything else as it comes"]

    def versions(self) -> dict[str, str]:
        """See `System`."""
        return {package: version(package) for package in _PACKAGES}

    async def start(self, model: Path, streams: int, directory: Path) -> Server:
        """See `System`; the model is the catalogue's `base`, whose folder `model` is."""
        port = free_port()
        config = directory / "koemori.toml"
        config.write_text(_config(directory, port), encoding="utf-8")
        environment = plain_environment(**_ours())
        program = str(Path(sys.executable).with_name("koemori"))
        password = secrets.token_urlsafe(12)
        await asyncio.to_thread(_add_user, [program], environment, directory, config, password)
        server = Server([program, "serve", "--config", str(config)], environment, directory, port)
        await server.listening(START_S)
        self._cookies = httpx.Cookies()
        try:
            await self._sign_in(port, password)
        except httpx.HTTPError as error:
            await asyncio.to_thread(server.stop)
            raise PeerError(f"expected an answer; got {type(error).__name__}: {server.log_tail()}") from None
        return server

    async def play(self, server: Server, mulaw: bytes, samples: bytes, log: StreamLog) -> None:
        """See `System`."""
        number = f"05099{next(self._numbers):06d}"
        base = f"ws://127.0.0.1:{server.port}"
        try:
            async with (
                connect(f"{base}/ws/desk", origin=_origin(server.port), ping_interval=None) as desk,
                connect(f"{base}/ingest/media", ping_interval=None, compression=None) as media,
            ):
                await desk.send(json.dumps({"type": "hello", "ticket": await self._ticket(server.port)}))
                await _converse(_Desk(desk, number, log), _Phone(media, number), mulaw, log)
        except (OSError, WebSocketException, httpx.HTTPError) as error:
            raise PeerError(f"expected the stream to go on; got {type(error).__name__}") from None

    async def _sign_in(self, port: int, password: str) -> None:
        async with self._client(port) as client:
            answer = await client.post("/session", json={"username": _USER, "password": password})
            if answer.status_code != httpx.codes.OK:
                raise PeerError(f"expected to be signed in; got {answer.status_code}")
            self._cookies = httpx.Cookies(client.cookies)

    async def _ticket(self, port: int) -> str:
        async with self._client(port) as client:
            answer = await client.post("/ws-tickets")
            return str(answer.raise_for_status().json()["ticket"])

    def _client(self, port: int) -> httpx.AsyncClient:
        url = _origin(port)
        return httpx.AsyncClient(
            base_url=f"{url}/api/v1", headers={"Origin": url}, cookies=self._cookies, timeout=START_S
        )


def _origin(port: int) -> Any:
    return f"http://127.0.0.1:{port}"


def _ours() -> dict[str, str]:
    kept = ("KOEMORI_MODEL_CACHE", "KOEMORI_MODEL_WHEELS", "KOEMORI_MODEL_MIRROR", "PYTHONPATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _config(directory: Path, port: int) -> str:
    return (
        f'[server]\nhost = "127.0.0.1"\nport = {port}\n'
        f'[database]\nurl = "sqlite:///{directory / "koemori.db"}"\n'
        f'[archive]\ndirectory = "{directory / "archive"}"\n'
        f'[models]\nname = "base"\nworkers = {THREADS}\n'
        '[logging]\nlevel = "WARNING"\nformat = "console"\n'
    )


def _add_user(
    program: list[str], environment: dict[str, str], directory: Path, config: Path, password: str
) -> None:
    command = [*program, "user", "add", _USER, "--role", "supervisor", "--password-stdin"]
    done = subprocess.run(
        [*command, "--config", str(config)],
        input=password + "\n",
        env=environment,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    if done.returncode:
        raise PeerError(f"expected an account; got {done.stderr[-500:].strip()}")


async def _converse(desk: _Desk, phone: _Phone, mulaw: bytes, log: StreamLog) -> None:
    await phone.start()
    reading = asyncio.create_task(desk.read())
    try:
        async for packet in paced(mulaw, _PACKET_BYTES, log):
            await phone.send(packet)
        await phone.stop()
        with suppress(TimeoutError):
            log.complete = await asyncio.wait_for(asyncio.shield(reading), PATIENCE_S)
            log.closed_s = log.now()
            await asyncio.wait_for(phone.hung_up(), _HANG_UP_S)
    finally:
        log.closed_s = log.closed_s or log.now()
        reading.cancel()


class _Phone:
    """A phone system of the Twilio family that sends one track."""

    def __init__(self, socket: ClientConnection, number: str) -> None:
        self._socket = socket
        self._number = number
        self._sequence = count(1)
        self._chunk = count(1)
        self._stream_sid = f"MZ{secrets.token_hex(16)}"
        self._call_sid = f"CA{secrets.token_hex(16)}"

    async def start(self) -> None:
        await self._send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        start = {
            "streamSid": self._stream_sid,
            "accountSid": "AC" + "0" * 32,
            "callSid": self._call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": LINE_HZ, "channels": 1},
            "customParameters": {"from": self._number, "track_roles": "inbound=customer"},
        }
        await self._send({"event": "start", "start": start})

    async def send(self, packet: bytes) -> None:
        chunk = next(self._chunk)
        media = {
            "track": "inbound",
            "chunk": str(chunk),
            "timestamp": str((chunk - 1) * PACKET_MS),
            "payload": base64.b64encode(packet).decode("ascii"),
        }
        await self._send({"event": "media", "media": media})

    async def stop(self) -> None:
        await self._send({"event": "stop", "stop": {"callSid": self._call_sid}})

    async def hung_up(self) -> None:
        """Wait until the service closes the socket, as it does after a call."""
        await self._socket.wait_closed()

    async def _send(self, message: dict[str, object]) -> None:
        numbered = {**message, "sequenceNumber": str(next(self._sequence)), "streamSid": self._stream_sid}
        await self._socket.send(json.dumps(numbered))


class _Desk:
    """Follows the call of one number."""

    def __init__(self, socket: ClientConnection, number: str, log: StreamLog) -> None:
        self._socket = socket
        self._number = number
        self._log = log
        self._call_id: str | None = None
        self._open: dict[str, str] = {}

    async def read(self) -> bool:
        """Take events until the call has ended; False when the socket closed first."""
        with suppress(ConnectionClosed):
            async for text in self._socket:
                message = json.loads(text)
                if message["type"] == "calls":
                    await self._look_for_call(message["items"])
                elif message["type"] == "call_ended":
                    return True
                else:
                    self._take(message)
        return False

    async def _look_for_call(self, items: list[dict[str, Any]]) -> None:
        for item in items:
            if self._call_id is None and item["customer_number"] == self._number:
                self._call_id = str(item["call_id"])
                await self._socket.send(json.dumps({"type": "subscribe", "call_id": self._call_id}))

    def _take(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "partial":
                self._open[event["utterance_id"]] = event["stable"] + event["unstable"]
            case "utterance":
                self._open.pop(event["utterance_id"], None)
                self._log.commit(event["text"], event["start_ms"], event["end_ms"])
            case "quarantined":
                self._open.pop(event.get("utterance_id", ""), None)
            case _:
                return
        self._log.partial("".join(self._open.values()))

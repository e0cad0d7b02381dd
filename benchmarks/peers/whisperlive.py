"""WhisperLive (PyPI whisper-live), faster-whisper backend: `TranscriptionServer` and its WebSocket protocol.

The wheel brings no start script; the command below gives `TranscriptionServer.run` what the project's
`run_server.py` gives it for `-fw MODEL --omp_num_threads 2`. Client options are those of the project's own
client. Its server stops at END_OF_AUDIO without another look at what it holds, so that client waits until
nothing has come for 15 s before it sends it; so does this one.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from benchmarks.peers.environments import Environment
from benchmarks.peers.processes import PeerError, Server, free_port, plain_environment
from benchmarks.peers.records import StreamLog
from benchmarks.peers.streams import PACKET_MS, RATE_HZ
from benchmarks.peers.systems import PATIENCE_S, START_S, THREADS, paced

_QUIET_S = 15.0
_CLOSE_S = 5.0
_PACKET_BYTES = RATE_HZ * PACKET_MS // 1000 * 4
_CLIENT_OPTIONS: dict[str, Any] = {
    "language": "ja",
    "task": "transcribe",
    "model": "base",
    "use_vad": True,
    "send_last_n_segments": 10,
    "no_speech_thresh": 0.45,
    "clip_audio": False,
    "same_output_threshold": 10,
    "word_timestamps": False,
}


class WhisperLive:
    """One server process; all clients share its one model."""

    def __init__(self, environment: Environment, name: str = "whisperlive", threads: int = THREADS) -> None:
        self.name = name
        self._environment = environment
        self._threads = threads

    def options(self, model: Path) -> list[str]:
        """See `System`."""
        server = [f"-fw {model.name}", "--backend faster_whisper", f"OMP_NUM_THREADS={self._threads}"]
        return server + [f"{name}={value}" for name, value in _CLIENT_OPTIONS.items()]

    def versions(self) -> dict[str, str]:
        """See `System`."""
        return self._environment.versions()

    async def start(self, model: Path, streams: int, directory: Path) -> Server:
        """See `System`."""
        port = free_port()
        settings = {
            "port": port,
            "backend": "faster_whisper",
            "faster_whisper_custom_model_path": str(model),
            "single_model": True,
            "max_clients": streams + 1,
            "max_connection_time": 3600,
            "cache_path": str(directory),
        }
        code = (
            "from whisper_live.server import TranscriptionServer as Server; "
            f"Server().run('127.0.0.1', **{settings!r})"
        )
        environment = plain_environment(OMP_NUM_THREADS=str(self._threads))
        server = Server([str(self._environment.python), "-c", code], environment, directory, port)
        await server.listening(START_S)
        return server

    async def play(self, server: Server, mulaw: bytes, samples: bytes, log: StreamLog) -> None:
        """See `System`."""
        try:
            async with connect(f"ws://127.0.0.1:{server.port}", ping_interval=None, max_size=None) as socket:
                await socket.send(json.dumps({"uid": str(uuid.uuid4()), **_CLIENT_OPTIONS}))
                await _ready(socket)
                await _Conversation(socket, log).run(samples)
        except (OSError, WebSocketException) as error:
            raise PeerError(f"expected the stream to go on; got {type(error).__name__}") from None


async def _ready(socket: ClientConnection) -> None:
    async with asyncio.timeout(START_S):
        while True:
            message = json.loads(await socket.recv())
            if message.get("message") == "SERVER_READY":
                return
            if "status" in message:
                raise PeerError(f"expected SERVER_READY; got {message['status']}")


class _Conversation:
    """Sends and receives; keeps which segments have been taken as completed."""

    def __init__(self, socket: ClientConnection, log: StreamLog) -> None:
        self._socket = socket
        self._log = log
        self._taken: set[tuple[str, str, str]] = set()
        self._heard_s = 0.0

    async def run(self, samples: bytes) -> None:
        reading = asyncio.create_task(self._read())
        try:
            async for packet in paced(samples, _PACKET_BYTES, self._log):
                await self._socket.send(packet)
            while self._waits():
                done, _ = await asyncio.wait({reading}, timeout=0.1)
                if done:
                    return
            self._log.complete = self._log.now() < self._log.ended_s + PATIENCE_S
            await self._socket.send(b"END_OF_AUDIO")
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(reading), _CLOSE_S)
        finally:
            self._log.closed_s = self._log.now()
            reading.cancel()

    def _waits(self) -> bool:
        now_s, ended_s = self._log.now(), self._log.ended_s
        return now_s < ended_s + PATIENCE_S and now_s < max(self._heard_s, ended_s) + _QUIET_S

    async def _read(self) -> None:
        with suppress(ConnectionClosed):
            async for text in self._socket:
                message = json.loads(text)
                if "segments" in message:
                    self._heard_s = self._log.now()
                    self._take(message["segments"])

    def _take(self, segments: list[dict[str, Any]]) -> None:
        open_text, start_ms, end_ms = "", None, None
        for segment in segments:
            start_ms, end_ms = (round(float(segment[key]) * 1000) for key in ("start", "end"))
            if not segment.get("completed"):
                open_text += segment["text"]
                continue
            key = (segment["start"], segment["end"], segment["text"])
            if key not in self._taken:
                self._taken.add(key)
                self._log.commit(segment["text"], start_ms, end_ms)
        self._log.partial(open_text, start_ms, end_ms)

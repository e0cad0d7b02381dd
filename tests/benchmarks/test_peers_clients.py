"""The clients of the comparison against servers that speak the peers' protocols by a script."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.peers.environments import WHISPERLIVE, WHISPERLIVEKIT
from benchmarks.peers.processes import PeerError, Server, free_port, plain_environment
from benchmarks.peers.records import StreamLog
from benchmarks.peers.systems import System
from benchmarks.peers.whisperlive import WhisperLive
from benchmarks.peers.whisperlivekit import WhisperLiveKit, to_ms

pytestmark = pytest.mark.integration

SAMPLES = np.linspace(-1, 1, 16_000 * 3 // 10, dtype=np.float32).tobytes()


@asynccontextmanager
async def scripted(handler: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[int]:
    async with serve(handler, "127.0.0.1", 0) as server:
        yield next(iter(server.sockets)).getsockname()[1]


class Port:
    """What a client needs to know of a server."""

    def __init__(self, port: int) -> None:
        self.port = port


async def play(system: System, handler: Callable[[ServerConnection], Awaitable[None]]) -> StreamLog:
    log = StreamLog(time.perf_counter)
    async with scripted(handler) as port:
        await asyncio.wait_for(system.play(Port(port), b"", SAMPLES, log), 20)  # type: ignore[arg-type]
    return log


def texts(log: StreamLog) -> list[tuple[str, str, int | None, int | None]]:
    return [(event.kind, event.text, event.start_ms, event.end_ms) for event in log.events]


async def test_whisperlive_segments_become_commits_once_and_partials() -> None:
    received: list[bytes] = []

    async def server(socket: ServerConnection) -> None:
        options = json.loads(await socket.recv())
        assert (options["language"], options["use_vad"]) == ("ja", True)
        await socket.send(json.dumps({"uid": "1", "message": "SERVER_READY"}))
        for _ in range(3):
            packet = await socket.recv()
            assert isinstance(packet, bytes)
            received.append(packet)
        done = {"start": "0.000", "end": "1.000", "text": "はい", "completed": True}
        going = {"start": "1.000", "end": "1.500", "text": "それで", "completed": False}
        await socket.send(json.dumps({"uid": "1", "segments": [going | {"start": "0.000"}]}))
        await socket.send(json.dumps({"uid": "1", "segments": [done, going]}))
        await socket.send(json.dumps({"uid": "1", "segments": [done, {**going, "completed": True}]}))

    log = await play(WhisperLive(WHISPERLIVE), server)
    assert b"".join(received) == SAMPLES
    assert texts(log) == [
        ("partial", "それで", 0, 1500),
        ("commit", "はい", 0, 1000),
        ("partial", "それで", 1000, 1500),
        ("commit", "それで", 1000, 1500),
    ]
    assert log.ended_s == pytest.approx(0.3, abs=0.2)
    assert not log.complete


async def test_a_whisperlive_server_that_is_full_is_an_error() -> None:
    async def server(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(json.dumps({"uid": "1", "status": "WAIT", "message": 3}))

    with pytest.raises(PeerError, match="expected SERVER_READY; got WAIT"):
        await play(WhisperLive(WHISPERLIVE), server)


async def test_whisperlivekit_lines_are_commits_and_its_buffer_is_revisable() -> None:
    def front(lines: list[tuple[int, str]], buffer: str) -> str:
        spoken = [
            {"speaker": speaker, "text": text, "start": "0:00:00.50", "end": "0:00:01.25"}
            for speaker, text in lines
        ]
        return json.dumps({"status": "active", "lines": spoken, "buffer_transcription": buffer})

    async def server(socket: ServerConnection) -> None:
        await socket.send(json.dumps({"type": "config", "useAudioWorklet": True}))
        size = 0
        while packet := await socket.recv():
            size += len(packet)
        assert size == len(SAMPLES) // 2
        await socket.send(front([(-2, "")], "はい"))
        await socket.send(front([(1, "はい")], "それで"))
        await socket.send(front([(1, "はい"), (-2, ""), (1, "それで")], ""))
        await socket.send(json.dumps({"type": "ready_to_stop"}))
        await socket.wait_closed()

    log = await play(WhisperLiveKit(WHISPERLIVEKIT), server)
    assert texts(log) == [
        ("partial", "はい", None, None),
        ("commit", "はい", 500, 1250),
        ("partial", "それで", None, None),
        ("commit", "それで", 500, 1250),
    ]
    assert log.complete


async def test_a_peer_that_hangs_up_before_it_is_through_is_not_complete() -> None:
    async def server(socket: ServerConnection) -> None:
        while await socket.recv():
            pass

    log = await play(WhisperLiveKit(WHISPERLIVEKIT), server)
    assert not log.complete


async def test_nobody_listening_is_an_error() -> None:
    log = StreamLog(time.perf_counter)
    with pytest.raises(PeerError, match="expected the stream to go on"):
        await WhisperLiveKit(WHISPERLIVEKIT).play(Port(free_port()), b"", SAMPLES, log)  # type: ignore[arg-type]


async def test_a_server_that_ends_at_once_says_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    server = Server(command, plain_environment(), tmp_path, free_port())
    with pytest.raises(PeerError, match="ended with 1: no such model"):
        await server.listening(20)


async def test_stopping_a_server_ends_what_it_started(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    server = Server([sys.executable, "-c", code], plain_environment(), tmp_path, free_port())
    async with asyncio.timeout(20):
        while not server.log_tail():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    child = Path("/proc") / server.log_tail()
    await asyncio.to_thread(server.stop)
    async with asyncio.timeout(20):
        while child.exists() and "State:\tZ" not in (child / "status").read_text(encoding="utf-8"):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    with pytest.raises(PeerError, match="ended with -15"):
        server.check()


def test_a_clock_is_milliseconds() -> None:
    assert to_ms("0:01:02.50") == 62_500
    assert to_ms("1:00:00.00") == 3_600_000

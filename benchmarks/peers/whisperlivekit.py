"""WhisperLiveKit (PyPI whisperlivekit) with its LocalAgreement policy: `/asr`, raw PCM in, JSON out."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from benchmarks.peers.environments import Environment
from benchmarks.peers.processes import PeerError, Server, free_port, plain_environment
from benchmarks.peers.records import StreamLog
from benchmarks.peers.streams import PACKET_MS, RATE_HZ, load_side
from benchmarks.peers.systems import PATIENCE_S, START_S, THREADS, paced

_PACKET_BYTES = RATE_HZ * PACKET_MS // 1000 * 2
_WARM_UP_S = 9.0
_OPTIONS = (
    *("--backend-policy", "localagreement", "--backend", "faster-whisper"),
    *("--lan", "ja", "--pcm-input", "--log-level", "WARNING"),
)


class WhisperLiveKit:
    """One server process; all sessions share its one model."""

    def __init__(
        self,
        environment: Environment,
        name: str = "whisperlivekit",
        *more: str,
        threads: int = THREADS,
    ) -> None:
        self.name = name
        self._threads = threads
        self._environment = environment
        self._more = list(more)

    def options(self, model: Path) -> list[str]:
        """See `System`."""
        return [*_OPTIONS, *self._more, f"--model_dir {model.name}", f"OMP_NUM_THREADS={self._threads}"]

    def versions(self) -> dict[str, str]:
        """See `System`."""
        return self._environment.versions()

    async def start(self, model: Path, streams: int, directory: Path) -> Server:
        """See `System`."""
        port = free_port()
        warm_up = directory / "warm-up.wav"
        speech = load_side("c03", "agent", _WARM_UP_S * 10).samples()
        soundfile.write(warm_up, speech[: int(_WARM_UP_S * RATE_HZ)], RATE_HZ)
        command = [
            str(self._environment.script("whisperlivekit-server")),
            *_OPTIONS,
            *self._more,
            *("--host", "127.0.0.1", "--port", str(port)),
            *("--model_dir", str(model), "--warmup-file", str(warm_up)),
        ]
        environment = plain_environment(OMP_NUM_THREADS=str(self._threads))
        server = Server(command, environment, directory, port)
        await server.listening(START_S)
        return server

    async def play(self, server: Server, mulaw: bytes, samples: bytes, log: StreamLog) -> None:
        """See `System`."""
        pcm = np.clip(np.frombuffer(samples, np.float32) * 32_768, -32_768, 32_767).astype("<i2").tobytes()
        url = f"ws://127.0.0.1:{server.port}/asr"
        try:
            async with connect(url, ping_interval=None, max_size=None) as socket:
                await _converse(socket, pcm, log)
        except (OSError, WebSocketException) as error:
            raise PeerError(f"expected the stream to go on; got {type(error).__name__}") from None


async def _converse(socket: ClientConnection, pcm: bytes, log: StreamLog) -> None:
    """An empty message ends the audio; `ready_to_stop` says that everything has been sent."""
    reading = asyncio.create_task(_read(socket, log))
    try:
        async for packet in paced(pcm, _PACKET_BYTES, log):
            await socket.send(packet)
        await socket.send(b"")
        with suppress(TimeoutError):
            log.complete = await asyncio.wait_for(asyncio.shield(reading), PATIENCE_S)
    finally:
        log.closed_s = log.now()
        reading.cancel()


async def _read(socket: ClientConnection, log: StreamLog) -> bool:
    taken = ""
    with suppress(ConnectionClosed):
        async for text in socket:
            message = json.loads(text)
            if message.get("type") == "ready_to_stop":
                return True
            if "lines" in message:
                taken = _take(message, taken, log)
    return False


def _take(message: dict[str, Any], taken: str, log: StreamLog) -> str:
    """`lines` hold what is agreed, from the session's beginning on; `buffer_transcription` may change."""
    spoken = [line for line in message["lines"] if line["speaker"] != -2 and line["text"]]
    agreed = "".join(line["text"] for line in spoken)
    if len(agreed) > len(taken):
        log.commit(agreed[len(taken) :], to_ms(spoken[-1]["start"]), to_ms(spoken[-1]["end"]))
    log.partial(message["buffer_transcription"])
    return max(agreed, taken, key=len)


def to_ms(clock: str) -> int:
    """`0:01:02.50` as milliseconds."""
    hours, minutes, seconds = clock.split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * 1000)

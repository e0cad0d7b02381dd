"""A phone system of the Twilio family: one call over the service's media socket, paced like a phone line."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time

from koemori.server.demo.script import RATE_HZ, ScriptedCall
from koemori.server.service import ServiceError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

FRAME_MS = 20
_FRAME_SAMPLES = RATE_HZ * FRAME_MS // 1000
_TRACKS = ((0, "outbound"), (1, "inbound"))
_OPEN_TIMEOUT_S = 10


class DemoPhone:
    """Plays one scripted call; `call_sid` is the phone system's own name for it."""

    def __init__(self, url: str, script: ScriptedCall, agent: str) -> None:
        self.call_sid = f"CA{secrets.token_hex(16)}"
        self._url = url
        self._script = script
        self._agent = agent
        self._stream_sid = f"MZ{secrets.token_hex(16)}"
        self._sequence = 0

    async def play(self) -> None:
        """Connect, send every frame when it is due, and hang up.

        Raises:
            ServiceError: The service refused the call or closed its socket.
        """
        try:
            await self._play()
        except (OSError, WebSocketException) as error:
            came = type(error).__name__
            raise ServiceError("demo call", "the service to take it to its end", came) from None

    async def _play(self) -> None:
        async with connect(self._url, open_timeout=_OPEN_TIMEOUT_S, compression=None) as socket:
            await self._send(socket, {"event": "connected", "protocol": "Call", "version": "1.0.0"})
            await self._send(socket, {"event": "start", "start": self._start()})
            begun_s = time.monotonic()
            count = self._script.mulaw.shape[1]
            for number, place in enumerate(range(0, count, _FRAME_SAMPLES)):
                end = min(count, place + _FRAME_SAMPLES)
                await asyncio.sleep(max(0.0, begun_s + end / RATE_HZ - time.monotonic()))
                await self._send_frame(socket, number, place, end)
            stop = {"accountSid": "AC" + "0" * 32, "callSid": self.call_sid}
            await self._send(socket, {"event": "stop", "stop": stop})
            await socket.wait_closed()

    def _start(self) -> dict[str, object]:
        return {
            "streamSid": self._stream_sid,
            "accountSid": "AC" + "0" * 32,
            "callSid": self.call_sid,
            "tracks": [track for _, track in _TRACKS],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE_HZ, "channels": 1},
            "customParameters": {
                "agent": self._agent,
                "queue": self._script.queue,
                "from": self._script.customer_number,
                "track_roles": "inbound=customer,outbound=agent",
            },
        }

    async def _send_frame(self, socket: ClientConnection, number: int, place: int, end: int) -> None:
        for row, track in _TRACKS:
            payload = self._script.mulaw[row, place:end].tobytes()
            media = {
                "track": track,
                "chunk": str(number + 1),
                "timestamp": str(number * FRAME_MS),
                "payload": base64.b64encode(payload).decode("ascii"),
            }
            await self._send(socket, {"event": "media", "media": media})

    async def _send(self, socket: ClientConnection, message: dict[str, object]) -> None:
        self._sequence += 1
        numbered = {**message, "sequenceNumber": str(self._sequence), "streamSid": self._stream_sid}
        await socket.send(json.dumps(numbered))

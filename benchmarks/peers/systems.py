"""What the comparison asks of each system: a server of its own, and a client that plays one stream to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from benchmarks.peers.processes import Server
from benchmarks.peers.records import StreamLog
from benchmarks.peers.streams import PACKET_MS

PATIENCE_S = 30.0
"""How long a client waits for the last words after its last packet."""
START_S = 120.0
THREADS = 2
"""Cores of the comparison: threads of the peers' one model, processes of Koemori's pool."""


class System(Protocol):
    """One way to recognise streams."""

    name: str

    def options(self, model: Path) -> list[str]:
        """The options that matter for the result, as the server is given them."""
        ...

    def versions(self) -> dict[str, str]:
        """Releases of what does the work."""
        ...

    async def start(self, model: Path, streams: int, directory: Path) -> Server:
        """Start the server and wait until it takes streams.

        Args:
            model: The CTranslate2 folder.
            streams: How many will come at once.
            directory: An empty folder for whatever the server writes.

        Raises:
            PeerError: It does not start.
        """
        ...

    async def play(self, server: Server, mulaw: bytes, samples: bytes, log: StreamLog) -> None:
        """Send one stream at the speed of speech, then take what comes until the end.

        Args:
            server: From `start`.
            mulaw: The stream as 8 kHz µ-law.
            samples: The same as 16 kHz float32.
            log: Gets every text.

        Raises:
            PeerError: The server refused or broke off.
        """
        ...


async def paced(audio: bytes, packet_bytes: int, log: StreamLog) -> AsyncIterator[bytes]:
    """Packets of 100 ms, each when its last sample has been spoken; sets `log.began_s` and `log.ended_s`."""
    log.began_s = time.perf_counter()
    for number, place in enumerate(range(0, len(audio), packet_bytes), start=1):
        await asyncio.sleep(max(0.0, number * PACKET_MS / 1000 - log.now()))
        yield audio[place : place + packet_bytes]
    log.ended_s = log.now()

"""An Asterisk manager that speaks as its documents say: greeting, challenge, login, events."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field

GREETING = b"Asterisk Call Manager/9.0.0\r\n"


def block(**fields: str) -> bytes:
    """`block(Event="Hold", Linkedid="1.2")` as it goes over the wire."""
    return "".join(f"{key}: {value}\r\n" for key, value in fields.items()).encode() + b"\r\n"


@dataclass
class FakeManager:
    """Lets one account in and sends what it is given to whoever is."""

    username: str = "koemori"
    secret: str = "geheim"
    challenge: str = "133512345"
    answers_pings: bool = True
    logins: int = 0
    refused: int = 0
    pings: int = 0
    port: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    _inside: list[asyncio.StreamWriter] = field(default_factory=list)
    _server: asyncio.Server | None = None

    async def __aenter__(self) -> FakeManager:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        assert self._server is not None
        self._server.close()
        self.hang_up()
        await asyncio.sleep(0)

    def send(self, *blocks: bytes) -> None:
        """Send to everybody inside."""
        for writer in self._inside:
            writer.write(b"".join(blocks))

    def hang_up(self) -> None:
        """Drop every connection, as a restart does."""
        for writer in self._inside:
            writer.transport.abort()
        self._inside.clear()

    async def until(self, seen: str, count: int = 1) -> None:
        """Wait until one of the counters has come so far."""
        async with asyncio.timeout(5):
            while getattr(self, seen) < count:
                self.changed.clear()
                await self.changed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GREETING)
        try:
            while True:
                raw = (await reader.readuntil(b"\r\n\r\n")).decode()
                self._answer(dict(line.split(": ", 1) for line in raw.strip().splitlines()), writer)
                self.changed.set()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, action: dict[str, str], writer: asyncio.StreamWriter) -> None:
        match action["Action"]:
            case "Challenge" if action["AuthType"] == "MD5":
                writer.write(block(Response="Success", Challenge=self.challenge))
            case "Login":
                right = hashlib.md5((self.challenge + self.secret).encode()).hexdigest()  # noqa: S324
                if (action["Username"], action["Key"]) != (self.username, right):
                    self.refused += 1
                    writer.write(block(Response="Error", Message="Authentication failed"))
                    return
                writer.write(block(Response="Success", Message="Authentication accepted"))
                writer.write(block(Event="FullyBooted", Privilege="system,all", Status="Fully Booted"))
                self._inside.append(writer)
                self.logins += 1
            case "Ping":
                self.pings += 1
                if self.answers_pings:
                    writer.write(block(Response="Success", Ping="Pong", Timestamp="1795301882.000001"))

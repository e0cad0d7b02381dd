"""A real `koemori serve` in its own process, and a phone system that calls it."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

FRAME_SAMPLES = 160
FRAME_S = 0.02


def free_port() -> int:
    """A loopback port that nothing listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Service:
    """One `koemori serve`; `kill` takes it away as a power cut would."""

    home: Path
    port: int = field(default_factory=free_port)
    public_url: str | None = None
    sections: str = ""
    """More of the settings file."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the service answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def config(self) -> Path:
        """The settings file, written once."""
        path = self.home / "koemori.toml"
        if not path.exists():
            public = "" if self.public_url is None else f'public_url = "{self.public_url}"\n'
            path.write_text(
                f'[server]\nport = {self.port}\n{public}[database]\nurl = "sqlite:///{self.home}/koemori.db"\n'
                f'[archive]\ndirectory = "{self.home}/archive"\n{self.sections}',
                encoding="utf-8",
            )
        return path

    def command(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a `koemori` command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "koemori", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def add_user(self, username: str, role: str, password: str, display_name: str) -> None:
        """Create a local account."""
        options = ("--role", role, "--display-name", display_name, "--config", str(self.config))
        done = self.command("user", "add", username, *options, "--password-stdin", stdin=password + "\n")
        assert done.returncode == 0, done.stderr

    def start(self, timeout_s: float = 60) -> None:
        """Start and wait until the service says it is well."""
        log = (self.home / "serve.log").open("ab")
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "koemori", "serve", "--config", str(self.config)],
            stdout=log,
            stderr=log,
            env=environment,
        )
        log.close()
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            assert self.process.poll() is None, (self.home / "serve.log").read_text(encoding="utf-8")[-2000:]
            try:
                if httpx.get(f"{self.url}/api/v1/health", timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError("the service did not become healthy in time")

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing is closed."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        self.process = None

    def stop(self) -> None:
        """SIGTERM, as a service manager would."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process = None


@contextmanager
def running(home: Path) -> Iterator[Service]:
    """A service that is stopped at the end whatever happens."""
    service = Service(home)
    try:
        service.start()
        yield service
    finally:
        service.stop()


class Phone:
    """A phone system of the Twilio family: one call over the media socket, both tracks, paced or not.

    Args:
        service: Whom to call.
        mulaw: Two rows of µ-law bytes, agent and customer, uint8, shape `(2, n)`.
        agent: User name of the agent on the line.
    """

    def __init__(
        self, service: Service, mulaw: NDArray[np.uint8], agent: str = "agent1", **custom: str
    ) -> None:
        self.mulaw = mulaw
        self.sent_frames = 0
        self._line = ExitStack()
        self.socket: ClientConnection = self._line.enter_context(
            connect(f"ws://127.0.0.1:{service.port}/ingest/media", open_timeout=10, max_size=2**20)
        )
        self.sequence = 1
        self.stream_sid = f"MZ{os.urandom(16).hex()}"
        self._send({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        start = {
            "streamSid": self.stream_sid,
            "accountSid": "AC" + "0" * 32,
            "callSid": f"CA{os.urandom(16).hex()}",
            "tracks": ["inbound", "outbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"agent": agent, "queue": "support", **custom},
        }
        self._send({"event": "start", "start": start})

    def _send(self, message: dict[str, object]) -> None:
        self.socket.send(
            json.dumps({**message, "sequenceNumber": str(self.sequence), "streamSid": self.stream_sid})
        )
        self.sequence += 1

    @property
    def frames(self) -> int:
        """Whole frames there are to send."""
        return self.mulaw.shape[1] // FRAME_SAMPLES

    def send_frame(self) -> None:
        """Send the next 20 ms of both tracks."""
        place = self.sent_frames * FRAME_SAMPLES
        for row, track in ((0, "outbound"), (1, "inbound")):
            payload = base64.b64encode(self.mulaw[row, place : place + FRAME_SAMPLES].tobytes()).decode()
            media = {
                "track": track,
                "chunk": str(self.sent_frames + 1),
                "timestamp": str(self.sent_frames * 20),
                "payload": payload,
            }
            self._send({"event": "media", "media": media})
        self.sent_frames += 1

    def talk(self, until_frame: int | None = None, speed: float = 1.0) -> None:
        """Send frames on their due times, up to `until_frame` (all of them by default)."""
        begun = time.monotonic() - self.sent_frames * FRAME_S / speed
        while self.sent_frames < (self.frames if until_frame is None else until_frame):
            due = begun + self.sent_frames * FRAME_S / speed
            time.sleep(max(0.0, due - time.monotonic()))
            self.send_frame()

    def hang_up(self) -> None:
        """End the stream properly."""
        self._send({"event": "stop", "stop": {"accountSid": "AC" + "0" * 32, "callSid": "CA"}})
        self._line.close()

    def vanish(self) -> None:
        """Forget a connection whose other end was killed."""
        with suppress(OSError, WebSocketException):
            self._line.close()

"""A server under test: started in a session of its own, watched from outside, ended with all it started."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SAMPLE_S = 0.2
_STOP_S = 20.0
_LOG_TAIL_CHARACTERS = 2000


class PeerError(Exception):
    """A system under test failed; the run is recorded with this sentence."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds spent so far, and resident bytes now, of a process with all its descendants."""

    at_s: float
    cpu_s: float
    resident_bytes: int


def tree_usage(pid: int) -> Usage:
    """Usage of a process and its descendants, ended children that were reaped included."""
    stats = {int(path.name): stat for path in Path("/proc").glob("[0-9]*") if (stat := _stat(path))}
    inside, grown = {pid}, True
    while grown:
        more = {number for number, stat in stats.items() if stat.parent in inside} - inside
        inside |= more
        grown = bool(more)
    own = [stats[number] for number in inside if number in stats]
    ticks, pages = sum(stat.ticks for stat in own), sum(stat.pages for stat in own)
    return Usage(time.perf_counter(), ticks / _TICKS, pages * _PAGE_BYTES)


@dataclass(frozen=True, slots=True)
class _Stat:
    parent: int
    ticks: int
    pages: int


def _stat(path: Path) -> _Stat | None:
    try:
        fields = (path / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return _Stat(int(fields[1]), sum(map(int, fields[11:15])), int(fields[21]))


@dataclass(slots=True)
class CpuMeter:
    """Samples a process tree while it works."""

    pid: int
    samples: list[Usage] = field(default_factory=list)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            self.samples.append(tree_usage(self.pid))
            await asyncio.sleep(_SAMPLE_S)

    def between(self, begin_s: float, end_s: float) -> float:
        """CPU seconds spent between two readings of `time.perf_counter`, to a sample's precision."""
        times = [sample.at_s for sample in self.samples]
        first = max(0, bisect_left(times, begin_s) - 1)
        last = min(len(times) - 1, bisect_left(times, end_s))
        return self.samples[last].cpu_s - self.samples[first].cpu_s

    @property
    def peak_bytes(self) -> int:
        return max(sample.resident_bytes for sample in self.samples)


class Server:
    """A subprocess that listens on a loopback port."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], directory: Path, port: int
    ) -> None:
        self.port = port
        self._log = directory / "server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                list(command),
                env=dict(environment),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def check(self) -> None:
        """Raise `PeerError` if the server has ended."""
        code = self._process.poll()
        if code is not None:
            raise PeerError(f"the server ended with {code}: {self.log_tail()}")

    def log_tail(self) -> str:
        """The end of what the server wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-_LOG_TAIL_CHARACTERS:].strip()

    async def listening(self, patience_s: float) -> None:
        """Wait until the port takes connections.

        Raises:
            PeerError: The server ended, or the time is over; nothing of it is left.
        """
        deadline_s = time.monotonic() + patience_s
        try:
            while not await _answers(self.port):
                self.check()
                if time.monotonic() > deadline_s:
                    raise PeerError(f"the server did not listen within {patience_s} s: {self.log_tail()}")
                await asyncio.sleep(0.2)
        except PeerError:
            await asyncio.to_thread(self.stop)
            raise

    def stop(self) -> None:
        """Ask the server to end, then end its whole session."""
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_STOP_S)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return True


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def plain_environment(**more: str) -> dict[str, str]:
    """Our environment without settings of Koemori or Python, offline for model hubs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KOEMORI_", "PYTHON")) and name != "VIRTUAL_ENV"
    }
    return kept | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONUNBUFFERED": "1"} | more

"""Processes beside a capture benchmark: started, asked, watched."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

_ANSWER_S = 120.0
_LINE_BYTES = 4 << 20


class ChildError(Exception):
    """A process of the benchmark that ended or does not answer."""


@dataclass(slots=True)
class Child:
    """A module that runs as a process and is spoken with in lines of JSON."""

    module: str
    process: asyncio.subprocess.Process

    @classmethod
    async def start(cls, module: str, *arguments: str) -> Child:
        """Run a module with this interpreter."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
        )
        return cls(module, process)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    def tell(self, order: dict[str, Any]) -> None:
        """Send a line that is not answered."""
        if self.process.stdin is not None:
            self.process.stdin.write(json.dumps(order).encode() + b"\n")

    async def ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Send a line and wait for the answer.

        Raises:
            ChildError: None came.
        """
        self.tell(order)
        if self.process.stdout is None:
            raise ChildError(f"{self.module}: expected an open output")
        answer = await asyncio.wait_for(self.process.stdout.readline(), _ANSWER_S)
        if not answer:
            raise ChildError(f"{self.module}: expected an answer; it has ended")
        return cast(dict[str, Any], json.loads(answer))

    async def aclose(self) -> None:
        """Let the process end, or make it."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), _ANSWER_S)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """CPU seconds of a process so far, all and in the kernel, and its memory (Pss) now."""

    cpu_s: float
    system_s: float
    mib: float


def process_figures(pid: int) -> ProcessFigures:
    """Read `/proc`; zeros where there is none."""
    folder = Path(f"/proc/{pid}")
    try:
        stat = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        rollup = (folder / "smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ProcessFigures(0.0, 0.0, 0.0)
    tick = os.sysconf("SC_CLK_TCK")
    user_s, system_s = int(stat[11]) / tick, int(stat[12]) / tick
    mib = sum(int(row.split()[1]) for row in rollup if row.startswith("Pss:")) / 1024
    return ProcessFigures(user_s + system_s, system_s, mib)


@dataclass(frozen=True, slots=True)
class UdpDrops:
    """Datagrams that the kernel gave up because nobody read them in time, of some ports."""

    dropped: int

    @classmethod
    def of(cls, ports: Collection[int]) -> UdpDrops:
        """Read the kernel's table; it must be read while the sockets are bound."""
        wanted = set(ports)
        try:
            rows = Path("/proc/net/udp").read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            return cls(0)
        fields = (row.split() for row in rows)
        return cls(sum(int(each[-1]) for each in fields if int(each[1].rpartition(":")[2], 16) in wanted))


def free_tcp_port() -> int:
    """A TCP port that is free now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])

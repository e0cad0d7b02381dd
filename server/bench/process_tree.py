"""CPU time and memory of this process and all below it; speech workers are child processes.

Read from `/proc`. Where there is none, only this process and children that have ended are counted, and a
result says so (`COVERS`).
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

HAS_PROC = Path(f"/proc/self/task/{os.getpid()}/children").is_file()
COVERS = "this process and all below it" if HAS_PROC else "this process and children that have ended"
_KIB = 1024
_MIB = 1024 * 1024
_AFTER_NAME_UTIME = 11
"""Place of `utime` in `/proc/<pid>/stat`, counted after the name; stime, cutime and cstime follow."""


def cpu_s() -> float:
    """CPU seconds so far, user and system, of the whole tree; of ended processes as well."""
    if not HAS_PROC:
        usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)
    ticks = sum(_cpu_ticks(pid) for pid in _tree())
    return ticks / os.sysconf("SC_CLK_TCK")


def memory() -> Memory:
    """Memory of the whole tree; where there is no `/proc`, the peak of this process as both figures."""
    if not HAS_PROC:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak_mib = peak / (_MIB if sys.platform == "darwin" else _KIB)
        return Memory(peak_mib, peak_mib)
    rows = [_rollup(pid) for pid in _tree()]
    resident, own, below = (
        sum(row.get(name, 0) for row in part) / _KIB
        for name, part in (("Pss", rows), ("Pss_Anon", rows), ("Pss_Anon", rows[1:]))
    )
    return Memory(resident, own, below)


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory now, as `smaps_rollup` of proc(5) counts it.

    Attributes:
        resident_mib: In memory; a page that processes share counts once (Pss).
        own_mib: What the processes wrote themselves: no weights, dictionaries or code from files (Pss_Anon).
        below_mib: The part of `own_mib` of the processes below this one: the speech workers.
    """

    resident_mib: float
    own_mib: float
    below_mib: float = 0.0


def _tree() -> Iterator[int]:
    waiting = [os.getpid()]
    while waiting:
        pid = waiting.pop()
        yield pid
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            waiting += [int(child) for child in _read(task).split()]


def _cpu_ticks(pid: int) -> int:
    fields = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(int(value) for value in fields[_AFTER_NAME_UTIME : _AFTER_NAME_UTIME + 4])


def _rollup(pid: int) -> dict[str, int]:
    """KiB by name; the first line of the file names the mapping and is left out."""
    rows = (line.split() for line in _read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()[1:])
    return {row[0].rstrip(":"): int(row[1]) for row in rows}


def _read(path: Path) -> str:
    """A file of `/proc`; empty when its process has just ended."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class Sample:
    """The state at one moment; `at_s` is `time.monotonic()`."""

    at_s: float
    cpu_s: float
    memory: Memory
    readings: dict[str, float | int | str]


@dataclass(slots=True)
class Watch:
    """Samples the tree, and what else is asked for, at a fixed interval until it is cancelled.

    Attributes:
        interval_s: Between two samples.
        read: Further readings for each sample.
    """

    interval_s: float
    read: Callable[[], dict[str, float | int | str]] = dict
    samples: list[Sample] = field(default_factory=list)

    async def run(self) -> None:
        """Sample until cancelled."""
        due_s = time.monotonic()
        while True:
            self.take()
            due_s += self.interval_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    def take(self) -> Sample:
        """Sample now."""
        self.samples.append(Sample(time.monotonic(), cpu_s(), memory(), self.read()))
        return self.samples[-1]

"""What this machine offers to speech models: cores, memory, instruction sets, GPUs.

Cores and memory are those that this process may use, which in a container is less than the machine has. What
CTranslate2 makes of them is asked in a process of its own (`probe_host`): a GPU library that does not fit
ends the process that loads it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

_PROBE_TIMEOUT_S: Final = 60.0
_TOOL_TIMEOUT_S: Final = 10.0
_SELECTED_ISA: Final = re.compile(r"Selected ISA: (\w+)")
_CPU_NAME: Final = re.compile(r"CPU: (.+?) \(")
_MKL: Final = re.compile(r"Use Intel MKL: (true|false)")
_INT8_BACKEND: Final = re.compile(r"GEMM_S8 backend: (\w+)")
_CGROUP: Final = Path("/sys/fs/cgroup")
_NO_ANSWER: Final = "it gave no answer"


@dataclass(frozen=True, slots=True)
class CpuFacts:
    """What CTranslate2 chose for the processor when it loaded a model.

    Attributes:
        isa: Instruction set, such as AVX2; empty when it did not say.
        vendor: The processor's own name of its maker.
        mkl: Whether Intel's library multiplies the matrices.
        int8_backend: What multiplies eight-bit matrices; `none` means that they are emulated.
    """

    isa: str = ""
    vendor: str = ""
    mkl: bool = False
    int8_backend: str = ""


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What `probe_host` found.

    Attributes:
        version: Of CTranslate2; empty when it cannot be loaded.
        failure: Why not.
        cpu_compute_types: Weight types that the processor computes with.
        cuda_devices: GPUs that CTranslate2 sees.
        cuda_compute_types: Weight types that all of them compute with.
        cuda_failure: What CTranslate2 lacks for a GPU that is there; empty when nothing.
    """

    version: str = ""
    failure: str = ""
    cpu_compute_types: tuple[str, ...] = ()
    cuda_devices: int = 0
    cuda_compute_types: tuple[str, ...] = ()
    cuda_failure: str = ""


def usable_cores() -> int:
    """Cores that this process may use, at least one; a share of a core counts as a whole one."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = quota_cores(_text(_CGROUP / "cpu.max"))
    return max(1, affinity if quota is None else min(affinity, ceil(quota)))


def available_memory_bytes() -> int | None:
    """Memory that this process can still take; None where the system does not tell."""
    free = meminfo_available_bytes(_text(Path("/proc/meminfo")))
    limit, used = _text(_CGROUP / "memory.max").strip(), _text(_CGROUP / "memory.current").strip()
    if limit.isdecimal() and used.isdecimal():
        left = max(0, int(limit) - int(used))
        return left if free is None else min(free, left)
    return free


def quota_cores(cpu_max: str) -> float | None:
    """Cores that a container's `cpu.max` grants; None when it sets no limit."""
    quota, _, period = cpu_max.strip().partition(" ")
    if not quota.isdecimal() or not period.isdecimal() or int(period) == 0:
        return None
    return int(quota) / int(period)


def meminfo_available_bytes(meminfo: str) -> int | None:
    """`MemAvailable` of /proc/meminfo."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", meminfo, re.MULTILINE)
    return int(found.group(1)) * 1024 if found else None


def nvidia_driver_version() -> str:
    """Version of the NVIDIA kernel driver; empty when there is none."""
    found = re.search(r"Kernel Module\s+(?:for \S+\s+)?([\d.]+)", _text(Path("/proc/driver/nvidia/version")))
    return found.group(1) if found else ""


def processor_name() -> str:
    """The processor's own name; empty where the system does not tell."""
    found = re.search(r"^model name\s*:\s*(.+)$", _text(Path("/proc/cpuinfo")), re.MULTILINE)
    return found.group(1).strip() if found else ""


def gpu_memory_bytes() -> tuple[int, ...]:
    """Memory of each GPU, as NVIDIA's own tool says; empty without it. Blocks for a moment."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    command = [tool, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed question
            command, capture_output=True, text=True, timeout=_TOOL_TIMEOUT_S, check=True
        )
        return tuple(int(line) * 2**20 for line in done.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()


def read_cpu_facts(log: str) -> CpuFacts:
    """What CTranslate2 says of the processor when it is asked to be verbose."""
    return CpuFacts(
        isa=_first(_SELECTED_ISA, log),
        vendor=_first(_CPU_NAME, log),
        mkl=_first(_MKL, log) == "true",
        int8_backend=_first(_INT8_BACKEND, log),
    )


def probe_host(timeout_s: float = _PROBE_TIMEOUT_S) -> HostFacts:
    """Ask CTranslate2 about this machine, in a process of its own; takes about a second. Never raises."""
    command = [sys.executable, "-P", "-m", "koemori.models.host_probe"]
    environment = {**os.environ, "CT2_VERBOSE": "1"}
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command, env=environment, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as failure:
        return HostFacts(failure=type(failure).__name__)
    return read_probe(done.stdout, done.stderr, done.returncode)


def read_probe(output: str, log: str, status: int) -> HostFacts:
    """Make facts of what the probe printed; a line that is missing is a step at which it died."""
    said: dict[str, Any] = {}
    for line in output.splitlines():
        try:
            said.update(json.loads(line))
        except ValueError:
            continue
    ended = f"{_NO_ANSWER} (exit status {status})"
    if "version" not in said:
        return HostFacts(failure=str(said.get("failure") or _last_line(log) or ended))
    cuda_failure = said.get("cuda_failure", "")
    if said.get("cuda_devices") and "cuda_compute_types" not in said and not cuda_failure:
        cuda_failure = _last_line(log) or ended
    return HostFacts(
        version=str(said["version"]),
        cpu_compute_types=tuple(said.get("cpu_compute_types", ())),
        cuda_devices=int(said.get("cuda_devices", 0)),
        cuda_compute_types=tuple(said.get("cuda_compute_types", ())),
        cuda_failure=str(cuda_failure),
    )


def _last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip() and "[ctranslate2]" not in line]
    return lines[-1] if lines else ""


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found.group(1) if found else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""

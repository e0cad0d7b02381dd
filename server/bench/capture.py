"""How many calls of a phone system this machine records, with recognition off.

For each number of calls a service is started anew, in a process of its own: the real SIPREC listener, RTP
sockets, journal, database and archive. A client rings it up by SIP over TCP, call after call; a sender in
another process speaks for both legs of each, 50 packets of G.711 a second. When every call has lasted its
time they hang up one after the other, and when all are sealed, each recording is compared with what was sent.

CPU and memory are the service's own, by the kernel's account, while all calls run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from koemori.server.bench.capture_check import check
from koemori.server.bench.capture_process import Child, UdpDrops, free_tcp_port, process_figures
from koemori.server.bench.capture_sip import Answered, RecordingClient

HOST = "127.0.0.1"
_STEADY_S = 2.0
_SEALING_S = 600.0


@dataclass(frozen=True, slots=True)
class CapturePlan:
    """How a run is made.

    Attributes:
        seconds: Length of each call's audio.
        calls_per_s: How fast calls begin and end.
        media_port_first: First port for media; each call takes four.
        scratch: Folder for recordings; None takes the system's for temporary files.
    """

    seconds: float = 300.0
    calls_per_s: float = 10.0
    media_port_first: int = 12_000
    scratch: Path | None = None


async def measure(counts: Sequence[int], plan: CapturePlan, tell: Callable[[str], None]) -> dict[str, Any]:
    """Run every number of calls; `tell` gets a line of the table for each as it is done."""
    tell(HEADINGS)
    rows = []
    for count in counts:
        with TemporaryDirectory(prefix="koemori-bench-", dir=plan.scratch) as scratch:
            row = await _run(count, plan, Path(scratch))
        rows.append(row)
        tell(line(row))
    return {
        "calls_per_s": plan.calls_per_s,
        "legs_per_call": 2,
        "codec": "PCMU",
        "packet_ms": 20,
        "recognition": "off",
        "runs": rows,
    }


HEADINGS = (
    "calls   samples lost   exact   journal age p50/p95/max ms   CPU s/call-s   cores   MiB/call   MiB   "
    "INVITE p95 ms   loop late p95/max ms   drops   sealed s"
)


def line(row: Mapping[str, Any]) -> str:
    """One number of calls for people."""
    age, late = row["journal_age_ms"], row["loop_late_ms"]
    return (
        f"{row['calls']:>5}   {row['samples_lost']:>12}   {row['legs_exact']}/{row['legs']}   "
        f"{age['p50']:.0f}/{age['p95']:.0f}/{age['max']:.0f}   {row['cpu_s_per_call_s']:.5f}   "
        f"{row['cores']:.2f}   {row['mib_per_call']:.2f}   {row['mib']:.0f}   "
        f"{row['answer_ms']['p95']:.0f}   "
        f"{late['p95']:.0f}/{late['max']:.0f}   {row['packets_dropped_by_kernel']}   {row['sealed_s']:.1f}"
    )


async def _run(count: int, plan: CapturePlan, home: Path) -> dict[str, Any]:
    port, began_at = free_tcp_port(), datetime.now(UTC)
    service = await Child.start("koemori.server.bench.capture_service")
    sender = await Child.start("koemori.server.bench.capture_sender", HOST)
    client = RecordingClient(HOST, port)
    try:
        await service.ask(_settings(home, port, count, plan))
        before = process_figures(service.pid)
        await client.connect()
        calls = await _begin(client, sender, count, plan)
        row = await _while_they_run(service, calls, plan)
        row["mib_per_call"] = (row["mib"] - before.mib) / count
        row |= await _end(client, sender, service, calls, plan)
        drops = UdpDrops.of([leg for call, _ in calls for leg in call.ports])
        row["packets_dropped_by_kernel"] = drops.dropped
    finally:
        await client.aclose()
        await sender.aclose()
        await service.aclose()
    sent = row.pop("sent")
    checked = await asyncio.to_thread(check, home / "archive", sent, partial(_call_of, home))
    answers = [call.answer_ms for call, _ in calls]
    return {
        "calls": count,
        "legs": 2 * count,
        "seconds": plan.seconds,
        "began_at": began_at.isoformat(timespec="seconds"),
        "packets_sent": sum(sent.values()),
        **asdict(checked),
        "answer_ms": _ranks(answers),
        **{key: round(value, 5) if isinstance(value, float) else value for key, value in row.items()},
    }


def _settings(home: Path, port: int, count: int, plan: CapturePlan) -> dict[str, Any]:
    first = plan.media_port_first
    trunk = {
        "kind": "siprec",
        "host": HOST,
        "port": port,
        "transports": ["tcp"],
        "media_port_first": first,
        "media_port_last": min(65_535, first + 8 * count + 199),
        "max_calls": count,
        "agents": ["sip:8???@*"],
    }
    return {
        "database": {"url": f"sqlite:///{home}/koemori.db"},
        "archive": {"directory": str(home / "archive")},
        "assist": {"enabled": False},
        "trunks": {"bench": trunk},
        "logging": {"level": "WARNING"},
    }


async def _begin(
    client: RecordingClient, sender: Child, count: int, plan: CapturePlan
) -> list[tuple[Answered, float]]:
    """Ring up; with each call the time at which its audio began."""
    calls: list[tuple[Answered, float]] = []
    due_s = time.monotonic()
    for number in range(count):
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        due_s += 1 / plan.calls_per_s
        call = await client.invite(number)
        for index, leg_port in enumerate(call.ports):
            sender.tell({"leg": 2 * number + index, "port": leg_port})
        calls.append((call, time.monotonic()))
    return calls


async def _while_they_run(
    service: Child, calls: list[tuple[Answered, float]], plan: CapturePlan
) -> dict[str, Any]:
    """CPU and memory of the service from when the last call has settled until the first one ends."""
    last_s, first_end_s = calls[-1][1] + _STEADY_S, calls[0][1] + plan.seconds
    await asyncio.sleep(max(0.0, last_s - time.monotonic()))
    began, began_s = process_figures(service.pid), time.monotonic()
    await asyncio.sleep(max(0.5, first_end_s - time.monotonic()))
    ended, took_s = process_figures(service.pid), time.monotonic() - began_s
    cores = (ended.cpu_s - began.cpu_s) / took_s
    return {
        "measured_s": took_s,
        "cores": cores,
        "cores_in_kernel": (ended.system_s - began.system_s) / took_s,
        "cpu_s_per_call_s": cores / len(calls),
        "mib": ended.mib,
    }


async def _end(
    client: RecordingClient,
    sender: Child,
    service: Child,
    calls: list[tuple[Answered, float]],
    plan: CapturePlan,
) -> dict[str, Any]:
    """Hang up in the order of the beginnings, and wait until all is sealed."""
    sent: dict[int, int] = {}
    for call, began_s in calls:
        await asyncio.sleep(max(0.0, began_s + plan.seconds - time.monotonic()))
        for index in range(len(call.ports)):
            told = await sender.ask({"leg": 2 * call.number + index})
            sent[told["leg"]] = told["packets"]
        await client.bye(call)
    hung_up_s, cpu_s = time.monotonic(), process_figures(service.pid).cpu_s
    figures = await service.ask({})
    late = figures["loop_late_ms"]
    while figures["sessions_live"] and time.monotonic() < hung_up_s + _SEALING_S:
        await asyncio.sleep(0.2)
        figures = await service.ask({})
        late += figures["loop_late_ms"]
    sealed = process_figures(service.pid)
    return {
        "sent": sent,
        "sealed_s": time.monotonic() - hung_up_s,
        "sealing_cpu_s": sealed.cpu_s - cpu_s,
        "mib_at_the_end": sealed.mib,
        "journal_age_ms": _ranks(figures["ages_ms"]),
        "loop_late_ms": _ranks(late),
        **{name: figures[name] for name in ("syncs", "write_failures", "overflow_samples", "problems")},
    }


def _ranks(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values) or [0.0]
    ranks = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {
        name: round(ordered[min(len(ordered) - 1, int(rank * len(ordered)))], 1)
        for name, rank in ranks.items()
    }


def _call_of(home: Path, body: Mapping[str, Any]) -> int:
    """Number of a recorded call, by the metadata that it keeps."""
    folder = next((home / "archive").rglob(body["recording_id"]))
    for row in body["files"]:
        if row["name"].startswith("metadata"):
            text = (folder / row["name"]).read_text(encoding="utf-8")
            return int(text.partition('session_id="s')[2].partition('"')[0])
    raise ValueError(f"recording {body['recording_id']}: expected metadata among its files; got none")

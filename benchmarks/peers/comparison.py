"""The runs: systems take turns within every round, each with a fresh server; the file grows run by run."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from koemori.models.catalog import ensure_model

from benchmarks.peers.environments import HOME, WHISPERLIVE, WHISPERLIVEKIT
from benchmarks.peers.koemori_serve import Koemori
from benchmarks.peers.measures import judge_stream, summarize
from benchmarks.peers.processes import CpuMeter, PeerError, Server
from benchmarks.peers.records import StreamLog
from benchmarks.peers.streams import Stream, choose_streams, phantom_stream
from benchmarks.peers.systems import PATIENCE_S, System
from benchmarks.peers.whisperlive import WhisperLive
from benchmarks.peers.whisperlivekit import WhisperLiveKit

_STAGGER_S = 0.23
_IDLE_S = 1.0
_OVERTIME_S = PATIENCE_S + 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. Two files can be compared, and one continued, when their plans differ in nothing else.

    Attributes:
        streams: Numbers of streams; 0 is the stream without speech.
        seconds: Length of the excerpt of each call.
    """

    systems: tuple[str, ...]
    streams: tuple[int, ...]
    calls: tuple[str, ...]
    rounds: int
    seconds: float

    def order(self) -> Iterator[tuple[int, int, str]]:
        """(round, streams, system), another system first in every round."""
        for number in range(self.rounds):
            turn = number % len(self.systems)
            systems = self.systems[turn:] + self.systems[:turn]
            for count in self.streams:
                if count or number == 0:
                    yield from ((number, count, system) for system in systems)


def all_systems() -> dict[str, System]:
    """Every system by name; `whisperlivekit-…` are variants with one more documented option."""
    systems: tuple[System, ...] = (
        Koemori(),
        WhisperLive(WHISPERLIVE),
        WhisperLive(WHISPERLIVE, "whisperlive-1thread", threads=1),
        WhisperLiveKit(WHISPERLIVEKIT, "whisperlivekit-1thread", threads=1),
        WhisperLiveKit(WHISPERLIVEKIT),
        WhisperLiveKit(WHISPERLIVEKIT, "whisperlivekit-coalesce", "--asr-coalesce-min-s", "1.0"),
        WhisperLiveKit(WHISPERLIVEKIT, "whisperlivekit-confidence", "--confidence-validation"),
    )
    return {system.name: system for system in systems}


def run_plan(plan: Plan, out: Path, head: dict[str, object], cores: int) -> dict[str, Any]:
    """Do every run of the plan that `out` does not hold yet; the file is whole after each run."""
    with suppress(AttributeError):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    systems = all_systems()
    model = ensure_model("base")
    result = _begin(plan, out, head)
    for number, count, name in plan.order():
        if any(_place(run) == (number, count, name) and not run["error"] for run in result["runs"]):
            continue
        system = systems[name]
        if name not in result["systems"]:
            result["systems"][name] = {"options": system.options(model), "versions": system.versions()}
        print(f"round {number + 1}: {name}, {count} streams", flush=True)
        run = asyncio.run(_run_once(system, model, plan, count))
        run |= {"round": number, "streams_count": count, "system": name}
        kept = [other for other in result["runs"] if _place(other) != (number, count, name)]
        result["runs"] = [*kept, run]
        result["summary"] = summarize(result["runs"])
        _write(out, result)
    return result


def _place(run: dict[str, Any]) -> tuple[int, int, str]:
    return run["round"], run["streams_count"], run["system"]


def _begin(plan: Plan, out: Path, head: dict[str, object]) -> dict[str, Any]:
    audio = {"calls": list(plan.calls), "seconds": plan.seconds}
    fresh: dict[str, Any] = {**head, "audio": audio, "systems": {}, "summary": {}, "runs": []}
    if not out.exists():
        return fresh
    earlier: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    if earlier.get("audio") != audio:
        raise PeerError(f"{out.name}: expected a file made from {audio}; it has {earlier.get('audio')}")
    return fresh | {key: earlier[key] for key in ("systems", "summary", "runs")}


def _write(out: Path, result: dict[str, Any]) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_suffix(".part")
    draft.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    draft.replace(out)


async def _run_once(system: System, model: Path, plan: Plan, count: int) -> dict[str, Any]:
    """One server, all its streams; whatever goes wrong becomes the run's `error`."""
    streams = choose_streams(plan.calls, count, plan.seconds) if count else [phantom_stream()]
    directory = HOME / "runs" / system.name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    run: dict[str, Any] = {
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "load_average_before": round(os.getloadavg()[0], 2),
        "error": None,
        "streams": [],
    }
    try:
        server = await system.start(model, len(streams), directory)
    except PeerError as error:
        return run | {"error": str(error)}
    try:
        return run | await _measure(system, server, streams, directory)
    except PeerError as error:
        return run | {"error": str(error)}
    finally:
        await asyncio.to_thread(server.stop)


async def _measure(
    system: System, server: Server, streams: Sequence[Stream], directory: Path
) -> dict[str, Any]:
    meter = CpuMeter(server.pid)
    metering = asyncio.create_task(meter.run())
    await asyncio.sleep(_IDLE_S)
    try:
        logs = await asyncio.gather(
            *(_play(system, server, stream, number) for number, stream in enumerate(streams))
        )
        await asyncio.sleep(_IDLE_S)
    finally:
        metering.cancel()
    _keep_events(directory, streams, logs)
    # From the first packet, for some load their model when the first client comes. What a server does once
    # all words are there (waiting, looking again at what it has) is not counted either.
    began_s = min((log.began_s for log in logs if log.began_s), default=time.perf_counter())
    done_s = max(log.began_s + max([log.ended_s, *_commit_times(log)]) for log in logs)
    audio_s = sum(stream.seconds for stream in streams)
    errors = [log.error for log in logs if log.error]
    return {
        "error": errors[0] if errors else None,
        "cpu_s": round(meter.between(began_s, done_s), 3),
        "cpu_s_per_audio_s": round(meter.between(began_s, done_s) / audio_s, 4),
        "audio_s": round(audio_s, 1),
        "peak_memory_mib": round(meter.peak_bytes / 2**20),
        "streams": [judge_stream(stream, log) for stream, log in zip(streams, logs, strict=True)],
    }


def _commit_times(log: StreamLog) -> list[float]:
    return [event.at_s for event in log.events if event.kind == "commit"]


async def _play(system: System, server: Server, stream: Stream, number: int) -> StreamLog:
    """One stream; streams begin a little after each other, as calls do."""
    await asyncio.sleep(number * _STAGGER_S)
    log = StreamLog(time.perf_counter)
    try:
        async with asyncio.timeout(stream.seconds + _OVERTIME_S):
            await system.play(server, stream.mulaw, stream.samples().tobytes(), log)
        server.check()
    except TimeoutError:
        log.error = f"no end within {_OVERTIME_S:.0f} s after the audio"
    except PeerError as error:
        log.error = str(error)
    return log


def _keep_events(directory: Path, streams: Sequence[Stream], logs: Sequence[StreamLog]) -> None:
    """Every text as it came, to look at or to judge again; overwritten by the system's next run."""
    for number, (stream, log) in enumerate(zip(streams, logs, strict=True)):
        lines = [json.dumps(asdict(event), ensure_ascii=False) for event in log.events]
        file = directory / f"{number}-{stream.name}.jsonl"
        file.write_text("".join(line + "\n" for line in lines), encoding="utf-8")

"""Latency of live calls, one at a time: from the end of words to their events.

`measure` plays each call as it is; `measure_long` plays them looped into one long call and compares its first
minutes with its last. `koemori.server.bench.figures` says what is measured. At a speed above 1 latency is
still wall time, counted from the moment at which the audio was due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from koemori.server.bench import process_tree
from koemori.server.bench.figures import (
    ALL,
    Span,
    character_errors,
    committed,
    distribution,
    emitted,
    not_assisted_ms,
    pooled,
    ranked,
    ranked_stages,
    spoken,
    stages,
    turns_heard,
)
from koemori.server.bench.playing import Played, play
from koemori.server.bench.process_tree import Watch
from koemori.server.bench.spelling import total
from koemori.server.bench.tapes import Tape, looped
from koemori.server.calls.pipeline import Pipeline
from koemori.server.config import Settings
from koemori.server.telemetry import Metrics

EDGE_MS = 5 * 60_000
"""Length of the first and of the last part of a long call; half of a call shorter than two."""


async def measure(
    tapes: Sequence[Tape], settings: Settings, speed: float = 1.0, rounds: int = 1
) -> dict[str, Any]:
    """Play each tape `rounds` times, one after the other, and measure."""
    metrics = Metrics()
    pipeline = await Pipeline.open(settings, metrics)
    played: list[Played] = []
    calls: list[dict[str, Any]] = []
    try:
        for number in range(rounds):
            for tape in tapes:
                before_s = process_tree.cpu_s()
                one = await play(tape, speed, pipeline.ports, metrics, settings)
                cpu_s = process_tree.cpu_s() - before_s
                played.append(one)
                calls.append({"file": tape.name, "round": number + 1, **_of_call(one, cpu_s)})
    finally:
        await pipeline.aclose()
    return {
        "unit": "ms",
        "speed": speed,
        "rounds": rounds,
        "model_id": pipeline.pool.model_id,
        "cpu_covers": process_tree.COVERS,
        "overall": _overall(played),
        "cpu_s_per_audio_s": _mean_cost(calls, played),
        "calls": calls,
    }


async def measure_long(
    tapes: Sequence[Tape], settings: Settings, minutes: float, speed: float = 1.0
) -> dict[str, Any]:
    """Play the tapes looped into one call of `minutes` and compare its ends.

    The last part is the audio of the first part again, so that a difference comes from age alone.
    """
    length_ms = round(minutes * 60_000)
    edge_ms = min(EDGE_MS, length_ms // 2)
    tape = looped([looped(tapes, length_ms - edge_ms), looped(tapes, edge_ms)], length_ms)
    metrics = Metrics()
    pipeline = await Pipeline.open(settings, metrics)
    watch = Watch(60.0 / speed)
    watching = asyncio.create_task(watch.run(), name="bench-watch")
    try:
        before_s = process_tree.cpu_s()
        played = await play(tape, speed, pipeline.ports, metrics, settings)
        cpu_s = process_tree.cpu_s() - before_s
        watch.take()
    finally:
        watching.cancel()
        await pipeline.aclose()
    first = Span(0, edge_ms)
    last = Span(tape.duration_ms - edge_ms)
    return {
        "unit": "ms",
        "speed": speed,
        "minutes": minutes,
        "files": [one.name for one in tapes],
        "model_id": pipeline.pool.model_id,
        "cpu_covers": process_tree.COVERS,
        "edge_minutes": round(edge_ms / 60_000, 2),
        "overall": _overall([played]),
        "first": _figures([played], first),
        "last": _figures([played], last),
        "last_over_first": _ratios(played, first, last),
        "resident_mib_by_minute": [round(sample.memory.resident_mib, 1) for sample in watch.samples],
        "own_mib_by_minute": [round(sample.memory.own_mib, 1) for sample in watch.samples],
        "own_mib_of_workers_by_minute": [round(sample.memory.below_mib, 1) for sample in watch.samples],
        "cpu_s_per_audio_s_by_minute": _costs(watch, speed),
        **_of_call(played, cpu_s, ranks=False),
    }


def table(result: dict[str, Any]) -> str:
    """The overall figures for people."""
    lines = [f"{'':28}{'p50':>7}{'p95':>7}{'p99':>7}{'n':>7}"]
    parts = {"": result["overall"]["latency"]}
    if "first" in result:
        parts = {"first: ": result["first"]["latency"], "last: ": result["last"]["latency"]}
    for prefix, figures in parts.items():
        for name, row in figures.items():
            values = (row["p50"], row["p95"], row["p99"], row["count"])
            cells = "".join(f"{'-' if value is None else value:>7}" for value in values)
            lines.append(f"{prefix + name:28}{cells}")
    return "\n".join([*lines, f"CPU seconds per second of call: {result['cpu_s_per_audio_s']}"])


def _of_call(played: Played, cpu_s: float, *, ranks: bool = True) -> dict[str, Any]:
    seconds = played.tape.duration_ms / 1000
    heard, turns = turns_heard(played)
    errors = character_errors(played)
    return {
        "seconds": round(seconds, 1),
        "cpu_s_per_audio_s": round(cpu_s / seconds, 4),
        "recording_exact": played.exact,
        "not_assisted_ms": not_assisted_ms(played.events),
        "turns": turns,
        "turns_heard": heard,
        "stable_text": committed(played.events),
        **({"text": total(errors.values()).figures()} if errors else {}),
        **({"latency": ranked(_latencies(played))} if ranks else {}),
    }


def _overall(played: Sequence[Played]) -> dict[str, Any]:
    latencies = pooled(_latencies(one) for one in played)
    errors = [one for call in played for one in character_errors(call).values()]
    return {
        **_figures(played),
        "distribution": {name: distribution(values) for name, values in latencies.items()},
        **({"text": total(errors).figures()} if errors else {}),
    }


def _figures(played: Sequence[Played], span: Span = ALL) -> dict[str, Any]:
    return {
        "latency": ranked(pooled(_latencies(one, span) for one in played)),
        "stages": ranked_stages(stages(one, span) for one in played),
    }


def _latencies(played: Played, span: Span = ALL) -> dict[str, list[int]]:
    return emitted(played, span) | spoken(played, span)


def _ratios(played: Played, first: Span, last: Span) -> dict[str, dict[str, float]]:
    """Last over first at p50 and p95, per kind that both have."""
    earlier, later = ranked(_latencies(played, first)), ranked(_latencies(played, last))
    return {
        name: {
            rank: round(later[name][rank] / earlier[name][rank], 3)
            for rank in ("p50", "p95")
            if later.get(name, {}).get(rank) and earlier[name][rank]
        }
        for name in earlier
    }


def _costs(watch: Watch, speed: float) -> list[float]:
    return [
        round((after.cpu_s - before.cpu_s) / (after.at_s - before.at_s) / speed, 4)
        for before, after in zip(watch.samples, watch.samples[1:], strict=False)
        if after.at_s > before.at_s
    ]


def _mean_cost(calls: Sequence[dict[str, Any]], played: Sequence[Played]) -> float:
    lengths = [one.tape.duration_ms for one in played]
    costs = [float(call["cpu_s_per_audio_s"]) for call in calls]
    spent = sum(cost * length for cost, length in zip(costs, lengths, strict=True))
    return round(spent / max(1, sum(lengths)), 4)

"""How many two-sided calls this machine carries at the speed of a phone line.

For each number N of calls a pipeline is opened anew and N calls are played at once through all of it:
recorder, recogniser, engine. Each call is another file, or the same file begun at another turn, and starts
within the first seconds at a random moment, so that callers do not speak in step; the seed fixes all of it.
Figures are of what is said from `Plan.warm_up_ms` after the last call has begun until the first one ends.

The audio is decoded once and shared, so a call's source costs a slice and a wait per frame. What that costs
is measured first, with nobody listening, and stands in the result as `driver_cpu_s_per_call_s`; CPU per call
is given without it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from koemori.server.bench import process_tree
from koemori.server.bench.figures import (
    Span,
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
from koemori.server.bench.process_tree import Sample, Watch
from koemori.server.bench.tapes import Tape, TapeSource, looped, turned
from koemori.server.calls.pipeline import Pipeline
from koemori.server.config import Settings
from koemori.server.telemetry import Metrics
from koemori.server.wire import AssistanceEvent

_WATCH_S = 0.25
_DRIVER_S = 4.0
_LEAD_MS = 300
"""How long before a turn a call begins that starts in the middle of a file."""


@dataclass(frozen=True, slots=True, eq=False)
class Planned:
    """A call that will be played, and when it begins."""

    tape: Tape
    delay_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run is made.

    Attributes:
        seconds: Length of each call.
        partials: False for finals only.
        seed: Of delays and beginnings.
        warm_up_ms: Left out after the last call has begun.
        stagger_ms: Calls begin at random moments within this.
    """

    seconds: float = 110.0
    partials: bool = True
    seed: int = 1
    warm_up_ms: int = 10_000
    stagger_ms: int = 5_000


def planned(tapes: Sequence[Tape], count: int, plan: Plan) -> list[Planned]:
    """Choose `count` calls: every file once before one comes twice, each begun at a random turn."""
    # Where calls begin needs no secret.
    chance = random.Random(f"{plan.seed}/{count}")  # noqa: S311
    order = chance.sample(range(len(tapes)), len(tapes))
    calls = []
    for number in range(count):
        tape = tapes[order[number % len(tapes)]]
        begins = [max(0, turn.start_ms - _LEAD_MS) for turn in tape.turns] or [
            chance.randrange(max(1, tape.duration_ms))
        ]
        begun = turned(tape, chance.choice(begins))
        calls.append(
            Planned(looped([begun], round(plan.seconds * 1000)), round(chance.uniform(0, plan.stagger_ms)))
        )
    return calls


async def measure(
    tapes: Sequence[Tape],
    counts: Sequence[int],
    settings: Settings,
    plan: Plan,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Run every number of calls; `tell` gets a line of the table for each as it is done."""
    driver = await driver_cost(tapes[0])
    tell(HEADINGS)
    rows = []
    model_id = ""
    for count in counts:
        row, model_id = await _run(planned(tapes, count, plan), settings, plan, driver)
        rows.append(row)
        tell(line(row))
    return {
        "unit": "ms",
        "speed": 1,
        "seconds": plan.seconds,
        "partials": "auto" if plan.partials else "off",
        "seed": plan.seed,
        "warm_up_excluded_ms": plan.warm_up_ms,
        "stagger_ms": plan.stagger_ms,
        "files": [tape.name for tape in tapes],
        "model_id": model_id,
        "cpu_covers": process_tree.COVERS,
        "driver_cpu_s_per_call_s": round(driver, 5),
        "runs": rows,
        "cpu_per_call_spread": spread([row["cpu_s_per_call_s"] for row in rows]),
    }


async def driver_cost(tape: Tape, seconds: float = _DRIVER_S, calls: int = 4) -> float:
    """CPU seconds per call-second of playing tapes to nobody."""
    short = looped([tape], round(seconds * 1000))

    async def run_dry() -> None:
        async for _ in TapeSource(short, 1.0).events():
            pass

    before_s = process_tree.cpu_s()
    await asyncio.gather(*(run_dry() for _ in range(calls)))
    return (process_tree.cpu_s() - before_s) / (seconds * calls)


def spread(costs: Sequence[float]) -> float | None:
    """How far the dearest is above the cheapest, as a share of the cheapest."""
    return round(max(costs) / min(costs) - 1, 3) if costs and min(costs) > 0 else None


HEADINGS = (
    "calls   finals p50/p95/p99 after words   partials p50/p95  per s of speech   alerts p95   "
    "not assisted   heard   CPU/call   MiB   load"
)


def line(row: dict[str, Any]) -> str:
    """One number of calls for people."""
    latency = row["latency"]

    def ranks(name: str, *wanted: str) -> str:
        found = latency.get(name, {})
        return "/".join("-" if found.get(rank) is None else str(found[rank]) for rank in wanted)

    finals = "utterance_after_words" if "utterance_after_words" in latency else "utterance"
    alerts = "alert_after_words" if "alert_after_words" in latency else "alert"
    return (
        f"{row['calls']:>5}   {ranks(finals, 'p50', 'p95', 'p99'):>30}   {ranks('partial', 'p50', 'p95'):>16}"
        f"  {row['partials_per_speech_s']:>15.2f}   {ranks(alerts, 'p95'):>10}"
        f"   {row['not_assisted_share']:>12.2%}   {row['turns_heard']:>3}/{row['turns']}"
        f"   {row['cpu_s_per_call_s']:.4f}   {row['peak_resident_mib']:.0f}   "
        + ", ".join(f"{level} {share:.0%}" for level, share in row["load_levels"].items())
    )


async def _run(
    calls: Sequence[Planned], settings: Settings, plan: Plan, driver: float
) -> tuple[dict[str, Any], str]:
    metrics = Metrics()
    pipeline = await Pipeline.open(settings if plan.partials else _finals_only(settings), metrics)

    def read() -> dict[str, float | int | str]:
        return {"age_ms": pipeline.journal.metrics().age_ms, "level": pipeline.pool.load.level.name.lower()}

    async def one(call: Planned) -> Played:
        await asyncio.sleep(max(0.0, began_s + call.delay_ms / 1000 - time.monotonic()))
        return await play(call.tape, 1.0, pipeline.ports, metrics, settings)

    watch = Watch(_WATCH_S, read)
    watching = asyncio.create_task(watch.run(), name="bench-watch")
    began_s = time.monotonic()
    try:
        played = await asyncio.gather(*(one(call) for call in calls))
    finally:
        watching.cancel()
        await pipeline.aclose()
    window = _window(calls, plan)
    row = _row(calls, played, window)
    return {**row, **_resources(watch.samples, began_s, window, len(calls), driver)}, pipeline.pool.model_id


def _finals_only(settings: Settings) -> Settings:
    models = settings.models.model_copy(update={"partials": False})
    return settings.model_copy(update={"models": models})


def _window(calls: Sequence[Planned], plan: Plan) -> Span:
    """While every call runs and has warmed up, in milliseconds since the run began."""
    start_ms = max(call.delay_ms for call in calls) + plan.warm_up_ms
    return Span(start_ms, max(start_ms, min(call.delay_ms + call.tape.duration_ms for call in calls)))


def _row(calls: Sequence[Planned], played: Sequence[Played], window: Span) -> dict[str, Any]:
    """What the calls' events say of the window."""
    spans = [Span(window.from_ms - call.delay_ms, window.until_ms - call.delay_ms) for call in calls]
    pairs = list(zip(played, spans, strict=True))
    latencies = pooled(values for one, span in pairs for values in (emitted(one, span), spoken(one, span)))
    length_ms = window.until_ms - window.from_ms
    sides = sum(len(one.tape.samples) for one in played)
    missed_ms = sum(not_assisted_ms(one.events, span) for one, span in pairs)
    heard = [turns_heard(one, span) for one, span in pairs]
    kept = [committed(one.events) for one in played]
    return {
        "calls": len(calls),
        "measured_s": round(length_ms / 1000, 1),
        "latency": ranked(latencies),
        "distribution": {name: distribution(values) for name, values in latencies.items()},
        "stages": ranked_stages(stages(one, span) for one, span in pairs),
        "partials_per_speech_s": _per_second(len(latencies["partial"]), _speech_ms(pairs)),
        "turns": sum(turns for _, turns in heard),
        "turns_heard": sum(known for known, _ in heard),
        "not_assisted_share": round(missed_ms / max(1, sides * length_ms), 5),
        "load_events": dict(_load_events(played)),
        "recordings_exact": sum(one.exact for one in played),
        "stable_text": {name: sum(counts[name] for counts in kept) for name in kept[0]},
    }


def _resources(
    samples: Sequence[Sample], began_s: float, window: Span, calls: int, driver: float
) -> dict[str, Any]:
    """What the samples say: load and CPU of the window, the worst of the whole run."""
    inside = [sample for sample in samples if window.holds(round((sample.at_s - began_s) * 1000))]
    levels = Counter(str(sample.readings["level"]) for sample in inside)
    return {
        "load_levels": {level: round(count / len(inside), 3) for level, count in levels.items()},
        "cpu_s_per_call_s": _cost(inside, calls, driver),
        "peak_resident_mib": round(max(sample.memory.resident_mib for sample in samples), 1),
        "worst_journal_age_ms": round(max(float(sample.readings["age_ms"]) for sample in samples), 1),
    }


def _speech_ms(pairs: Sequence[tuple[Played, Span]]) -> int:
    """Speech of the scripts in the measured spans, over all sides."""
    return sum(
        max(0, min(turn.end_ms, span.until_ms) - max(turn.start_ms, span.from_ms))
        for one, span in pairs
        for turn in one.tape.turns
    )


def _per_second(count: int, milliseconds: int) -> float:
    return round(count / milliseconds * 1000, 3) if milliseconds else 0.0


def _load_events(played: Sequence[Played]) -> Counter[str]:
    return Counter(
        event.level.value for one in played for event in one.events if isinstance(event, AssistanceEvent)
    )


def _cost(inside: Sequence[Sample], calls: int, driver: float) -> float:
    """CPU seconds per call-second while every call ran, without the driver's."""
    if len(inside) < 2:
        return 0.0
    first, last = inside[0], inside[-1]
    return round((last.cpu_s - first.cpu_s) / (last.at_s - first.at_s) / calls - driver, 5)

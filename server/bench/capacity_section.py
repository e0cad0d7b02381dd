"""The report's section on many calls at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from koemori.models.ports import LoadLevel
from koemori.server.bench import charts, limits
from koemori.server.bench.charts import Curve
from koemori.server.bench.limits import NAMES, SHOWN, Result
from koemori.server.bench.markup import Cell, figure, paragraph, plain, section, table


def capacity(results: Sequence[Result]) -> str:
    """Many calls at once."""
    latencies: dict[str, Curve] = {}
    costs: dict[str, Curve] = {}
    memory: dict[str, Curve] = {}
    tables = []
    for partials in sorted({str(result["partials"]) for result in results}):
        dashed = partials == "off"
        mode = "finals only" if dashed else "partials as load allows"
        runs = limits.newest_runs(results, partials)
        for color, name in enumerate(SHOWN):
            points = [(run["calls"], run["latency"].get(name, {}).get("p95")) for run in runs]
            points = [(calls, value / 1000) for calls, value in points if value is not None]
            if points:
                across, up = zip(*points, strict=True)
                latencies[f"{NAMES[name]}, {mode}"] = Curve(across, up, color, dashed)
        calls = [run["calls"] for run in runs]
        costs[mode] = Curve(calls, [run["cpu_s_per_call_s"] for run in runs], 0, dashed)
        memory[mode] = Curve(calls, [run["peak_resident_mib"] for run in runs], 0, dashed)
        tables += [_capacity_table(mode, runs), _loads(mode, runs)]
    first = max(results, key=lambda result: str(result.get("measured_at", "")))
    axis = "calls at once"
    asked_s = {
        f"{limits.MANY_CALLS} calls": limits.MANY_FINAL_P95_MS / 1000,
        f"{limits.MOST_CALLS} calls": limits.MOST_FINAL_P95_MS / 1000,
    }
    return section(
        "Many calls at once",
        paragraph(
            "Two-sided calls at the speed of a phone line through the whole pipeline, "
            f"{first['seconds']:g} s each; of several files the newest for each number of calls. The first "
            f"{first['warm_up_excluded_ms'] / 1000:g} s after the "
            "last one began are left out. CPU per call is without the "
            f"{first['driver_cpu_s_per_call_s']:.4f} s per second that playing a call costs. Red: the limits "
            "for finals."
        ),
        figure(charts.lines("p95 against the number of calls", latencies, (axis, "seconds"), asked_s)),
        figure(charts.lines("CPU per call", costs, (axis, "CPU s per call-second"))),
        figure(charts.lines("Peak memory, all processes", memory, (axis, "MiB"))),
        *tables,
    )


def _loads(mode: str, runs: Sequence[Mapping[str, Any]]) -> str:
    """Share of the time in which something was shed, per number of calls."""
    levels = list(dict.fromkeys(level for run in runs for level in run["load_levels"]))
    ordered = sorted(levels, key=lambda level: LoadLevel[level.upper()])
    rows = {
        str(run["calls"]): {plain(level): 100 * run["load_levels"].get(level, 0.0) for level in ordered}
        for run in runs
    }
    return figure(charts.stacked(f"What was shed, {mode}", rows, "% of the time, by calls at once"))


def _capacity_table(mode: str, runs: Sequence[Mapping[str, Any]]) -> str:
    head = (
        "calls",
        "final p50",
        "p95",
        "p99",
        "partial p50",
        "p95",
        "per s of speech",
        "alert p95",
        "not assisted",
        "turns heard",
        "CPU/call",
        "MiB",
        "journal age",
        "exact",
    )

    def of(run: Mapping[str, Any], names: tuple[str, str], rank: str) -> int | None:
        figures = run["latency"].get(names[0]) or run["latency"].get(names[1], {})
        value: int | None = figures.get(rank)
        return value

    finals, alerts = ("utterance_after_words", "utterance"), ("alert_after_words", "alert")
    rows: list[list[Cell]] = [
        [
            run["calls"],
            *(of(run, finals, rank) for rank in ("p50", "p95", "p99")),
            *(of(run, ("partial", "partial"), rank) for rank in ("p50", "p95")),
            f"{run['partials_per_speech_s']:.2f}",
            of(run, alerts, "p95"),
            f"{run['not_assisted_share']:.2%}",
            f"{run['turns_heard']}/{run['turns']}",
            f"{run['cpu_s_per_call_s']:.4f}",
            round(run["peak_resident_mib"]),
            round(run["worst_journal_age_ms"]),
            f"{run['recordings_exact']}/{run['calls']}",
        ]
        for run in runs
    ]
    return table(f"{mode[0].upper()}{mode[1:]} (milliseconds)", head, rows)

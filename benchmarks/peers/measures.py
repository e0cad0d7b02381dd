"""From logs to figures: one run, and the summary of all runs of a result file."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from koemori.models.text import edit_distance, normalize

from benchmarks.peers.alignment import TurnResult, judge_turns
from benchmarks.peers.records import StreamLog, committed_text, snapshots
from benchmarks.peers.streams import Stream

OURS = "koemori"
_DIGITS = 3

Run = dict[str, Any]


def judge_stream(stream: Stream, log: StreamLog) -> dict[str, Any]:
    """Everything about one stream, ready for JSON; seconds since its first sample."""
    turns = judge_turns(stream.turns, log.events)
    said, heard = normalize(stream.text), normalize(committed_text(log.events))
    screens = list(snapshots(log.events))
    return {
        "stream": stream.name,
        "audio_s": stream.seconds,
        "error": log.error,
        "ended_s": _round(log.ended_s),
        "closed_s": _round(log.closed_s),
        "complete": log.complete,
        "events": len(log.events),
        "characters": len(said),
        "edits": edit_distance(said, heard),
        "last_utterance": _last_utterance(turns, log),
        "turns": [_turn(turn) for turn in turns],
        "committed": [
            [_round(event.at_s), event.text, event.start_ms, event.end_ms]
            for event in log.events
            if event.kind == "commit"
        ],
        "most_shown_characters": max((len(screen.text) for screen in screens), default=0),
    }


def _turn(turn: TurnResult) -> dict[str, Any]:
    values = {name: _round(value) for name, value in asdict(turn).items()}
    return values | {
        "first_text_latency_s": _since(turn.start_s, turn.first_text_s),
        "first_shown_latency_s": _since(turn.end_s, turn.first_shown_s),
        "commit_latency_s": _since(turn.end_s, turn.committed_s),
    }


def _last_utterance(turns: Sequence[TurnResult], log: StreamLog) -> str | None:
    """Whether the last turn was committed, and if so while audio still came or only after it."""
    if not turns:
        return None
    committed_s = turns[-1].committed_s
    if committed_s is None:
        return "never"
    return "before the end of the audio" if committed_s <= log.ended_s else "after the end of the audio"


def figures_of(runs: Sequence[Run]) -> dict[str, Any]:
    """Figures of some runs with the same system and number of streams, turns and streams pooled."""
    streams = [stream for run in runs for stream in run["streams"] if stream["turns"]]
    turns = [turn for stream in streams for turn in stream["turns"]]
    characters = sum(stream["characters"] for stream in streams)
    return {
        "turns": len(turns),
        "turns_missed": sum(turn["committed_s"] is None for turn in turns),
        "first_text_s": quantiles(turn["first_text_latency_s"] for turn in turns),
        "first_shown_s": quantiles(turn["first_shown_latency_s"] for turn in turns),
        "commit_s": quantiles(turn["commit_latency_s"] for turn in turns),
        "cer": _round(sum(stream["edits"] for stream in streams) / characters) if characters else None,
        "last_utterance": _counted(stream["last_utterance"] for stream in streams),
        "streams": len(streams),
        "streams_not_finished": sum(not stream["complete"] for stream in streams),
    }


def summarize(runs: Iterable[Run]) -> dict[str, Any]:
    """Per number of streams and system: medians over the rounds, all turns pooled, and the comparison."""
    groups: dict[tuple[int, str], list[Run]] = {}
    for run in runs:
        groups.setdefault((run["streams_count"], run["system"]), []).append(run)
    summary: dict[str, Any] = {}
    for (count, system), group in sorted(groups.items()):
        key = "phantom" if count == 0 else f"{count} streams"
        summary.setdefault(key, {})[system] = _phantom(group) if count == 0 else _medians(group)
    for key, systems in summary.items():
        if key != "phantom" and OURS in systems:
            systems["against the better peer"] = compare(systems)
    return summary


def _medians(group: Sequence[Run]) -> dict[str, Any]:
    good = [run for run in group if not run["error"]]
    errors = [run["error"] for run in group if run["error"]]
    if not good:
        return {"rounds": 0, "errors": errors}
    each = [figures_of([run]) for run in good]

    def middle(read: Callable[[dict[str, Any]], float | None]) -> float | None:
        values = [value for figures in each if (value := read(figures)) is not None]
        return _round(statistics.median(values)) if values else None

    return {
        "rounds": len(good),
        "errors": errors,
        "cpu_s_per_audio_s": _round(statistics.median(run["cpu_s_per_audio_s"] for run in good)),
        "peak_memory_mib": _round(statistics.median(run["peak_memory_mib"] for run in good)),
        "first_text_p50_s": middle(lambda figures: figures["first_text_s"]["p50"]),
        "first_text_p95_s": middle(lambda figures: figures["first_text_s"]["p95"]),
        "first_shown_p95_s": middle(lambda figures: figures["first_shown_s"]["p95"]),
        "commit_p50_s": middle(lambda figures: figures["commit_s"]["p50"]),
        "commit_p95_s": middle(lambda figures: figures["commit_s"]["p95"]),
        "commit_p99_s": middle(lambda figures: figures["commit_s"]["p99"]),
        "cer": middle(lambda figures: figures["cer"]),
        "all_rounds": figures_of(good),
    }


def _phantom(group: Sequence[Run]) -> dict[str, Any]:
    good = [run for run in group if not run["error"]]
    streams = [stream for run in good for stream in run["streams"]]
    return {
        "minutes": _round(sum(stream["audio_s"] for stream in streams) / 60),
        "errors": [run["error"] for run in group if run["error"]],
        "committed_texts": sum(len(stream["committed"]) for stream in streams),
        "committed_characters": sum(stream["edits"] for stream in streams),
        "most_shown_characters": max((stream["most_shown_characters"] for stream in streams), default=0),
        "cpu_s_per_audio_s": _round(statistics.median(run["cpu_s_per_audio_s"] for run in good))
        if good
        else None,
    }


def compare(systems: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Our figure and the best one that any peer has for it; a peer that failed is none."""
    ours = systems[OURS]
    peers = {name: figures for name, figures in systems.items() if name != OURS and figures.get("rounds")}
    compared: dict[str, Any] = {}
    for figure in ("commit_p95_s", "cpu_s_per_audio_s", "first_text_p50_s", "cer"):
        known = {name: value[figure] for name, value in peers.items() if value.get(figure) is not None}
        if ours.get(figure) is None or not known:
            continue
        best = min(known, key=lambda name: known[name])
        ratio = _round(ours[figure] / known[best]) if known[best] > 0 else None
        compared[figure] = {"ours": ours[figure], "best_peer": best, "theirs": known[best], "ratio": ratio}
    return compared


def quantiles(values: Iterable[float | None]) -> dict[str, float | None]:
    """p50, p95 and p99 of the values there are, and their number."""
    there = [value for value in values if value is not None]
    if not there:
        return {"n": 0, "p50": None, "p95": None, "p99": None}
    p50, p95, p99 = np.quantile(there, [0.5, 0.95, 0.99])
    return {"n": len(there), "p50": _round(p50), "p95": _round(p95), "p99": _round(p99)}


def _counted(values: Iterable[str | None]) -> dict[str, int]:
    there = [value for value in values if value is not None]
    return {value: there.count(value) for value in sorted(set(there))}


def _since(begin_s: float, then_s: float | None) -> float | None:
    return None if then_s is None else _round(then_s - begin_s)


def _round(value: Any) -> Any:
    return None if value is None else round(float(value), _DIGITS)

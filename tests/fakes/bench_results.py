"""Result files of `koemori bench` with invented figures, in the form in which the commands write them."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

FACTS: dict[str, Any] = {
    "measured_at": "2026-11-22T05:00:00+00:00",
    "command": "koemori bench …",
    "machine": {"processor": "A <fast> one", "cores": 2, "system": "Linux", "load_before": [0.1, 0.2, 0.3]},
    "versions": {"python": "3.11.7", "ctranslate2": "4.8.5"},
    "model_id": "whisper-base-int8@d01c3014881c",
    "cpu_covers": "this process and all below it",
}
STABLE = {"utterances": 60, "contradicted": 0, "reworded": 24, "withdrawn": 0, "unfinished": 0}


def ranks(p50: int, p95: int, count: int = 100) -> dict[str, int]:
    return {"p50": p50, "p95": p95, "p99": p95 + 150, "count": count}


def latencies(factor: float = 1.0) -> dict[str, Any]:
    return {
        "partial": ranks(round(330 * factor), round(740 * factor), 900),
        "utterance": ranks(round(700 * factor), round(930 * factor)),
        "alert": ranks(round(720 * factor), round(960 * factor), 20),
        "utterance_after_words": ranks(round(740 * factor), round(980 * factor)),
        "alert_after_words": ranks(round(800 * factor), round(1090 * factor), 20),
        "first_partial_after_start": ranks(860, 1480),
    }


def distributions() -> dict[str, list[int]]:
    return {
        name: [
            round(row["p50"] * (0.5 + percent / 100) + max(0, percent - 90) ** 2 * 3)
            for percent in range(101)
        ]
        for name, row in latencies().items()
    }


def stages() -> dict[str, Any]:
    means = {"arrive": 12, "vad": 290, "queue": 15, "encode": 120, "decode": 210, "merge": 90, "deliver": 3}
    late = {"utterance": {**means, "understand": 0}, "alert": {**means, "understand": 45}}
    early = {name: round(value * 0.6) for name, value in means.items()}
    return {
        kind: {stage: {**ranks(mean, mean * 2), "mean": float(mean)} for stage, mean in row.items()}
        for kind, row in {"partial": {**early, "understand": 0}, **late}.items()
    }


def latency() -> dict[str, Any]:
    call = {"file": "c01.flac", "round": 1, "seconds": 110.6, "recording_exact": True, "not_assisted_ms": 0}
    call |= {"turns": 20, "turns_heard": 20}
    return {
        "bench": "latency",
        **FACTS,
        "speed": 1.0,
        "rounds": 1,
        "overall": {"latency": latencies(), "stages": stages(), "distribution": distributions()},
        "cpu_s_per_audio_s": 0.151,
        "calls": [call],
    }


def long_latency() -> dict[str, Any]:
    first, last = latencies(), latencies(1.05)
    return {
        "bench": "latency",
        **FACTS,
        "speed": 1.0,
        "minutes": 60.0,
        "edge_minutes": 5.0,
        "overall": {"latency": first, "stages": stages(), "distribution": distributions()},
        "first": {"latency": first, "stages": stages()},
        "last": {"latency": last, "stages": stages()},
        "last_over_first": {
            name: {rank: round(last[name][rank] / first[name][rank], 3) for rank in ("p50", "p95")}
            for name in first
        },
        "own_mib_by_minute": [360.0, 380.0, 385.0] + [386.0 + minute % 5 for minute in range(59)],
        "resident_mib_by_minute": [560.0, 590.0, 600.0] + [604.0 + minute % 7 for minute in range(59)],
        "cpu_s_per_audio_s_by_minute": [0.14 + minute % 5 / 100 for minute in range(60)],
        "cpu_s_per_audio_s": 0.15,
        "not_assisted_ms": 0,
        "recording_exact": True,
        "turns": 820,
        "turns_heard": 815,
    }


def capacity(partials: str = "auto") -> dict[str, Any]:
    factors = {1: 1.0, 2: 1.05, 5: 1.2, 10: 1.7, 15: 2.1, 20: 2.5, 25: 2.9}
    return {
        "bench": "capacity",
        **FACTS,
        "seconds": 110.0,
        "partials": partials,
        "warm_up_excluded_ms": 10_000,
        "driver_cpu_s_per_call_s": 0.0031,
        "cpu_per_call_spread": 0.09,
        "runs": [_run(calls, factor, partials) for calls, factor in factors.items()],
    }


def _run(calls: int, factor: float, partials: str) -> dict[str, Any]:
    shown = {**latencies(factor)}
    if partials == "off":
        shown["partial"] = {"p50": None, "p95": None, "p99": None, "count": 0}
    return {
        "calls": calls,
        "measured_s": 95.0,
        "latency": shown,
        "partials_per_speech_s": 0.0 if partials == "off" else round(1.7 / calls, 2),
        "turns": calls * 20,
        "turns_heard": calls * 20 - 1,
        "not_assisted_share": 0.0,
        "load_levels": {"normal": 0.4, "partials_reduced": 0.6},
        "cpu_s_per_call_s": 0.08 if partials == "off" else round(0.1 + 0.004 * (calls % 3), 4),
        "peak_resident_mib": 600.0 + 12 * calls,
        "worst_journal_age_ms": 240.0,
        "recordings_exact": calls,
        "stable_text": STABLE,
    }


def accuracy() -> dict[str, Any]:
    def way(cer: float, cost: float) -> dict[str, Any]:
        figures = {"cer": cer, "insertions": 20, "deletions": 90, "substitutions": 200, "characters": 3000}
        sides = {"agent": {**figures, "cer": cer - 0.02}, "customer": {**figures, "cer": cer + 0.03}}
        return {**figures, "cpu_s_per_audio_s": cost, "sides": sides}

    streaming, offline = way(0.178, 0.11), way(0.171, 0.24)
    call = {"file": "c01.flac", "seconds": 110.6, "partials": 44, "stable_text": STABLE}
    sound = {"seconds": 225.0, "utterances": 0, "partials": 0, "quarantined": {"no_speech": 2}}
    return {
        "bench": "accuracy",
        **FACTS,
        "streaming": streaming,
        "offline": offline,
        "points_worse": 0.7,
        "stable_text": STABLE,
        "calls": [{**call, "streaming": streaming, "offline": offline}],
        "phantoms": {
            "minutes": 30.0,
            "utterances": 0,
            "sounds": {
                name: {**sound, "cpu_s_per_audio_s": 0.01} for name in ("silence", "dtmf", "hold music")
            },
        },
    }


def peers() -> dict[str, Any]:
    def figures(cost: float, commit_s: float, cer: float, last: dict[str, int]) -> dict[str, Any]:
        return {
            "rounds": 3,
            "errors": [],
            "cpu_s_per_audio_s": cost,
            "peak_memory_mib": 600.0,
            "first_text_p50_s": commit_s / 2,
            "commit_p50_s": commit_s / 2,
            "commit_p95_s": commit_s,
            "commit_p99_s": commit_s * 1.2,
            "cer": cer,
            "all_rounds": {"turns_missed": 0, "last_utterance": last},
        }

    whole = {
        "koemori": figures(0.15, 1.0, 0.18, {"after the end of the audio": 3}),
        "whisperlive": figures(0.8, 9.0, 0.31, {"never": 3}),
        "whisperlivekit": figures(0.95, 6.1, 0.25, {"after the end of the audio": 3}),
    }
    silent = {"minutes": 6.0, "committed_texts": 0, "committed_characters": 0}
    noisy = {**silent, "committed_texts": 4, "committed_characters": 51}
    return {
        **{key: value for key, value in FACTS.items() if key != "measured_at"},
        "systems": {},
        "runs": [],
        "summary": {
            "1 streams": {**deepcopy(whole), "against the better peer": {}},
            "2 streams": {**deepcopy(whole), "whisperlive": {"rounds": 0, "errors": ["timed out"]}},
            "phantom": {"koemori": silent, "whisperlive": noisy},
        },
    }

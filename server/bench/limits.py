"""What was asked of speech recognition, against what result files say; pure.

The limits hold for two cores, Whisper base int8 and two-sided telephone Japanese; on another machine the
table still says how far it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Result = Mapping[str, Any]

PARTIAL_P95_MS = 1000
FINAL_P95_MS = 1000
ALERT_P95_MS = 1500
MANY_CALLS, MANY_FINAL_P95_MS = 10, 2000
MOST_CALLS, MOST_FINAL_P95_MS = 25, 3000
FLAT = 0.15
MEMORY_FLAT = 0.05
POINTS_WORSE = 2.0
PHANTOM_MINUTES = 30
LONG_MINUTES = 60
SHARE_OF_PEER_LATENCY = 0.25
SHARE_OF_PEER_CPU = 0.5
US = "koemori"
NAMES = {
    "partial": "partial after its audio",
    "utterance": "final after its audio",
    "alert": "alert after its audio",
    "utterance_after_words": "final after the words",
    "alert_after_words": "alert after the words",
    "first_partial_after_start": "first partial after a turn's start",
}
"""What a report calls the latencies of results."""
SHOWN = ("partial", "utterance_after_words", "alert_after_words")
"""Those that limits were asked for."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One thing asked; `met` is None when no result measures it."""

    topic: str
    asked: str
    measured: str
    met: bool | None


def limits(results: Sequence[Result]) -> list[Limit]:
    """Every limit in the order in which it was asked."""
    return [
        *one_call(_pick(results, "latency", lambda result: "minutes" not in result and result["speed"] == 1)),
        *peers(_pick(results, "peers")),
        *capacity([result for result in results if result.get("bench") == "capacity"]),
        *long_call(_pick(results, "latency", _long_enough)),
        *accuracy(_pick(results, "accuracy")),
    ]


def one_call(result: Result | None) -> list[Limit]:
    """One call at a time, played at speed 1."""
    asked = (
        ("Partial after its audio, p95", PARTIAL_P95_MS, "partial"),
        ("Final after the words, endpoint included, p95", FINAL_P95_MS, "utterance_after_words"),
        ("Alert after the words, p95", ALERT_P95_MS, "alert_after_words"),
    )
    figures = {} if result is None else result["overall"]["latency"]
    rows = [
        _at_most("One call", what, figures.get(name, {}).get("p95"), limit_ms, "ms")
        for what, limit_ms, name in asked
    ]
    kept = None if result is None else _all_recorded(result["calls"])
    return [
        *rows,
        _all_heard([] if result is None else result["calls"]),
        Limit("One call", "Recordings exact", _said(kept), kept),
    ]


def capacity(results: Sequence[Result]) -> list[Limit]:
    """Many calls at once."""
    auto, off = newest_runs(results, "auto"), newest_runs(results, "off")
    many = _first_from(auto, MANY_CALLS)
    most = _first_from(off, MOST_CALLS) or _first_from(auto, MOST_CALLS)
    every = [*auto, *off]
    rate = None if many is None else many["partials_per_speech_s"]
    kept = all(run["recordings_exact"] == run["calls"] for run in every) if every else None
    several = [
        _pick(results, "capacity", lambda result, mode=mode: result["partials"] == mode and _several(result))
        for mode in ("auto", "off")
    ]
    spreads = [result["cpu_per_call_spread"] for result in several if result is not None]
    return [
        _at_most(
            "Capacity",
            f"{MANY_CALLS} calls: final after the words, p95",
            _final(many),
            MANY_FINAL_P95_MS,
            "ms",
        ),
        Limit(
            "Capacity",
            f"{MANY_CALLS} calls: partials still come",
            "not measured" if rate is None else f"{rate:.2f} per second of speech",
            None if rate is None else rate > 0,
        ),
        _at_most(
            "Capacity",
            f"{MOST_CALLS} calls: final after the words, p95",
            _final(most),
            MOST_FINAL_P95_MS,
            "ms",
        ),
        *(_left_out(count, run) for count, run in ((MANY_CALLS, many), (MOST_CALLS, most))),
        _share("Capacity", "CPU per call flat, dearest over cheapest", max(spreads, default=None), FLAT),
        Limit("Capacity", "Recordings exact", _said(kept), kept),
    ]


def long_call(result: Result | None) -> list[Limit]:
    """The last minutes of a long call against its first."""
    topic = f"{LONG_MINUTES}-minute call"
    if result is None:
        return [
            Limit(topic, what, "not measured", None) for what in ("Latency as at the start", "Memory flat")
        ]
    rows = []
    for name in ("partial", "utterance_after_words", "alert_after_words"):
        ratio = result["last_over_first"].get(name, {}).get("p95")
        growth = None if ratio is None else ratio - 1
        rows.append(
            _share(topic, f"{NAMES[name]}, p95 of last minutes over first".capitalize(), growth, FLAT)
        )
    grown = memory_growth(result["resident_mib_by_minute"])
    return [*rows, _share(topic, "Memory flat, most over that at minute 5", grown, MEMORY_FLAT)]


def memory_growth(by_minute: Sequence[float], settled: int = 5) -> float | None:
    """How far memory rose after minute `settled`, as a share."""
    if len(by_minute) <= settled + 1:
        return None
    return max(by_minute[settled + 1 :]) / by_minute[settled] - 1


def accuracy(result: Result | None) -> list[Limit]:
    """Characters and inventions."""
    worse = None if result is None else result["points_worse"]
    stable = {} if result is None else result["stable_text"]
    # Files without `reworded` count what the final words otherwise among the contradictions.
    broken = stable.get("contradicted") if "reworded" in stable else None
    phantoms = None if result is None else result["phantoms"]
    met = None
    if phantoms is not None and (phantoms["utterances"] or phantoms["minutes"] >= PHANTOM_MINUTES):
        met = phantoms["utterances"] == 0
    return [
        Limit(
            "Text",
            f"CER at most {POINTS_WORSE:g} points above offline decoding",
            "not measured" if worse is None else f"{worse:+.2f} points",
            None if worse is None else worse <= POINTS_WORSE,
        ),
        Limit(
            "Text",
            "Stable text never contradicted by a later partial",
            "not measured" if broken is None else f"{broken} times",
            None if broken is None else broken == 0,
        ),
        Limit(
            "Text",
            f"No phantom utterance in {PHANTOM_MINUTES} minutes",
            f"{phantoms['utterances']} in {phantoms['minutes']:g} minutes"
            if phantoms is not None
            else "not measured",
            met,
        ),
    ]


def peers(result: Result | None) -> list[Limit]:
    """Against the better peer at each number of streams."""
    rows = [] if result is None else peer_rows(result)
    streams = sorted({row["streams"] for row in rows if row["system"] == US})
    found: list[Limit] = []
    for count in streams:
        at_once = [row for row in rows if row["streams"] == count]
        ours = next(row for row in at_once if row["system"] == US)
        others = [row for row in at_once if row["system"] != US]
        if others:
            found += _against(ours, others, f"Peers, {count} stream{'s' if count > 1 else ''}")
    return found or [
        Limit("Peers", "Faster, cheaper and no worse than the better peer", "not measured", None)
    ]


def peer_rows(result: Result) -> list[dict[str, Any]]:
    """Figures per number of streams and system, with those two in each row.

    A system of which no round came to its end has a row of 0 rounds, with its errors and no figures.
    """
    return [
        {
            "streams": int(key.split()[0]),
            "system": system,
            "last_delivered": bool(figures["rounds"])
            and "never" not in figures["all_rounds"]["last_utterance"]
            and not figures["errors"],
            "turns_missed": figures["all_rounds"]["turns_missed"] if figures["rounds"] else None,
            **{name: value for name, value in figures.items() if name != "all_rounds"},
        }
        for key, systems in result["summary"].items()
        if key.split()[0].isdecimal()
        for system, figures in systems.items()
        if "rounds" in figures
    ]


def _against(ours: dict[str, Any], others: list[dict[str, Any]], topic: str) -> list[Limit]:
    def best(name: str) -> float | None:
        return min((row[name] for row in others if row.get(name) is not None), default=None)

    def compare(what: str, name: str, share: float, form: str, unit: str = "") -> Limit:
        mine, theirs = ours.get(name), best(name)
        if mine is None or theirs is None:
            return Limit(topic, what, "not measured", None)
        measured = f"{mine:{form}}{unit} against {theirs:{form}}{unit}"
        return Limit(topic, what, measured, mine <= theirs * share)

    delivered = ours.get("last_delivered")
    return [
        compare("Commit p95 at most a quarter", "commit_p95_s", SHARE_OF_PEER_LATENCY, ".2f", " s"),
        compare(
            "CPU per second of audio at most a half", "cpu_s_per_audio_s", SHARE_OF_PEER_CPU, ".3f", " s"
        ),
        compare("CER no higher", "cer", 1.0, ".3f"),
        Limit(topic, "Last utterance delivered", _said(delivered), delivered),
    ]


def _pick(results: Iterable[Result], bench: str, fits: Any = bool) -> Result | None:
    """The newest result of a kind."""
    found = [result for result in results if result.get("bench") == bench and fits(result)]
    return max(found, key=_measured_at, default=None)


def newest_runs(results: Iterable[Result], partials: str) -> list[dict[str, Any]]:
    """The runs of a mode (`auto` or `off`) by number of calls, each from the newest file that has it."""
    fitting = [result for result in results if result["partials"] == partials]
    found = {run["calls"]: run for result in sorted(fitting, key=_measured_at) for run in result["runs"]}
    return [found[calls] for calls in sorted(found)]


def _measured_at(result: Result) -> str:
    return str(result.get("measured_at", ""))


def _several(result: Result) -> bool:
    return len(result["runs"]) > 1


def _long_enough(result: Result) -> bool:
    return bool(result.get("minutes", 0) >= LONG_MINUTES and result["speed"] == 1)


def _first_from(runs: Sequence[dict[str, Any]], calls: int) -> dict[str, Any] | None:
    return next((run for run in runs if run["calls"] >= calls), None)


def _final(run: dict[str, Any] | None) -> int | None:
    if run is None:
        return None
    latency = run["latency"]
    found: int | None = latency.get("utterance_after_words", latency["utterance"])["p95"]
    return found


def _left_out(count: int, run: dict[str, Any] | None) -> Limit:
    share = None if run is None else run["not_assisted_share"]
    return Limit(
        "Capacity",
        f"{count} calls: nothing left out",
        "not measured" if share is None else f"{share:.2%} not assisted",
        None if share is None else share == 0,
    )


def _all_heard(calls: Sequence[dict[str, Any]]) -> Limit:
    turns, heard = (sum(call[name] for call in calls) for name in ("turns", "turns_heard"))
    said = f"{heard} of {turns}" if turns else "not measured"
    return Limit("One call", "All turns heard to their end", said, heard == turns if turns else None)


def _all_recorded(calls: Sequence[dict[str, Any]]) -> bool:
    return all(call["recording_exact"] for call in calls)


def _at_most(topic: str, what: str, value: float | None, most: float, unit: str) -> Limit:
    asked = f"{what}: at most {most:,} {unit}"
    if value is None:
        return Limit(topic, asked, "not measured", None)
    return Limit(topic, asked, f"{value:,} {unit}", value <= most)


def _share(topic: str, what: str, value: float | None, most: float) -> Limit:
    asked = f"{what}: within {most:.0%}"
    if value is None:
        return Limit(topic, asked, "not measured", None)
    return Limit(topic, asked, f"{value:+.1%}", value <= most)


def _said(value: bool | None) -> str:
    return "not measured" if value is None else ("yes" if value else "no")

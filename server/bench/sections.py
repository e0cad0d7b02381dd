"""Sections of the report: one function per kind of result, from its JSON to HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from koemori.server.bench import charts, limits, markup
from koemori.server.bench.charts import Curve
from koemori.server.bench.limits import NAMES, SHOWN, Limit, Result
from koemori.server.bench.markup import Cell, figure, paragraph, section, table

_RANKS = ("p50", "p95", "p99", "count")
_AFTER_WORDS_MS = {
    "partial": limits.PARTIAL_P95_MS,
    "utterance_after_words": limits.FINAL_P95_MS,
    "alert_after_words": limits.ALERT_P95_MS,
}
_PEER_COLUMNS = (
    ("system", "system"),
    ("streams", "streams"),
    ("cpu_s_per_audio_s", "CPU s per s"),
    ("first_text_p50_s", "first text p50"),
    ("commit_p50_s", "commit p50"),
    ("commit_p95_s", "p95"),
    ("commit_p99_s", "p99"),
    ("cer", "CER"),
    ("turns_missed", "turns missed"),
    ("last_delivered", "last turn delivered"),
    ("peak_memory_mib", "MiB"),
)


def asked(found: Sequence[Limit]) -> str:
    """What was asked, and whether it is met."""
    rows = []
    topic = ""
    for row in found:
        rows.append(
            (row.topic if row.topic != topic else "", row.asked, row.measured, markup.verdict(row.met))
        )
        topic = row.topic
    return section(
        "What was asked",
        paragraph(
            "Limits for two cores, Whisper base int8 and two-sided telephone Japanese. “Open”: no result "
            "given to this report measures it."
        ),
        table("", ("", "asked", "measured", ""), rows, words=True),
    )


def one_call(result: Result) -> str:
    """Latency of single calls."""
    overall = result["overall"]
    rows = [[NAMES.get(name, name), *_ranks(row)] for name, row in overall["latency"].items()]
    spread = {NAMES[name]: values for name, values in overall["distribution"].items() if name in SHOWN}
    marks = {NAMES[name]: limit for name, limit in _AFTER_WORDS_MS.items()}
    return section(
        f"One call at a time{_at_speed(result)}",
        paragraph(
            f"{len(result['calls'])} calls, CPU seconds per second of call {result['cpu_s_per_audio_s']}. "
            "“After the words” counts from the script's end of a turn to the last final that covers it, "
            "endpoint included; “after its audio” from the end of the audio that an event covers, as the "
            "public contract defines latency."
        ),
        figure(charts.cumulative("How soon text and alerts come", spread, marks)),
        *_stages("Where the time goes, mean", overall["stages"]),
        table("Latency in milliseconds", ("", *_RANKS), rows),
        _stage_table(overall["stages"]),
    )


def long_call(result: Result) -> str:
    """First and last minutes of a long call."""
    memory = result["resident_mib_by_minute"]
    costs = result["cpu_s_per_audio_s_by_minute"]
    ratios = result["last_over_first"]
    rows: list[list[Cell]] = []
    for name, first in result["first"]["latency"].items():
        last = result["last"]["latency"].get(name, {})
        ratio = ratios.get(name, {})
        growth = [None if rank not in ratio else f"{ratio[rank] - 1:+.1%}" for rank in ("p50", "p95")]
        rows.append(
            [
                NAMES.get(name, name),
                first["p50"],
                last.get("p50"),
                growth[0],
                first["p95"],
                last.get("p95"),
                growth[1],
            ]
        )
    edge = f"{result['edge_minutes']:g} min"
    return section(
        f"A call of {result['minutes']:g} minutes{_at_speed(result)}",
        paragraph(
            f"The calls joined into one. First and last: {edge} each. Not assisted: "
            f"{result['not_assisted_ms'] / 1000:.1f} s; recording exact: {_yes(result['recording_exact'])}; "
            f"turns heard: {result['turns_heard']} of {result['turns']}."
        ),
        table(
            "Latency in milliseconds",
            ("", "p50 first", "last", "", "p95 first", "last", ""),
            rows,
        ),
        figure(
            charts.lines(
                "Resident memory, all processes",
                {"memory": Curve(range(len(memory)), memory)},
                ("minute", "MiB"),
            )
        ),
        figure(
            charts.lines(
                "CPU by minute",
                {"CPU": Curve(range(1, len(costs) + 1), costs)},
                ("minute", "CPU seconds per second of call"),
            )
        )
        if costs
        else "",
    )


def accuracy(result: Result) -> str:
    """Characters beside offline decoding, and phantoms."""
    sides = list(result["streaming"]["sides"])
    rates = {
        name: [result[way]["cer"], *(result[way]["sides"][side]["cer"] for side in sides)]
        for name, way in (("streaming", "streaming"), ("offline, 30 s, beam 5", "offline"))
    }
    rows = [_errors(name, result[way]) for name, way in (("streaming", "streaming"), ("offline", "offline"))]
    calls = [
        [
            call["file"],
            call["streaming"]["cer"],
            call["offline"]["cer"],
            call["partials"],
            call["stable_text"]["contradicted"],
            call["stable_text"]["reworded"],
            call["stable_text"]["utterances"],
        ]
        for call in result["calls"]
    ]
    phantoms = result["phantoms"]
    sounds = [
        [
            name,
            row["seconds"],
            row["utterances"],
            row["partials"],
            sum(row["quarantined"].values()),
            row["cpu_s_per_audio_s"],
        ]
        for name, row in phantoms["sounds"].items()
    ]
    return section(
        "Text",
        paragraph(
            "Character error rate over normalised characters. Offline: faster-whisper with the same weights "
            "on each true turn. Numbers and homophones written in another way count as errors."
        ),
        figure(charts.grouped("Character error rate", ["all", *sides], rates, "CER")),
        table(
            "Errors",
            ("", "CER", "insertions", "deletions", "substitutions", "characters", "CPU s per s"),
            rows,
        ),
        paragraph(_stable_text(result["stable_text"])),
        table(
            "Calls",
            ("", "CER streaming", "offline", "partials", "contradicted", "reworded", "of utterances"),
            calls,
        ),
        table(
            f"{phantoms['minutes']:g} minutes without speech",
            ("", "seconds", "utterances", "partials", "quarantined", "CPU s per s"),
            sounds,
        )
        if sounds
        else "",
    )


def peers(result: Result) -> str:
    """Koemori beside other Whisper servers on the same machine."""
    rows = sorted(limits.peer_rows(result), key=lambda row: row["streams"])
    systems = list(dict.fromkeys(row["system"] for row in rows))
    streams = sorted({row["streams"] for row in rows})
    groups = [f"{count} stream{'s' if count > 1 else ''}" for count in streams]
    drawn = [
        figure(
            charts.grouped(
                title,
                groups,
                {system: [_value(rows, system, count, name) for count in streams] for system in systems},
                unit,
            )
        )
        for title, name, unit in (
            ("Committed text after the words, p95", "commit_p95_s", "seconds"),
            ("CPU per second of audio", "cpu_s_per_audio_s", "CPU seconds"),
            ("Character error rate of committed text", "cer", "CER"),
        )
        if rows
    ]
    cells = [[_shown(row.get(name)) for name, _ in _PEER_COLUMNS] for row in rows]
    silent = result["summary"].get("phantom", {})
    failed = [
        *([row["system"], row["streams"], row["rounds"], _errors_said(row)] for row in rows if _failed(row)),
        *(
            [system, "without speech", None, _errors_said(row)]
            for system, row in silent.items()
            if _failed(row)
        ),
    ]
    phantoms = [
        [system, found["minutes"], found["committed_texts"], found["committed_characters"]]
        for system, found in silent.items()
    ]
    return section(
        "Other servers, same weights, audio and cores",
        *drawn,
        table("Times in seconds, medians of the rounds", [title for _, title in _PEER_COLUMNS], cells),
        table(
            "What failed",
            ("system", "streams", "rounds that came to their end", "errors"),
            failed,
            words=True,
        )
        if failed
        else "",
        table("Without speech", ("", "minutes", "texts committed", "characters"), phantoms)
        if phantoms
        else "",
    )


def circumstances(results: Sequence[Result]) -> str:
    """Where each result comes from."""
    rows = []
    for result in results:
        machine = result.get("machine", {})
        where = (
            f"{machine.get('processor')}, {machine.get('cores')} cores, {machine.get('system')}; load before "
            f"{machine.get('load_before')}"
            if isinstance(machine, dict)
            else str(machine)
        )
        versions = ", ".join(f"{name} {version}" for name, version in result.get("versions", {}).items())
        rows.append(
            [
                str(result.get("bench", "")),
                str(result.get("measured_at", "")),
                str(result.get("model_id", "")),
                str(result.get("command", "")),
                where,
                versions,
            ]
        )
    return section(
        "Machines and versions",
        table("", ("result", "measured", "model", "command", "machine", "versions"), rows, words=True),
    )


def _stable_text(counts: Mapping[str, int]) -> str:
    """What became of the text that partials showed as stable."""
    shown = counts["utterances"]
    share = f" ({counts['reworded'] / shown:.0%})" if shown else ""
    return (
        f"Of {shown} utterances that showed stable text while someone spoke, {counts['contradicted']} were "
        "contradicted by a later partial, which must not happen. In "
        f"{counts['reworded']}{share} the final does not begin with that text: partials only grow, but the "
        "final comes from the whole utterance, is the commitment, and may word it otherwise, so that the "
        "reader sees it change once. Alerts, case and archive are made from finals alone."
    )


def _stages(title: str, kinds: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    means = {kind: {stage: row["mean"] for stage, row in stages.items()} for kind, stages in kinds.items()}
    return [figure(charts.stacked(title, means, "milliseconds"))] if means else []


def _stage_table(kinds: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """One row per stage; mean, p50 and p95 of each kind of event."""
    if not kinds:
        return ""
    names = list(dict.fromkeys(stage for stages in kinds.values() for stage in stages))
    head = [title for kind in kinds for title in (f"{kind} mean", "p50", "p95")]
    rows = [
        [
            stage,
            *(
                stages.get(stage, {}).get(rank)
                for stages in kinds.values()
                for rank in ("mean", "p50", "p95")
            ),
        ]
        for stage in names
    ]
    return table("Stages in milliseconds", ("", *head), rows)


def _errors(name: str, figures: Mapping[str, Any]) -> list[Cell]:
    kinds = ("cer", "insertions", "deletions", "substitutions", "characters", "cpu_s_per_audio_s")
    return [name, *(figures[kind] for kind in kinds)]


def _value(rows: Sequence[Mapping[str, Any]], system: str, streams: int, name: str) -> float | None:
    for row in rows:
        if row["system"] == system and row["streams"] == streams:
            value: float | None = row.get(name)
            return value
    return None


def _shown(value: Any) -> Cell:
    if isinstance(value, bool):
        return _yes(value)
    return value if isinstance(value, str | int | float) or value is None else str(value)


def _failed(row: Mapping[str, Any]) -> bool:
    return bool(row.get("errors")) or row.get("rounds") == 0


def _errors_said(row: Mapping[str, Any]) -> str:
    return "; ".join(map(str, row.get("errors", ()))) or "no reason given"


def _ranks(row: Mapping[str, Any]) -> list[Cell]:
    return [row[rank] for rank in _RANKS]


def _at_speed(result: Result) -> str:
    return "" if result["speed"] == 1 else f", played {result['speed']:g} times as fast"


def _yes(value: bool) -> str:
    return "yes" if value else "no"

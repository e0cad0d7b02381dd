"""How well the assist engine detects: utterances without context, and whole scripted calls.

The corpus is a folder like `benchmarks/corpus`, whose README describes it: labelled utterances
(`utterances*.jsonl`) and scripted calls (`calls/*.json`). Alerts are findings of severity 2 or 3; severity 1
is a grey zone and counted apart.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from koemori.assist.engine import AssistEngine
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.rules import utterance
from koemori.assist.second_opinion import SecondOpinion, load_opinion
from koemori.assist.similarity import meaning
from koemori.assist.types import (
    AGENT_SIDE,
    NOT_HARASSMENT,
    Alert,
    AssistEvent,
    CallClosed,
    CallFacts,
    CaseRevision,
    Heard,
    Repetition,
    Severity,
)
from koemori.audio.call import ChannelRole
from koemori.server.commands.exits import UnusableInputError
from koemori.server.config import AssistSettings

WORST = 20
_AGENT = {category.value for category in AGENT_SIDE}
_NOT_HARASSMENT = {category.value for category in NOT_HARASSMENT}
_TAGS = ("hard_negative", "rough_fair", "asr_like", "dialect", "polite_threat", "sarcasm")


@dataclass(slots=True)
class Count:
    """True and false positives, and misses."""

    tp: int = 0
    fp: int = 0
    fn: int = 0

    def add(self, *, gold: bool, got: bool) -> None:
        """Count one row."""
        self.tp += gold and got
        self.fp += got and not gold
        self.fn += gold and not got

    def figures(self) -> dict[str, float | int | None]:
        """Precision, recall and F1 to three places (None where undefined), with the counts."""
        precision = self.tp / (self.tp + self.fp) if self.tp + self.fp else None
        recall = self.tp / (self.tp + self.fn) if self.tp + self.fn else None
        f1 = 2 * self.tp / (2 * self.tp + self.fp + self.fn) if self.tp + self.fp + self.fn else None
        rounded = {
            name: None if value is None else round(value, 3)
            for name, value in (("precision", precision), ("recall", recall), ("f1", f1))
        }
        return {**rounded, "tp": self.tp, "fp": self.fp, "fn": self.fn}


@dataclass(slots=True)
class Share:
    """How many of some rows alerted."""

    alerts: int = 0
    rows: int = 0

    def figures(self) -> dict[str, float | int | None]:
        """Alerts, rows and their rate."""
        return {
            "alerts": self.alerts,
            "rows": self.rows,
            "rate": round(self.alerts / self.rows, 3) if self.rows else None,
        }


@dataclass(slots=True)
class Score:
    """All figures of one set of utterances."""

    overall: Count = field(default_factory=Count)
    categories: dict[str, Count] = field(default_factory=dict)
    shares: dict[str, Share] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)

    def share(self, name: str, alerted: bool) -> None:
        """Count one row of a named group."""
        entry = self.shares.setdefault(name, Share())
        entry.rows += 1
        entry.alerts += alerted

    def figures(self) -> dict[str, Any]:
        """Everything, JSON-ready, with the worst errors in full."""
        return {
            "overall": self.overall.figures(),
            "shares": {name: share.figures() for name, share in sorted(self.shares.items())},
            "categories": {name: count.figures() for name, count in sorted(self.categories.items())},
            "worst": self.errors[:WORST],
        }


def observe(playbook: Playbook, text: str, speaker: str, opinion: SecondOpinion | None = None) -> list[Alert]:
    """Alerts for one utterance without context."""
    engine = AssistEngine(CallFacts("bench"), playbook, opinion)
    heard = Heard("0-0", ChannelRole(speaker), 0, 4000, text)
    return [event for event in engine.push(heard) if isinstance(event, Alert)]


def score_utterances(
    rows: Iterable[dict[str, Any]], playbook: Playbook, opinion: SecondOpinion | None = None
) -> Score:
    """Score rows; severity 1 (grey) is counted apart, agent rows only by category."""
    score = Score()
    for row in rows:
        alerts = observe(playbook, row["text"], row["speaker"], opinion)
        if row["speaker"] == "agent":
            _score_agent(score, row, {a.category.value for a in alerts})
            continue
        got = {a.category.value: a for a in alerts if a.severity >= Severity.WARNING}
        if row["severity"] == 1:
            score.share("grey", bool(got))
            continue
        score.overall.add(gold=row["alert"], got=bool(got))
        _score_shares(score, row, bool(got))
        gold = {label for label in row["labels"]} if row["alert"] else set()
        for category in gold | set(got):
            score.categories.setdefault(category, Count()).add(gold=category in gold, got=category in got)
        if row["alert"] != bool(got):
            score.errors.append(
                {
                    "id": row["id"],
                    "kind": "missed" if row["alert"] else "false alarm",
                    "gold": row["labels"],
                    "tags": row["tags"],
                    "text": row["text"],
                    "rules": [f"{a.rule_id}: {a.quote}" for a in got.values()],
                }
            )
    score.errors.sort(key=lambda e: (e["kind"] == "missed", "rough_fair" not in e["tags"], e["id"]))
    return score


def _score_agent(score: Score, row: dict[str, Any], got: set[str]) -> None:
    gold = _AGENT & set(row["labels"])
    for category in gold | (got & _AGENT):
        score.categories.setdefault(category, Count()).add(gold=category in gold, got=category in got)


def _score_shares(score: Score, row: dict[str, Any], alerted: bool) -> None:
    side = "recall" if row["alert"] else "false_alarms"
    for tag in _TAGS:
        if tag in row["tags"]:
            score.share(f"{side}.{tag}", alerted)
    if not row["alert"] and not row["tags"]:
        score.share("false_alarms.plain", alerted)


def play(
    call: dict[str, Any], playbook: Playbook, text_key: str, opinion: SecondOpinion | None = None
) -> dict[int, list[AssistEvent]]:
    """Push a scripted call through the engine; events by turn, the closing ones under -1."""
    engine = AssistEngine(CallFacts(call["id"]), playbook, opinion)
    events: dict[int, list[AssistEvent]] = {}
    end_ms = 0
    for turn in call["turns"]:
        end_ms = round(turn["end"] * 1000)
        heard = Heard(
            f"t{turn['i']}", ChannelRole(turn["speaker"]), round(turn["start"] * 1000), end_ms, turn[text_key]
        )
        events[turn["i"]] = engine.push(heard)
    events[-1] = engine.push(CallClosed(end_ms))
    return events


def score_call(
    call: dict[str, Any], playbook: Playbook, text_key: str, opinion: SecondOpinion | None = None
) -> dict[str, Any]:
    """Compare one call with its gold."""
    gold = call["gold"]
    events = play(call, playbook, text_key, opinion)
    alerts = [(turn, e) for turn, found in events.items() for e in found if isinstance(e, Alert)]
    harassing = {e.category.value for _, e in alerts if e.harassment}
    turns = sorted(
        {t for t, e in alerts if e.severity >= Severity.WARNING and e.category.value not in _AGENT}
    )
    agent = {name: sorted({t for t, e in alerts if e.category.value == name}) for name in sorted(_AGENT)}
    final = next((e for e in reversed(events[-1]) if isinstance(e, CaseRevision)), None)
    largest: dict[str, int] = {}
    for found in events.values():
        for event in found:
            if isinstance(event, Repetition):
                largest[event.cluster_id] = max(largest.get(event.cluster_id, 0), event.count)
    return {
        "id": call["id"],
        "harassment": {"gold": gold["is_harassment_call"], "got": bool(harassing)},
        "categories": {"gold": sorted(gold["harassment_categories"]), "got": sorted(harassing)},
        "turn_alerts": {"gold": gold["turn_alert"], "got": turns},
        "clusters_of_4": {
            "gold": sum(c["count"] >= 4 for c in gold["repetition_clusters"]),
            "got": sum(count >= 4 for count in largest.values()),
        },
        "agent": {name: {"gold": gold[f"{name}_turns"], "got": agent[name]} for name in sorted(_AGENT)},
        "end_state": {"gold": gold["end_state"], "got": None if final is None else final.end_state.value},
        "axes": None if final is None else [final.demand_validity, final.manner],
    }


def summarize_calls(calls: list[dict[str, Any]]) -> dict[str, Any]:
    """Totals over calls."""
    turns, categories = Count(), Count()
    for call in calls:
        gold, got = set(call["turn_alerts"]["gold"]), set(call["turn_alerts"]["got"])
        turns.tp += len(gold & got)
        turns.fp += len(got - gold)
        turns.fn += len(gold - got)
        wanted, found = set(call["categories"]["gold"]), set(call["categories"]["got"])
        categories.tp += len(wanted & found)
        categories.fp += len(found - wanted)
        categories.fn += len(wanted - found)
    return {
        "calls": len(calls),
        "harassment_flag_right": sum(c["harassment"]["gold"] == c["harassment"]["got"] for c in calls),
        "false_harassment_flags": [
            c["id"] for c in calls if c["harassment"]["got"] and not c["harassment"]["gold"]
        ],
        "turn_alerts": turns.figures(),
        "call_categories": categories.figures(),
        "clusters_right": sum(c["clusters_of_4"]["gold"] == c["clusters_of_4"]["got"] for c in calls),
        "end_state_right": sum(c["end_state"]["gold"] == c["end_state"]["got"] for c in calls),
    }


def measure_speed(
    rows: list[dict[str, Any]],
    calls: list[dict[str, Any]],
    playbook: Playbook,
    opinion: SecondOpinion | None = None,
) -> dict[str, float]:
    """CPU milliseconds per utterance: customer rules on unseen text, and the whole engine on the calls.

    The garbage collector leaves out what was there before, as it does while the service runs.
    """
    meaning("読み込み", "済み")
    gc.collect()
    gc.freeze()
    try:
        return _speed(rows, calls, playbook, opinion)
    finally:
        gc.unfreeze()


def _speed(
    rows: list[dict[str, Any]],
    calls: list[dict[str, Any]],
    playbook: Playbook,
    opinion: SecondOpinion | None,
) -> dict[str, float]:
    rules = [rule for rule in playbook.lexicon.rules if not rule.of_agent]
    rule_ms: list[float] = []
    for row in rows:
        began = time.process_time()
        utterance(row["text"] + "。", playbook.lexicon).matches(rules)
        rule_ms.append((time.process_time() - began) * 1000)
    engine_ms: list[float] = []
    for call in calls:
        engine = AssistEngine(CallFacts("speed"), playbook, opinion)
        for turn in call["turns"]:
            end_ms = round(turn["end"] * 1000)
            heard = Heard(
                f"s{turn['i']}", ChannelRole(turn["speaker"]), end_ms - 1, end_ms, turn["text"] + "、"
            )
            began = time.process_time()
            engine.push(heard)
            engine_ms.append((time.process_time() - began) * 1000)
    return {
        f"{name}_p{share}": round(sorted(values)[min(len(values) - 1, int(len(values) * share / 100))], 2)
        for name, values in (("rules_cpu_ms", rule_ms), ("engine_cpu_ms", engine_ms))
        if values
        for share in (50, 95, 99)
    }


def measure(corpus: Path, settings: AssistSettings) -> dict[str, Any]:
    """The whole benchmark over one corpus folder as one JSON-ready object.

    Raises:
        UnusableInputError: The folder holds no labelled utterances and no calls, or one that cannot be read.
        OpinionError: The second opinion's model does not fit.
    """
    playbook = load_playbook(settings.locale, settings.playbook_dir)
    opinion = load_opinion() if settings.second_opinion else None
    rows = [row for path in sorted(corpus.glob("utterances*.jsonl")) for row in read_rows(path)]
    calls = [
        read_json(path, path.read_text(encoding="utf-8")) for path in sorted(corpus.glob("calls/*.json"))
    ]
    if not rows and not calls:
        raise UnusableInputError(corpus.name, "a folder with utterances*.jsonl or calls/*.json", "neither")
    scored = {
        key: [score_call(call, playbook, key, opinion) for call in calls] for key in ("text", "text_asr")
    }
    rules_alone = {} if opinion is None else {"rules_alone": score_utterances(rows, playbook).figures()}
    return {
        "playbook_version": playbook.version,
        "second_opinion": None if opinion is None else opinion.version,
        "rows": len(rows),
        "speed": measure_speed(rows, calls, playbook, opinion),
        "utterances": score_utterances(rows, playbook, opinion).figures(),
        **rules_alone,
        "calls": {key: summarize_calls(found) for key, found in scored.items()},
        "call_details": scored,
    }


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Labelled utterances, one JSON object a line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [read_json(path, line, number) for number, line in enumerate(lines, 1) if line.strip()]


def read_json(path: Path, text: str, line: int = 1) -> dict[str, Any]:
    """One JSON object; a mistake is named with file and line."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise UnusableInputError(f"{path.name}:{line}", "a JSON object", error.msg) from None
    if not isinstance(found, dict):
        raise UnusableInputError(f"{path.name}:{line}", "a JSON object", type(found).__name__)
    return found


def table(result: dict[str, Any]) -> str:
    """The figures as text for a person."""
    lines = [f"playbook {result['playbook_version']}, {result['rows']} utterances, {result['speed']}", ""]
    overall = result["utterances"]["overall"]
    lines.append(f"alerts: precision {overall['precision']} recall {overall['recall']} {overall}")
    if "rules_alone" in result:
        lines.append(f"rules alone: {result['rules_alone']['overall']}")
    lines += [
        f"  {name:28} {share['alerts']:3}/{share['rows']:3}  {share['rate']}"
        for name, share in result["utterances"]["shares"].items()
    ]
    for name, c in result["utterances"]["categories"].items():
        counts = f"(tp {c['tp']}, fp {c['fp']}, fn {c['fn']})"
        lines.append(f"  {name:20} P {c['precision']!s:5} R {c['recall']!s:5} F1 {c['f1']!s:5} {counts}")
    for error in result["utterances"]["worst"]:
        lines.append(f"  {error['kind']}: {error['id']} {error['text']} {error['gold']} {error['rules']}")
    for key, summary in result["calls"].items():
        lines += ["", f"calls ({key}): {summary}"]
    return "\n".join(lines)

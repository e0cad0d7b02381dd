"""Detector quality on labelled utterances: precision, recall and false alarms, per category.

Input rows are those of `benchmarks/corpus/utterances.dev.jsonl`: one utterance each, without context, with
`labels`, `severity`, `tags` and `alert`. Each row goes through a fresh engine as a call of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koemori.assist.types import Alert, CallFacts, Heard
from koemori.audio.call import ChannelRole
from koemori.server.commands.exits import UnusableInputError
from koemori.server.config import AssistSettings

NEEDS_CONTEXT = frozenset({"repeat_demand", "detention"})
"""Categories that one utterance cannot show."""
_ALARM = 2


@dataclass(frozen=True, slots=True)
class Judged:
    """One row and what the engine said of it."""

    row: dict[str, Any]
    categories: frozenset[str]
    """Of alerts of severity 2 or 3."""


def measure(path: Path, settings: AssistSettings) -> dict[str, object]:
    """Judge every row of a file and count."""
    from koemori.assist.engine import AssistEngine
    from koemori.assist.playbooks.load import load_playbook

    playbook = load_playbook(settings.locale, settings.playbook_dir)
    judged = []
    for row in read_rows(path):
        engine = AssistEngine(CallFacts(call_id=str(row["id"])), playbook)
        speaker = ChannelRole(row.get("speaker", "customer"))
        heard = Heard("0", speaker, 0, max(1000, 150 * len(row["text"])), row["text"])
        alerts = [one for one in engine.push(heard) if isinstance(one, Alert) and one.severity >= _ALARM]
        judged.append(Judged(row, frozenset(alert.category.value for alert in alerts)))
    return count(judged)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a labelled file.

    Raises:
        UnusableInputError: A line that is no labelled utterance.
    """
    rows = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise UnusableInputError(path.name, "a readable file of labelled utterances", "none") from None
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            rows.append({**row, "text": str(row["text"]), "labels": list(row["labels"]), "id": row["id"]})
        except (ValueError, KeyError, TypeError):
            raise UnusableInputError(
                path.name, "a JSON object with id, text and labels", f"line {number} without"
            ) from None
    return rows


def count(judged: Iterable[Judged]) -> dict[str, object]:
    """Overall and per-category figures; severity 1 is a grey zone and counts neither way overall."""
    rows = [one for one in judged if not set(one.row["labels"]) & NEEDS_CONTEXT]
    clear = [one for one in rows if one.row.get("severity", 0) != 1]
    wanted = [one for one in clear if one.row.get("alert")]
    alarmed = [one for one in clear if one.categories]
    hits = [one for one in alarmed if one.row.get("alert")]
    hard = [one for one in clear if not one.row.get("alert") and one.row.get("tags")]
    rough = [one for one in clear if "rough_fair" in one.row.get("tags", ())]
    categories = sorted({name for one in rows for name in (*one.row["labels"], *one.categories)})
    return {
        "rows": len(rows),
        "precision": _share(len(hits), len(alarmed)),
        "recall": _share(len(hits), len(wanted)),
        "false_alarms_on_hard_negatives": _share(sum(bool(one.categories) for one in hard), len(hard)),
        "false_alarms_on_rough_fair": _share(sum(bool(one.categories) for one in rough), len(rough)),
        "asr_variant_recall": _recall([one for one in wanted if one.row.get("provenance") == "asr_variant"]),
        "per_category": {name: _category(name, clear) for name in categories},
    }


def _category(name: str, rows: list[Judged]) -> dict[str, object]:
    labelled = [one for one in rows if name in one.row["labels"] and one.row.get("alert")]
    found = [one for one in rows if name in one.categories]
    hits = [one for one in labelled if name in one.categories]
    return {
        "labelled": len(labelled),
        "precision": _share(sum(name in one.row["labels"] for one in found), len(found)),
        "recall": _share(len(hits), len(labelled)),
        "alarmed_at_all": _recall(labelled),
    }


def _recall(rows: list[Judged]) -> float | None:
    return _share(sum(bool(one.categories) for one in rows), len(rows))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None

"""Figures of decisions on labelled rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from koemori.assist.types import Severity

from benchmarks.training.corpus import Row

_RECALL_TAGS: Final = ("asr_like", "dialect", "polite_threat", "sarcasm")
_HARMLESS_TAGS: Final = ("hard_negative", "rough_fair")
Decision = frozenset[str]
"""Categories of the alerts (severity 2 and 3) of one row; empty without one."""


def figures(rows: Sequence[Row], decisions: Sequence[Decision]) -> dict[str, float]:
    """Precision, recall, right categories and false alarms; grey rows are only counted apart.

    Returns:
        Rates to four places under the names of the project's targets, and the rows behind them.
    """
    pairs = list(zip(rows, decisions, strict=True))
    clear = [(row, bool(got)) for row, got in pairs if row.severity != Severity.NOTICE]
    true = [got for row, got in clear if row.alert]
    false = [got for row, got in clear if not row.alert]
    right = [bool(row.labels & got) for row, got in pairs if row.alert and got]
    found: dict[str, float] = {
        "rows": len(clear),
        "precision": _rate(sum(true), sum(true) + sum(false)),
        "recall": _mean(true),
        "category_right": _mean(right),
        **_labels(pairs),
    }
    for tag in _RECALL_TAGS:
        found[f"recall_{tag}"] = _mean(got for row, got in clear if row.alert and tag in row.tags)
    for tag in _HARMLESS_TAGS:
        found[f"false_alarms_{tag}"] = _mean(got for row, got in clear if not row.alert and tag in row.tags)
    found["false_alarms_plain"] = _mean(got for row, got in clear if not row.alert and not row.tags)
    found["alerts_on_grey"] = _mean(bool(got) for row, got in pairs if row.severity == Severity.NOTICE)
    return found


def _labels(pairs: Sequence[tuple[Row, Decision]]) -> dict[str, float]:
    """Every category of every alert, against every label; `several`: rows with more than one label."""
    clear = [(row, got) for row, got in pairs if row.severity != Severity.NOTICE]
    several = [(row, got) for row, got in clear if row.alert and len(row.labels) > 1]
    right = sum(len(row.labels & got) for row, got in clear)
    return {
        "labels_precision": _rate(right, sum(len(got) for _, got in clear)),
        "labels_recall": _rate(right, sum(len(row.labels) for row, _ in clear)),
        "labels_precision_several": _rate(
            sum(len(row.labels & got) for row, got in several), sum(len(got) for _, got in several)
        ),
        "labels_recall_several": _rate(
            sum(len(row.labels & got) for row, got in several), sum(len(row.labels) for row, _ in several)
        ),
    }


def _mean(values: Iterable[bool]) -> float:
    items = list(values)
    return _rate(sum(items), len(items))


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0

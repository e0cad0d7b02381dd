"""Thresholds of the second opinion, chosen on left-out probabilities, and what they would decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from koemori.assist.second_opinion.deciding import veto_limit
from koemori.assist.second_opinion.model import RuleFinding, Thresholds
from koemori.assist.types import Category, Severity
from numpy.typing import NDArray

from benchmarks.training.corpus import MILDER_SEVERITY, Row

_MISS: Final = 1.0
_FALSE_ALARM: Final = 1.2
_ROUGH_FAIR: Final = 5.0
"""A false alarm on a fair complaint in rough words weighs most: it makes a case of somebody with a cause."""
_GREY: Final = 0.3
_MISSED_DANGER: Final = 10.0
_MOST_DANGER_VETO: Final = 0.3
_MOST_SELFHARM_VETO: Final = 0.1
"""A hint of self-harm is doubted only where next to nothing speaks for it, whatever it would save."""
_DANGER_PRECISION: Final = 0.9
_BESIDE_PRECISION: Final = 0.7
"""Of further categories, over all rows that alert. Authors often named one category where two apply."""
_GRID: Final = np.round(np.arange(0.02, 0.99, 0.01), 2)
Probabilities = NDArray[np.float64]


def gravest(found: Sequence[RuleFinding]) -> int:
    """Severity of the gravest finding of the rules, 0 without one."""
    return max((int(severity) for _, severity in found), default=0)


def choose(
    rows: Sequence[Row],
    found: Sequence[Sequence[RuleFinding]],
    alert: Probabilities,
    danger: Probabilities,
) -> Thresholds:
    """The thresholds of least cost; each acts on its own part of the rows. `beside_from` is left at 1."""
    states = np.array([gravest(of) for of in found])
    cost_of_alert = np.array([_cost_of_alert(row) for row in rows])
    cost_of_silence = np.array([_MISS if row.alert else 0.0 for row in rows])
    graver = np.array([_cost_of_veto(row) for row in rows])
    unwarned, warned = states < Severity.WARNING, states == Severity.WARNING
    selfharm = np.array([_hears_selfharm(of) for of in found])
    endangered = (states == Severity.DANGER) & ~selfharm
    veto_danger = _cheapest(alert[endangered], cost_of_alert[endangered], graver[endangered])
    veto_selfharm = _cheapest(alert[selfharm], cost_of_alert[selfharm], graver[selfharm])
    return Thresholds(
        raise_from=_cheapest(alert[unwarned], cost_of_alert[unwarned], cost_of_silence[unwarned]),
        veto_below=_cheapest(alert[warned], cost_of_alert[warned], cost_of_silence[warned]),
        veto_danger_below=min(veto_danger, _MOST_DANGER_VETO),
        veto_selfharm_below=min(veto_selfharm, _MOST_SELFHARM_VETO),
        danger_from=_danger_from(rows, danger),
        beside_from=1.0,
    )


def _danger_from(rows: Sequence[Row], danger: Probabilities) -> float:
    graded = np.array([row.source not in MILDER_SEVERITY for row in rows])
    truly = np.array([row.severity == Severity.DANGER for row in rows])
    return _least_sure(danger[graded], truly[graded], _DANGER_PRECISION)


def beside_from(probability: Probabilities, applies: NDArray[np.bool_]) -> float:
    """The least probability from which on seven of ten further categories are right."""
    return _least_sure(probability, applies, _BESIDE_PRECISION)


def alerts(
    found: Sequence[Sequence[RuleFinding]], alert: Probabilities, thresholds: Thresholds
) -> NDArray[np.bool_]:
    """Whether each row alerts, rules and opinion together."""
    needed = np.array([_needed(of, thresholds) for of in found])
    decided: NDArray[np.bool_] = alert >= needed
    return decided


def _needed(found: Sequence[RuleFinding], thresholds: Thresholds) -> float:
    """The probability from which on a row with these findings alerts."""
    warned = [
        veto_limit(thresholds, category, severity)
        for category, severity in found
        if severity >= Severity.WARNING
    ]
    return min(warned, default=thresholds.raise_from)


def _hears_selfharm(found: Sequence[RuleFinding]) -> bool:
    return any(category is Category.SELFHARM and severity == Severity.DANGER for category, severity in found)


def _cost_of_veto(row: Row) -> float:
    """Of silence where a rule sees danger."""
    if not row.alert:
        return 0.0
    return _MISSED_DANGER if row.severity == Severity.DANGER else _MISS


def _cost_of_alert(row: Row) -> float:
    if row.alert:
        return 0.0
    if row.severity == Severity.NOTICE:
        return _GREY
    return _ROUGH_FAIR if "rough_fair" in row.tags else _FALSE_ALARM


def _cheapest(alert: Probabilities, of_alert: Probabilities, of_silence: Probabilities) -> float:
    costs = [float(np.where(alert >= limit, of_alert, of_silence).sum()) for limit in _GRID]
    cheapest = [limit for limit, cost in zip(_GRID, costs, strict=True) if cost == min(costs)]
    return float(cheapest[len(cheapest) // 2])


def _least_sure(probability: Probabilities, truly: NDArray[np.bool_], precision: float) -> float:
    """The least probability from which on this share is true."""
    for limit in _GRID:
        sure = probability >= limit
        if sure.any() and truly[sure].mean() >= precision:
            return float(limit)
    return 0.99

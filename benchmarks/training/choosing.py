"""Thresholds of the second opinion, chosen on left-out probabilities, and what they would decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from koemori.assist.second_opinion.model import RuleFinding, Thresholds
from koemori.assist.types import Severity
from numpy.typing import NDArray

from benchmarks.training.corpus import Row

_MISS: Final = 1.0
_FALSE_ALARM: Final = 1.2
_ROUGH_FAIR: Final = 5.0
"""A false alarm on a fair complaint in rough words weighs most: it makes a case of somebody with a cause."""
_GREY: Final = 0.3
_MISSED_DANGER: Final = 10.0
_MOST_DANGER_VETO: Final = 0.1
_DANGER_PRECISION: Final = 0.9
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
    """The thresholds of least cost; each acts on its own part of the rows."""
    states = np.array([gravest(of) for of in found])
    cost_of_alert = np.array([_cost_of_alert(row) for row in rows])
    cost_of_silence = np.array([_MISS if row.alert else 0.0 for row in rows])
    graver = np.array([_MISSED_DANGER if row.alert else 0.0 for row in rows])
    unwarned, warned = states < Severity.WARNING, states == Severity.WARNING
    endangered = states == Severity.DANGER
    veto_danger = _cheapest(alert[endangered], cost_of_alert[endangered], graver[endangered])
    return Thresholds(
        raise_from=_cheapest(alert[unwarned], cost_of_alert[unwarned], cost_of_silence[unwarned]),
        veto_below=_cheapest(alert[warned], cost_of_alert[warned], cost_of_silence[warned]),
        veto_danger_below=min(veto_danger, _MOST_DANGER_VETO),
        danger_from=_sure_of_danger(rows, danger),
    )


def alerts(
    found: Sequence[Sequence[RuleFinding]], alert: Probabilities, thresholds: Thresholds
) -> NDArray[np.bool_]:
    """Whether each row alerts, rules and opinion together."""
    limits = {
        int(Severity.WARNING): thresholds.veto_below,
        int(Severity.DANGER): thresholds.veto_danger_below,
    }
    needed = np.array([limits.get(gravest(of), thresholds.raise_from) for of in found])
    decided: NDArray[np.bool_] = alert >= needed
    return decided


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


def _sure_of_danger(rows: Sequence[Row], danger: Probabilities) -> float:
    """The least probability from which on nine of ten are dangers."""
    truly = np.array([row.severity == Severity.DANGER for row in rows])
    for limit in _GRID:
        sure = danger >= limit
        if sure.any() and truly[sure].mean() >= _DANGER_PRECISION:
            return float(limit)
    return 0.99

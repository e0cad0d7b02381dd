"""How well the whole does on an author nobody read: heads, joining, thresholds made without this author."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from koemori.assist.second_opinion.model import RuleFinding, Thresholds
from koemori.assist.types import Severity
from sklearn.linear_model import LogisticRegression

from benchmarks.training import choosing
from benchmarks.training.choosing import Probabilities
from benchmarks.training.corpus import Row
from benchmarks.training.figures import Decision, figures
from benchmarks.training.fitting import (
    Flags,
    Floats,
    Heads,
    Sample,
    fit_danger,
    fit_joining,
    joined_matrix,
    left_out_scores,
)


@dataclass(frozen=True, slots=True)
class Held:
    """One author's rows with the scores of heads that never read this author."""

    rows: tuple[Row, ...]
    found: tuple[tuple[RuleFinding, ...], ...]
    heads: Heads
    scores: Floats
    inputs: Floats
    """Of the joining step."""

    @property
    def clear(self) -> Flags:
        """Which rows are no grey zone."""
        return np.array([row.severity != Severity.NOTICE for row in self.rows])


@dataclass(frozen=True, slots=True)
class Joined:
    """The steps after the heads, fitted on held rows."""

    alert: LogisticRegression
    danger: LogisticRegression
    thresholds: Thresholds


def hold_out(sample: Sample) -> dict[str, Held]:
    """Every author's rows, scored without having read this author."""
    held: dict[str, Held] = {}
    for author, (heads, scores) in left_out_scores(sample).items():
        of_author = sample.from_sources(author)
        spoken = np.array([not row.recognised for row in sample.rows])
        places = np.flatnonzero(of_author & spoken)
        scores = scores[spoken[of_author]]
        found = tuple(sample.found[place] for place in places)
        rows = tuple(sample.rows[place] for place in places)
        held[author] = Held(rows, found, heads, scores, joined_matrix(scores, heads.names, found))
    return held


def join(held: Mapping[str, Held]) -> Joined:
    """Joining step, danger step and thresholds from held rows."""
    parts = list(held.values())
    rows = [row for part in parts for row in part.rows]
    found = [of for part in parts for of in part.found]
    inputs = np.concatenate([part.inputs for part in parts])
    scores = np.concatenate([part.scores[:, :2] for part in parts])
    clear = np.concatenate([part.clear for part in parts])
    alert = fit_joining(inputs[clear], np.array([row.alert for row in rows])[clear])
    danger = fit_danger(scores, np.array([row.severity == Severity.DANGER for row in rows]))
    thresholds = choosing.choose(
        rows, found, _probability(alert, inputs), _probability(danger, scores[:, 1:])
    )
    return Joined(alert, danger, thresholds)


def decide(part: Held, joined: Joined) -> list[Decision]:
    """What rules and opinion together alert on."""
    alerts = choosing.alerts(part.found, _probability(joined.alert, part.inputs), joined.thresholds)
    decisions: list[Decision] = []
    for alert, found, scores in zip(alerts, part.found, part.scores, strict=True):
        warned = rules_decision(found)
        best = part.heads.names[2 + int(np.argmax(scores[2:]))]
        decisions.append(frozenset() if not alert else warned or frozenset({best}))
    return decisions


def rules_decision(found: tuple[RuleFinding, ...]) -> Decision:
    """What the rules alone alert on."""
    return frozenset(category.value for category, severity in found if severity >= Severity.WARNING)


def left_out_figures(held: Mapping[str, Held]) -> dict[str, dict[str, dict[str, float]]]:
    """For each author and all: the rules alone, and rules with an opinion made without this author."""
    decisions = {
        name: decide(part, join({other: held[other] for other in held if other != name}))
        for name, part in held.items()
    }
    rules = {name: [rules_decision(found) for found in part.found] for name, part in held.items()}
    report = {
        name: {"rules": figures(part.rows, rules[name]), "with_opinion": figures(part.rows, decisions[name])}
        for name, part in held.items()
    }
    rows = [row for part in held.values() for row in part.rows]
    report["all"] = {
        "rules": figures(rows, [got for name in held for got in rules[name]]),
        "with_opinion": figures(rows, [got for name in held for got in decisions[name]]),
    }
    return report


def _probability(model: LogisticRegression, inputs: Floats) -> Probabilities:
    found: Probabilities = model.predict_proba(inputs)[:, 1]
    return found

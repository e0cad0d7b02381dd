"""How well the whole does on an author nobody read: heads, joining, thresholds made without this author."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from koemori.assist.second_opinion.model import RuleFinding, Thresholds, further_category
from koemori.assist.types import Severity
from sklearn.linear_model import LogisticRegression

from benchmarks.training import choosing
from benchmarks.training.choosing import Probabilities
from benchmarks.training.corpus import MILDER_SEVERITY, Row
from benchmarks.training.figures import Decision, figures
from benchmarks.training.fitting import (
    Flags,
    Floats,
    Heads,
    Sample,
    company_matrix,
    fit_company,
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
    further: tuple[str, ...]
    """The category of each row that could be named besides."""
    company: Floats
    """Inputs of the step that judges it."""

    @property
    def clear(self) -> Flags:
        """Which rows are no grey zone."""
        return np.array([row.severity != Severity.NOTICE for row in self.rows])


@dataclass(frozen=True, slots=True)
class Joined:
    """The steps after the heads, fitted on held rows."""

    alert: LogisticRegression
    danger: LogisticRegression
    company: LogisticRegression
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
        further = tuple(_further(line, heads, of) for line, of in zip(scores, found, strict=True))
        held[author] = Held(
            rows,
            found,
            heads,
            scores,
            joined_matrix(scores, heads.names, found),
            further,
            company_matrix(scores, heads.names, found, further),
        )
    return held


def _further(scores: Floats, heads: Heads, found: tuple[RuleFinding, ...]) -> str:
    further = further_category(scores, heads.names, found)
    assert further is not None, "there are more categories than any row has findings"
    return further


def join(held: Mapping[str, Held]) -> Joined:
    """Joining step, danger step and thresholds from held rows."""
    parts = list(held.values())
    rows = [row for part in parts for row in part.rows]
    found = [of for part in parts for of in part.found]
    inputs = np.concatenate([part.inputs for part in parts])
    scores = np.concatenate([part.scores[:, :2] for part in parts])
    clear = np.concatenate([part.clear for part in parts])
    alert = fit_joining(inputs[clear], np.array([row.alert for row in rows])[clear])
    graded = np.array([row.source not in MILDER_SEVERITY for row in rows])
    danger = fit_danger(scores[graded], np.array([row.severity == Severity.DANGER for row in rows])[graded])
    chances = _probability(alert, inputs)
    thresholds = choosing.choose(rows, found, chances, _probability(danger, scores[:, 1:]))
    warned = choosing.alerts(found, chances, thresholds) & clear
    beside = np.concatenate([part.company for part in parts])[warned]
    further = [name for part in parts for name in part.further]
    applies = np.array([name in row.labels for name, row in zip(further, rows, strict=True)])[warned]
    company = fit_company(beside, applies)
    beside_from = choosing.beside_from(_probability(company, beside), applies)
    return Joined(alert, danger, company, replace(thresholds, beside_from=beside_from))


def decide(part: Held, joined: Joined) -> list[Decision]:
    """What rules and opinion together alert on."""
    alerts = choosing.alerts(part.found, _probability(joined.alert, part.inputs), joined.thresholds)
    joins = _probability(joined.company, part.company) >= joined.thresholds.beside_from
    decisions: list[Decision] = []
    for place, found in enumerate(part.found):
        best = part.heads.names[2 + int(np.argmax(part.scores[place, 2:]))]
        named = rules_decision(found) or frozenset({best})
        further = frozenset({part.further[place]} if joins[place] else ())
        decisions.append(named | further if alerts[place] else frozenset())
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

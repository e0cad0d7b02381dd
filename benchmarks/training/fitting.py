"""Fitting the second opinion: heads on words, then a joining step on words and rules.

Everything that is chosen (the joining step, its calibration, the thresholds) is fitted on scores of
utterances whose author the heads had not read and the rules had not seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from koemori.assist.alerts import best_per_category
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.rules import utterance
from koemori.assist.second_opinion.features import Features, features_of
from koemori.assist.second_opinion.model import (
    ALERT,
    DANGER,
    RuleFinding,
    Weights,
    company_inputs,
    joined_inputs,
    seen,
)
from koemori.assist.types import Severity
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from benchmarks.training.corpus import AUTHORS, CUSTOMER_CODES, MILDER_SEVERITY, Row

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
_SEED: Final = 20_261
_STRENGTH: Final = {"alert": 12.0, "danger": 5.0, "category": 3.0, "joined": 1.0}
"""Inverse regularisation of each step, chosen by leaving one author out."""
_GREY_WEIGHT: Final = 0.3
"""Rows of severity 1 count as harmless with this weight: they should not alert, but are no clear case."""
_RECOGNISED_WEIGHT: Final = 0.4
"""Of a row as it was misheard: it stands beside the row as it was said."""
_ROUGH_FAIR_WEIGHT: Final = 2.0
_FEWEST: Final = 12
"""Rows that a category needs to get a head of its own."""
_MOST_STEPS: Final = 400
_LEAST_ROWS: Final = 2
"""An n-gram of a single row says more of that row than of the language."""
_MOST_GRAMS: Final = 60_000
"""N-grams kept: those that move the alert score most. Twice as many gain a point of recall in a thousand."""


@dataclass(frozen=True, slots=True)
class Sample:
    """All rows, read once.

    Attributes:
        features: The n-grams of each row.
        found: What the rules find in each row.
    """

    rows: tuple[Row, ...]
    features: tuple[Features, ...]
    found: tuple[tuple[RuleFinding, ...], ...]

    def of(self, chosen: Flags) -> list[Features]:
        """The n-grams of the chosen rows."""
        return [one for one, use in zip(self.features, chosen, strict=True) if use]

    @property
    def all_rows(self) -> Flags:
        """Every row chosen."""
        return np.ones(len(self.rows), dtype=np.bool_)

    def from_sources(self, *sources: str) -> Flags:
        """Which rows come from these sources."""
        return np.array([row.source in sources for row in self.rows])


@dataclass(frozen=True, slots=True)
class Words:
    """The n-grams a model knows, and how rare each is; see `Weights`."""

    vocabulary: NDArray[np.uint32]
    rarity: Floats

    def matrix(self, features: Sequence[Features]) -> csr_matrix:
        """What the model sees, one line an utterance."""
        lines = [seen(one, self.vocabulary, self.rarity) for one in features]
        ends = np.cumsum([0, *(len(line.places) for line in lines)])
        places = np.concatenate([line.places for line in lines])
        values = np.concatenate([line.values for line in lines])
        return csr_matrix((values, places, ends), shape=(len(lines), len(self.vocabulary)))

    def best(self, worth: Floats) -> Words:
        """The `_MOST_GRAMS` n-grams of most worth."""
        kept = np.sort(np.argsort(-worth, kind="stable")[:_MOST_GRAMS])
        return Words(self.vocabulary[kept], self.rarity[kept])


@dataclass(frozen=True, slots=True)
class Heads:
    """Linear heads: `scores = words.matrix(features) @ weights + bias`."""

    names: tuple[str, ...]
    words: Words
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    def scores(self, features: Sequence[Features]) -> Floats:
        """Shape `(n, h)`."""
        found: Floats = np.asarray(self.words.matrix(features) @ self.weights + self.bias, dtype=np.float32)
        return found


def read_sample(rows: Sequence[Row], lexicon: Lexicon) -> Sample:
    """Features and rule findings of every row."""
    return Sample(
        tuple(rows),
        tuple(features_of(row.text) for row in rows),
        tuple(rule_findings(row.text, lexicon) for row in rows),
    )


def count_words(features: Sequence[Features]) -> Words:
    """Every n-gram of at least `_LEAST_ROWS` rows, with its inverse document frequency (smoothed)."""
    grams, counts = np.unique(np.concatenate([one.grams for one in features]), return_counts=True)
    kept = counts >= _LEAST_ROWS
    rarity = np.log((1 + len(features)) / (1 + counts[kept])) + 1
    return Words(grams[kept], rarity.astype(np.float32))


def rule_findings(text: str, lexicon: Lexicon) -> tuple[RuleFinding, ...]:
    """What the customer's rules find, as the detector hands it to the opinion."""
    rules = [rule for rule in lexicon.rules if not rule.of_agent]
    matches = best_per_category(utterance(text, lexicon).matches(rules))
    return tuple((match.rule.category, match.rule.severity) for match in matches)


def fit_heads(sample: Sample, chosen: Flags) -> Heads:
    """Heads for alert, danger and every category with enough rows among the chosen."""
    rows = [row for row, use in zip(sample.rows, chosen, strict=True) if use]
    features = sample.of(chosen)
    weights = np.array([_weight(row) for row in rows])
    alerts = np.array([row.alert for row in rows])
    words = _telling_words(features, alerts, weights)
    inputs = words.matrix(features)
    fits = [
        _fit(inputs, alerts, weights, "alert"),
        _fit_head_of_danger(inputs, rows, weights),
    ]
    codes = [code for code in sorted(CUSTOMER_CODES) if _count(rows, code) >= _FEWEST]
    fits += [_fit_category(inputs, rows, weights, code) for code in codes]
    return Heads(
        (ALERT, DANGER, *codes),
        words,
        np.column_stack([fit.coef_[0] for fit in fits]),
        np.array([float(fit.intercept_[0]) for fit in fits]),
    )


def _fit_head_of_danger(inputs: csr_matrix, rows: Sequence[Row], weights: NDArray[Any]) -> LogisticRegression:
    graded = np.flatnonzero([row.source not in MILDER_SEVERITY for row in rows])
    wanted = np.array([row.severity == Severity.DANGER for row in rows])
    return _fit(inputs[graded], wanted[graded], weights[graded], "danger")


def _count(rows: Sequence[Row], code: str) -> int:
    return sum(row.alert and code in row.labels for row in rows)


def _fit_category(
    inputs: csr_matrix, rows: Sequence[Row], weights: NDArray[Any], code: str
) -> LogisticRegression:
    """One category against everything else; its grey rows are left out."""
    clear = np.flatnonzero([row.alert or code not in row.labels for row in rows])
    wanted = np.array([row.alert and code in row.labels for row in rows])
    return _fit(inputs[clear], wanted[clear], weights[clear], "category")


def _weight(row: Row) -> float:
    weight = _GREY_WEIGHT if row.severity == Severity.NOTICE else 1.0
    if "rough_fair" in row.tags:
        weight *= _ROUGH_FAIR_WEIGHT
    return weight * _RECOGNISED_WEIGHT if row.recognised else weight


def _telling_words(features: Sequence[Features], alerts: Flags, weights: NDArray[Any]) -> Words:
    """The n-grams by which alerts are told from the rest."""
    words = count_words(features)
    inputs = words.matrix(features)
    slope = np.abs(_fit(inputs, alerts, weights, "alert").coef_[0])
    usual = np.sqrt(np.asarray(inputs.multiply(inputs).mean(axis=0)).ravel())
    return words.best((slope * usual).astype(np.float32))


def _fit(inputs: Any, wanted: NDArray[Any], weights: NDArray[Any], step: str) -> LogisticRegression:
    model = LogisticRegression(
        C=_STRENGTH[step], max_iter=_MOST_STEPS, random_state=_SEED, class_weight="balanced"
    )
    return model.fit(inputs, wanted, sample_weight=weights)


def quantised(
    heads: Heads, joining: LogisticRegression, danger: LogisticRegression, company: LogisticRegression
) -> Weights:
    """The model as it is stored: n-gram weights in eight bits per head, the rest in floats."""
    scale = np.abs(heads.weights).max(axis=0) / 127
    return Weights(
        heads=heads.names,
        vocabulary=heads.words.vocabulary,
        rarity=heads.words.rarity,
        ngrams=np.round(heads.weights / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        bias=heads.bias.astype(np.float32),
        joined=joining.coef_[0].astype(np.float32),
        joined_bias=float(joining.intercept_[0]),
        danger=np.array([danger.coef_[0, 0], danger.intercept_[0]], dtype=np.float32),
        company=company.coef_[0].astype(np.float32),
        company_bias=float(company.intercept_[0]),
    )


def left_out_scores(sample: Sample) -> dict[str, tuple[Heads, Floats]]:
    """For each author: heads that never read this author, and their scores of this author's rows."""
    found: dict[str, tuple[Heads, Floats]] = {}
    for author in AUTHORS:
        held = sample.from_sources(author)
        if held.any():
            heads = fit_heads(sample, ~held)
            found[author] = heads, heads.scores(sample.of(held))
    return found


def joined_matrix(scores: Floats, names: Sequence[str], found: Sequence[Sequence[RuleFinding]]) -> Floats:
    """Inputs of the joining step, one line a row."""
    return np.stack([joined_inputs(line, names, of) for line, of in zip(scores, found, strict=True)])


def company_matrix(
    scores: Floats, names: Sequence[str], found: Sequence[Sequence[RuleFinding]], further: Sequence[str]
) -> Floats:
    """Inputs of the step for a further category, one line a row."""
    lines = zip(scores, found, further, strict=True)
    return np.stack([company_inputs(line, names, of, category) for line, of, category in lines])


def fit_company(inputs: Floats, applies: Flags) -> LogisticRegression:
    """The calibrated step that says how likely a further category applies."""
    model = LogisticRegression(C=_STRENGTH["joined"], max_iter=_MOST_STEPS, random_state=_SEED)
    return model.fit(inputs, applies)


def fit_joining(inputs: Floats, alerts: Flags) -> LogisticRegression:
    """The calibrated step from scores and rules to the probability of an alert."""
    model = LogisticRegression(C=_STRENGTH["joined"], max_iter=_MOST_STEPS, random_state=_SEED)
    return model.fit(inputs, alerts)


def fit_danger(scores: Floats, dangers: Flags) -> LogisticRegression:
    """Platt's step for the danger score (Platt 1999)."""
    return LogisticRegression(C=1e3, max_iter=_MOST_STEPS).fit(scores[:, 1:2], dangers)

"""Fitting the demand topics (`assist/demand_topics`): two softmaxes, and how much each is worth.

Shares and the threshold of a topic are fitted on rows that the softmaxes had not read (folds).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, Final

import numpy as np
from koemori.assist.demand_topics.model import NOTHING, DemandTopics, Thresholds, Weights, softmax
from koemori.assist.second_opinion.features import Features, features_of
from koemori.assist.similarity import content_words, embed
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from benchmarks.training.card import store
from benchmarks.training.corpus import CORPUS
from benchmarks.training.fitting import Flags, Floats, Words, count_words

VERSION: Final = "1.0.0"
_SEED: Final = 20_261
_FOLDS: Final = 5
_STRENGTH_NGRAMS: Final = 20.0
_STRENGTH_SENTENCE: Final = 10.0
_MOST_STEPS: Final = 500
_MOST_GRAMS: Final = 30_000
_MISTAKEN_TOPIC: Final = 2.0
"""A topic named wrongly may count a demand that was not made; one not named is only missed."""
_SAME_IN_A_CALL: Final = (0.12, 0.25)
"""`same_from` and `same_broad_from`, chosen on the scripted calls that were looked at: half of the pairs
written for this are the same demand, in a call far fewer are, so the best for pairs are too lax."""
_ABOUT: Final = {
    "name": "koemori demand topics",
    "purpose": (
        "Which of the known things a customer's utterance asks for, if any, so that a demand repeated in "
        "other words is counted. Beside the topics of the lexicon."
    ),
    "not_for": "Agents' words, texts other than recognised speech, other languages, any decision alone.",
    "method": (
        "Multinomial logistic regression over the n-grams of the second opinion, and one over the sentence "
        "embedding; their shares are fitted on folds that neither had read. Deterministic."
    ),
    "limits": (
        "Written utterances of one author. Of demands in indirect words it names only some; the figures say "
        "how many. It sees one utterance without the call."
    ),
    "data_licence": "written for this project, fictional, as the project",
}


@dataclass(frozen=True)
class Demands:
    """Utterances with the index of a topic each; an utterance with two topics stands twice, half each."""

    topics: tuple[str, ...]
    texts: tuple[str, ...]
    wanted: Flags
    """Shape `(n, t)`; the last topic is `NOTHING`."""

    @cached_property
    def features(self) -> list[Features]:
        return [features_of(text) for text in self.texts]

    @cached_property
    def embedded(self) -> Floats:
        """Shape `(n, 512)`."""
        found = [embed(text) for text in self.texts]
        return np.array(found, dtype=np.float32)


def read_demands(directory: Path = CORPUS) -> Demands:
    """The utterances written for this."""
    lines = (directory / "authored" / "demands.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    topics = (*sorted({name for row in rows for name in row["topics"]}), NOTHING)
    wanted = np.array([[name in (row["topics"] or [NOTHING]) for name in topics] for row in rows])
    return Demands(topics, tuple(row["text"] for row in rows), wanted)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two utterances and whether they make the same demand."""

    first: str
    second: str
    same: bool


def read_pairs(demands: Demands, directory: Path = CORPUS) -> list[Pair]:
    """Pairs of which no utterance is among `demands`."""
    lines = (directory / "authored" / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    known = set(demands.texts)
    return [
        Pair(row["first"], row["second"], row["same_demand"])
        for row in rows
        if row["first"] not in known and row["second"] not in known
    ]


@dataclass(frozen=True, slots=True)
class Fit:
    """Both softmaxes."""

    words: Words
    ngrams: LogisticRegression
    sentence: LogisticRegression

    def scores(self, features: Sequence[Features], embedded: Floats) -> tuple[Floats, Floats]:
        """Of n-grams and of the sentence, shape `(n, t)` each."""
        return (
            self.ngrams.decision_function(self.words.matrix(features)),
            self.sentence.decision_function(embedded),
        )


def fit(demands: Demands, chosen: NDArray[np.intp]) -> Fit:
    """Fit both softmaxes to the chosen utterances."""
    features = [demands.features[place] for place in chosen]
    rows, topics = np.nonzero(demands.wanted[chosen])
    share = 1 / demands.wanted[chosen].sum(axis=1)[rows]
    words = count_words(features)
    inputs = words.matrix(features)[rows]
    first = _softmax_over(inputs, topics, share, _STRENGTH_NGRAMS)
    usual = np.sqrt(np.asarray(inputs.multiply(inputs).mean(axis=0)).ravel())
    worth = np.abs(first.coef_).max(axis=0) * usual
    kept = np.sort(np.argsort(-worth, kind="stable")[:_MOST_GRAMS])
    words = Words(words.vocabulary[kept], words.rarity[kept])
    ngrams = _softmax_over(words.matrix(features)[rows], topics, share, _STRENGTH_NGRAMS)
    sentence = _softmax_over(demands.embedded[chosen][rows], topics, share, _STRENGTH_SENTENCE)
    return Fit(words, ngrams, sentence)


def _softmax_over(
    inputs: Any, topics: NDArray[np.intp], share: NDArray[np.float64], strength: float
) -> LogisticRegression:
    model = LogisticRegression(C=strength, max_iter=_MOST_STEPS, tol=1e-3, random_state=_SEED)
    return model.fit(inputs, topics, sample_weight=share)


def left_out_scores(demands: Demands) -> tuple[Floats, Floats]:
    """Every utterance's scores from softmaxes that had not read it."""
    ngrams = np.zeros(demands.wanted.shape, dtype=np.float32)
    sentence = np.zeros_like(ngrams)
    places = np.arange(len(demands.texts))
    for read, left in KFold(_FOLDS, shuffle=True, random_state=_SEED).split(places):
        features = [demands.features[place] for place in left]
        ngrams[left], sentence[left] = fit(demands, read).scores(features, demands.embedded[left])
    return ngrams, sentence


def fit_shares(ngrams: Floats, sentence: Floats, wanted: Flags) -> Floats:
    """The shares (see `Weights.shares`) of least log loss on left-out scores."""
    spread = wanted / wanted.sum(axis=1, keepdims=True)

    def loss(scores: Floats) -> float:
        return float(-(spread * np.log(softmax(scores) + 1e-9)).sum() / len(scores))

    alone = minimize(lambda x: loss(x[0] * ngrams), [1.0], method="Nelder-Mead").x
    both = minimize(lambda x: loss(x[0] * ngrams + x[1] * sentence), [1.0, 0.5], method="Nelder-Mead").x
    return np.array([alone[0], *both], dtype=np.float32)


def stored_weights(demands: Demands, found: Fit, shares: Floats) -> Weights:
    """The model as it is stored: n-gram weights in eight bits, the rest in floats."""
    ngrams = found.ngrams.coef_.T
    scale = np.abs(ngrams).max(axis=0) / 127
    return Weights(
        topics=demands.topics,
        vocabulary=found.words.vocabulary,
        rarity=found.words.rarity,
        ngrams=np.round(ngrams / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        bias=found.ngrams.intercept_.astype(np.float32),
        sentence=found.sentence.coef_.T.astype(np.float32),
        sentence_bias=found.sentence.intercept_.astype(np.float32),
        shares=shares,
    )


def topic_figures(found: Floats, wanted: Flags, limit: float) -> dict[str, float]:
    """Precision and recall of topics, and how often one is named where nothing is asked for."""
    named, truly = found[:, :-1] >= limit, wanted[:, :-1]
    right = int((named & truly).sum())
    precision, recall = right / max(1, int(named.sum())), right / int(truly.sum())
    return {
        "precision": round(precision, 3),
        "recall": round(recall, 3),
        "f1": round(2 * precision * recall / max(1e-9, precision + recall), 3),
        "named_where_nothing_is_asked": round(float(named[wanted[:, -1]].any(axis=1).mean()), 3),
    }


def best_topic_limit(found: Floats, wanted: Flags) -> float:
    """The probability from which naming a topic costs least."""
    truly = wanted[:, :-1]

    def cost(limit: float) -> float:
        named = found[:, :-1] >= limit
        return _MISTAKEN_TOPIC * float((named & ~truly).sum()) + float((truly & ~named).sum())

    return min((float(limit) for limit in np.round(np.arange(0.2, 0.9, 0.02), 2)), key=cost)


_GRID: Final = (0.02, 0.03, 0.05, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5)


def best_pair_limits(pairs: Sequence[Pair], weights: Weights, topic_from: float) -> Thresholds:
    """The affinities of most pairs judged right, the strictest of equals."""
    model = DemandTopics(VERSION, weights, Thresholds(topic_from, 1.0, 1.0))
    found = [(pair.same, *_likeness(pair, model)) for pair in pairs]
    candidates = [(same, broad) for same, broad in product(_GRID, _GRID) if same <= broad]

    def right(limits: tuple[float, float]) -> int:
        same, broad = limits
        return sum(truly == (known >= same or anything >= broad) for truly, known, anything in found)

    return Thresholds(topic_from, *max(candidates, key=lambda limits: (right(limits), limits)))


def _likeness(pair: Pair, model: DemandTopics) -> tuple[float, float]:
    """The affinities that `same_from` and `same_broad_from` are held against."""
    first, second = model.read(pair.first), model.read(pair.second)
    if first is None or second is None:
        return 0.0, 0.0
    anything, narrow = model.affinity(first, second)
    name_the_same = bool(content_words(pair.first) & content_words(pair.second))
    return (anything if name_the_same else narrow), anything


def train_demands(corpus: Path, model: Path, made_on: date) -> dict[str, Any]:
    """Fit and write the model; return the figures of left-out rows."""
    demands = read_demands(corpus)
    ngrams, sentence = left_out_scores(demands)
    shares = fit_shares(ngrams, sentence, demands.wanted)
    found = softmax(shares[1] * ngrams + shares[2] * sentence)
    limit = best_topic_limit(found, demands.wanted)
    weights = stored_weights(demands, fit(demands, np.arange(len(demands.texts))), shares)
    thresholds = Thresholds(limit, *_SAME_IN_A_CALL)
    figures = {
        "left_out": topic_figures(found, demands.wanted, limit),
        "left_out_ngrams_alone": topic_figures(softmax(shares[0] * ngrams), demands.wanted, limit),
    }
    _write(model, weights, thresholds, len(demands.texts), figures, made_on)
    return {"thresholds": {name: getattr(thresholds, name) for name in Thresholds.__slots__}, **figures}


def _write(
    directory: Path,
    weights: Weights,
    thresholds: Thresholds,
    rows: int,
    figures: dict[str, dict[str, float]],
    made_on: date,
) -> None:
    names = [name for name in Weights.__slots__ if name != "topics"]
    facts = {
        **_ABOUT,
        "version": VERSION,
        "made_on": made_on.isoformat(),
        "made_by": "python -m benchmarks.training train-demands",
        "topics": list(weights.topics),
    }
    tables = {
        "thresholds": {name: getattr(thresholds, name) for name in Thresholds.__slots__},
        "rows": {"demands": rows},
        **{f"figures.{name}": values for name, values in figures.items()},
    }
    store(directory, {name: getattr(weights, name) for name in names}, facts, tables)

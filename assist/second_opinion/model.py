"""A statistical judgement beside the rules: how likely an utterance deserves an alert, and of what kind.

Two steps. Linear heads over n-grams, weighted by rarity, give a score for "alert", for "danger" and for each
category against everything else. A calibrated logistic step then joins the alert score and the best two
categories' scores with what the rules found; it was fitted on utterances that neither the rules nor the heads
had seen, so a rule counts for what it is worth on new words. Another such step says how likely a further
category applies to an utterance that deserves an alert. numpy only; no state between utterances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from koemori.assist.second_opinion.features import GROUPS, Features, features_of
from koemori.assist.types import Category, Severity
from numpy.typing import NDArray

ALERT: Final = "alert"
DANGER: Final = "danger"
JOINED: Final = ("score", "notice", "warning", "danger", "more_rules", "agreement", "kind", "second_kind")
"""What the joining step looks at; see `joined_inputs`."""
COMPANY: Final = ("score", "best_score", "rule_warned", "rule_noticed_it")
"""What the step for a further category looks at; see `company_inputs`."""
_MOST_MORE: Final = 2


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities at which the opinion acts.

    Attributes:
        raise_from: No rule warned: an alert from here on.
        veto_below: A rule warned: only a notice below this.
        veto_danger_below: The same for a rule of danger; far lower.
        veto_selfharm_below: The same for a rule of danger that hears self-harm; lower still.
        danger_from: A raised alert is a danger from this probability of danger on.
        beside_from: An utterance that alerts gets a further category from this probability on.
    """

    raise_from: float
    veto_below: float
    veto_danger_below: float
    veto_selfharm_below: float
    danger_from: float
    beside_from: float


@dataclass(frozen=True, slots=True)
class Weights:
    """What training produced; `heads` and `joined` say what the columns and entries stand for.

    Attributes:
        heads: `alert`, `danger`, then category codes; `h` of them.
        vocabulary: Known n-grams, uint32 `(v,)`, ascending.
        rarity: Inverse document frequency of each, float32 `(v,)`.
        ngrams: int8 `(v, h)`, to be multiplied by `scale`, float32 `(h,)`.
        bias: float32 `(h,)`.
        joined: float32 `(len(JOINED),)` of the joining step, with `joined_bias`.
        danger: Slope and offset that turn the danger score into a probability, float32 `(2,)`.
        company: float32 `(len(COMPANY),)` of the step for a further category, with `company_bias`.
    """

    heads: tuple[str, ...]
    vocabulary: NDArray[np.uint32]
    rarity: NDArray[np.float32]
    ngrams: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]
    joined: NDArray[np.float32]
    joined_bias: float
    danger: NDArray[np.float32]
    company: NDArray[np.float32]
    company_bias: float


@dataclass(frozen=True, slots=True)
class Seen:
    """The n-grams of an utterance that the model knows; arrays of shape `(k,)`.

    Attributes:
        places: Rows of the vocabulary.
        values: Their rarity, brought to Euclidean length 1 in each group.
        of: Which of the utterance's n-grams they are.
    """

    places: NDArray[np.intp]
    values: NDArray[np.float32]
    of: NDArray[np.intp]


def seen(features: Features, vocabulary: NDArray[np.uint32], rarity: NDArray[np.float32]) -> Seen:
    """What a model with this vocabulary sees of an utterance; the same in training and in calls."""
    if not len(vocabulary):
        return Seen(np.zeros(0, np.intp), np.zeros(0, np.float32), np.zeros(0, np.intp))
    places = np.minimum(np.searchsorted(vocabulary, features.grams), len(vocabulary) - 1)
    of = np.flatnonzero(vocabulary[places] == features.grams)
    places, groups = places[of], features.groups[of]
    values = rarity[places]
    squares = np.bincount(groups, values * values, minlength=len(GROUPS))
    return Seen(places, (values / np.sqrt(squares[groups])).astype(np.float32), of)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The opinion on one utterance.

    Attributes:
        alert: Probability that the utterance deserves an alert, given its words and the rules' findings.
        danger: Probability that it is a danger.
        category: The most probable category.
        beside: The most probable category that is not named yet: by the rules' warnings or, where there are
            none, by `category`.
        beside_probability: Probability that it applies as well, if the utterance deserves an alert.
    """

    alert: float
    danger: float
    category: Category
    beside: Category | None
    beside_probability: float
    features: Features
    seen: Seen


RuleFinding = tuple[Category, Severity]


class SecondOpinion:
    """The model, ready to judge. Shared by all calls; thread-safe, as it only reads."""

    def __init__(self, version: str, weights: Weights, thresholds: Thresholds) -> None:
        self.version = version
        self.thresholds = thresholds
        self._weights = weights
        self._categories = tuple(Category(name) for name in weights.heads[2:])

    def judge(self, text: str, found: Sequence[RuleFinding]) -> Judgement | None:
        """The opinion on one utterance of a customer.

        Args:
            text: The utterance as it was recognised.
            found: What the rules found in it, category and severity.

        Returns:
            None when there is nothing to judge: no word that the model knows.
        """
        features = features_of(text)
        known = seen(features, self._weights.vocabulary, self._weights.rarity)
        if not len(known.places):
            return None
        scores = self._scores(known)
        inputs = joined_inputs(scores, self._weights.heads, found)
        joined = float(inputs @ self._weights.joined) + self._weights.joined_bias
        slope, offset = self._weights.danger
        beside = further_category(scores, self._weights.heads, found)
        return Judgement(
            alert=probability(joined),
            danger=probability(float(slope * scores[1] + offset)),
            category=self._categories[int(np.argmax(scores[2:]))],
            beside=None if beside is None else Category(beside),
            beside_probability=0.0 if beside is None else self._company(scores, found, beside),
            features=features,
            seen=known,
        )

    def _scores(self, known: Seen) -> NDArray[np.float32]:
        """Each head's score, shape `(h,)`."""
        ngrams = known.values @ self._weights.ngrams[known.places].astype(np.float32)
        return np.asarray(ngrams * self._weights.scale + self._weights.bias, dtype=np.float32)

    def _company(self, scores: NDArray[np.float32], found: Sequence[RuleFinding], category: str) -> float:
        inputs = company_inputs(scores, self._weights.heads, found, category)
        return probability(float(inputs @ self._weights.company) + self._weights.company_bias)

    def telling_clause(self, judgement: Judgement, category: Category) -> str:
        """The exact words of the clause whose n-grams speak most for an alert of this category."""
        features, known = judgement.features, judgement.seen
        heads = [0, 2 + self._categories.index(category)]
        columns = self._weights.ngrams[known.places][:, heads].astype(np.float32)
        worth = np.zeros(len(features.grams), dtype=np.float32)
        worth[known.of] = (columns * self._weights.scale[heads]).sum(axis=1) * known.values
        analysis = features.analysis
        cuts = [0, *sorted(analysis.breaks), len(analysis.surface)]
        spans = [(start, end) for start, end in pairwise(cuts) if start < end]
        sums = [
            float(worth[(features.starts >= start) & (features.ends <= end)].sum()) for start, end in spans
        ]
        start, end = spans[int(np.argmax(sums))]
        return analysis.quote(start, end)


def joined_inputs(
    scores: NDArray[np.float32], heads: Sequence[str], found: Sequence[RuleFinding]
) -> NDArray[np.float32]:
    """What the joining step looks at, in the order of `JOINED`.

    The alert score; whether the gravest rule is a notice, a warning or a danger; how many categories beyond
    the first the rules warn of; how far the best of these categories' scores lies below the best score
    of any category (0 when rules and words agree, or no rule warned); and the best two categories' scores.
    """
    gravest = max((severity for _, severity in found), default=0)
    warned = _warned(found)
    known = [scores[heads.index(name)] for name in warned if name in heads]
    second_kind, kind = np.sort(scores[2:])[-2:]
    agreement = float(max(known) - kind) if known else 0.0
    return np.array(
        [
            scores[0],
            gravest == Severity.NOTICE,
            gravest == Severity.WARNING,
            gravest == Severity.DANGER,
            min(max(len(warned) - 1, 0), _MOST_MORE),
            agreement,
            kind,
            second_kind,
        ],
        dtype=np.float32,
    )


def further_category(
    scores: NDArray[np.float32], heads: Sequence[str], found: Sequence[RuleFinding]
) -> str | None:
    """The best category that is not named yet; see `Judgement.beside`."""
    order = [heads[2 + place] for place in np.argsort(-scores[2:], kind="stable")]
    named = _warned(found) or order[:1]
    return next((name for name in order if name not in named), None)


def company_inputs(
    scores: NDArray[np.float32], heads: Sequence[str], found: Sequence[RuleFinding], category: str
) -> NDArray[np.float32]:
    """What the step for a further category looks at, in the order of `COMPANY`.

    The category's own score, the best score of any category, whether a rule warned of another category, and
    whether a rule noticed this one.
    """
    noticed = any(found_category.value == category for found_category, _ in found)
    return np.array(
        [scores[heads.index(category)], scores[2:].max(), bool(_warned(found)), noticed], dtype=np.float32
    )


def _warned(found: Sequence[RuleFinding]) -> list[str]:
    return [category.value for category, severity in found if severity >= Severity.WARNING]


def probability(score: float) -> float:
    """The logistic function, without overflow."""
    return float(0.5 * (1.0 + np.tanh(0.5 * score)))

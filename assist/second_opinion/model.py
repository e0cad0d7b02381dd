"""A statistical judgement beside the rules: how likely an utterance deserves an alert, and of what kind.

Two steps. Linear heads over n-grams, weighted by rarity, give a score for "alert", for "danger" and for each
category. A calibrated logistic step then joins the alert score with what the rules found; it was
fitted on utterances that neither the rules nor the heads had seen, so a rule counts for what it is worth on
new words. numpy only; no state between utterances.
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
JOINED: Final = ("score", "notice", "warning", "danger", "more_rules", "agreement")
"""What the joining step looks at; see `joined_inputs`."""
_MOST_MORE: Final = 2


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities at which the opinion acts.

    Attributes:
        raise_from: No rule warned: an alert from here on.
        veto_below: A rule warned: only a notice below this.
        veto_danger_below: The same for a rule of danger; far lower.
        danger_from: A raised alert is a danger from this probability of danger on.
    """

    raise_from: float
    veto_below: float
    veto_danger_below: float
    danger_from: float


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
    """

    alert: float
    danger: float
    category: Category
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
        return Judgement(
            alert=probability(joined),
            danger=probability(float(slope * scores[1] + offset)),
            category=self._categories[int(np.argmax(scores[2:]))],
            features=features,
            seen=known,
        )

    def _scores(self, known: Seen) -> NDArray[np.float32]:
        """Each head's score, shape `(h,)`."""
        ngrams = known.values @ self._weights.ngrams[known.places].astype(np.float32)
        return np.asarray(ngrams * self._weights.scale + self._weights.bias, dtype=np.float32)

    def telling_clause(self, judgement: Judgement) -> str:
        """The exact words of the clause whose n-grams speak most for the judgement."""
        features, known = judgement.features, judgement.seen
        heads = [0, 2 + self._categories.index(judgement.category)]
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
    the first the rules warn of; and how far the best of these categories' scores lies below the best score
    of any category (0 when rules and words agree, or no rule warned).
    """
    gravest = max((severity for _, severity in found), default=0)
    warned = [category.value for category, severity in found if severity >= Severity.WARNING]
    known = [scores[heads.index(name)] for name in warned if name in heads]
    agreement = float(max(known) - scores[2:].max()) if known else 0.0
    return np.array(
        [
            scores[0],
            gravest == Severity.NOTICE,
            gravest == Severity.WARNING,
            gravest == Severity.DANGER,
            min(max(len(warned) - 1, 0), _MOST_MORE),
            agreement,
        ],
        dtype=np.float32,
    )


def probability(score: float) -> float:
    """The logistic function, without overflow."""
    return float(0.5 * (1.0 + np.tanh(0.5 * score)))

"""How likely an utterance asks for each known thing, or for nothing.

A softmax over n-grams (those of the second opinion); where sentence embeddings are installed and the
utterance may well be a demand, the scores of a second softmax over its embedding are added. The shares of
both were fitted on utterances that neither had seen. One of the topics is that nothing is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from koemori.assist.second_opinion.features import features_of
from koemori.assist.second_opinion.model import seen
from koemori.assist.similarity import embed
from numpy.typing import NDArray

NOTHING: Final = "nothing"
BROAD: Final = frozenset(
    {"decide", "stay", "explanation", "callback", "delivery", "change", "investigate", "apology"}
)
"""Topics under which very different things are asked for: alike only when they also name the same thing."""
_WORTH_EMBEDDING: Final = 0.5
"""Embedding an utterance costs milliseconds; below this probability of a demand it is not worth them."""
_SURE: Final = 0.5
"""Nor is it when the n-grams alone are this sure of a topic."""
_DIFFERENT_BELOW: Final = 0.03
"""Affinity of demands that share their words and yet differ (waive a fee, explain it)."""
_READINGS: Final = 1024
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities at which readings count.

    Attributes:
        topic_from: An utterance is about a topic from here on.
        same_from: Two utterances are one demand from this affinity on, in a broad topic if they also name
            the same thing.
        same_broad_from: The same in a broad topic without a common word.
    """

    topic_from: float
    same_from: float
    same_broad_from: float


@dataclass(frozen=True, slots=True)
class Weights:
    """What training produced.

    Attributes:
        topics: `t` names; the last is `NOTHING`.
        vocabulary: Known n-grams, uint32 `(v,)`, ascending.
        rarity: Inverse document frequency of each, float32 `(v,)`.
        ngrams: int8 `(v, t)`, to be multiplied by `scale`, float32 `(t,)`; with `bias`, float32 `(t,)`.
        sentence: Of the sentence embedding, float32 `(512, t)`; with `sentence_bias`, float32 `(t,)`.
        shares: Of n-grams when alone, of n-grams and of the sentence when together, float32 `(3,)`.
    """

    topics: tuple[str, ...]
    vocabulary: NDArray[np.uint32]
    rarity: Floats
    ngrams: NDArray[np.int8]
    scale: Floats
    bias: Floats
    sentence: Floats
    sentence_bias: Floats
    shares: Floats


@dataclass(frozen=True, slots=True)
class Reading:
    """What one utterance asks for.

    Attributes:
        topics: Those that are likely enough.
        asks: Probability that anything is asked for.
        probabilities: Of each topic but `NOTHING`, float32 `(t - 1,)`.
    """

    topics: frozenset[str]
    asks: float
    probabilities: Floats


class DemandTopics:
    """The model, ready to read. Shared by all calls; thread-safe."""

    def __init__(self, version: str, weights: Weights, thresholds: Thresholds) -> None:
        self.version = version
        self.thresholds = thresholds
        self.weights = weights
        self._broad = np.array([name in BROAD for name in weights.topics[:-1]])
        self.read = lru_cache(maxsize=_READINGS)(self._read)

    def _read(self, text: str) -> Reading | None:
        """What `text` asks for; None when it holds no word that the model knows."""
        weights = self.weights
        known = seen(features_of(text), weights.vocabulary, weights.rarity)
        if not len(known.places):
            return None
        scores = known.values @ weights.ngrams[known.places].astype(np.float32)
        scores = scores * weights.scale + weights.bias
        alone, together, of_sentence = weights.shares
        found = softmax(alone * scores)
        if found[-1] <= 1 - _WORTH_EMBEDDING and found[:-1].max() < _SURE:
            vector = embed(text)
            if vector is not None:
                sentence = vector @ weights.sentence + weights.sentence_bias
                found = softmax(together * scores + of_sentence * sentence)
        likely = np.flatnonzero(found[:-1] >= self.thresholds.topic_from)
        return Reading(frozenset(weights.topics[i] for i in likely), float(1 - found[-1]), found[:-1])

    def affinity(self, first: Reading, second: Reading) -> tuple[float, float]:
        """How likely both ask for the same: over all topics, and over those that are not broad."""
        shared = first.probabilities * second.probabilities
        return float(shared.sum()), float(shared[~self._broad].sum())

    def same(self, first: Reading, second: Reading, name_the_same: bool) -> bool:
        """Whether both ask for the same, given whether they name the same thing or amount."""
        anything, narrow = self.affinity(first, second)
        limits = self.thresholds
        known = anything if name_the_same else narrow
        return known >= limits.same_from or anything >= limits.same_broad_from

    def differ(self, first: Reading, second: Reading) -> bool:
        """Whether both hardly ask for the same, however alike their words."""
        return self.affinity(first, second)[0] < _DIFFERENT_BELOW


def softmax(scores: Floats) -> Floats:
    """Probabilities over the last axis, without overflow."""
    raised = np.exp(scores - scores.max(axis=-1, keepdims=True))
    found: Floats = (raised / raised.sum(axis=-1, keepdims=True)).astype(np.float32)
    return found

"""N-grams of an utterance: the same for the same sounds, and each traceable to its words."""

from __future__ import annotations

import numpy as np
import pytest
from koemori.assist.second_opinion.features import SIZE, features_of

pytestmark = pytest.mark.unit

KNOWN = [
    3684,
    7369,
    7989,
    9171,
    9845,
    10321,
    12374,
    15149,
    18411,
    21845,
    22390,
    26899,
    28818,
    31193,
    34879,
    40863,
]


def test_features_are_the_same_every_time() -> None:
    first, second = features_of("いいから早く返金しろよ"), features_of("いいから早く返金しろよ")
    assert first.buckets.tolist() == second.buckets.tolist()
    assert np.array_equal(first.values, second.values)
    assert first.buckets.max() < SIZE


def test_hashing_does_not_change_between_versions_of_python() -> None:
    assert sorted(features_of("はい").buckets.tolist()) == KNOWN


def test_every_bucket_comes_once_and_every_span_lies_in_the_surface() -> None:
    features = features_of("ばかばかばか、土下座しろと言ってるんだ!!")
    assert len(set(features.buckets.tolist())) == len(features.buckets)
    assert (features.starts < features.ends).all()
    assert features.starts.min() >= 0
    assert features.ends.max() <= len(features.analysis.surface)


def test_a_misheard_spelling_shares_its_sounds() -> None:
    right = set(features_of("土下座しろ").buckets.tolist())
    misheard = set(features_of("どげざしろ").buckets.tolist())
    other = set(features_of("返品したい").buckets.tolist())
    assert len(right & misheard) > 10
    assert len(right & other) < 3


@pytest.mark.parametrize("text", ["", "…、。!", "    "])
def test_without_words_there_are_no_features(text: str) -> None:
    assert features_of(text).buckets.shape == (0,)


def test_an_endless_utterance_is_read_from_its_beginning_only() -> None:
    text = "".join(chr(0x4E00 + n) for n in range(3000))
    assert len(features_of(text).buckets) <= 3 * 600

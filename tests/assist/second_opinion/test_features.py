"""N-grams of an utterance: the same for the same sounds, and each traceable to its words."""

from __future__ import annotations

import numpy as np
import pytest
from koemori.assist.second_opinion.features import features_of

pytestmark = pytest.mark.unit

KNOWN = [
    288298325,
    561281497,
    634357823,
    664924306,
    1407440493,
    1575935797,
    1781254123,
    1841953581,
    2117555777,
    2230835062,
    2492295443,
    2630721439,
    2758239187,
    3117272676,
    3466583241,
    4048692853,
    4069683286,
    4279920721,
]


def test_features_are_the_same_every_time() -> None:
    first, second = features_of("いいから早く返金しろよ"), features_of("いいから早く返金しろよ")
    assert first.grams.tolist() == second.grams.tolist()
    assert np.array_equal(first.groups, second.groups)


def test_hashing_does_not_change_between_versions_of_python() -> None:
    assert sorted(features_of("はい").grams.tolist()) == KNOWN


def test_every_gram_comes_once_and_every_span_lies_in_the_surface() -> None:
    features = features_of("ばかばかばか、土下座しろと言ってるんだ!!")
    assert len(set(features.grams.tolist())) == len(features.grams)
    assert (features.starts < features.ends).all()
    assert features.starts.min() >= 0
    assert features.ends.max() <= len(features.analysis.surface)


def test_a_misheard_spelling_shares_its_sounds() -> None:
    right = set(features_of("土下座しろ").grams.tolist())
    misheard = set(features_of("どげざしろ").grams.tolist())
    other = set(features_of("返品したい").grams.tolist())
    assert len(right & misheard) > 10
    assert len(right & other) < 3


@pytest.mark.parametrize("text", ["", "…、。!", "    "])
def test_without_words_there_are_no_features(text: str) -> None:
    assert features_of(text).grams.shape == (0,)


def test_an_endless_utterance_is_read_from_its_beginning_only() -> None:
    text = "".join(chr(0x4E00 + n) for n in range(3000))
    assert len(features_of(text).grams) <= 3 * 800

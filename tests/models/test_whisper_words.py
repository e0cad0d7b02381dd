"""Tokens to words with media times."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.models.types import SpeechSegment
from koemori.models.whisper_words import TokenTimes, aligned_times, proportional_times, words_of

from tests.fakes.models import CUSTOMER, silence

pytestmark = pytest.mark.unit


@dataclass(frozen=True)
class Alignment:
    """What CTranslate2 gives for a window: (token, frame) steps of the path, and probabilities of tokens."""

    alignments: list[tuple[int, int]]
    text_token_probs: list[float]


def segment(start_ms: int = 10_000, length_ms: int = 1000) -> SpeechSegment:
    return SpeechSegment(CUSTOMER, start_ms, start_ms + length_ms, silence(length_ms))


def test_a_token_begins_where_the_path_first_reaches_it() -> None:
    found = Alignment([(0, 0), (0, 1), (1, 2), (1, 3), (1, 4), (2, 9), (3, 12)], [0.5, 0.75, 1.0])
    assert aligned_times(found) == TokenTimes((0, 40, 180), (0.5, 0.75, 1.0))


def test_an_alignment_of_nothing_has_no_times() -> None:
    assert aligned_times(Alignment([], [])) == TokenTimes((), ())


def test_times_can_be_spread_evenly() -> None:
    assert proportional_times(4, 1000, 0.8) == TokenTimes((0, 250, 500, 750), (0.8,) * 4)
    assert proportional_times(0, 1000, 0.8) == TokenTimes((), ())


def test_words_are_groups_of_tokens_in_media_time() -> None:
    times = TokenTimes((100, 200, 600), (0.5, 1.0, 0.9))
    first, second = words_of(["はい", "そう"], [2, 1], times, segment())
    assert (first.text, first.start_ms, first.end_ms, first.probability) == ("はい", 10_100, 10_600, 0.75)
    assert (second.text, second.start_ms, second.end_ms, second.probability) == ("そう", 10_600, 11_000, 0.9)


def test_broken_characters_and_the_space_before_the_first_word_are_left_out() -> None:
    times = TokenTimes((0, 100, 200, 300), (0.9,) * 4)
    words = words_of(["\ufffd", " Hello", " you", "\ufffd"], [1, 1, 1, 1], times, segment())
    assert [word.text for word in words] == ["Hello", " you"]
    assert [word.start_ms for word in words] == [10_100, 10_200]


def test_times_after_the_audio_are_held_to_its_end() -> None:
    words = words_of(["あ", "い"], [1, 1], TokenTimes((900, 1400), (0.9, 0.9)), segment())
    assert [(word.start_ms, word.end_ms) for word in words] == [(10_900, 11_000), (11_000, 11_000)]


def test_tokens_without_times_are_at_the_end_with_no_probability() -> None:
    words = words_of(["あ", "い"], [1, 1], TokenTimes((0,), (0.9,)), segment())
    assert [(word.start_ms, word.end_ms, word.probability) for word in words] == [
        (10_000, 11_000, 0.9),
        (11_000, 11_000, 0.0),
    ]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 8)), max_size=12), st.integers(0, 3000))
def test_words_follow_each_other_within_the_segment(groups: list[tuple[int, int]], length_ms: int) -> None:
    sizes = [size for size, _ in groups]
    steps = np.cumsum([step for size, step in groups for _ in range(size)]) * 20
    times = TokenTimes(tuple(int(step) for step in steps), (0.9,) * len(steps))
    words = words_of(["あ"] * len(sizes), sizes, times, segment(0, length_ms))
    assert len(words) == len(sizes)
    for word in words:
        assert 0 <= word.start_ms <= word.end_ms <= length_ms
    for before, after in pairwise(words):
        assert before.end_ms <= after.start_ms

"""Text spans and word times become stretches of audio, widened by a margin that is stated."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.redaction import (
    MARGIN_MS,
    UNHEARD,
    AudioSpan,
    PersonalData,
    Said,
    Span,
    audible_spans,
    unheard_spans,
)

pytestmark = pytest.mark.unit


@dataclass(frozen=True, slots=True)
class Timed:
    """A word with its times."""

    text: str
    start_ms: int
    end_ms: int


def said(*words: tuple[str, int, int], channel: int = 1, text: str | None = None, name: str = "u") -> Said:
    timed = [Timed(*word) for word in words]
    written = "".join(word.text for word in timed) if text is None else text
    return Said(name, channel, timed[0].start_ms, timed[-1].end_ms, written, timed)


WORDS = said(
    ("えっと", 1_000, 1_400), ("小野寺", 1_500, 2_000), ("です", 2_000, 2_300), ("よろしく", 2_400, 2_900)
)
NAME = {"u": [Span(PersonalData.NAME, 3, 6)]}


def test_the_words_of_a_span_are_taken_with_a_margin_and_their_neighbours_stay() -> None:
    assert audible_spans([WORDS], NAME) == [AudioSpan(1, 1_500 - MARGIN_MS, 2_000 + MARGIN_MS, "name")]
    assert audible_spans([WORDS], NAME, margin_ms=0) == [AudioSpan(1, 1_500, 2_000, "name")]


def test_half_a_word_takes_the_whole_word() -> None:
    assert audible_spans([WORDS], {"u": [Span(PersonalData.NAME, 4, 5)]}, 0) == [
        AudioSpan(1, 1_500, 2_000, "name")
    ]


def test_without_times_the_whole_utterance_is_taken() -> None:
    untimed = Said("u", 0, 4_000, 6_000, "小野寺です")
    assert audible_spans([untimed], {"u": [Span(PersonalData.NAME, 0, 3)]}) == [
        AudioSpan(0, 4_000 - MARGIN_MS, 6_000 + MARGIN_MS, "name")
    ]


@pytest.mark.parametrize("text", ["小野田です", "ええ、小野寺です、はい"])
def test_words_that_do_not_fit_the_text_are_not_trusted(text: str) -> None:
    unfit = said(("小野寺", 1_000, 1_500), ("です", 1_500, 1_800), text=text)
    spans = {"u": [Span(PersonalData.NAME, 0, 3)]}
    assert audible_spans([unfit], spans, 0) == [AudioSpan(1, 1_000, 1_800, "name")]


def test_spaces_between_words_do_not_matter() -> None:
    spaced = said((" 小野寺", 1_000, 1_500), (" です", 1_500, 1_800), text="小野寺 です")
    spans = {"u": [Span(PersonalData.NAME, 0, 3)]}
    assert audible_spans([spaced], spans, 0) == [AudioSpan(1, 1_000, 1_500, "name")]


def test_nothing_is_left_between_two_groups_of_one_number() -> None:
    pieces = [
        said(("080", 1_000, 1_500), name="a"),
        said(("1111", 2_600, 3_000), name="b"),
        said(("2301", 9_000, 9_500), name="c"),
    ]
    spans = {"a": [Span(PersonalData.PHONE, 0, 3)]} | {
        name: [Span(PersonalData.PHONE, 0, 4)] for name in ("b", "c")
    }
    assert audible_spans(pieces, spans, 0) == [
        AudioSpan(1, 1_000, 3_000, "phone"),
        AudioSpan(1, 9_000, 9_500, "phone"),
    ]


def test_a_number_at_the_edge_takes_the_utterance_to_its_edge() -> None:
    words = [Timed("0801111", 1_500, 2_000), Timed("です", 2_000, 2_200)]
    one = Said("u", 1, 1_000, 2_700, "0801111です", words)
    assert audible_spans([one], {"u": [Span(PersonalData.PHONE, 0, 7)]}, 0) == [
        AudioSpan(1, 1_000, 2_700, "phone")
    ]


def test_what_nobody_recognised_is_told_per_channel() -> None:
    taken = audible_spans([WORDS], NAME)
    assert unheard_spans([WORDS], taken, 2, 5_000) == [
        AudioSpan(0, 0, 5_000, UNHEARD),
        AudioSpan(1, 0, 700, UNHEARD),
        AudioSpan(1, 3_200, 5_000, UNHEARD),
    ]


def test_a_long_silence_between_words_is_unheard() -> None:
    gap = said(("はい", 1_000, 1_300), ("そう", 4_000, 4_300))
    assert unheard_spans([gap], [], 1, 4_600)[:2] == [AudioSpan(0, 0, 4_600, UNHEARD)]
    assert unheard_spans([gap], [], 2, 4_600)[1:] == [
        AudioSpan(1, 0, 700, UNHEARD),
        AudioSpan(1, 1_600, 3_700, UNHEARD),
    ]


_TIMES = st.lists(st.integers(0, 20_000), min_size=8, max_size=8).map(sorted)


@given(_TIMES, st.integers(0, 1), st.lists(st.integers(0, 3), max_size=3), st.integers(0, 500))
def test_stretches_are_apart_and_hold_every_word_they_must(
    times: list[int], channel: int, hit: list[int], margin_ms: int
) -> None:
    one = said(*((f"字{n}", times[2 * n], times[2 * n + 1]) for n in range(4)), channel=channel)
    spans = {"u": [Span(PersonalData.NAME, 2 * n, 2 * n + 2) for n in sorted(set(hit))]}
    found = audible_spans([one], spans, margin_ms)
    for n in set(hit):
        assert any(s.start_ms <= times[2 * n] and times[2 * n + 1] <= s.end_ms for s in found)
    rest = unheard_spans([one], found, 2, 21_000)
    for number in range(2):
        whole = sorted((s.start_ms, s.end_ms) for s in [*found, *rest] if s.channel == number)
        assert all(first[1] <= second[0] or first[1] - second[0] <= 0 for first, second in pairwise(whole))

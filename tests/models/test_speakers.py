"""Matching speaker turns to words."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.models.speakers import (
    TOLERANCE_MS,
    UNKNOWN_SPEAKER,
    SpeakerRun,
    continue_turns,
    label_words,
    shift_turns,
    speaker_runs,
)
from koemori.models.types import SpeakerTurn, Word

pytestmark = pytest.mark.unit


def word(start_ms: int, end_ms: int, text: str = "は") -> Word:
    return Word(text, start_ms, end_ms, 0.9)


def labels(words: tuple[Word, ...]) -> list[str]:
    return [each.speaker for each in words]


spans = st.tuples(st.integers(0, 60_000), st.integers(0, 5_000)).map(lambda span: (span[0], sum(span)))
word_lists = st.lists(spans.map(lambda span: word(*span)), max_size=30)
turn_lists = st.lists(
    st.builds(lambda name, span: SpeakerTurn(name, *span), st.sampled_from(["S1", "S2", "S3"]), spans),
    max_size=15,
)


@st.composite
def exclusive_turns(draw: st.DrawFn) -> list[SpeakerTurn]:
    """Turns as a diarizer gives them: in order, none over another."""
    now_ms, turns = 0, []
    for pause_ms, length_ms, name in draw(
        st.lists(
            st.tuples(st.integers(0, 3000), st.integers(100, 8000), st.sampled_from(["S1", "S2"])),
            max_size=12,
        )
    ):
        start_ms = now_ms + pause_ms
        now_ms = start_ms + length_ms
        turns.append(SpeakerTurn(name, start_ms, now_ms))
    return turns


def test_a_word_belongs_to_the_turn_that_covers_most_of_it():
    turns = [SpeakerTurn("S1", 0, 1000), SpeakerTurn("S2", 1000, 2000)]
    assert labels(label_words([word(0, 900), word(700, 1200), word(800, 1400)], turns)) == ["S1", "S1", "S2"]


def test_a_word_just_beside_a_turn_goes_to_the_nearest_and_one_further_off_to_nobody():
    turns = [SpeakerTurn("S1", 0, 1000), SpeakerTurn("S2", 1500, 3000)]
    near, nearer_to_the_second, far = word(1050, 1100), word(1300, 1400), word(3301, 3400)
    assert labels(label_words([near, nearer_to_the_second, far], turns)) == ["S1", "S2", UNKNOWN_SPEAKER]
    assert labels(label_words([near], turns, tolerance_ms=10)) == [UNKNOWN_SPEAKER]


def test_a_word_without_length_is_matched_by_its_place():
    assert labels(label_words([word(500, 500)], [SpeakerTurn("S1", 400, 900)])) == ["S1"]


def test_a_short_turn_inside_a_long_one_does_not_hide_the_long_one():
    turns = [SpeakerTurn("S1", 0, 10_000), SpeakerTurn("S2", 100, 200)]
    assert labels(label_words([word(5000, 5500)], turns)) == ["S1"]


def test_a_tie_goes_to_the_earlier_turn():
    turns = [SpeakerTurn("S2", 1000, 2000), SpeakerTurn("S1", 0, 1000)]
    assert labels(label_words([word(900, 1100)], turns)) == ["S1"]


@given(words=word_lists, turns=turn_lists)
def test_every_word_gets_exactly_one_label_and_keeps_all_else(words: list[Word], turns: list[SpeakerTurn]):
    labelled = label_words(words, turns)
    assert [replace(each, speaker="") for each in labelled] == words
    assert set(labels(labelled)) <= {turn.speaker for turn in turns} | {UNKNOWN_SPEAKER}


@given(words=word_lists, turns=turn_lists)
def test_the_label_is_that_of_a_full_search(words: list[Word], turns: list[SpeakerTurn]):
    """The bisection finds what looking at every turn finds."""

    def searched(each: Word) -> str:
        ranked = sorted(
            (
                -max(0, min(turn.end_ms, each.end_ms) - max(turn.start_ms, each.start_ms)),
                max(0, turn.start_ms - each.end_ms, each.start_ms - turn.end_ms),
                turn.start_ms,
                turn.end_ms,
                turn.speaker,
            )
            for turn in turns
        )
        return ranked[0][-1] if ranked and ranked[0][1] <= TOLERANCE_MS else UNKNOWN_SPEAKER

    assert labels(label_words(words, turns)) == [searched(each) for each in words]


@given(words=word_lists, turns=turn_lists, by_ms=st.integers(0, 10_000_000))
def test_shifting_words_and_turns_together_changes_no_label(
    words: list[Word], turns: list[SpeakerTurn], by_ms: int
):
    moved = [replace(each, start_ms=each.start_ms + by_ms, end_ms=each.end_ms + by_ms) for each in words]
    assert labels(label_words(moved, shift_turns(turns, by_ms))) == labels(label_words(words, turns))


@given(words=word_lists)
def test_without_turns_every_speaker_is_unknown(words: list[Word]):
    assert set(labels(label_words(words, []))) <= {UNKNOWN_SPEAKER}


@given(words=word_lists, turns=turn_lists)
def test_runs_are_the_words_again_and_change_speaker_each_time(words: list[Word], turns: list[SpeakerTurn]):
    labelled = label_words(words, turns)
    runs = speaker_runs(labelled)
    assert "".join(run.text for run in runs) == "".join(each.text for each in labelled)
    assert all(one.speaker != two.speaker for one, two in pairwise(runs))


def test_an_utterance_is_split_where_the_speaker_changes():
    words = label_words(
        [word(0, 400, "もし"), word(400, 800, "もし"), word(1000, 1400, "はい")],
        [SpeakerTurn("S1", 0, 850), SpeakerTurn("S2", 950, 1500)],
    )
    assert speaker_runs(words) == (SpeakerRun("S1", 0, 800, "もしもし"), SpeakerRun("S2", 1000, 1400, "はい"))


@given(turns=exclusive_turns(), names=st.permutations(["S1", "S2"]))
def test_voices_keep_their_names_when_a_later_look_names_them_otherwise(
    turns: list[SpeakerTurn], names: list[str]
):
    renamed = dict(zip(["S1", "S2"], names, strict=True))
    again = [replace(turn, speaker=renamed[turn.speaker]) for turn in turns]
    assert continue_turns(turns, again, 0) == tuple(turns)


def test_what_lies_before_the_later_look_stays_and_what_it_covers_is_replaced():
    known = [SpeakerTurn("S1", 0, 5000), SpeakerTurn("S2", 5000, 9000)]
    found = [SpeakerTurn("S2", 4000, 5100), SpeakerTurn("S1", 5100, 9000), SpeakerTurn("S2", 9000, 12_000)]
    assert continue_turns(known, found, 4000) == (
        SpeakerTurn("S1", 0, 4000),
        SpeakerTurn("S1", 4000, 5100),
        SpeakerTurn("S2", 5100, 9000),
        SpeakerTurn("S1", 9000, 12_000),
    )


def test_a_voice_nobody_knows_gets_a_name_nobody_has():
    known = [SpeakerTurn("S1", 0, 1000), SpeakerTurn("S2", 1000, 2000)]
    found = [SpeakerTurn("S1", 5000, 6000), SpeakerTurn("S2", 1500, 2000)]
    assert [turn.speaker for turn in continue_turns(known, found, 1500)] == ["S1", "S2", "S3", "S2"]


def test_where_all_voices_are_known_one_that_shares_no_time_is_the_one_not_heard_of_late():
    known = [SpeakerTurn("S1", 0, 1000), SpeakerTurn("S2", 1000, 5000)]
    found = [SpeakerTurn("S1", 4000, 5000), SpeakerTurn("S2", 5000, 6000)]
    after = continue_turns(known, found, 4000, voices=2)
    assert [turn.speaker for turn in after] == ["S1", "S2", "S2", "S1"]

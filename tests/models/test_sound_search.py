"""The approximate search agrees with the plain edit distance."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.models.readings import Unit, morae, sound_table, units
from koemori.models.sound_search import HeardSounds, SoundIndex

pytestmark = pytest.mark.unit

KANA = st.lists(st.sampled_from(["か", "が", "さ", "っ", "ん", "と", "も"]), min_size=1, max_size=7)


def heard(text: str) -> HeardSounds:
    """Each kana a unit and a word, so that a place may begin and end anywhere."""
    parts = [Unit(at, at + 1, morae(char), True, True, True) for at, char in enumerate(text)]
    return HeardSounds(parts, text)


@settings(max_examples=60, deadline=None)
@given(KANA, st.lists(KANA, min_size=1, max_size=4))
def test_the_best_place_costs_what_the_best_stretch_costs(said: list[str], known: list[list[str]]) -> None:
    text = "".join(said)
    readings = [morae("".join(reading)) for reading in known]
    found = SoundIndex(readings, [0.29] * len(readings)).places(heard(text))
    for row, reading in enumerate(readings):
        best = min(
            sound_table().distance(reading, morae(text[a:b])) * max(len(reading), len(morae(text[a:b])))
            for a in range(len(text))
            for b in range(a + 1, len(text) + 1)
        )
        costs = [place.distance * len(reading) for place in found if place.row == row]
        if best < 0.28 * len(reading):
            assert min(costs) == pytest.approx(best, abs=0.005)


@given(KANA, KANA)
def test_a_place_costs_what_its_own_stretch_costs(said: list[str], known: list[str]) -> None:
    text, reading = "".join(said), morae("".join(known))
    for place in SoundIndex([reading], [0.6]).places(heard(text)):
        stretch = morae(text[place.first : place.end])
        cost = sound_table().distance(reading, stretch) * max(len(reading), len(stretch))
        assert place.distance * len(reading) == pytest.approx(cost, abs=0.005)
        assert place.distance <= 0.6001


def test_a_place_does_not_reach_over_a_full_stop_but_over_a_comma() -> None:
    index = SoundIndex([morae("ほりぐち")], [0.25])
    assert index.places(heard_words("ほり、ぐち")) != []
    assert index.places(heard_words("ほり。ぐち")) == []


def heard_words(text: str) -> HeardSounds:
    return HeardSounds(units(text), text)


def test_nothing_heard_and_nothing_known_give_nothing() -> None:
    assert SoundIndex([], []).places(heard("か")) == []
    assert SoundIndex([("ka",)], [0.5]).places(heard("")) == []

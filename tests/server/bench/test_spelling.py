"""Character errors are counted along a shortest path, kinds apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.models.text import edit_distance, normalize
from koemori.server.bench.spelling import Errors, count_errors, total

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("said", "heard", "errors"),
    [
        ("責任者", "責任者。", Errors(0, 0, 0, 3)),
        ("責任者", "責任", Errors(0, 1, 0, 3)),
        ("責任", "責任者", Errors(1, 0, 0, 2)),
        ("責任者を", "せ任者と", Errors(0, 0, 2, 4)),
        ("", "ご視聴", Errors(3, 0, 0, 0)),
        ("はい", "", Errors(0, 2, 0, 2)),
    ],
)
def test_kinds_of_errors_are_told_apart(said: str, heard: str, errors: Errors) -> None:
    assert count_errors(said, heard) == errors


@given(st.text("あいうabc", max_size=12), st.text("あいうabc", max_size=12))
def test_the_kinds_sum_to_the_edit_distance(said: str, heard: str) -> None:
    errors = count_errors(said, heard)
    assert errors.insertions + errors.deletions + errors.substitutions == edit_distance(said, heard)
    assert errors.characters == len(normalize(said))
    assert len(heard) - len(said) == errors.insertions - errors.deletions


def test_rates_of_several_calls_weigh_by_their_length() -> None:
    both = total([Errors(1, 0, 0, 2), Errors(0, 0, 1, 98)])
    assert both.rate == 0.02
    assert both.figures() == {
        "cer": 0.02,
        "insertions": 1,
        "deletions": 0,
        "substitutions": 1,
        "characters": 100,
    }
    assert Errors().figures()["cer"] is None

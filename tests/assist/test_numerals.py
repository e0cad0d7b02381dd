"""Digits as they are spoken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.numerals import digit_runs

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("said", "groups"),
    [
        ("080の1111の2301", [("080", "1111", "2301")]),
        ("八〇の九", [("80", "9")]),
        ("ゼロハチゼロの", [("080",)]),
        ("６６７０、次", [("6670",)]),
        ("Bの6670、080の7777の8809", [("6670",), ("080", "7777", "8809")]),
        ("6670080の7777の8809", [("6670",), ("080", "7777", "8809")]),
        ("はちみつとにんじん", []),
    ],
)
def test_runs_keep_the_groups_they_were_said_in(said: str, groups: list[tuple[str, ...]]) -> None:
    assert [run.groups for run in digit_runs(said)] == groups


@given(st.text(alphabet="0１二ゼロハチの、-ー あA", max_size=30))
def test_runs_are_in_order_apart_and_hold_only_digits(text: str) -> None:
    end = 0
    for run in digit_runs(text):
        assert end <= run.start < run.end <= len(text)
        assert run.digits.isascii()
        assert run.digits.isdigit()
        end = run.end

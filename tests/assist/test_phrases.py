"""Folding and phrase matching that leads back to the original words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.phrases import first_match, fold

pytestmark = pytest.mark.unit


def test_a_match_across_punctuation_is_quoted_as_it_was_said() -> None:
    assert first_match("はい、納得、しました。", [re.compile("納得しました")]) == "納得、しました"


def test_width_and_case_do_not_matter() -> None:
    assert first_match("ＡＤＲに申し立てる", [re.compile("adr")]) == "ＡＤＲ"


def test_a_forbidding_phrase_forbids_all() -> None:
    assert first_match("分かりましたじゃない", [re.compile("分かりました")], [re.compile("じゃない")]) is None


@given(st.text(max_size=40))
def test_every_folded_character_comes_from_the_original(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.offsets)
    assert list(folded.offsets) == sorted(folded.offsets)
    assert all(0 <= offset < len(text) for offset in folded.offsets)

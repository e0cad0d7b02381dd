"""Stable prefix and unstable tail."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.models.agreement import StablePrefix, text_after

pytestmark = pytest.mark.unit


def test_what_two_hypotheses_say_alike_is_committed() -> None:
    prefix = StablePrefix()
    first = prefix.push("ご不便を")
    second = prefix.push("ご不便をおかけし")
    assert (first.stable, first.unstable) == ("", "ご不便を")
    assert (second.stable, second.unstable) == ("ご不便を", "おかけし")


def test_a_disagreement_stays_unstable() -> None:
    prefix = StablePrefix()
    prefix.push("機能の夜")
    text = prefix.push("昨日の夜から")
    assert (text.stable, text.unstable) == ("", "昨日の夜から")
    assert prefix.push("昨日の夜からずっと").stable == "昨日の夜から"


def test_another_spelling_of_committed_words_does_not_repeat_them() -> None:
    prefix = StablePrefix()
    prefix.push("オノデラです")
    prefix.push("オノデラです契約")
    text = prefix.push("おのでらです、契約番号は")
    assert text.stable + text.unstable == "オノデラです、契約番号は"


def test_punctuation_at_the_end_of_an_agreement_waits() -> None:
    prefix = StablePrefix()
    prefix.push("はい。")
    text = prefix.push("はい。そう")
    assert text.stable == "はい"
    assert text.unstable == "。そう"


def test_text_after_finds_the_border_without_the_same_spelling() -> None:
    assert text_after("ネットが", "ネットがつながらない") == "つながらない"
    assert text_after("レッドが", "ネットがつながらない") == "つながらない"
    assert text_after("", "はい") == "はい"
    assert text_after("はい", "") == ""


@given(st.lists(st.text("あいう、ア漢", max_size=12), max_size=8))
def test_committed_text_is_only_ever_extended(hypotheses: list[str]) -> None:
    prefix = StablePrefix()
    stable = ""
    for hypothesis in hypotheses:
        text = prefix.push(hypothesis)
        assert text.stable.startswith(stable)
        stable = text.stable


@given(st.text("あいうえおか", min_size=1, max_size=30))
def test_a_growing_text_is_committed_one_step_behind_and_whole(text: str) -> None:
    prefix = StablePrefix()
    for length in range(len(text) + 1):
        shown = prefix.push(text[:length])
        assert shown.stable + shown.unstable == text[:length]
        assert len(shown.unstable) <= 1

"""The normal form and the error rate."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.models.text import character_error_rate, edit_distance, fold_kana, normalize

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("お電話、ありがとうございます。", "お電話ありがとうございます"),
        ("ＡＢＣ　１２３", "abc123"),
        ("ﾙｰﾀｰ!?", "ルーター"),
        ("が", "が"),
        ("「はい」…(笑)", "はい笑"),
        ("", ""),
    ],
)
def test_normal_form_keeps_only_what_is_spoken(text: str, expected: str) -> None:
    assert normalize(text) == expected


@given(st.text(max_size=40))
def test_normal_form_is_stable(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


def test_katakana_folds_to_hiragana_and_nothing_else_changes() -> None:
    assert "".join(map(fold_kana, "アヴァヶーはA漢")) == "あゔぁゖーはA漢"


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_edit_distance_is_symmetric_and_bounded(first: str, second: str) -> None:
    distance = edit_distance(first, second)
    assert distance == edit_distance(second, first)
    assert abs(len(first) - len(second)) <= distance <= max(len(first), len(second))
    assert (distance == 0) == (first == second)


def test_error_rate_counts_characters_not_punctuation() -> None:
    assert character_error_rate("はい、そうです。", "はいそうです") == 0
    assert character_error_rate("あいうえ", "あいえ") == pytest.approx(0.25)
    assert character_error_rate("", "幻") == 1
    assert character_error_rate("", "。") == 0

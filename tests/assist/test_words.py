"""Words as they were written, with what they are."""

from __future__ import annotations

import pytest
from koemori.assist.words import words_of

pytestmark = pytest.mark.unit


def test_names_places_and_content_words_are_told_apart() -> None:
    words = {word.surface: word for word in words_of("小野寺剛、東京でルーターが壊れた。")}
    assert words["小野寺"].is_surname
    assert words["剛"].is_given_name
    assert words["東京"].is_place
    assert words["ルーター"].is_content
    assert not words["が"].is_content
    assert "。" not in words


def test_offsets_lead_back_to_the_text() -> None:
    text = "えーと、Ｋの７７１２０です。"
    assert all(text[word.start : word.end] == word.surface for word in words_of(text))

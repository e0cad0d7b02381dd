"""Clauses with and without punctuation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.clauses import clauses_of, trimmed

pytestmark = pytest.mark.unit


def test_a_sentence_ends_where_its_grammar_ends_although_nobody_wrote_a_mark() -> None:
    said = "お電話が二十五分を超えておりますあと五分ほどで終了とさせていただきます"
    assert [clause.text for clause in clauses_of(said)] == [
        "お電話が二十五分を超えております",
        "あと五分ほどで終了とさせていただきます",
    ]


def test_a_question_is_marked() -> None:
    assert [clause.question for clause in clauses_of("何か必要ですか。お願いします。")] == [True, False]


@pytest.mark.parametrize(
    ("said", "short"),
    [
        ("あのさあネットがつながらないんだけど", "ネットがつながらない"),
        ("お金を戻してくださいって言ってるの", "お金を戻してください"),
        ("手をついて詫びろって言ってんだよ", "手をついて詫びろ"),
        ("もう一回送ってくれへんか", "もう一回送ってくれへんか"),
        ("あと五分ほどで", "あと五分ほどで"),
        ("取っ手が外れたんです", "取っ手が外れた"),
    ],
)
def test_fillers_and_endings_are_cut(said: str, short: str) -> None:
    assert trimmed(said) == short


@given(st.text(alphabet="あいです。ますけど、か?お金返せよね んだ", max_size=30))
def test_clauses_are_in_order_and_exactly_in_the_text(text: str) -> None:
    end = 0
    for clause in clauses_of(text):
        assert end <= clause.start < clause.end
        assert text[clause.start : clause.end] == clause.text
        end = clause.end

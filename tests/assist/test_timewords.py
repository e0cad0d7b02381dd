"""Expressions of time, kept as said and resolved where the words allow it."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.timewords import number_of, resolved, time_words

pytestmark = pytest.mark.unit

SUNDAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("said", "expressions"),
    [
        ("昨日の夜からずっと", ["昨日の夜から"]),
        ("来月一日に川崎市の方に", ["来月一日"]),
        ("料金の内訳を五日以内に郵送", ["五日以内"]),
        ("来月一日の午前に作業員が", ["来月一日の午前"]),
        ("先月分の電気料金", ["先月分"]),
        ("5月の連休中に買った掃除機が一週間前から", ["5月の連休中", "一週間前から"]),
        ("もう二週間待ってるんですよ", []),
        ("三回も電話してる", []),
    ],
)
def test_expressions_are_found_whole(said: str, expressions: list[str]) -> None:
    assert [words.said for words in time_words(said)] == expressions


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("昨日の夜から", "2026-11-21"),
        ("今朝", "2026-11-22"),
        ("一昨日", "2026-11-20"),
        ("三日前", "2026-11-19"),
        ("先週の月曜から", "2026-11-09"),
        ("来月一日", "2026-12-01"),
        ("先月分", "2026-10"),
        ("半年前", "2026-05"),
        ("去年の三月", "2025-03"),
        ("12月24日", "2026-12-24"),
        ("1月3日", "2027-01-03"),
        ("十八時", None),
        ("先日", None),
    ],
)
def test_what_the_words_fix_is_resolved_and_nothing_else(said: str, day: str | None) -> None:
    assert resolved(time_words(said)[0], SUNDAY) == day


def test_a_day_that_does_not_exist_stays_a_month() -> None:
    assert resolved(time_words("来月三十一日")[0], date(2026, 1, 10)) == "2026-02"


def test_deadlines_and_the_past_are_told_apart() -> None:
    assert time_words("今週金曜日までに")[0].is_deadline
    assert not time_words("昨日から")[0].is_deadline


@pytest.mark.parametrize(
    ("text", "number"), [("18", 18), ("十八", 18), ("二十", 20), ("百五", 105), ("一二", 12)]
)
def test_kanji_numbers_are_read(text: str, number: int) -> None:
    assert number_of(text) == number


def test_no_number_is_none() -> None:
    assert number_of("数") is None


@given(
    st.text(alphabet="昨日今来週月年前後のから1二十時半金曜 、あ", max_size=25),
    st.dates(date(2000, 1, 1), date(2099, 1, 1)),
)
def test_any_words_resolve_or_stay_open_without_an_error(text: str, called_on: date) -> None:
    for words in time_words(text):
        assert text[words.start : words.end] == words.said
        resolved(words, called_on)

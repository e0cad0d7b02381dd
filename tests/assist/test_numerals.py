"""Digits as they are spoken, and as recognisers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.assist.numerals import digit_runs

pytestmark = pytest.mark.unit

SPOKEN_DIGITS = {
    "0": ["0", "０", "〇", "零"],
    "1": ["1", "１", "一"],
    "2": ["2", "２", "二"],
    "3": ["3", "３", "三"],
    "4": ["4", "４", "四"],
    "5": ["5", "５", "五"],
    "6": ["6", "６", "六"],
    "7": ["7", "７", "七"],
    "8": ["8", "８", "八"],
    "9": ["9", "９", "九"],
}
KANJI_ONES = "〇一二三四五六七八九"
SPOKEN_SEPARATORS = ["の", "、", "-", " ", "ハイフン", "のえーと", "、えーっと、", "ー", "ダッシュ"]


def groups_of(text: str) -> list[tuple[str, ...]]:
    return [run.groups for run in digit_runs(text)]


def in_kanji(number: int) -> str:
    """203 → 二百三, as it is spoken below ten thousand."""
    out = ""
    for unit, name in ((1000, "千"), (100, "百"), (10, "十")):
        count, number = divmod(number, unit)
        if count:
            out += ("" if count == 1 else KANJI_ONES[count]) + name
    return out + (KANJI_ONES[number] if number else "")


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
        ("ゼロ三の1234ハイフン5678", [("03", "1234", "5678")]),
        ("090の、えーっと1234", [("090", "1234")]),
        ("0 8 0、1 1 1 1", [("0", "8", "0", "1", "1", "1", "1")]),
        ("0○○", [("000",)]),
        ("○印をつける", []),
    ],
)
def test_runs_keep_the_groups_they_were_said_in(said: str, groups: list[tuple[str, ...]]) -> None:
    assert groups_of(said) == groups


@pytest.mark.parametrize(
    ("written", "groups"),
    [
        ("注文は2万881です", [("20881",)]),
        ("伝票は3万45", [("30045",)]),
        ("二万八百八十一", [("20881",)]),
        ("6,670", [("6670",)]),
        ("6,678,777", [("6678777",)]),
        ("5千20", [("5020",)]),
        ("百二十", [("120",)]),
        ("十八時", [("18",)]),
        ("電話は3の3300、2万881", [("3", "3300", "20881")]),
    ],
)
def test_a_number_written_as_an_amount_is_read_in_digits(written: str, groups: list[tuple[str, ...]]) -> None:
    assert groups_of(written) == groups


@pytest.mark.parametrize(
    "written", ["30万だよ", "三十万円", "12千", "一万", "千葉の千代田", "十分です", "百貨店", "万が一"]
)
def test_words_with_units_and_amounts_in_myriads_are_left_alone(written: str) -> None:
    assert all(run.digits in {"30", "12", "1"} for run in digit_runs(written))


def test_a_number_repeated_to_confirm_it_is_two_runs() -> None:
    assert groups_of("080の1111、080の1111ですね") == [("080", "1111"), ("080", "1111")]
    assert groups_of("1111の1111ですね") == [("1111", "1111")]
    assert groups_of("1111、1111") == [("1111", "1111")]


def test_commas_between_groups_of_a_phone_number_are_no_thousands() -> None:
    assert groups_of("090,123,4567") == [("090", "123", "4567")]
    assert groups_of("3,333,4403") == [("3", "333", "4403")]


@given(st.text(alphabet="0１二ゼロハチの、-ー あA○万千十,", max_size=30))
def test_runs_are_in_order_apart_and_hold_only_digits(text: str) -> None:
    end = 0
    for run in digit_runs(text):
        assert end <= run.start < run.end <= len(text)
        assert run.digits.isascii()
        assert run.digits.isdigit()
        assert list(run.starts) == sorted(set(run.starts))
        assert all(run.start <= start < run.end for start in run.starts)
        end = run.end


@given(st.data())
def test_digits_read_one_by_one_come_back_as_they_were_and_where_they_were(data: st.DataObject) -> None:
    digits = data.draw(st.lists(st.sampled_from("0123456789"), min_size=1, max_size=12))
    spoken = [data.draw(st.sampled_from(SPOKEN_DIGITS[digit])) for digit in digits]
    lead = data.draw(st.sampled_from(["", "電話は", "あの、"]))
    [run] = digit_runs(lead + "".join(spoken) + "です")
    assert run.digits == "".join(digits)
    assert (run.start, run.end) == (len(lead), len(lead) + len(digits))


@given(
    st.lists(st.text(alphabet="0123456789", min_size=1, max_size=4), min_size=1, max_size=4),
    st.sampled_from(SPOKEN_SEPARATORS),
)
def test_the_normal_form_is_read_as_itself(groups: list[str], separator: str) -> None:
    first = digit_runs(separator.join(groups))
    normal = ["-".join(run.groups) for run in first]
    assert "".join(run.digits for run in first) == "".join(groups)
    assert [digit_runs(form)[0].digits for form in normal] == [run.digits for run in first]


@given(st.integers(min_value=1, max_value=9999), st.integers(min_value=1, max_value=9999))
def test_amounts_in_kanji_and_mixed_have_their_value(high: int, low: int) -> None:
    value = str(high * 10_000 + low)
    assert groups_of(f"{in_kanji(high)}万{in_kanji(low)}") == [(value,)]
    assert groups_of(f"{high}万{low}") == [(value,)]
    assert groups_of(f"{high * 10_000 + low:,}") == [(value,)]


@given(st.text(alphabet="0123456789二三の、", max_size=20))
def test_without_units_no_digit_is_invented_or_lost(text: str) -> None:
    spoken = "".join(
        str(KANJI_ONES.index(char)) if char in KANJI_ONES else char for char in text if char not in "の、"
    )
    assert "".join(run.digits for run in digit_runs(text)) == spoken

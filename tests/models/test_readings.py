"""Readings, morae and how far apart they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.models.readings import (
    LONG,
    NASAL,
    SOKUON,
    UNKNOWN,
    is_kana,
    kana_reading,
    morae,
    sound_table,
    units,
)

pytestmark = pytest.mark.unit

HIRAGANA = "".join(chr(code) for code in range(ord("ぁ"), ord("ん") + 1))


@pytest.mark.parametrize(
    ("kana", "sounds"),
    [
        ("きょう", ("kyo", LONG)),
        ("オウ", ("o", LONG)),
        ("せいい", ("se", LONG, LONG)),
        ("がっこー", ("ga", SOKUON, "ko", LONG)),
        ("ジェット", ("zye", SOKUON, "to")),
        ("ファン", ("fa", NASAL)),
        ("ｷﾞﾔ", ("gi", "ya")),
        ("づを", ("zu", "o")),
        ("ばかぁ", ("ba", "ka", LONG)),
        ("木", (UNKNOWN,)),
    ],
)
def test_kana_become_morae(kana: str, sounds: tuple[str, ...]) -> None:
    assert morae(kana) == sounds


def test_lengths_sound_the_same_however_they_are_written() -> None:
    assert morae("どろぼう") == morae("ドロボー") == morae("どろぼお")


def test_the_dictionary_reads_kanji() -> None:
    assert kana_reading("給料泥棒") == "きゅうりょうどろぼう"
    assert kana_reading("ルーター") == "るーたー"
    assert kana_reading("6温") == "ろくおん"


def test_kana_are_units_of_their_own_and_kanji_runs_are_one() -> None:
    text = "引っ越し、カードだ"
    assert [(text[unit.start : unit.end], unit.kana) for unit in units(text)] == [
        ("引っ越", False),
        ("し", True),
        ("、", False),
        ("カー", True),
        ("ド", True),
        ("だ", True),
    ]
    assert units(text)[2].morae == ()


def test_a_vowel_that_lengthens_belongs_to_its_word_only() -> None:
    assert [unit.morae for unit in units("きゅうり")] == [("kyu",), (LONG,), ("ri",)]


@given(st.text(alphabet="小野寺さまのルーター、ABC123 っゃー。６ｷﾞ々〆\U0001f600", max_size=25))
def test_units_cover_the_text_without_gap_or_overlap(text: str) -> None:
    at = 0
    for unit in units(text):
        assert unit.start == at
        assert unit.end > at
        at = unit.end
    assert at == len(text)


@given(
    st.lists(st.sampled_from(["か", "が", "きょ", "っ", "ん", "ー", "お", "し", "つ"]), max_size=8),
    st.lists(st.sampled_from(["か", "が", "きょ", "っ", "ん", "ー", "お", "し", "つ"]), max_size=8),
)
def test_distance_is_symmetric_and_zero_only_for_the_same_sound(one: list[str], other: list[str]) -> None:
    table = sound_table()
    a, b = morae("".join(one)), morae("".join(other))
    assert table.distance(a, b) == pytest.approx(table.distance(b, a), abs=1e-5)
    assert (table.distance(a, b) == 0) == (a == b)
    assert table.distance(a, b) <= 1.0


@given(st.text(alphabet=HIRAGANA, max_size=12))
def test_every_mora_of_kana_is_in_the_table(kana: str) -> None:
    table = sound_table()
    unknown = int(table.encode([UNKNOWN])[0])
    assert all(code != unknown for code in table.encode([s for s in morae(kana) if s != UNKNOWN]).tolist())


def test_sounds_confused_on_the_telephone_are_nearer_than_others() -> None:
    def distance(one: str, other: str) -> float:
        return sound_table().distance(morae(one), morae(other))

    assert distance("か", "が") < distance("か", "ま")
    assert distance("しょめん", "しょうめん") < distance("しょめん", "しょきめん")
    assert distance("きって", "きて") < distance("きって", "きれ")
    assert distance("へんきん", "ふぇんきん") < 0.1
    assert distance("どげざ", "とけた") < distance("どげざ", "にもつ")


def test_kana_are_told_from_other_writing() -> None:
    assert is_kana("カード")
    assert not is_kana("カ1")
    assert not is_kana("")

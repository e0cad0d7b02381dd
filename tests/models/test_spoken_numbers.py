"""Numbers of several readings, voted on; the texts are what Whisper base wrote of telephone speech."""

from __future__ import annotations

import pytest
from koemori.models.spoken_numbers import holds_number, with_numbers
from koemori.models.types import Word

pytestmark = pytest.mark.unit


def words(text: str, length_ms: int = 8000) -> tuple[Word, ...]:
    """One word a character, spread evenly."""
    step = length_ms / len(text)
    return tuple(Word(c, round(n * step), round((n + 1) * step), 0.9) for n, c in enumerate(text))


def written(first: str, *readings: str) -> str:
    return "".join(word.text for word in with_numbers(words(first), [words(text) for text in readings]))


@pytest.mark.parametrize(
    ("first", "readings", "expected"),
    [
        ("801123001です", ["八十の千百十一の二千三百一です"] * 2, "80の1111の2301です"),
        ("90の5155566007です", ["九十の五千五百五十五乗六千六百七です"] * 2, "90の5555の6607です"),
        (
            "6,678,777,177,889",
            ["六千六百七十八十七千七百七十七八千八百九"] * 2,
            "6670、80の7777の8809",
        ),
        ("80の5、1510の1517", ["八十のご、千五十の千五百十七", "八十五千五十の千五百十七"], "80の5050の1517"),
        ("ゼロ8ゼロの1234のV678です", ["〇八〇の一二三四の五六七八です"] * 2, "080の1234の5678です"),
        (
            "0-7-0、190-2、4-6-8",
            ["〇七〇の、九九〇二、四〇六八", "〇七〇の、九九〇に、四〇六八"],
            "070の9902の4068",
        ),
        ("番号はの3万45です", ["番号はの三万四十五です"] * 2, "番号はの30045です"),
    ],
)
def test_what_two_readings_agree_on_takes_the_place_of_the_figures(
    first: str, readings: list[str], expected: str
) -> None:
    assert written(first, *readings) == expected


def test_one_reading_alone_changes_nothing() -> None:
    assert written("電話は6の330の線315", "電話は六の三千三十の千三百十五") == "電話は6の330の線315"


def test_readings_that_differ_change_nothing() -> None:
    assert written("16602です", "六千六百十二です", "六千六百二です") == "16602です"


def test_a_reading_with_the_digits_of_the_first_text_only_sets_the_groups() -> None:
    assert written("08012345678です", "〇八〇の一二三四の五六七八です") == "080の1234の5678です"


def test_what_was_written_first_is_kept_beside_the_number() -> None:
    [number, *_] = with_numbers(words("801123001です"), [words("八十の千百十一の二千三百一です")] * 2)
    assert (number.text, number.heard) == ("80の1111の2301", "801123001")


def test_a_number_that_readings_repeat_from_what_they_were_shown_is_not_taken() -> None:
    assert (
        written("44でした77120", "〇九〇の一二三四の五六七八。", "〇九〇の一二三四の五六七八。")
        == "44でした77120"
    )


def test_an_amount_stays_an_amount() -> None:
    assert written("12,800円払いました", *["一万二千八百円払いました"] * 3) == "12,800円払いました"


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("801123001です", True),
        ("店票がの3万45", True),
        ("0-7-0、190-2", True),
        ("3月14日に12,800円払いました", False),
        ("14日以内なら", False),
        ("お電話ありがとうございます", False),
    ],
)
def test_only_what_may_have_been_read_out_is_decoded_again(text: str, holds: bool) -> None:
    assert holds_number(text) is holds

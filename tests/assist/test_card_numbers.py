"""Card numbers in spoken digits, and who asks for them; all numbers here are the networks' test numbers."""

import pytest
from koemori.assist.card_numbers import (
    CARD,
    asks_for_card,
    card_spans,
    hidden,
    is_filler,
    may_be_part,
    passes_luhn,
    read_table,
    without_typed_cards,
)

pytestmark = pytest.mark.unit
PHRASES = read_table()["asked"]


def _replaced(*texts: str) -> list[str]:
    return [hidden(text, spans, CARD) for text, spans in zip(texts, card_spans(texts), strict=True)]


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase["id"])
def test_each_phrase_finds_its_examples_and_none_of_its_counter_examples(
    phrase: dict[str, list[str]],
) -> None:
    assert [text for text in phrase["examples"] if asks_for_card(text) is None] == []
    assert [text for text in phrase["counter_examples"] if asks_for_card(text) is not None] == []


@pytest.mark.parametrize(
    "number",
    ["4111111111111111", "5555555555554444", "3530111333300000", "378282246310005", "30569309025904"],
)
def test_the_networks_test_numbers_pass_the_check_digit_and_are_found(number: str) -> None:
    assert passes_luhn(number)
    assert _replaced(f"番号は{number}です") == [f"番号は{CARD}です"]


@pytest.mark.parametrize(
    "text",
    [
        "4111の1111の1111の1111です",
        "4111、1111、1111、1111",
        "四一一一 一一一一 一一一一 一一一一",
        "よんいちいちいち、いちいちいちいち、いちいちいちいち、いちいちいちいちです",
        "４１１１１１１１１１１１１１１１",
    ],
)
def test_a_number_is_found_however_it_is_written(text: str) -> None:
    [replaced] = _replaced(text)
    assert CARD in replaced
    assert not any(character in replaced for character in "14１４一四いち")


def test_a_number_said_in_parts_is_found_over_the_parts() -> None:
    assert _replaced("4111の", "1111", "1111の1111です") == [f"{CARD}の", CARD, f"{CARD}です"]


def test_one_misheard_digit_does_not_keep_a_number_of_whole_groups() -> None:
    assert _replaced("4111の1111の1117の1111") == [CARD]


@pytest.mark.parametrize(
    "text",
    [
        "電話番号は090の1234の5678です",
        "注文番号は20261122です",
        "全部で4000円です",
        "2026年11月22日に買いました",
        "お問い合わせ番号1234の5678の9012です",
        "法人番号は7000012050002です",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert _replaced(text) == [text]


@pytest.mark.parametrize(
    ("text", "waits"),
    [
        ("4111の", True),
        ("41", True),
        ("えっと、5555です", True),
        ("カードの番号は4111", True),
        ("4000円です", False),
        ("090の1234の5678です", False),
        ("四月の二日です", False),
        ("はい", False),
        ("1111", False),
    ],
)
def test_only_what_may_begin_a_card_number_waits(text: str, waits: bool) -> None:
    assert may_be_part(text) is waits


def test_while_digits_wait_any_further_digits_join_them_and_fillers_do_not_end_them() -> None:
    assert may_be_part("1111です", going_on=True)
    assert not may_be_part("それで壊れてたんです", going_on=True)
    assert is_filler("えーと、はい")
    assert not is_filler("届きません")


def test_a_typed_number_is_a_cards_only_with_its_check_digit() -> None:
    assert without_typed_cards("カード 4111-1111-1111-1111 で決済") == f"カード {CARD} で決済"
    assert without_typed_cards("4111-1111-1111-1112") == "4111-1111-1111-1112"

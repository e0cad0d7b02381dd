"""Order, contract and customer numbers."""

from __future__ import annotations

import pytest
from koemori.assist.extractors.numbers import NumberExtractor
from koemori.assist.types import CallFacts

from tests.fakes.conversation import read, shipped_playbook

pytestmark = pytest.mark.unit


def number(*turns: tuple[str, str]) -> str | None:
    proposal = read(NumberExtractor(CallFacts("c"), shipped_playbook()), *turns).get(
        "order_or_contract_number"
    )
    return None if proposal is None else proposal.value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("契約番号はKの77120。早くしてよ", "K-77120"),
        ("Ｂの６６７０です", "B-6670"),
        ("注文番号はAの4521の8890です", "A-4521-8890"),
        ("エムの7788です", "M-7788"),
        ("Cの六六一二です", "C-6612"),
        ("注文番号は12345678です", "12345678"),
        ("K-77120です", "K-77120"),
    ],
)
def test_a_number_is_read_as_it_is_said(said: str, value: str) -> None:
    assert number(("c", said)) == value


def test_digits_alone_count_when_the_agent_asked_for_a_number() -> None:
    assert number(("a", "お客様番号をお願いいたします"), ("c", "77120です")) == "77120"


@pytest.mark.parametrize(
    "said", ["080の1111の2301", "三千円です", "3000円です", "在留カードの番号言ってみろ", "Wi-Fiが5回切れた"]
)
def test_other_digits_are_no_order_number(said: str) -> None:
    assert number(("a", "お客様番号をお願いいたします"), ("c", said)) is None


def test_a_correction_wins_over_the_read_back() -> None:
    script = [("c", "Kの77120です"), ("a", "Kの77120でございますね"), ("c", "違います、Kの77121です")]
    assert number(*script) == "K-77121"


def test_digits_said_one_by_one_are_one_number() -> None:
    assert number(("c", "えーっと、Hの、4、4、0、1です")) == "H-4401"

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


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("えー、アルファベットのエヌ、ケーに、772015だ", "NK-772015"),
        ("エービーの1234の56です", "AB-1234-56"),
        ("番号はジーエイチの7の002かな", "GH-7-002"),
        ("アルファベットの、じゃなくて、カタカナのスの、三三九の一〇四", "ス-339-104"),
        ("12345のBです", "12345-B"),
        ("会員番号は0071の334です", "0071-334"),
        ("エムの、6の、えっと、60372かな", "M-60372"),
        ("Kの3341、あ違う、3342です", "K-3342"),
    ],
)
def test_letters_by_name_and_slips_are_read_as_meant(said: str, value: str) -> None:
    assert number(("a", "お客様番号をお願いいたします"), ("c", said)) == value


def test_a_correction_of_the_last_digit_changes_that_digit() -> None:
    script = [("c", "Kの3341です"), ("a", "Kの3341でございますね"), ("c", "あ、違う、末尾は8です")]
    assert number(*script) == "K-3348"


def test_a_number_that_goes_on_after_a_nod_is_one_number() -> None:
    script = [("a", "会員番号をお願いいたします"), ("c", "4471の"), ("a", "はい"), ("c", "8820です")]
    assert number(*script) == "4471-8820"


def test_the_number_the_agent_hands_out_is_not_the_customers() -> None:
    given = ("a", "確認いたしました。受付番号はQの7781でございます。お控えください")
    assert number(("c", "番号は分かりません"), given) is None
    assert number(("c", "注文番号はPの5512です"), given) == "P-5512"


@pytest.mark.parametrize(
    ("asked", "said", "value"),
    [
        ("商品の番号は分かりますか。", "の6,612です 自宅で使ってました", "6612"),
        (
            "ご迷惑をおかけし申し訳ございません。お名前とご注文番号をお願いできますか。",
            "乗6670、80の7777の8809",
            "6670",
        ),
        ("ご用件を伺います。", "92の101の1113の8080", "8080"),
    ],
)
def test_the_digits_stay_where_the_recogniser_lost_the_letter(asked: str, said: str, value: str) -> None:
    assert number(("a", asked), ("c", said)) == value


@pytest.mark.parametrize("said", ["サトウの5521年は63335", "22の707の1719、の345。"])
def test_two_numbers_that_nothing_tells_apart_and_a_rest_are_none(said: str) -> None:
    assert number(("a", "お名前とご注文番号をお願いいたします。"), ("c", said)) is None


def test_a_number_that_the_agent_cannot_give_is_not_asked_for() -> None:
    assert number(("a", "番号はお教えいたしかねます。"), ("c", "2024と4415")) is None

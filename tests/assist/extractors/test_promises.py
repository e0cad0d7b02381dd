"""What the agent promised."""

from __future__ import annotations

import pytest
from koemori.assist.extractors.promises import PromiseExtractor
from koemori.assist.types import CallFacts

from tests.fakes.conversation import read, shipped_playbook

pytestmark = pytest.mark.unit


def promises(*turns: tuple[str, str]) -> str:
    proposal = read(PromiseExtractor(CallFacts("c"), shipped_playbook()), *turns).get("promises")
    return "" if proposal is None else proposal.value


def test_a_promise_says_what_by_when_and_who() -> None:
    script = [
        ("a", "店長の倉田でございます。"),
        ("a", "商品代と配達料を今週金曜日までに返金し、書面でお詫び申し上げます。"),
    ]
    assert promises(*script) == "商品代と配達料を返金し、書面でお詫び(期限: 今週金曜日まで、担当: 店長の倉田)"


def test_a_promise_without_a_day_says_so() -> None:
    assert (
        promises(("a", "家電サポートの野村です。"), ("a", "また連絡します。"))
        == "また連絡(期限: 未定、担当: 担当の野村)"
    )


def test_somebody_else_who_will_act_is_named() -> None:
    assert "担当: 作業員" in promises(("a", "来月一日の午前に作業員が伺います。"))


def test_the_same_promise_again_is_one_promise() -> None:
    script = [("a", "三営業日以内に書面でご回答をお送りします。"), ("a", "書面でご回答をお送りいたします。")]
    assert promises(*script).count("期限") == 1


@pytest.mark.parametrize(
    "said",
    [
        "ご返金はいたしかねます。",
        "お電話を終了いたします。",
        "確認いたしますので少々お待ちください。",
        "上席に代わります。",
        "ただいま配送状況を確認いたします。",
        "金銭のお支払いはお断りいたします。",
    ],
)
def test_refusals_endings_and_things_done_at_once_are_no_promises(said: str) -> None:
    assert promises(("a", said)) == ""


def test_the_customers_words_are_no_promise() -> None:
    assert promises(("c", "明日までに連絡します")) == ""

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


def test_two_days_in_one_sentence_are_two_promises() -> None:
    said = "それでは、六日の午前中に係員が鶴田町を開栓し、今のお部屋は八日の夕方に係員が閉栓いたします。"
    assert promises(("a", said)).count("期限") == 2


def test_the_doer_may_be_named_in_the_promise_itself() -> None:
    said = "結果は、今日の五時までに私、白鳥からお電話いたします。"
    assert "担当: 担当の白鳥" in promises(("a", said))
    assert "担当: 審査部門" in promises(("a", "三営業日のうちに、審査部門がお支払いの可否を決めます。"))


def test_a_slip_of_the_tongue_leaves_the_day_and_the_doer() -> None:
    said = "あさっての午前中には、轟から書面、あ、失礼しました、お電話でご回答します。"
    value = promises(("a", said))
    assert "あさっての午前中" in value
    assert "轟" in value


def test_money_promised_before_anything_was_checked_is_marked() -> None:
    said = ("a", "治療費はもちろん、慰謝料も全額こちらで持ちます。")
    assert "(権限外の約束)" in promises(said)
    checked = ("a", "調査の結果、こちらの不備でした。治療費は全額、当社で負担いたします。")
    assert "(権限外の約束)" not in promises(checked)


@pytest.mark.parametrize(
    "said",
    [
        "ご契約者様のお名前と証券番号をお伺いいたします。",
        "上席の承認を得てまいります。",
        "大切なことなので伺います。",
    ],
)
def test_asking_and_fetching_are_no_promises(said: str) -> None:
    assert promises(("a", said)) == ""


def test_a_promise_may_be_due_after_something_and_names_who_will_do_it() -> None:
    script = [("a", "返金するかどうかは、結果が分かった後に、店長の三輪からお返事いたします。")]
    assert promises(*script) == "返金するかどうかは、お返事(期限: 結果が分かった後、担当: 店長の三輪)"


def test_when_a_thing_is_sent_may_be_told_in_the_next_breath() -> None:
    script = [("a", "返信用の封筒をお送りいたします。"), ("a", "はい、本日発送いたします。")]
    assert promises(*script) == "返信用の封筒を送付(期限: 本日、担当: 担当者)"


def test_an_offer_to_listen_is_no_promise() -> None:
    assert promises(("a", "ご要望がございましたら伺います。")) == ""


def test_what_can_be_handed_over_by_a_day_is_promised() -> None:
    assert promises(("a", "レンズは三日後にはお渡しできます。")).endswith("(期限: 三日後、担当: 担当者)")
    assert promises(("a", "レンズはお渡しできません。")) == ""

"""What the customer wants."""

from __future__ import annotations

import pytest
from koemori.assist.extractors.demand import DemandExtractor
from koemori.assist.types import CallFacts

from tests.fakes.conversation import read, shipped_playbook

pytestmark = pytest.mark.unit


def demand(*turns: tuple[str, str]) -> str:
    proposal = read(DemandExtractor(CallFacts("c"), shipped_playbook()), *turns).get("demand")
    return "" if proposal is None else proposal.value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("家に来て娘の前で土下座しろ。", "土下座「家に来て娘の前で土下座しろ」"),
        ("お金を戻してくださいって言ってるの。", "返金「お金を戻してください」"),
        ("もう一回送ってくれへんか。", "再送「もう一回送ってくれへんか」"),
        ("もういっぺん計算し直せ。", "やり直し「もういっぺん計算し直せ」"),
        ("住所変更をお願いしたいんですが。", "変更手続「住所変更をお願いしたい」"),
    ],
)
def test_a_demand_is_named_by_kind_and_quoted(said: str, value: str) -> None:
    assert demand(("c", said)) == value


@pytest.mark.parametrize(
    "said",
    ["ちょっと待って", "うるせえな", "お願いします", "書面なんかどうでもいい", "払っていただけるんですね"],
)
def test_words_that_ask_for_nothing_are_no_demand(said: str) -> None:
    assert demand(("c", said)) == ""


def test_the_same_demand_in_other_words_is_written_once() -> None:
    script = [("c", "全額返してほしいの"), ("c", "代金を返金してください"), ("c", "お金を返せ")]
    assert demand(*script).count("返金「") == 1


def test_the_answer_to_what_do_you_wish_counts_although_it_has_no_form_of_a_demand() -> None:
    script = [("a", "本日のご要望は何でございましょうか。"), ("c", "私の気が済むまで話を聞くことよ。")]
    assert demand(*script) == "私の気が済むまで話を聞くこと"


def test_what_was_asked_before_no_longer_counts_when_taken_back() -> None:
    script = [
        ("c", "引越し代を全部返してください。"),
        ("c", "そんなことより壁です。壁を元どおりに直してください。"),
    ]
    value = demand(*script)
    assert "直して" in value
    assert "返して" not in value


def test_the_wish_the_agent_reads_back_is_a_demand() -> None:
    script = [("a", "先月のお支払いが難しく、督促のはがきをやめてほしいということですね。")]
    assert "督促のはがきをやめてほしい" in demand(*script)


def test_a_plea_without_a_thing_is_shown_with_the_thing_in_trouble() -> None:
    script = [("c", "モバイルルーターの速度が遅いんだよね。"), ("c", "早く直してよ。")]
    assert "モバイルルーターの速度" in demand(*script)


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("全額返して。四十万。", "全額返金「全額返して(40万)」"),
        ("うるせえ、治療費を払え。獣医代、二万四千円だ。", "補償「治療費を払え(獣医代、2万四千円だ)」"),
        ("新しいのに替えてほしいねん。", "交換「新しいのに替えてほしいねん」"),
        ("特別に登録しておけ。", "特別に登録しておけ"),
    ],
)
def test_amounts_and_orders_in_other_forms_are_demands(said: str, value: str) -> None:
    assert demand(("c", said)) == value


@pytest.mark.parametrize("said", ["友達みんなに広めてもらう。", "十五日の午前中でお願いします。"])
def test_what_is_done_with_others_and_a_mere_time_are_none(said: str) -> None:
    assert demand(("c", said)) == ""


def test_the_answer_of_the_agent_names_the_demand_more_plainly() -> None:
    script = [("c", "家に来て土下座しろ。"), ("a", "土下座での謝罪はお断りしております。")]
    assert demand(*script) == "土下座「家に来て土下座しろ、土下座での謝罪」"


def test_an_answer_to_nothing_asked_is_no_demand() -> None:
    assert demand(("a", "個人の情報につきましては、お答えいたしかねます。")) == ""


def test_what_comes_after_a_waiver_or_an_assent_in_the_same_breath_is_asked_for() -> None:
    assert "新品を持ってこい" in demand(("c", "点検はいいから新品を持ってこい"))
    assert demand(("c", "はい元の部屋に戻してください")) != ""

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

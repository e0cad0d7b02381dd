"""When it happened."""

from __future__ import annotations

import pytest
from koemori.assist.extractors.when import WhenExtractor
from koemori.assist.types import CallFacts

from tests.fakes.conversation import read, shipped_playbook

pytestmark = pytest.mark.unit


def when(*turns: tuple[str, str], started_on: str | None = None) -> str | None:
    facts = CallFacts("c", started_on=started_on)
    proposal = read(WhenExtractor(facts, shipped_playbook()), *turns, facts=facts).get("when")
    return None if proposal is None else proposal.value


def test_the_customers_words_are_kept_as_said() -> None:
    assert when(("c", "ネットがつながらないんだけど。昨日の夜からずっと。")) == "昨日の夜から"


def test_a_relative_date_is_resolved_against_the_date_of_the_call() -> None:
    assert when(("c", "昨日の夜からつながらない"), started_on="2026-01-01") == "昨日の夜から (2025-12-31)"


def test_the_agents_read_back_wins() -> None:
    script = [
        ("c", "昨日のケーキ、六時って頼んだのに八時に来たんだよ"),
        ("a", "昨日十八時のお届けが二十時になったということでございますね。"),
    ]
    assert when(*script) == "昨日十八時"


def test_a_deadline_the_agent_names_is_not_when_it_happened() -> None:
    assert when(("c", "先月の電気代が高い"), ("a", "内訳を五日以内に郵送いたします")) == "先月"


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (
            "先週の水曜に届いた本棚なんですけど、昨日の夜、棚板が抜けて、本が落ちてきたんです",
            "昨日の夜(お届けは先週の水曜日)",
        ),
        ("十月分の電気代なんですけど、倍近くになってるんですよ", "十月分"),
        ("先月の三連休に泊まった者なんですけど", "先月の三連休"),
        ("先月と今月、引き落とし、落ちてないですよね", "先月と今月"),
    ],
)
def test_the_time_of_the_trouble_is_chosen(said: str, value: str) -> None:
    assert when(("c", said)) == value


def test_a_name_that_reads_like_a_date_is_none() -> None:
    assert when(("c", "四月一日って書いて、わたぬきです")) is None


def test_a_number_read_back_does_not_hide_the_matter() -> None:
    script = [
        ("c", "今朝の福岡行きの席を変えられた"),
        (
            "a",
            "1408でございますね。今朝七時二十分羽田発の便で、席が変わっていたということでよろしいでしょうか。",
        ),
    ]
    assert when(*script) == "今朝七時二十分"


def test_a_purchase_stands_beside_the_time_of_the_trouble() -> None:
    said = "先月の三日に買ったんですけど、おとといから電源が入らないんです"
    assert when(("c", said)) == "おとといから(購入は先月の三日)"


def test_a_name_and_a_rate_are_no_times() -> None:
    assert when(("c", "漆原、きょうすけです。昨日から水が漏れてます")) == "昨日から"
    assert when(("c", "一日の限度額を上げてください")) is None


def test_the_answer_to_when_it_was_bought_stands_beside_the_trouble() -> None:
    script = [
        ("c", "昨日の晩から風が出えへんのですわ。"),
        ("a", "いつごろ、どちらでお求めでしたでしょうか。"),
        ("c", "先月の頭に、難波の店で。"),
    ]
    assert when(*script) == "昨日の晩から(購入は先月)"


def test_both_ends_of_a_stay_are_kept() -> None:
    assert when(("a", "土曜から月曜のお泊まりということでございますね。")) == "土曜日から月曜日"

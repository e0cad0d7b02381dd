"""What rules and opinion together say, with an opinion that a test can reckon and with the shipped one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from koemori.assist.engine import AssistEngine
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.second_opinion import SecondOpinion, Thresholds, load_opinion
from koemori.assist.second_opinion.features import features_of
from koemori.assist.second_opinion.model import (
    COMPANY,
    JOINED,
    Weights,
    company_inputs,
    further_category,
    joined_inputs,
)
from koemori.assist.types import Alert, CallFacts, Category, Guidance, Heard, Severity
from koemori.audio.call import ChannelRole

pytestmark = pytest.mark.unit

PLAYBOOK = load_playbook()
UNKNOWN_TO_RULES = "青いりんごを三つください、棚が回るから、またあした"
WARNED = "お前みたいなバカは黙ってろ"
DANGER = "お前を殺すぞ"
SELFHARM = "もう生きていても仕方ないんです"
HEADS = ("alert", "danger", "money", "threat")
THRESHOLDS = Thresholds(
    raise_from=0.8,
    veto_below=0.3,
    veto_danger_below=0.02,
    veto_selfharm_below=0.001,
    danger_from=0.9,
    beside_from=0.7,
)


def opinion(
    alert: float, danger: float = -9.0, telling: str = "", threat: float = 1.0, company: float = -9.0
) -> SecondOpinion:
    """An opinion with fixed scores; n-grams of `telling` alone speak for an alert, by a hair."""
    texts = (UNKNOWN_TO_RULES, WARNED, DANGER, SELFHARM)
    vocabulary = np.unique(np.concatenate([features_of(text).grams for text in texts]))
    ngrams = np.zeros((len(vocabulary), len(HEADS)), dtype=np.int8)
    ngrams[np.isin(vocabulary, features_of(telling).grams), 0] = 1
    weights = Weights(
        heads=HEADS,
        vocabulary=vocabulary,
        rarity=np.ones(len(vocabulary), dtype=np.float32),
        ngrams=ngrams,
        scale=np.full(len(HEADS), 1e-6, dtype=np.float32),
        bias=np.array([alert, danger, 0.0, threat], dtype=np.float32),
        joined=np.array([1.0] + [0.0] * (len(JOINED) - 1), dtype=np.float32),
        joined_bias=0.0,
        danger=np.array([1.0, 0.0], dtype=np.float32),
        company=np.zeros(len(COMPANY), dtype=np.float32),
        company_bias=company,
    )
    return SecondOpinion("test", weights, THRESHOLDS)


def alerts(
    text: str, judge: SecondOpinion | None, speaker: ChannelRole = ChannelRole.CUSTOMER
) -> list[Alert]:
    engine = AssistEngine(CallFacts("call"), PLAYBOOK, judge)
    events = engine.push(Heard("u0", speaker, 0, 3000, text))
    assert not engine.failures
    return [event for event in events if isinstance(event, Alert)]


def test_an_opinion_below_the_threshold_raises_nothing() -> None:
    assert alerts(UNKNOWN_TO_RULES, opinion(alert=1.0)) == []


def test_a_sure_opinion_raises_an_alert_with_the_telling_clause() -> None:
    (alert,) = alerts(UNKNOWN_TO_RULES, opinion(alert=3.0, telling="棚が回る"))
    assert (alert.category, alert.severity) == (Category.THREAT, Severity.WARNING)
    assert alert.rule_id == "second_opinion.threat"
    assert alert.harassment
    assert alert.quote == "棚が回るから"
    assert "95%" in alert.explanation
    assert "統計" in alert.explanation


def test_a_raised_alert_is_a_danger_only_where_the_danger_head_is_sure() -> None:
    (unsure,) = alerts(UNKNOWN_TO_RULES, opinion(alert=3.0, danger=2.0))
    (sure,) = alerts(UNKNOWN_TO_RULES, opinion(alert=3.0, danger=2.5))
    assert (unsure.severity, sure.severity) == (Severity.WARNING, Severity.DANGER)


def test_a_doubted_warning_becomes_a_notice_that_says_why() -> None:
    (before,) = alerts(WARNED, None)
    (after,) = alerts(WARNED, opinion(alert=-2.0))
    assert (before.severity, after.severity) == (Severity.WARNING, Severity.NOTICE)
    assert (before.rule_id, before.quote) == (after.rule_id, after.quote)
    assert not after.harassment
    assert "12%" in after.explanation


def test_a_rule_of_danger_needs_far_more_doubt() -> None:
    (doubted,) = alerts(DANGER, opinion(alert=-2.0))
    (impossible,) = alerts(DANGER, opinion(alert=-5.0))
    assert (doubted.severity, impossible.severity) == (Severity.DANGER, Severity.NOTICE)


def test_a_rule_that_hears_self_harm_needs_more_doubt_still() -> None:
    (stands,) = alerts(SELFHARM, opinion(alert=-5.0))
    (impossible,) = alerts(SELFHARM, opinion(alert=-8.0))
    assert (stands.category, stands.severity) == (Category.SELFHARM, Severity.DANGER)
    assert impossible.severity is Severity.NOTICE


def test_an_utterance_of_two_kinds_gets_an_alert_of_each() -> None:
    first, second = alerts(UNKNOWN_TO_RULES, opinion(alert=3.0, danger=9.0, company=1.0))
    assert (first.category, first.severity) == (Category.THREAT, Severity.DANGER)
    assert (second.category, second.severity) == (Category.MONEY, Severity.WARNING)
    assert first.alert_id != second.alert_id
    assert second.quote in UNKNOWN_TO_RULES
    assert "73%" in second.explanation


def test_a_further_kind_below_its_threshold_is_not_named() -> None:
    assert len(alerts(UNKNOWN_TO_RULES, opinion(alert=3.0, company=0.8))) == 1


def test_a_further_kind_stands_beside_a_rules_warning() -> None:
    by_rule, added = alerts(WARNED, opinion(alert=3.0, company=1.0))
    assert (by_rule.category, by_rule.severity) == (Category.VERBAL_ABUSE, Severity.WARNING)
    assert (added.category, added.rule_id) == (Category.THREAT, "second_opinion.threat")


@pytest.mark.parametrize(("text", "alert"), [(UNKNOWN_TO_RULES, 1.0), (WARNED, -2.0)])
def test_without_an_alert_no_further_kind_is_named(text: str, alert: float) -> None:
    found = alerts(text, opinion(alert=alert, company=9.0))
    assert [a for a in found if a.severity >= Severity.WARNING] == []


def test_two_alerts_from_one_utterance_show_one_card() -> None:
    engine = AssistEngine(CallFacts("call"), PLAYBOOK, opinion(alert=3.0, company=1.0))
    events = engine.push(Heard("u0", ChannelRole.CUSTOMER, 0, 3000, UNKNOWN_TO_RULES))
    assert sum(isinstance(event, Alert) for event in events) == 2
    assert sum(isinstance(event, Guidance) for event in events) == 1


def test_a_further_category_is_the_best_that_is_not_named() -> None:
    scores = np.array([0.5, 0.0, -1.0, 2.0], dtype=np.float32)
    assert further_category(scores, HEADS, []) == "money"
    assert further_category(scores, HEADS, [(Category.MONEY, Severity.WARNING)]) == "threat"
    assert further_category(scores, HEADS, [(Category.MONEY, Severity.NOTICE)]) == "money"
    named = [(Category.MONEY, Severity.WARNING), (Category.THREAT, Severity.DANGER)]
    assert further_category(scores, HEADS, named) is None


def test_the_step_for_a_further_category_sees_rules_and_scores() -> None:
    scores = np.array([0.5, 0.0, -1.0, 2.0], dtype=np.float32)
    noticed = [(Category.THREAT, Severity.WARNING), (Category.MONEY, Severity.NOTICE)]
    assert company_inputs(scores, HEADS, noticed, "money").tolist() == [-1, 2, 1, 1]
    assert company_inputs(scores, HEADS, [], "money").tolist() == [-1, 2, 0, 0]


def test_a_rules_warning_is_not_doubled_by_the_opinion() -> None:
    assert [a.rule_id for a in alerts(WARNED, opinion(alert=9.0))] == [
        a.rule_id for a in alerts(WARNED, None)
    ]


def test_the_agents_words_are_not_judged() -> None:
    assert alerts(UNKNOWN_TO_RULES, opinion(alert=9.0), ChannelRole.AGENT) == []


def test_words_that_were_not_heard_are_not_judged() -> None:
    assert alerts("…", opinion(alert=9.0)) == []


def test_words_that_the_model_never_met_are_left_to_the_rules() -> None:
    assert alerts("ぬぺぬぺ", opinion(alert=9.0)) == []


def test_the_joining_step_sees_what_the_rules_found() -> None:
    scores = np.array([0.5, 0.0, -1.0, 2.0], dtype=np.float32)
    nothing = joined_inputs(scores, HEADS, [])
    notice = joined_inputs(scores, HEADS, [(Category.MONEY, Severity.NOTICE)])
    both = joined_inputs(scores, HEADS, [(Category.MONEY, Severity.WARNING), (Category.SNS, Severity.DANGER)])
    assert nothing.tolist() == [0.5, 0, 0, 0, 0, 0, 2, -1]
    assert notice.tolist() == [0.5, 1, 0, 0, 0, 0, 2, -1]
    assert both.tolist() == [0.5, 0, 0, 1, 1, -3, 2, -1]


def test_a_quote_is_always_part_of_the_utterance() -> None:
    shipped = load_opinion()
    assert shipped is not None
    eager = SecondOpinion("eager", shipped._weights, replace(shipped.thresholds, raise_from=0.0))
    for text in ("ｶﾞﾀｶﾞﾀ言ってないで、さっさと 責任者 出してよ!", "えーと、はい", "ﾊﾞｶ", "12345", "  はい  。"):
        for alert in alerts(text, eager):
            assert alert.quote
            assert alert.quote in text


@pytest.mark.parametrize(
    "text",
    [
        "お世話になります、先週注文した商品の配送状況を確認したいのですが",
        "電話番号は〇三の一二三四の五六七八です",
        "はい、それでお願いします、ありがとうございました",
        "解約の手続きについて教えていただけますか",
    ],
)
def test_the_shipped_opinion_leaves_ordinary_requests_alone(text: str) -> None:
    assert alerts(text, load_opinion()) == []

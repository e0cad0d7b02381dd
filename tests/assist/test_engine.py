"""The engine's order, its edge, and what one call says."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from koemori.assist.axes import judge
from koemori.assist.context import CallView
from koemori.assist.engine import AssistEngine
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.types import (
    AgentEdit,
    Alert,
    AssistEvent,
    CallClosed,
    CallFacts,
    CaseRevision,
    Category,
    Heard,
    Repetition,
    Severity,
    Tick,
)
from koemori.audio.call import ChannelRole

pytestmark = pytest.mark.unit

PLAYBOOK = load_playbook()
CUSTOMER, AGENT = ChannelRole.CUSTOMER, ChannelRole.AGENT


def talk(*lines: tuple[ChannelRole, str], step_ms: int = 5000) -> list[list[AssistEvent]]:
    """Play lines through a fresh engine; events per line."""
    engine = AssistEngine(CallFacts("call"), PLAYBOOK)
    return [
        engine.push(Heard(f"u{n}", speaker, n * step_ms, n * step_ms + 3000, text))
        for n, (speaker, text) in enumerate(lines)
    ]


def alerts(events: list[AssistEvent]) -> list[Alert]:
    """Only the alerts."""
    return [event for event in events if isinstance(event, Alert)]


def test_an_alert_names_the_words_and_the_utterance() -> None:
    (events,) = talk((CUSTOMER, "いいから、土下座しろ!今すぐだ。"))
    (alert,) = [a for a in alerts(events) if a.category is Category.DOGEZA]
    assert alert.severity is Severity.DANGER
    assert alert.harassment
    assert alert.utterance_ids == ("u0",)
    assert alert.quote in "いいから、土下座しろ!今すぐだ。"


def test_one_alert_per_category_and_utterance() -> None:
    (events,) = talk((CUSTOMER, "黙れこのバカ、お前みたいな無能は死ねよ、給料泥棒が"))
    categories = [a.category for a in alerts(events)]
    assert len(categories) == len(set(categories))


def test_the_agents_words_are_not_searched_for_abuse() -> None:
    (events,) = talk((AGENT, "「土下座しろ」というご要求はお受けできません"))
    assert not [a for a in alerts(events) if a.harassment]


def test_selfharm_alerts_without_harassment() -> None:
    (events,) = talk((CUSTOMER, "もう死ぬしかないです"))
    (alert,) = [a for a in alerts(events) if a.category is Category.SELFHARM]
    assert alert.severity is Severity.DANGER
    assert not alert.harassment


def test_rough_words_after_a_warning_become_a_warning() -> None:
    before, _, after = talk(
        (CUSTOMER, "ふざけんなよ"),
        (AGENT, "そのようなお言葉はお控えいただけますでしょうか"),
        (CUSTOMER, "ふざけんなよ"),
    )
    assert {a.severity for a in alerts(before)} == {Severity.NOTICE}
    assert Severity.WARNING in {a.severity for a in alerts(after)}


def test_liability_admitted_before_checking_is_noted_and_after_checking_is_not() -> None:
    (early,) = talk((AGENT, "全部弊社の責任です"))
    assert [a.category for a in alerts(early)] == [Category.PREMATURE_LIABILITY]
    _, late = talk((AGENT, "配達の記録を確認いたしました"), (AGENT, "弊社の手違いでございました"))
    assert Category.PREMATURE_LIABILITY not in [a.category for a in alerts(late)]


def test_the_same_demand_in_other_words_is_counted_and_alerts_from_the_fourth_time() -> None:
    lines = [
        "返金してください",
        "だから金を返せって言ってるでしょう",
        "いいから全額返しなさい",
        "何度も言わせるなよ、代金を戻せ",
    ]
    played = talk(
        *((who, text) for line in lines for who, text in ((CUSTOMER, line), (AGENT, "お調べしております")))
    )
    counts = [e.count for events in played for e in events if isinstance(e, Repetition)]
    repeated = [
        n
        for n, events in enumerate(played)
        for a in alerts(events)
        if a.category is Category.REPEAT_DEMAND and a.severity >= 2
    ]
    assert counts == [2, 3, 4]
    assert repeated == [6]


def test_an_answer_to_the_agents_question_is_no_repetition() -> None:
    played = talk(
        (CUSTOMER, "返金してください"),
        (AGENT, "ご返金をご希望ということですね"),
        (CUSTOMER, "はい、返金してください"),
    )
    assert not [e for events in played for e in events if isinstance(e, Repetition)]


def test_thirty_minutes_alone_are_a_notice() -> None:
    engine = AssistEngine(CallFacts("call"), PLAYBOOK)
    engine.push(Heard("u0", CUSTOMER, 0, 3000, "設定の仕方が分からないんです"))
    (alert,) = alerts(engine.push(Tick(30 * 60_000)))
    assert (alert.category, alert.severity, alert.harassment) == (Category.DETENTION, Severity.NOTICE, False)
    assert "法律" in alert.explanation
    assert not alerts(engine.push(Tick(31 * 60_000)))


def test_thirty_minutes_with_words_are_a_warning() -> None:
    engine = AssistEngine(CallFacts("call"), PLAYBOOK)
    engine.push(Heard("u0", CUSTOMER, 0, 3000, "電話は切らせないからな"))
    (alert,) = alerts(engine.push(Tick(30 * 60_000)))
    assert alert.severity is Severity.WARNING
    assert "u0" in alert.utterance_ids


def test_a_failing_detector_loses_nothing_of_the_others(caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        name = "broken"

        def observe(self, event: object, call: object) -> list[Alert]:
            raise ValueError("土下座しろ")

    engine = AssistEngine(CallFacts("call"), PLAYBOOK)
    engine._detectors = (Broken(), *engine._detectors)
    with caplog.at_level(logging.ERROR):
        events = engine.push(Heard("u0", CUSTOMER, 0, 3000, "土下座しろ"))
    assert Category.DOGEZA in [a.category for a in alerts(events)]
    assert engine.failures == {"broken": 1}
    assert "土下座" not in caplog.text


def test_the_same_input_twice_gives_the_same_events() -> None:
    lines = ((CUSTOMER, "土下座しろ"), (AGENT, "お断りします"), (CUSTOMER, "ネットに晒してやる"))
    assert talk(*lines) == talk(*lines)


def test_an_edit_and_the_end_bring_the_case() -> None:
    engine = AssistEngine(CallFacts("call"), PLAYBOOK)
    edited = engine.push(AgentEdit(1000, {"customer_name": "山田"}))
    final = engine.push(CallClosed(2000))
    assert [e.fields["customer_name"].value for e in edited if isinstance(e, CaseRevision)] == ["山田"]
    assert any(isinstance(e, CaseRevision) for e in final)


def test_the_two_axes_are_judged_apart() -> None:
    call = CallView(CallFacts("call"))
    assert judge([], call) == ("unknown", "calm")
    call.heard.append(Heard("u0", CUSTOMER, 0, 3000, "早く直せよ"))
    rough = Alert("a", Category.VERBAL_ABUSE, Severity.NOTICE, False, "r", 0, ("u0",), "早く", "w")
    abuse = replace(rough, severity=Severity.WARNING, harassment=True)
    money = replace(abuse, category=Category.MONEY)
    assert judge([rough], call) == ("reasonable", "rough")
    assert judge([abuse], call) == ("reasonable", "harassing")
    assert judge([money], call) == ("excessive", "harassing")


def categories_of(text: str) -> set[Category]:
    """Categories of the warnings one utterance of the customer raises."""
    events = talk((CUSTOMER, text))[0]
    return {e.category for e in events if isinstance(e, Alert) and e.severity >= Severity.WARNING}


@pytest.mark.parametrize(
    ("ordinary", "aimed"),
    [
        ("息子が壁を殴って穴があいたので修理をお願いしたい", "お前を殴ってやるから修理をお願いしたい"),
        ("妻にあほやなって笑われました", "お前はあほやな 笑われました"),
    ],
)
def test_hard_words_in_an_order_or_a_report_raise_nothing_unless_aimed(ordinary: str, aimed: str) -> None:
    assert categories_of(ordinary) == set()
    assert categories_of(aimed)


def test_a_broad_rule_yields_to_a_more_telling_one() -> None:
    assert categories_of("ネットで晒して炎上させてやるから覚悟しとけよ") == {Category.SNS}
    assert Category.THREAT in categories_of("覚悟しとけよ")

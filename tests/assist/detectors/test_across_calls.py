"""The same demand as in earlier calls: always linked, an alert only when it is fair to say so."""

from __future__ import annotations

import pytest
from koemori.assist.detectors.across_calls import AcrossCallsDetector
from koemori.assist.types import (
    Alert,
    Category,
    EarlierCall,
    EndState,
    Finding,
    MatchedBy,
    Repetition,
    Severity,
)

from tests.fakes.conversation import Conversation, shipped_playbook

pytestmark = pytest.mark.unit


def earlier(
    number: int,
    demand: str = "全額返金してほしい",
    end_state: EndState = EndState.UNRESOLVED_TERMINATED,
    matched_by: MatchedBy = MatchedBy.PHONE,
) -> EarlierCall:
    return EarlierCall(f"c{number}", f"2026-11-{20 - number:02d}", matched_by, demand, end_state)


def said(text: str, *calls: EarlierCall) -> list[Finding]:
    conversation = Conversation()
    conversation.call.earlier = calls
    detector = AcrossCallsDetector(conversation.facts, shipped_playbook().lexicon)
    return detector.observe(conversation.c(text), conversation.call)


def test_the_same_demand_in_other_words_is_linked_to_the_earlier_call() -> None:
    one = earlier(1)
    (link,) = said("だから払ったお金を返してくれって言ってるんです", one, earlier(2, "担当者を代えてほしい"))
    assert isinstance(link, Repetition)
    assert link.earlier_calls == (one,)
    assert link.count == 1
    assert link.utterance_ids == ("u0",)


def test_the_third_call_after_our_answer_is_a_warning_that_names_the_dates() -> None:
    link, alert = said("お金を返してください", earlier(1), earlier(2))
    assert isinstance(link, Repetition)
    assert isinstance(alert, Alert)
    assert (alert.category, alert.severity, alert.harassment) == (
        Category.REPEAT_DEMAND,
        Severity.WARNING,
        True,
    )
    assert "3回目" in alert.explanation
    assert "2026-11-19、2026-11-18" in alert.explanation


def test_calling_again_for_an_answer_that_we_owe_is_no_harassment() -> None:
    pending = earlier(1, end_state=EndState.UNRESOLVED_PENDING)
    _, alert = said("お金を返してください", pending, earlier(2))
    assert isinstance(alert, Alert)
    assert (alert.severity, alert.harassment) == (Severity.NOTICE, False)
    assert "回答待ち" in alert.explanation


def test_a_name_alone_links_and_never_alerts() -> None:
    same_name = [earlier(number, matched_by=MatchedBy.NAME) for number in range(1, 6)]
    found = said("お金を返してください", *same_name)
    assert [type(item) for item in found] == [Repetition]


@pytest.mark.parametrize("text", ["はい", "本日はありがとうございました", "担当者を代えてください"])
def test_other_words_link_to_nothing(text: str) -> None:
    assert said(text, earlier(1), earlier(2)) == []


def test_each_earlier_call_is_linked_once() -> None:
    conversation = Conversation()
    conversation.call.earlier = (earlier(1),)
    detector = AcrossCallsDetector(conversation.facts, shipped_playbook().lexicon)
    assert len(detector.observe(conversation.c("返金してください"), conversation.call)) == 1
    assert detector.observe(conversation.c("返金してください"), conversation.call) == []
    conversation.call.earlier = (earlier(1), earlier(2))
    link, _ = detector.observe(conversation.c("お金返して"), conversation.call)
    assert isinstance(link, Repetition)


def test_the_agent_is_not_compared() -> None:
    conversation = Conversation()
    conversation.call.earlier = (earlier(1), earlier(2))
    detector = AcrossCallsDetector(conversation.facts, shipped_playbook().lexicon)
    assert detector.observe(conversation.a("返金をご希望ですね"), conversation.call) == []

"""The conclusion is taken from what was said."""

from __future__ import annotations

import pytest
from koemori.assist.conclusion import ConclusionWriter
from koemori.assist.types import Alert, Category, EndState, Finding, Severity

from tests.fakes.conversation import Conversation, shipped_playbook

pytestmark = pytest.mark.unit


def written(
    state: EndState, *turns: tuple[str, str], findings: tuple[Finding, ...] = (), duration_ms: int = 60_000
) -> str:
    conversation, writer = Conversation(), ConclusionWriter(shipped_playbook())
    for speaker, text in turns:
        writer.observe(conversation.a(text) if speaker == "a" else conversation.c(text))
    return writer.written(state, findings, (), duration_ms)


def alert(category: Category, severity: int = 2) -> Alert:
    return Alert("a", category, Severity(severity), True, "r", 0, ("u",), "", "")


def test_a_refusal_and_what_was_agreed_on_are_named() -> None:
    script = [("a", "土下座での謝罪はお断りしております。"), ("c", "まあ、返金と手紙でいいよ。納得した。")]
    assert written(EndState.RESOLVED_AGREED, *script) == "土下座での謝罪は断り。返金と手紙で納得"


def test_an_end_by_the_agent_counts_the_warnings_and_says_why() -> None:
    script = [
        ("a", "人格を否定するお言葉はお控えいただけますでしょうか。"),
        ("a", "そのようなお言葉が続きますとご対応を続けることができかねます。"),
    ]
    said = written(EndState.UNRESOLVED_TERMINATED, *script, findings=(alert(Category.VERBAL_ABUSE),))
    assert said == "暴言が続き、警告2回後に終話"


def test_a_long_call_is_said_to_be_long() -> None:
    said = written(EndState.UNRESOLVED_TERMINATED, duration_ms=31 * 60_000)
    assert said == "30分超過、当方から終話"


def test_the_agents_slip_is_to_be_corrected() -> None:
    said = written(EndState.UNRESOLVED_PENDING, findings=(alert(Category.PREMATURE_LIABILITY, 1),))
    assert said == "担当者が確認前に責任を認めた(要是正)。回答待ち、確認中"


def test_nothing_settled_says_nothing() -> None:
    assert written(EndState.OPEN, ("c", "もしもし")) == ""


def test_a_withdrawal_says_what_was_found() -> None:
    script = [("c", "あったわ。玄関の棚に置いてあるて。")]
    assert "玄関の棚に置いてある" in written(EndState.WITHDRAWN, *script)


def test_what_is_put_off_or_refused_is_named_by_its_topic() -> None:
    held = ("a", "治療費につきましては、原因が分かりましたところでお返事いたします。")
    refused = ("a", "ご返金につきましては、この場ではお答えいたしかねます。")
    said = written(EndState.UNRESOLVED_PENDING, held, refused)
    assert said == "ご返金は断り。治療費は確認後に回答。回答待ち、確認中"


def test_what_is_under_way_and_what_was_done_are_named() -> None:
    script = [
        ("a", "同じ料金で露天風呂付きのお部屋をお取りいたしました。"),
        ("a", "お写真の控えは撮影会社に照会をかけております。"),
    ]
    said = written(EndState.UNRESOLVED_PENDING, *script)
    assert "お部屋をお取りいたしました" in said
    assert "お写真の控えは撮影会社に照会をかけております" in said


def test_an_inquiry_is_told_what_to_send_and_that_it_costs_nothing() -> None:
    script = [
        ("a", "会社の保険証の写しと届け出の用紙をお送りください。"),
        ("a", "ご利用が二年を超えておりますので、解約金はかかりません。"),
        ("a", "お名前をお聞かせください。"),
    ]
    said = written(EndState.NOT_COMPLAINT, *script)
    assert "用紙をお送りください" in said
    assert "解約金はかかりませんと案内" in said
    assert "お名前" not in said


def test_a_time_that_suits_is_not_what_was_agreed_on() -> None:
    assert written(EndState.RESOLVED_AGREED, ("c", "午前で大丈夫です。")) == "納得"


def test_the_police_are_named_only_when_they_are_turned_to() -> None:
    warned = ("a", "続くようでしたら警察に相談いたします。")
    told = ("a", "脅迫として警察に相談いたします。")
    alerts = (alert(Category.THREAT, 3),)
    assert "警察" not in written(EndState.UNRESOLVED_TERMINATED, warned, findings=alerts)
    assert written(EndState.UNRESOLVED_TERMINATED, told, findings=alerts).endswith("終話、警察に相談")

"""A call in five short parts, each from words that were spoken."""

from __future__ import annotations

import pytest
from koemori.assist.summary import SUMMARY_PARTS, Summarizer
from koemori.assist.types import FieldValue

from tests.fakes.conversation import Conversation, shipped_playbook

pytestmark = pytest.mark.unit


def summary(*turns: tuple[str, str], ending: str = "", **fields: FieldValue) -> dict[str, FieldValue]:
    conversation, summarizer = Conversation(), Summarizer(shipped_playbook())
    for speaker, text in turns:
        summarizer.observe(conversation.a(text) if speaker == "a" else conversation.c(text))
    return summarizer.written(fields, ending)


def test_an_empty_call_has_no_parts() -> None:
    assert summary() == {}


def test_the_parts_come_in_the_order_in_which_they_are_read() -> None:
    parts = summary(
        ("c", "昨日届いた寿司が三人前しか入ってないんです。"),
        ("a", "お待たせいたしました。二人前を別の配達員が積んだままになっておりました。"),
        ("a", "店舗へお越しになることはお断りいたします。"),
        ending="未解決",
        demand=FieldValue("足りない分を届けてほしい", 0.6, ("u9",)),
        promises=FieldValue("返金(期限: 三日以内、担当: 責任者の猪股)", 0.6, ("u8",)),
    )
    assert tuple(parts) == SUMMARY_PARTS


def test_the_matter_names_the_product_once() -> None:
    told = FieldValue("昨日の夜からつながらない(復唱: 昨日の夜から、ご自宅でつながらない)", 0.7, ("u1", "u2"))
    parts = summary(about_what=told, product=FieldValue("無線ルーター", 0.8, ("u2",)))
    assert parts["matter"].value == "無線ルーター: 昨日の夜からつながらない"
    assert parts["matter"].utterance_ids == ("u2", "u1")
    assert parts["matter"].confidence == 0.7


def test_what_the_agent_found_and_refused_are_told_apart_with_their_utterances() -> None:
    parts = summary(
        ("c", "返品したいんです。"),
        ("a", "確認いたしましたところ、返品の期限を過ぎております。"),
        ("a", "規定によりご返金はいたしかねます。"),
    )
    assert "期限を過ぎております" in parts["course"].value
    assert parts["course"].utterance_ids == ("u1",)
    assert "ご返金はいたしかねます" in parts["response"].value
    assert parts["response"].utterance_ids == ("u2",)


def test_asking_for_a_name_or_for_patience_is_no_response() -> None:
    parts = summary(
        ("a", "お名前とご契約番号をお願いできますでしょうか。"),
        ("a", "お調べいたしますので、少々お待ちください。"),
    )
    assert "response" not in parts
    assert "course" not in parts


def test_warnings_are_part_of_the_course() -> None:
    parts = summary(
        ("a", "そのようなお言葉が続きますと、お電話を終了いたします。"), ending="未解決(当方から終話)"
    )
    assert parts["course"].value.endswith("。未解決(当方から終話)")
    assert parts["course"].utterance_ids == ("u0",)


def test_a_part_stays_short() -> None:
    long = FieldValue("とても長い話" * 60, 0.6, ("u1",))
    assert len(summary(about_what=long)["matter"].value) <= 120

"""The checklist hears what the agent said."""

from __future__ import annotations

import pytest
from koemori.assist.checklist import Checklist

from tests.fakes.conversation import Conversation, shipped_playbook

pytestmark = pytest.mark.unit


def done(*turns: tuple[str, str]) -> set[str]:
    conversation, checklist, items = Conversation(), Checklist(shipped_playbook()), set()
    for speaker, text in turns:
        heard = conversation.a(text) if speaker == "a" else conversation.c(text)
        items |= {change.item for change in checklist.observe(heard, conversation.call)}
    return items


@pytest.mark.parametrize(
    ("said", "items"),
    [
        ("お電話ありがとうございます。ネットサポートの木村でございます。", {"greeting"}),
        ("この通話は品質向上のため録音しております", {"recording_notice"}),
        ("ご不便をおかけし申し訳ございません。", {"limited_apology"}),
        ("お名前とお電話番号をお伺いできますか。", {"ask_name", "identity_check"}),
        ("昨日、ご自宅でつながらないということでございますね。", {"restatement", "ask_when", "ask_where"}),
        ("どのような対応をご希望でいらっしゃいますか", {"desired_resolution"}),
        ("ご購入されたのはどちらの店舗でしょうか", {"ask_where"}),
        ("現在お怪我や体調の異変はございませんでしょうか", {"ask_injury"}),
        ("私の一存では判断いたしかねますので確認のうえ折り返しご連絡いたします", {"check_before_answer"}),
        ("従業員個人の情報はお答えいたしかねます", {"no_private_info"}),
        ("上席の者に代わりますので少々お待ちください", {"escalation"}),
        ("三営業日以内に書面でご回答いたします", {"promise_with_deadline"}),
        ("技術窓口へ転送いたしますので少々お待ちください", {"transfer_explained"}),
        ("つらいお気持ちを話してくださってありがとうございます", {"care_response"}),
    ],
)  # fmt: skip
def test_the_agents_words_fulfil_items(said: str, items: set[str]) -> None:
    assert items <= done(("a", said))


def test_an_item_is_reported_once_with_its_utterance_and_quote() -> None:
    conversation, checklist = Conversation(), Checklist(shipped_playbook())
    first = conversation.a("この通話は録音しております。")
    changes = checklist.observe(first, conversation.call)
    assert [(c.item, c.done, c.utterance_id) for c in changes] == [("recording_notice", True, "u0")]
    assert checklist.observe(conversation.a("この通話は録音しております。"), conversation.call) == []
    said = checklist.said("recording_notice")
    assert said is not None
    assert said.quote == "録音して"
    assert said.heard is first


def test_the_customers_words_fulfil_nothing() -> None:
    assert done(("c", "この通話は録音しております。ご不便をおかけし申し訳ございません。")) == set()


def test_admitting_all_liability_is_no_limited_apology() -> None:
    said = "ご迷惑をおかけし申し訳ございません。全部弊社の責任です。"
    assert "limited_apology" not in done(("a", said))


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ("人格を否定するお言葉はお控えいただけますでしょうか", "ladder1"),
        ("そのようなお言葉が続きますとご対応を続けることができかねます", "ladder2"),
        ("差別的なお言葉が続く場合はお電話を終了いたします", "ladder3"),
        ("再三お願いいたしましたが暴言が続いておりますので、お電話を終了させていただきます", "ladder5"),
    ],
)
def test_each_step_of_the_ladder_is_heard(said: str, step: str) -> None:
    assert step in done(("a", said))


def test_a_warning_of_ending_is_a_warning_too_but_no_ending() -> None:
    heard = done(("a", "これ以上続くようでしたらお電話を終了いたします"))
    assert {"ladder2", "ladder3"} <= heard
    assert not {"ladder1", "ladder5"} & heard


def test_safety_advice_about_a_product_is_no_request_to_stop() -> None:
    assert "ladder1" not in done(("a", "ご使用をお控えください"))


def test_a_friendly_goodbye_is_no_termination() -> None:
    assert "ladder5" not in done(("a", "お電話ありがとうございました。失礼いたします。"))

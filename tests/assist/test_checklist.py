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


REQUESTS = (
    "恐れ入りますが、大きなお声はお控えいただきたく存じます。",
    "そのような呼び方は、ご遠慮いただけますと幸いです。",
    "申し訳ございませんが、怒鳴らないでいただけますでしょうか。",
    "少し落ち着いてお話しいただけますか。",
    "どうかそのような物言いはおやめくださいませ。",
    "業務と関わりのないご質問にはお答えいたしかねます。",
)
WARNINGS = (
    "このままお言葉が改まらないようでしたら、ご案内を続けられません。",
    "これ以上繰り返されますと、警察に相談いたします。",
    "おやめいただけない場合は、応対を控えさせていただきます。",
    "同じことが続きましたら、こちらでのご対応は難しくなります。",
    "次に同じようなお言葉がございましたら、ご対応できかねます。",
)
ANNOUNCEMENTS = (
    "お控えいただけないようでしたら、お電話を切らせていただきます。",
    "このまま続くようであれば、通話を終わらせていただくことになります。",
    "改めていただけない場合は、終話とさせていただきます。",
    "まもなくお電話を終了いたします。",
    "あと二分ほどで切らせていただきます。",
)
ENDINGS = (
    "お聞き入れいただけませんので、これで失礼いたします。",
    "再三お願いいたしましたので、お電話を切らせていただきます。",
    "お答えは変わりませんので、これにて終話いたします。",
)


@pytest.mark.parametrize("said", REQUESTS)
def test_polite_requests_to_stop_are_heard(said: str) -> None:
    assert {"ladder1"} == {item for item in done(("a", said)) if item.startswith("ladder")}


@pytest.mark.parametrize("said", WARNINGS)
def test_polite_warnings_are_heard(said: str) -> None:
    assert {"ladder2"} == {item for item in done(("a", said)) if item.startswith("ladder")}


@pytest.mark.parametrize("said", ANNOUNCEMENTS)
def test_polite_announcements_are_heard_and_are_no_ending(said: str) -> None:
    heard = done(("a", said))
    assert "ladder3" in heard
    assert not {"ladder1", "ladder5"} & heard


@pytest.mark.parametrize("said", ENDINGS)
def test_polite_endings_are_heard_and_announce_nothing(said: str) -> None:
    heard = done(("a", said))
    assert "ladder5" in heard
    assert not {"ladder2", "ladder3"} & heard


@pytest.mark.parametrize(
    "said",
    [
        "お手続きの対応はいたしかねます。",
        "繰り返しになりますが、ご返金の対応はいたしかねます。",
        "引き続き対応いたしますので、ご安心ください。",
        "警察への届け出はお済みでしょうか。",
        "恐れ入りますが、ご来店はお控えください。",
        "撮影はご遠慮いただいております。",
        "ご不明な点がないようでしたら、これで終了させていただきます。ありがとうございました。",
        "受付は十八時で終了いたします。",
        "登録のお手続きが終了いたしましたので、ご確認ください。",
        "お電話が切れてしまいましたら、こちらからおかけ直しいたします。",
        "店長に確認いたしますので、少々お待ちください。",
        "ご容赦くださいませ。",
        "ご遠慮なくお申し付けください。",
        "お話はこれで終わりでしょうか。",
    ],
)
def test_ordinary_service_says_nothing_of_the_ladder(said: str) -> None:
    assert not {item for item in done(("a", said)) if item.startswith("ladder")}


def test_a_superior_counts_when_asked_after_the_announcement_or_when_they_speak() -> None:
    announced = ("a", "これ以上続くようでしたらお電話を終了いたします")
    for said in ("上席の承認を得てまいります。", "室長に確認いたします。", "責任者の許可がおりました。"):
        assert "ladder4" not in done(("a", said))
        assert "ladder4" in done(announced, ("a", said))
    for said in ("課長の東海林です。お話を伺います。", "お電話代わりました、店長の倉田でございます。"):
        assert "ladder4" in done(("a", said))
    assert "ladder4" not in done(announced, ("a", "担当の佐藤でございます。"))

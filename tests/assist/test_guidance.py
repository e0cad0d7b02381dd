"""One card at a time, and a ladder that is walked by what was said."""

from __future__ import annotations

import pytest
from koemori.assist.checklist import Checklist
from koemori.assist.guidance import Guide
from koemori.assist.types import (
    AGENT_SIDE,
    Alert,
    Category,
    FieldValue,
    Finding,
    Guidance,
    Heard,
    Repetition,
    Severity,
    Tick,
)
from koemori.audio.call import ChannelRole

from tests.fakes.conversation import Conversation, shipped_playbook

pytestmark = pytest.mark.unit


class Desk:
    """A call with guidance; returns the cards that come up."""

    def __init__(self) -> None:
        self.conversation = Conversation()
        self.checklist = Checklist(shipped_playbook())
        self.guide = Guide(shipped_playbook())
        self.fields: dict[str, FieldValue] = {}

    def a(self, text: str, *findings: Finding) -> list[Guidance]:
        return self.hear(self.conversation.a(text), findings)

    def c(self, text: str, *findings: Finding) -> list[Guidance]:
        return self.hear(self.conversation.c(text), findings)

    def hear(self, heard: Heard, findings: tuple[Finding, ...]) -> list[Guidance]:
        self.checklist.observe(heard, self.conversation.call)
        return self.guide.observe(heard, self.conversation.call, findings, self.checklist, self.fields)

    def wait(self, ms: int) -> list[Guidance]:
        self.conversation.call.now_ms += ms
        tick = Tick(self.conversation.call.now_ms)
        return self.guide.observe(tick, self.conversation.call, (), self.checklist, self.fields)

    def abuse(self, category: Category = Category.VERBAL_ABUSE, severity: int = 2) -> list[Guidance]:
        self.wait(20_000)
        return self.c("このバカ", alert(category, severity, self.conversation.call.now_ms))


def alert(category: Category, severity: int = 2, at_ms: int = 0) -> Alert:
    harassment = category not in (Category.SELFHARM, Category.FRAUD, Category.DENIAL, Category.SPECULATION)
    return Alert(
        f"a-{category}-{at_ms}", category, Severity(severity), harassment, "r", at_ms, ("u",), "このバカ", ""
    )


def stages(cards: list[Guidance]) -> list[str]:
    return [card.stage for card in cards]


def test_the_first_abuse_offers_to_ask_for_it_to_stop_in_words_for_its_kind() -> None:
    cards = Desk().abuse(Category.DISCRIMINATION)
    assert stages(cards) == ["ladder1"]
    assert "国籍" in cards[0].say
    assert "このバカ" in cards[0].why
    assert cards[0].playbook_version == shipped_playbook().version


def test_an_agent_who_skips_the_warning_is_not_offered_termination() -> None:
    desk = Desk()
    offered = [*desk.abuse()]
    desk.a("人格を否定するお言葉はお控えいただけますでしょうか。")
    for _ in range(6):
        offered += desk.abuse()
        desk.a("ご用件をお伺いいたします。")
    assert "ladder2" in stages(offered)
    assert not {"ladder3", "ladder4", "ladder5"} & set(stages(offered))


def test_termination_is_offered_with_the_quotes_once_every_step_was_said() -> None:
    desk = Desk()
    offered = []
    for said in (
        "人格を否定するお言葉はお控えいただけますでしょうか。",
        "そのようなお言葉が続きますとご対応を続けることができかねます。",
        "これ以上続く場合はお電話を終了させていただきます。",
        "責任者に確認いたしますので少々お待ちください。",
    ):
        offered += desk.abuse()
        desk.a(said)
    offered += desk.abuse()
    assert stages(offered) == ["ladder1", "ladder2", "ladder3", "ladder4", "ladder5"]
    for quote in ("お控えいただ", "続きますと", "お電話を終了", "責任者に確認"):
        assert quote in offered[-1].why


def test_the_next_step_waits_until_the_customer_goes_on() -> None:
    desk = Desk()
    desk.abuse()
    assert desk.a("そのようなお言葉はお控えください。") == []
    assert "ladder2" not in stages(desk.c("すみません、言い過ぎました。"))


def test_a_rough_but_fair_complaint_does_not_start_the_ladder() -> None:
    cards = Desk().abuse(severity=1)
    assert stages(cards) == ["step2"]


def test_the_same_demand_for_the_fourth_time_starts_the_ladder() -> None:
    desk = Desk()
    assert "ladder1" in stages(desk.c("返金しろ", Repetition("r1", 4, 1_000, ("u",), "返金しろ")))


def test_danger_takes_the_card_before_the_ladder() -> None:
    cards = Desk().abuse(Category.VIOLENCE, severity=3)
    assert stages(cards) == ["safety"]
    assert "警察" in cards[0].say


def test_self_harm_is_met_with_care_and_never_with_the_ladder() -> None:
    desk = Desk()
    cards = desk.c("もう死にたい", alert(Category.SELFHARM, 3)) + desk.wait(60_000)
    assert stages(cards)[0] == "safety"
    assert not any(stage.startswith("ladder") for stage in stages(cards))


def test_a_bomb_threat_asks_for_place_and_time() -> None:
    cards = Desk().c("会社に爆弾を仕掛けた")
    assert stages(cards) == ["safety"]
    assert "場所" in cards[0].say


@pytest.mark.parametrize("category", [Category.PREMATURE_LIABILITY, Category.DENIAL, Category.SPECULATION])
def test_a_slip_of_the_agent_brings_a_correction_that_goes_when_the_agent_speaks(category: Category) -> None:
    desk = Desk()
    assert stages(desk.a("全部弊社の責任です。", alert(category, 1))) == ["correction"]
    desk.a("失礼いたしました。確認してからお答えいたします。")
    assert "correction" not in stages(desk.wait(1_000))


def test_only_one_card_comes_up_at_a_time() -> None:
    cards = Desk().c(
        "困ってるんだよ、バカ、爆弾しかけるぞ",
        alert(Category.VERBAL_ABUSE),
        alert(Category.SNS),
        alert(Category.THREAT, 3),
    )
    assert len(cards) == 1


def test_a_weaker_card_does_not_displace_a_stronger_one() -> None:
    desk = Desk()
    desk.abuse(Category.VIOLENCE, severity=3)
    assert desk.c("このコートが壊れて困ってるんだ") == []


def test_a_card_is_not_repeated_within_its_cooldown() -> None:
    desk = Desk()
    assert stages(desk.c("ルーターが壊れて困ってるんだ")) == ["step1"]
    assert desk.c("本当に困ってるんだ") == []


def test_a_card_expires_and_says_when() -> None:
    desk = Desk()
    card = desk.c("ルーターが壊れて困ってるんだ")[0]
    rule = next(rule for rule in shipped_playbook().rules if rule.id == "step1-apology")
    assert card.expires_ms == card.at_ms + rule.expires_ms


def test_missing_facts_are_asked_for_and_known_ones_are_not() -> None:
    desk = Desk()
    desk.a("この通話は録音しております。")
    desk.a(
        "ご不便をおかけし申し訳ございません。つながらないということでございますね。どのような対応をご希望ですか。"
    )
    for field in ("customer_name", "phone", "product", "where", "order_or_contract_number"):
        desk.fields[field] = FieldValue("x", 0.9, ("u",))
    cards = desk.wait(25_000)
    assert [card.guidance_id.split("#")[0] for card in cards] == ["step3-when"]
    desk.fields["when"] = FieldValue("昨日", 0.9, ("u",))
    assert desk.wait(1_000) == []


def test_service_steps_stay_away_once_the_ladder_has_begun() -> None:
    desk = Desk()
    desk.abuse()
    desk.a("そのようなお言葉はお控えください。")
    desk.a("ご不便をおかけし申し訳ございません。")
    assert not {"step2", "step3"} & set(stages(desk.wait(120_000)))


def test_agreement_brings_the_closing_step() -> None:
    cards = Desk().c("返金と手紙でいいよ。納得した。")
    assert stages(cards) == ["step4"]


def test_a_denied_i_see_brings_no_closing_step() -> None:
    assert "step4" not in stages(Desk().c("分かりましたじゃないんですよ"))


def test_the_same_call_gives_the_same_cards_with_the_same_ids() -> None:
    def play() -> list[Guidance]:
        desk = Desk()
        cards = desk.c("ルーターが壊れて困ってるんだ") + desk.abuse()
        desk.a("お控えください。")
        return cards + desk.abuse() + desk.abuse(Category.SNS, 3)

    first, second = play(), play()
    assert first == second
    assert len({card.guidance_id for card in first}) == len(first)


def test_the_customers_channel_alone_speaks_for_the_customer() -> None:
    desk = Desk()
    heard = desk.conversation.say(ChannelRole.AGENT, "会社に爆弾を仕掛けたとおっしゃいましたか")
    assert "safety" not in stages(desk.hear(heard, ()))


def test_nothing_of_the_ladder_is_offered_after_the_call_was_ended() -> None:
    desk = Desk()
    desk.abuse()
    desk.a("再三お願いいたしましたが続いておりますので、お電話を終了させていただきます。")
    assert not any(stage.startswith("ladder") for stage in stages(desk.abuse()))


def test_a_finding_about_the_agents_own_sentence_moves_no_ladder() -> None:
    assert not any(
        stage.startswith("ladder")
        for stage in stages(Desk().a("これで終了いたします。", alert(Category.DETENTION)))
    )


CUSTOMER_SIDE = [category for category in Category if category not in AGENT_SIDE]


@pytest.mark.parametrize("category", CUSTOMER_SIDE)
def test_danger_of_every_category_offers_the_safety_route_first(category: Category) -> None:
    card = Desk().abuse(category, severity=3)[0]
    assert card.stage == "safety"
    assert "F2" in card.why
    assert any(word in card.why for word in ("110", "警察", "上席"))


@pytest.mark.parametrize("category", sorted(set(shipped_playbook().ladder.categories)))
def test_the_ladder_follows_a_safety_card_once_the_agent_has_spoken_and_the_customer_goes_on(
    category: Category,
) -> None:
    desk = Desk()
    desk.abuse(category, severity=3)
    followed = [*desk.a("はい。"), *desk.abuse(category, severity=3)]
    assert "ladder1" in stages(followed)
    desk.a("そのようなお言葉はお控えください。")
    assert stages(desk.abuse(category, severity=3)) == ["ladder2"]


def test_no_lesser_card_takes_the_place_of_a_safety_card_that_was_answered() -> None:
    desk = Desk()
    desk.abuse(Category.VIOLENCE, severity=3)
    desk.a("そのようなお言葉はお控えください。")
    assert desk.c("ルーターが壊れて困ってるんだ") == []


def test_a_bomb_threat_goes_on_asking_what_it_is_once_place_and_time_were_asked() -> None:
    desk = Desk()
    first = desk.c("会社に爆弾を仕掛けた")
    second = desk.a("お話を伺います。場所はどちらで、いつのことでしょうか。")
    assert [card.guidance_id.split("#")[0] for card in first + second] == ["bomb", "bomb-details"]
    assert "背後の音" in second[0].why


def test_self_harm_ends_the_way_up_the_ladder_and_offers_a_helpline() -> None:
    desk = Desk()
    desk.abuse()
    desk.a("そのようなお言葉はお控えください。")
    desk.a("そのようなお言葉が続きますとご対応を続けることができかねます。")
    cards = desk.c("もう死にたい", alert(Category.SELFHARM, 3)) + desk.wait(100_000)
    cards += desk.c("死ぬしかない", alert(Category.SELFHARM, 3, at_ms=1))
    for _ in range(4):
        cards += desk.abuse()
    assert "selfharm-helpline" in {card.guidance_id.split("#")[0] for card in cards}
    assert not [card for card in cards if card.stage.startswith("ladder")]
    assert "切りません" in cards[0].why


def test_a_warning_brings_no_correction_for_saying_no() -> None:
    desk = Desk()
    desk.abuse()
    said = desk.a(
        "そのようなご発言が続く場合、ご案内を続けることができません。",
        alert(Category.DENIAL, 1),
    )
    assert "correction" not in stages(said)


class Asking(Desk):
    """A complaint in which everything but one field is known."""

    def __init__(self, field: str) -> None:
        super().__init__()
        self.a("この通話は録音しております。")
        self.a("ご不便をおかけし申し訳ございません。つながらないということでございますね。")
        for other in (
            "customer_name",
            "phone",
            "product",
            "when",
            "where",
            "order_or_contract_number",
            "demand",
        ):
            if other != field:
                self.fields[other] = FieldValue("x", 0.9, ("u",))


QUESTIONS = {
    "customer_name": (
        "お名前をフルネームでお願いできますか。",
        "差し支えなければお名前を伺ってもよろしいでしょうか。",
    ),
    "phone": ("日中つながるお電話番号をお願いいたします。", "ご連絡先を頂戴できますでしょうか。"),
    "when": ("手紙が届いたのはいつでしょうか。", "何日頃のことでしたでしょうか。"),
    "where": ("どちらの店舗でお求めでしょうか。", "どのお部屋の天井でしょうか。"),
    "product": ("お手元の商品名を教えていただけますか。", "どちらをお求めになりましたでしょうか。"),
    "order_or_contract_number": ("契約書の番号も伺えますか。", "ご注文番号はお分かりになりますか。"),
    "demand": ("どのような対応をご希望でいらっしゃいますか。", "本日はいかがいたしましょうか。"),
}


@pytest.mark.parametrize("field", QUESTIONS)
def test_what_is_missing_is_asked_for_when_the_customer_has_finished(field: str) -> None:
    desk = Asking(field)
    desk.wait(35_000)
    cards = desk.c("はい。") + desk.wait(31_000) + desk.c("それで?")
    assert len({card.guidance_id.split("#")[0] for card in cards}) <= 1


@pytest.mark.parametrize(("field", "question"), [(f, q) for f, both in QUESTIONS.items() for q in both])
def test_what_the_agent_asked_already_is_not_prompted_for(field: str, question: str) -> None:
    desk = Asking(field)
    desk.a(question)
    assert desk.c("ちょっと待って。") + desk.wait(60_000) + desk.c("分からないな。") + desk.wait(60_000) == []


def test_no_question_comes_up_while_an_answer_or_a_hold_is_on() -> None:
    desk = Asking("when")
    desk.a("ルーターの電源はお抜きになりましたか。")
    assert desk.wait(10_000) == []
    assert [card.guidance_id.split("#")[0] for card in desk.c("抜いたよ。")] == ["step3-when"]
    held = Asking("when")
    held.a("記録をお調べしますので、少々お待ちください。")
    assert held.wait(60_000) == []


def test_a_question_goes_when_its_answer_comes_and_does_not_come_again() -> None:
    desk = Asking("when")
    desk.wait(1_000)
    shown = desk.wait(30_000)
    assert [card.guidance_id.split("#")[0] for card in shown] == ["step3-when"]
    desk.fields["when"] = FieldValue("昨日", 0.9, ("u",))
    assert desk.c("昨日だよ。") + desk.wait(200_000) == []

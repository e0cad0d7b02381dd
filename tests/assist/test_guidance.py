"""One card at a time, and a ladder that is walked by what was said."""

from __future__ import annotations

import pytest
from koemori.assist.checklist import Checklist
from koemori.assist.guidance import Guide
from koemori.assist.types import (
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

"""Whole calls against the ladder: ending is offered only after every step was heard and approved.

Each script is played through the engine and, as lines of JSON, through `koemori analyze`.
"""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
from koemori.assist.engine import AssistEngine
from koemori.assist.types import (
    Approval,
    AssistEvent,
    CallFacts,
    ChecklistChange,
    Guidance,
    Heard,
    LadderApproved,
    Tick,
)
from koemori.audio.call import ChannelRole
from koemori.server import cli

from tests.fakes.conversation import shipped_playbook

pytestmark = pytest.mark.unit

ASK = "人格を否定するようなお言葉はお控えいただけますでしょうか。"
WARN = "そのようなお言葉が続きますと、ご対応を続けることができかねます。"
ANNOUNCE = "これ以上続くようでしたら、こちらからお電話を終了させていただきます。"
CONSULT = "責任者に確認いたしますので、少々お待ちください。"
GREET = "お電話ありがとうございます。受付の木村でございます。この通話は録音しております。"
TALK = "ご用件を順にお伺いいたします。"
ABUSE = (
    "頭おかしいんじゃねえのか、このバカ。",
    "黙れ無能。お前みたいなゴミに金払ってると思うと反吐が出るわ。",
    "このバカ女が、能無しのくせに偉そうにすんな。",
    "うるせえ、クズ。お前みたいな低能は辞めちまえ。",
    "このバカ野郎、ゴミみたいな会社だな。",
    "死ねよバカ、お前みたいなゴミは社会の害悪だ。",
)
APPROVAL_MS = shipped_playbook().ladder.approval_ms
Script = list[tuple[ChannelRole, str]]


def script(*replies: str) -> Script:
    """A call in which the customer goes on abusing, and the agent replies so."""
    lines = [(ChannelRole.AGENT, GREET)]
    for abuse, reply in zip(ABUSE, (*replies, *[TALK] * len(ABUSE)), strict=False):
        lines += [(ChannelRole.CUSTOMER, abuse), (ChannelRole.AGENT, reply)]
    return lines


def heard(lines: Script) -> list[Heard]:
    """The lines with media times, twenty seconds a turn."""
    return [
        Heard(f"u{at}", who, at * 20_000, at * 20_000 + 6_000, text) for at, (who, text) in enumerate(lines)
    ]


def played(engine: AssistEngine, lines: list[Heard]) -> list[AssistEvent]:
    """Everything the engine says; time goes on by seconds in between."""
    events: list[AssistEvent] = []
    for before, line in pairwise([Heard("start", ChannelRole.AGENT, 0, 0, ""), *lines]):
        for second in range(before.end_ms // 1000 + 1, line.end_ms // 1000):
            events += engine.push(Tick(second * 1000))
        events += engine.push(line)
    return events


def offered(lines: Script) -> list[Guidance]:
    """The ladder's cards of a call."""
    events = played(AssistEngine(CallFacts("call"), shipped_playbook()), heard(lines))
    return [event for event in events if isinstance(event, Guidance) and event.stage.startswith("ladder")]


def analyzed(
    lines: Script, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> list[dict[str, str]]:
    """The ladder's cards as `koemori analyze` prints them."""
    file = tmp_path / "call.jsonl"
    rows = [
        {
            "call_id": "call",
            "speaker": line.speaker.value,
            "start_ms": line.start_ms,
            "end_ms": line.end_ms,
            "text": line.text,
        }
        for line in heard(lines)
    ]
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    assert cli.run(["analyze", str(file)]) == 0
    events = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    return [event for event in events if event["type"] == "guidance" and event["stage"].startswith("ladder")]


SKIPPING = {
    "ladder1": script(WARN, ANNOUNCE, CONSULT),
    "ladder2": script(ASK, TALK, "あと三分ほどで終了とさせていただきます。", CONSULT),
    "ladder3": script(ASK, WARN, CONSULT),
    "ladder4": script(ASK, WARN, ANNOUNCE),
}
FULL = script(ASK, WARN, ANNOUNCE, CONSULT)


@pytest.mark.parametrize("step", SKIPPING)
def test_ending_is_never_offered_when_a_step_was_skipped_which_comes_first(step: str) -> None:
    cards = offered(SKIPPING[step])
    assert cards[-1].stage == step
    assert "ladder5" not in {card.stage for card in cards}


def test_ending_is_offered_with_all_quotes_and_times_when_everything_was_said() -> None:
    cards = offered(FULL)
    assert list(dict.fromkeys(card.stage for card in cards)) == [f"ladder{n}" for n in range(1, 6)]
    for quote in (
        "お控えいただけます",
        "続きますと、ご対応を続けることができかね",
        "お電話を終了",
        "責任者に確認",
    ):
        assert quote in cards[-1].why
    assert re.findall(r"\d+:\d\d", cards[-1].why) == ["0:40", "1:20", "2:00", "2:40"]


@pytest.mark.parametrize("step", SKIPPING)
def test_analyze_never_offers_ending_when_a_step_was_skipped(
    step: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    stages = [card["stage"] for card in analyzed(SKIPPING[step], tmp_path, capsysbinary)]
    assert stages[-1] == step
    assert "ladder5" not in stages


def test_analyze_offers_ending_with_the_quotes_when_everything_was_said(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    last = analyzed(FULL, tmp_path, capsysbinary)[-1]
    assert last["stage"] == "ladder5"
    assert all(
        quote in last["why"] for quote in ("お控えいただけます", "続きますと", "お電話を終了", "責任者に確認")
    )


def test_words_to_a_superior_before_the_announcement_approve_of_nothing() -> None:
    cards = offered(script(CONSULT, ASK, WARN, ANNOUNCE))
    assert cards[-1].stage == "ladder4"


def test_a_superior_who_takes_over_approves_by_being_there() -> None:
    cards = offered(script(ASK, WARN, ANNOUNCE, "お電話代わりました、課長の東海林でございます。"))
    assert cards[-1].stage == "ladder5"


class Approving:
    """A call up to a point, a supervisor's click, and what follows."""

    def __init__(self, *replies: str, turns: int) -> None:
        self.engine = AssistEngine(CallFacts("call"), shipped_playbook())
        lines = heard(script(*replies))
        self.before = played(self.engine, lines[:turns])
        self.at_ms = lines[turns - 1].end_ms + 500
        self.rest = lines[turns:]
        self.came = self.engine.push(LadderApproved(self.at_ms, "boss", "管理 花子"))

    def goes_on(self) -> list[Guidance]:
        return [event for event in played(self.engine, self.rest) if isinstance(event, Guidance)]


def test_a_click_brings_the_ending_at_once_when_the_customer_had_gone_on_and_names_who_approved() -> None:
    call = Approving(ASK, WARN, ANNOUNCE, turns=8)
    approval, change, card = call.came
    assert approval == Approval(call.at_ms, "boss", "管理 花子", "ladder4")
    assert change == ChecklistChange("ladder4", True, call.at_ms, None)
    assert isinstance(card, Guidance)
    assert card.stage == "ladder5"
    assert "管理 花子(2:26)" in card.why
    assert card.expires_ms - card.at_ms == 180_000, (
        "an approved ending stands while the agent finds the moment"
    )
    assert "お控えいただけます" in card.why


def test_a_click_before_the_customer_goes_on_offers_the_ending_only_when_they_do() -> None:
    call = Approving(ASK, WARN, ANNOUNCE, turns=7)
    assert [type(event) for event in call.came] == [Approval, ChecklistChange]
    cards = [card for card in call.goes_on() if card.stage.startswith("ladder")]
    assert {card.stage for card in cards} == {"ladder5"}
    assert "管理 花子" in cards[0].why


def test_a_click_is_kept_also_when_the_agent_already_said_that_a_superior_is_asked() -> None:
    call = Approving(ASK, WARN, ANNOUNCE, CONSULT, turns=9)
    assert isinstance(call.came[0], Approval)
    assert not [event for event in call.came if isinstance(event, ChecklistChange)]


@pytest.mark.parametrize(("replies", "turns"), [((ASK, TALK, TALK), 8), ((ASK, WARN, TALK), 8), ((TALK,), 1)])
def test_a_click_counts_for_nothing_while_a_step_is_missing(replies: tuple[str, ...], turns: int) -> None:
    call = Approving(*replies, turns=turns)
    assert call.came == []
    standing = call.engine.ladder
    assert standing is None or not standing.awaits_approval


def test_one_approval_is_enough_and_a_second_click_changes_nothing() -> None:
    call = Approving(ASK, WARN, ANNOUNCE, turns=8)
    assert call.engine.push(LadderApproved(call.at_ms + 1, "other", "")) == []


def test_a_click_that_comes_too_long_after_the_announcement_counts_for_nothing() -> None:
    engine = AssistEngine(CallFacts("call"), shipped_playbook())
    lines = heard(script(ASK, WARN, ANNOUNCE))
    played(engine, lines[:8])
    late_ms = lines[7].end_ms + APPROVAL_MS + 1
    engine.push(Tick(late_ms))
    standing = engine.ladder
    assert standing is not None
    assert not standing.awaits_approval
    assert engine.push(LadderApproved(late_ms, "boss", "")) == []
    again = Heard("again", ChannelRole.CUSTOMER, late_ms, late_ms + 5_000, ABUSE[4])
    played(engine, [again])
    assert isinstance(engine.push(LadderApproved(again.end_ms, "boss", ""))[0], Approval)


def test_an_approval_that_grew_old_ends_no_call_and_is_asked_for_again() -> None:
    call = Approving(ASK, WARN, ANNOUNCE, turns=7)
    late_ms = call.at_ms + APPROVAL_MS + 1
    again = Heard("again", ChannelRole.CUSTOMER, late_ms, late_ms + 5_000, ABUSE[4])
    cards = [event for event in played(call.engine, [again]) if isinstance(event, Guidance)]
    assert [card.stage for card in cards] == ["ladder4"]
    second = call.engine.push(LadderApproved(again.end_ms + 1_000, "boss", ""))
    assert isinstance(second[0], Approval)
    assert isinstance(second[-1], Guidance)
    assert second[-1].stage == "ladder5"


def test_the_standing_shows_what_a_supervisor_is_asked_to_approve() -> None:
    engine = AssistEngine(CallFacts("call"), shipped_playbook())
    assert engine.ladder is None
    played(engine, heard(script(ASK, WARN, ANNOUNCE))[:8])
    standing = engine.ladder
    assert standing is not None
    assert standing.awaits_approval
    assert [said.step for said in standing.done] == ["ladder1", "ladder2", "ladder3"]
    assert all(said.quote for said in standing.done)


def test_after_a_hint_of_self_harm_no_step_towards_ending_is_offered() -> None:
    lines = script(ASK, WARN, ANNOUNCE, CONSULT)
    lines[7] = (ChannelRole.CUSTOMER, "もう死ぬしかないです。今ベランダに立ってます。")
    stages = [card.stage for card in offered(lines)]
    assert stages == ["ladder1", "ladder2", "ladder3"]

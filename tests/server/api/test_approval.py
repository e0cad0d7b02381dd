"""A supervisor approves of ending a call: only where it stands there, once, and kept with its events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from koemori.assist.engine import AssistEngine
from koemori.assist.ladder import LadderStanding
from koemori.assist.types import Approval, CallFacts, Heard, LadderApproved
from koemori.audio.call import CallId, ChannelRole
from koemori.server.calls.conversion import EventHead, assist_to_wire
from starlette.testclient import TestClient

from tests.fakes.conversation import shipped_playbook
from tests.fakes.office import Office

pytestmark = pytest.mark.integration

A, C = ChannelRole.AGENT, ChannelRole.CUSTOMER
LINES = (
    (C, "頭おかしいんじゃねえのか、このバカ。"),
    (A, "人格を否定するようなお言葉はお控えいただけますでしょうか。"),
    (C, "黙れ無能。お前みたいなゴミに金払ってると思うと反吐が出るわ。"),
    (A, "そのようなお言葉が続きますと、ご対応を続けることができかねます。"),
    (C, "このバカ女が、能無しのくせに偉そうにすんな。"),
    (A, "これ以上続くようでしたら、こちらからお電話を終了させていただきます。"),
    (C, "うるせえ、クズ。お前みたいな低能は辞めちまえ。"),
)


@dataclass
class EngineOnTheLine:
    """Live calls of which one has a real assist engine; what it answers is stored as the bus would."""

    office: Office
    call_id: CallId
    seq: int
    engine: AssistEngine = field(default_factory=lambda: AssistEngine(CallFacts("c"), shipped_playbook()))
    now_ms: int = 0

    def say(self, *lines: tuple[ChannelRole, str]) -> None:
        for who, text in lines:
            start_ms, self.now_ms = self.now_ms, self.now_ms + 20_000
            self.engine.push(Heard(f"u{start_ms}", who, start_ms, start_ms + 6_000, text))

    async def edit(self, _call_id: str, _values: Mapping[str, str]) -> bool:
        return False

    async def approve(self, call_id: str, user_name: str, display_name: str) -> Approval | None:
        if call_id != self.call_id:
            return None
        results = self.engine.push(LadderApproved(self.now_ms, user_name, display_name))
        for result in results:
            self.seq += 1
            head = EventHead(call_id=self.call_id, seq=self.seq, at_ms=result.at_ms, emitted_ms=None)
            self.office.records.append(self.call_id, [assist_to_wire(result, head)])
        return next((result for result in results if isinstance(result, Approval)), None)

    async def mask(self, _call_id: str, _reason: str, _seconds: float | None) -> None:
        raise AssertionError("nobody masks here")

    async def unmask(self, _call_id: str) -> None:
        raise AssertionError("nobody masks here")

    def ladder(self, call_id: str) -> LadderStanding | None:
        return self.engine.ladder if call_id == self.call_id else None

    def call_ids(self) -> tuple[CallId, ...]:
        return (self.call_id,)


@pytest.fixture
def line(office: Office) -> EngineOnTheLine:
    call_id = office.call(ended=False)
    found = EngineOnTheLine(office, call_id, seq=50)
    office.client.app.state.services = replace(office.services, live=found)  # type: ignore[attr-defined]
    return found


def approve(browser: TestClient, call_id: str) -> tuple[int, dict[str, Any]]:
    answer = browser.post(f"/api/v1/calls/{call_id}/ladder/approval")
    return answer.status_code, answer.json()


def test_a_supervisor_approves_once_and_the_call_keeps_who_it_was(
    office: Office, line: EngineOnTheLine
) -> None:
    line.say(*LINES)
    boss = office.browser("boss")
    assert approve(boss, line.call_id) == (
        201,
        {
            "call_id": line.call_id,
            "step": "ladder4",
            "approved_by": "boss",
            "approver_name": "管理 花子",
        },
    )
    kept = boss.get(f"/api/v1/calls/{line.call_id}/events", params={"after_seq": 50}).json()["items"]
    assert [event["type"] for event in kept] == ["approval", "checklist", "guidance"]
    assert (kept[0]["approved_by"], kept[0]["approver_name"]) == ("boss", "管理 花子")
    assert kept[2]["stage"] == "ladder5"
    assert "管理 花子" in kept[2]["why"]
    status, problem = approve(boss, line.call_id)
    assert (status, problem["code"]) == (409, "approval-not-due")


def test_a_call_that_does_not_stand_there_is_a_clear_problem(office: Office, line: EngineOnTheLine) -> None:
    line.say(*LINES[:4])
    status, problem = approve(office.browser("boss"), line.call_id)
    assert (status, problem["code"]) == (409, "approval-not-due")
    assert "announcement" in problem["detail"]


def test_a_call_that_is_over_cannot_be_approved_of(office: Office) -> None:
    status, problem = approve(office.browser("boss"), office.call())
    assert (status, problem["code"]) == (409, "call-ended")


@pytest.mark.parametrize("who", ["agent1", "agent2", "counsel"])
def test_nobody_but_a_supervisor_approves(office: Office, line: EngineOnTheLine, who: str) -> None:
    line.say(*LINES)
    status, problem = approve(office.browser(who), line.call_id)
    assert (status, problem["code"]) == (403, "not-allowed")


def test_the_board_shows_what_was_said_and_whether_approval_is_due(
    office: Office, line: EngineOnTheLine
) -> None:
    boss = office.browser("boss")

    def on_board() -> Any:
        return boss.get("/api/v1/wallboard").json()["calls"][0]["ladder"]

    assert on_board() is None
    line.say(*LINES[:4])
    assert on_board()["awaits_approval"] is False
    line.say(*LINES[4:])
    ladder = on_board()
    assert ladder["awaits_approval"] is True
    assert [step["step"] for step in ladder["done"]] == ["ladder1", "ladder2", "ladder3"]
    assert "お控えいただけます" in ladder["done"][0]["quote"]
    approve(boss, line.call_id)
    ladder = on_board()
    assert ladder["awaits_approval"] is False
    assert ladder["done"][-1]["approved_by"] == "管理 花子"

"""Masking a live call by hand: codes only, bounded, and only while the call is live."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from koemori.server.calls.masking_plan import MaskingStanding

from tests.fakes.office import Office

pytestmark = pytest.mark.integration


@dataclass
class Line:
    """Live calls of which one is going on; answers masking as a session does."""

    call_id: str
    asked: list[tuple[str, float | None]] = field(default_factory=list)

    async def mask(self, call_id: str, reason: str, seconds: float | None) -> MaskingStanding | None:
        self.asked.append((reason, seconds))
        return MaskingStanding(True, reason, 60_000) if call_id == self.call_id else None

    async def unmask(self, call_id: str) -> MaskingStanding | None:
        return MaskingStanding(False) if call_id == self.call_id else None


@pytest.fixture
def line(office: Office) -> Line:
    found = Line(office.call(ended=False))
    office.client.app.state.services = replace(office.services, live=found)  # type: ignore[attr-defined, arg-type]
    return found


def test_an_agent_masks_their_call_and_ends_it(office: Office, line: Line) -> None:
    agent = office.browser("agent1")
    masked = agent.post(f"/api/v1/calls/{line.call_id}/masking", json={"seconds": 120})
    assert (masked.status_code, masked.json()) == (
        200,
        {"masked": True, "reason": "button", "until_ms": 60_000},
    )
    assert agent.post(f"/api/v1/calls/{line.call_id}/masking").status_code == 200
    assert line.asked == [("button", 120), ("button", None)]
    over = agent.delete(f"/api/v1/calls/{line.call_id}/masking")
    assert (over.status_code, over.json()["masked"]) == (200, False)


@pytest.mark.parametrize(
    "body",
    [{"reason": "4111 1111"}, {"reason": "カード"}, {"seconds": 0}, {"seconds": 1e9}, {"digits": "4"}],
)
def test_words_and_endless_times_are_refused(office: Office, line: Line, body: dict[str, Any]) -> None:
    answer = office.browser("agent1").post(f"/api/v1/calls/{line.call_id}/masking", json=body)
    assert answer.status_code == 422
    assert line.asked == []


def test_a_call_that_is_over_is_not_masked(office: Office, line: Line) -> None:
    call_id = office.call()
    for method in ("POST", "DELETE"):
        answer = office.browser("agent1").request(method, f"/api/v1/calls/{call_id}/masking")
        assert (answer.status_code, answer.json()["code"]) == (409, "call-ended")


def test_a_card_number_that_is_typed_into_the_case_is_not_kept(office: Office) -> None:
    call_id = office.call()
    agent = office.browser("agent1")
    values = {"demand": "4111 1111 1111 1111 の決済を取り消す", "phone": "080-1111-2301"}
    answer = agent.patch(f"/api/v1/cases/{call_id}", json={"values": values})
    kept = {name: field["value"] for name, field in answer.json()["fields"].items()}
    assert kept == {"demand": "[カード番号] の決済を取り消す", "phone": "080-1111-2301"}

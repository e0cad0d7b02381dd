"""Cases over HTTP: an agent's entry always wins, on a live call and after it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from koemori.audio.call import CallId
from koemori.server.api.dependencies import Services
from koemori.server.bus import InProcessBus
from koemori.server.db.tables import AccessRow, CaseRevisionRow
from sqlalchemy import select

from tests.fakes.office import Office, case_event, ended_event

pytestmark = pytest.mark.integration


@dataclass
class OneLiveCall:
    """Live calls of which one answers edits as the assist engine does: with a case event on the bus."""

    bus: InProcessBus
    call_id: str
    seq: int
    revision: int = 1

    async def edit(self, call_id: str, values: Mapping[str, str]) -> bool:
        if call_id != self.call_id:
            return False
        self.seq += 1
        self.revision += 1
        await self.bus.publish(case_event(call_id, self.seq, self.revision, {"product": "掃除機"}, **values))
        return True

    async def approve(self, _call_id: str, _user_name: str, _display_name: str) -> None:
        return None

    async def mask(self, _call_id: str, _reason: str, _seconds: float | None) -> None:
        raise AssertionError("nobody masks here")

    async def unmask(self, _call_id: str) -> None:
        raise AssertionError("nobody masks here")

    def ladder(self, _call_id: str) -> None:
        return None

    def call_ids(self) -> tuple[CallId, ...]:
        return (CallId(self.call_id),)


def go_live(office: Office, call_id: str, seq: int) -> None:
    services: Services = office.services
    assert isinstance(services.bus, InProcessBus)
    live = OneLiveCall(services.bus, call_id, seq)
    office.client.app.state.services = replace(services, live=live)  # type: ignore[attr-defined]


def test_a_call_in_which_nothing_was_found_has_an_empty_case(office: Office) -> None:
    call_id = office.call()
    assert office.browser("agent1").get(f"/api/v1/cases/{call_id}").json() == {
        "call_id": call_id,
        "revision": 0,
        "updated_at": None,
        "fields": {},
        "end_state": "open",
        "harassment_categories": [],
        "demand_validity": "unknown",
        "manner": "calm",
        "summary": {},
        "tags": [],
        "record_keeping": None,
    }


def test_an_edit_after_the_call_is_a_confirmed_revision_with_its_author(office: Office) -> None:
    call_id = office.call(fields={"customer_name": "山田", "demand": "返金"})
    answer = office.browser("agent1").patch(
        f"/api/v1/cases/{call_id}", json={"values": {"customer_name": " 山田太郎 ", "demand": ""}}
    )
    assert answer.status_code == 200
    case = answer.json()
    assert case["revision"] == 2
    assert case["fields"] == {
        "customer_name": {"value": "山田太郎", "confidence": 1.0, "utterance_ids": [], "confirmed": True}
    }
    assert office.browser("boss").get(f"/api/v1/calls/{call_id}").json()["customer_name"] == "山田太郎"
    with office.services.database.read() as transaction:
        authors = transaction.execute(select(CaseRevisionRow.revision, CaseRevisionRow.edited_by)).all()
    assert [tuple(row) for row in authors] == [(1, None), (2, office.people["agent1"].user_id)]


def test_an_edit_on_a_live_call_goes_through_the_engine(office: Office) -> None:
    call_id = office.call(ended=False)
    go_live(office, call_id, seq=2)
    answer = office.browser("agent1").patch(f"/api/v1/cases/{call_id}", json={"values": {"demand": "返金"}})
    case = answer.json()
    assert case["revision"] == 2
    assert case["fields"]["demand"]["confirmed"] is True
    assert case["fields"]["product"]["confirmed"] is False


def look_ups(office: Office) -> list[tuple[str, str, str]]:
    with office.services.database.read() as transaction:
        rows = transaction.scalars(select(AccessRow).where(AccessRow.action == "look_up"))
        return [(row.recording_id, row.user_id, row.purpose) for row in rows]


def test_a_number_typed_into_a_live_call_leaves_a_custody_entry_on_each_call_it_shows(office: Office) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    earlier = office.call(started_at=yesterday, number="+819011112222")
    recording_id = office.recording(earlier, 0.2).recording_id
    office.recording(office.call(started_at=yesterday, number="09099998888"), 0.2)
    office.call(started_at=yesterday, number="09011112222")  # without a recording
    call_id = office.call(ended=False)
    go_live(office, call_id, seq=2)
    agent, url = office.browser("agent1"), f"/api/v1/cases/{call_id}"
    for values in ({"demand": "返金"}, {"phone": "090-1111-2222"}, {"phone": "090 1111 2222"}):
        assert agent.patch(url, json={"values": values}).status_code == 200
    assert look_ups(office) == [(recording_id, office.people["agent1"].user_id, f"{call_id}: phone")]
    (shown,) = office.browser("boss").get(f"/api/v1/recordings/{recording_id}").json()["accesses"]
    assert shown["action"] == "look_up"


def test_a_number_typed_after_the_call_shows_nothing_and_leaves_no_entry(office: Office) -> None:
    office.recording(office.call(started_at=datetime.now(UTC), number="09011112222"), 0.2)
    url = f"/api/v1/cases/{office.call()}"
    assert office.browser("agent1").patch(url, json={"values": {"phone": "09011112222"}}).status_code == 200
    assert look_ups(office) == []


def test_an_edit_as_the_call_ends_lands_on_the_last_revision(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    call_id = office.call(ended=False)
    looked = 0

    async def write_the_end_meanwhile(_seconds: float) -> None:
        nonlocal looked
        looked += 1
        last = case_event(call_id, 3, 1, {"product": "掃除機"})
        office.records.append(call_id, [last, ended_event(call_id, 4, 2000)])
        office.records.ended(call_id, ended_event(call_id, 4, 2000))

    monkeypatch.setattr(asyncio, "sleep", write_the_end_meanwhile)
    answer = office.browser("agent1").patch(f"/api/v1/cases/{call_id}", json={"values": {"demand": "返金"}})
    assert looked == 1
    assert answer.json()["revision"] == 2
    assert set(answer.json()["fields"]) == {"demand", "product"}


@pytest.mark.parametrize("values", [{}, {"password": "x"}, {"demand": "x" * 2001}, {"demand": None}])
def test_an_edit_of_anything_but_the_fields_is_refused(office: Office, values: dict[str, str]) -> None:
    call_id = office.call()
    answer = office.browser("agent1").patch(f"/api/v1/cases/{call_id}", json={"values": values})
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")

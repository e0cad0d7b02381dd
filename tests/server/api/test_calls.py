"""Calls over HTTP: lists, events, transcripts, help."""

from __future__ import annotations

from datetime import timedelta

import pytest
from koemori.assist.types import Category
from koemori.audio.call import CallId
from koemori.server.wire import AlertEvent

from tests.fakes.office import STARTED_AT, Office

pytestmark = pytest.mark.integration


def alert_event(call_id: CallId, seq: int, severity: int, quote: str) -> AlertEvent:
    return AlertEvent(
        call_id=call_id,
        seq=seq,
        at_ms=seq * 1000,
        alert_id=f"a-{seq}",
        category=Category.THREAT,
        severity=severity,
        harassment=True,
        rule_id="rule",
        utterance_ids=("1-0",),
        quote=quote,
        explanation="試験",
    )


def test_a_call_shows_agent_alert_case_and_recording(office: Office) -> None:
    call_id = office.call(
        alert=Category.THREAT,
        fields={"customer_name": "山田太郎"},
        number="+81 3-1234-5678",
        external_ids={"call_sid": "CA1"},
    )
    sealed = office.recording(call_id, 0.2)
    shown = office.browser("boss").get(f"/api/v1/calls/{call_id}").json()
    assert shown["agent_name"] == "応対 一郎"
    assert shown["customer_name"] == "山田太郎"
    assert shown["severity"] == 2
    assert shown["harassment_categories"] == ["threat"]
    assert shown["last_alert"] == {
        "category": "threat",
        "severity": 2,
        "quote": "つながらない",
        "at_ms": 1900,
    }
    assert shown["recording_id"] == sealed.recording_id
    assert shown["external_ids"] == {"call_sid": "CA1"}
    assert shown["state"] == "ended"
    assert shown["duration_ms"] == 2000
    assert [channel["role"] for channel in shown["channels"]] == ["agent", "customer"]


def test_a_call_shows_its_newest_alert_and_the_newest_of_its_gravest(office: Office) -> None:
    call_id = office.call(ended=False)
    told = [(2, "二度目"), (3, "殺すぞ"), (3, "刺すぞ"), (1, "うるさい")]
    office.records.append(
        call_id,
        [alert_event(call_id, 10 + n, severity, quote) for n, (severity, quote) in enumerate(told)],
    )
    (shown,) = office.browser("boss").get("/api/v1/calls", params={"state": "live"}).json()["items"]
    assert (shown["last_alert"]["quote"], shown["gravest_alert"]["quote"]) == ("うるさい", "刺すぞ")
    assert shown["severity"] == shown["gravest_alert"]["severity"] == 3


def test_pages_of_calls_follow_each_other_without_repeating_or_losing_one(office: Office) -> None:
    made = [office.call(started_at=STARTED_AT + timedelta(minutes=n // 2)) for n in range(7)]
    browser = office.browser("boss")
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(4):
        page = browser.get(
            "/api/v1/calls", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        ).json()
        seen += [call["call_id"] for call in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert sorted(seen) == sorted(made)
    assert len(set(seen)) == 7


@pytest.mark.parametrize("cursor", ["x", "e30", "WzEsMl0", "A" * 300, "WyIyMDI2LTAxLTAxIiwgIngiXQ", "å"])
def test_a_cursor_that_is_none_of_ours_is_refused(office: Office, cursor: str) -> None:
    answer = office.browser("boss").get("/api/v1/calls", params={"cursor": cursor})
    assert (answer.status_code, answer.json()["code"]) == (422, "cursor-invalid")


def test_calls_are_listed_by_state(office: Office) -> None:
    ended = office.call()
    live = office.call(ended=False)
    browser = office.browser("agent1")

    def ids(state: str) -> set[str]:
        return {call["call_id"] for call in browser.get(f"/api/v1/calls?state={state}").json()["items"]}

    assert (ids("live"), ids("ended"), ids("all")) == ({live}, {ended}, {live, ended})


def test_events_come_in_pages_by_seq(office: Office) -> None:
    call_id = office.call(lines=[("agent", "お電話ありがとうございます"), ("customer", "はい")])
    browser = office.browser("agent1")
    first = browser.get(f"/api/v1/calls/{call_id}/events?limit=2").json()
    rest = browser.get(f"/api/v1/calls/{call_id}/events?after_seq={first['next_after_seq']}").json()
    assert [event["seq"] for event in first["items"] + rest["items"]] == [1, 2, 3, 4]
    assert rest["next_after_seq"] is None
    assert rest["items"][-1]["type"] == "call_ended"


def test_a_transcript_is_ordered_by_when_it_was_said(office: Office) -> None:
    call_id = office.call(lines=[("agent", "はい"), ("customer", "もしもし")], alert=Category.THREAT)
    shown = office.browser("agent1").get(f"/api/v1/calls/{call_id}/transcript").json()
    assert [(line["speaker"], line["text"]) for line in shown["utterances"]] == [
        ("agent", "はい"),
        ("customer", "もしもし"),
    ]
    assert [alert["category"] for alert in shown["alerts"]] == ["threat"]


def test_asking_for_help_shows_until_it_is_settled(office: Office) -> None:
    call_id = office.call(ended=False)
    agent, boss = office.browser("agent1"), office.browser("boss")
    first = agent.post(f"/api/v1/calls/{call_id}/help")
    again = agent.post(f"/api/v1/calls/{call_id}/help")
    assert first.status_code == again.status_code == 202
    assert first.json()["help_requested_at"] == again.json()["help_requested_at"] is not None
    assert boss.get("/api/v1/wallboard").json()["calls"][0]["help_requested_at"] is not None
    assert boss.delete(f"/api/v1/calls/{call_id}/help").status_code == 204
    assert agent.get(f"/api/v1/calls/{call_id}").json()["help_requested_at"] is None


def test_help_on_an_ended_call_is_refused_and_an_open_request_ends_with_the_call(office: Office) -> None:
    call_id = office.call(ended=False)
    agent = office.browser("agent1")
    agent.post(f"/api/v1/calls/{call_id}/help")
    office.end(call_id, 3, 2000)
    assert agent.get(f"/api/v1/calls/{call_id}").json()["help_requested_at"] is None
    assert agent.post(f"/api/v1/calls/{call_id}/help").json()["code"] == "call-ended"


def test_an_unknown_call_is_not_found(office: Office) -> None:
    answer = office.browser("boss").get("/api/v1/calls/01JNOSUCHCALL")
    assert (answer.status_code, answer.json()["code"]) == (404, "call-not-found")


def test_supervisors_see_which_agent_is_on_which_call(office: Office) -> None:
    live = office.call("agent2", ended=False)
    items = office.browser("boss").get("/api/v1/users/agents").json()["items"]
    assert [(agent["username"], agent["live_call_ids"]) for agent in items] == [
        ("agent1", []),
        ("agent2", [live]),
    ]

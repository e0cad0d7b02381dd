"""Operational events over HTTP: once each, late or not, and joined with the calls they speak of."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from koemori.server.cti.signing import sign
from koemori.server.db.tables import CallerKeyRow

from tests.fakes.office import Office, open_office

pytestmark = pytest.mark.integration


def event(event_id: str, kind: str, call_id: str = "pbx-1", **more: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {
        "source": "pbx",
        "event_id": event_id,
        "occurred_at": now,
        "type": kind,
        "call_id": call_id,
    } | more


def post(office: Office, body: Any, **headers: str) -> Any:
    return office.client.post("/api/v1/events", json=body, headers=headers)


def test_an_event_counts_once_however_often_it_is_sent(office: Office) -> None:
    first = post(office, event("e1", "queue.joined", queue="claims"))
    again = post(office, event("e1", "queue.joined", queue="claims"))
    assert (first.status_code, first.json()) == (202, {"accepted": True, "duplicate": False})
    assert (again.status_code, again.json()) == (202, {"accepted": False, "duplicate": True})
    board = office.browser("boss").get("/api/v1/wallboard").json()
    assert [(queue["queue"], queue["waiting"]) for queue in board["queues"]] == [("claims", 1)]


def test_anothers_web_page_on_this_machine_is_no_phone_system(office: Office) -> None:
    refused = post(
        office, event("e1", "queue.joined", queue="claims"), Origin="http://elsewhere.example:8410"
    )
    assert (refused.status_code, refused.json()["code"]) == (401, "token-invalid")


def test_a_late_event_corrects_the_board(office: Office) -> None:
    now = datetime.now(UTC)
    post(office, event("e2", "agent.connected", queue="claims", occurred_at=now.isoformat()))
    joined = (now - timedelta(seconds=8)).isoformat()
    post(office, event("e1", "queue.joined", queue="claims", occurred_at=joined))
    (queue,) = office.browser("boss").get("/api/v1/wallboard").json()["queues"]
    assert (queue["answered"], queue["asa_s"], queue["service_level"], queue["incomplete"]) == (1, 8, 1, 0)


def test_thresholds_come_from_the_settings(tmp_path: Path) -> None:
    with open_office(tmp_path, queues={"claims": {"threshold_s": 45, "short_abandon_s": 3}}) as office:
        board = office.browser("boss").get("/api/v1/wallboard").json()
        assert [(row["queue"], row["service_level_threshold_s"]) for row in board["queues"]] == [
            ("claims", 45)
        ]
        assert board["formulas"]["service_level"]["formula"].startswith("answered within")


@pytest.mark.parametrize("before", [True, False])
def test_events_fill_in_queue_agent_and_number_of_the_call_they_name(office: Office, before: bool) -> None:
    events = [
        event("e1", "queue.joined", queue="claims", linked_id="CA9", **{"from": "+81312345678"}),
        event("e2", "agent.ringing", agent_id="agent1", linked_id="CA9"),
        event("e3", "agent.connected", agent_id="agent2", linked_id="CA9"),
    ]
    if before:
        for body in events:
            post(office, body)
    call_id = office.call(agent=None, ended=False, external_ids={"call_sid": "CA9"})
    if not before:
        for body in events:
            post(office, body)
    shown = office.browser("agent2").get(f"/api/v1/calls/{call_id}").json()
    assert (shown["queue"], shown["agent_id"], shown["customer_number"]) == (
        "claims",
        "agent2",
        "+81312345678",
    )
    with office.services.database.read() as transaction:
        key = transaction.get(CallerKeyRow, (call_id, "phone"))
    assert key is not None
    assert key.key == "0312345678"


def test_what_the_call_knows_by_itself_is_not_overwritten(office: Office) -> None:
    call_id = office.call("agent1", number="0312345678", external_ids={"call_sid": "CA9"})
    post(office, event("e3", "agent.connected", "CA9", agent_id="agent2", **{"from": "110"}))
    shown = office.browser("boss").get(f"/api/v1/calls/{call_id}").json()
    assert (shown["agent_id"], shown["customer_number"]) == ("agent1", "0312345678")


@pytest.mark.parametrize(
    "change",
    [
        {"type": "queue.exploded"},
        {"occurred_at": "2026-11-20T12:00:00"},
        {"occurred_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat()},
        {"event_id": ""},
        {"wait_s": -1},
        {"wait_s": "NaN"},
        {"queue": "x" * 129},
        {"wait": 3},
        {"call_id": None},
    ],
)
def test_an_event_that_does_not_fit_the_schema_is_refused(office: Office, change: dict[str, Any]) -> None:
    answer = post(office, event("e1", "queue.joined", queue="claims") | change)
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["source", "event_id", "type", "call_id", "raw", "from"]), inner
            )
        ),
        max_leaves=8,
    )
)
def test_no_body_whatever_breaks_the_service(office: Office, body: Any) -> None:
    assert post(office, body).status_code in {202, 422}


def test_with_a_token_configured_only_its_holder_may_send(tmp_path: Path) -> None:
    token_file = tmp_path / "cti.token"
    token_file.write_text("s3cret-token\n", encoding="utf-8")
    with open_office(tmp_path, cti={"token_file": token_file}) as office:
        body = event("e1", "queue.joined", queue="claims")
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret-token"}):
            answer = post(office, body, **headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "token-invalid")
        assert post(office, body, Authorization="Bearer s3cret-token").status_code == 202


def test_without_a_token_only_this_machine_may_send_and_no_proxy_may_speak_for_it(office: Office) -> None:
    body = event("e1", "queue.joined", queue="claims")
    assert post(office, body, **{"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    assert post(office, body).status_code == 202


def test_the_board_lists_live_calls_worst_first(office: Office) -> None:
    from koemori.assist.types import Category

    calm = office.call("agent1", ended=False)
    rough = office.call("agent2", ended=False, alert=Category.THREAT)
    office.call("agent2")
    board = office.browser("boss").get("/api/v1/wallboard").json()
    assert [call["call_id"] for call in board["calls"]] == [rough, calm]


def signed(office: Office, body: bytes, headers: dict[str, str]) -> Any:
    return office.client.post(
        "/api/v1/events", content=body, headers={"Content-Type": "application/json", **headers}
    )


def test_a_signed_event_is_taken_once_and_a_changed_one_never(tmp_path: Path) -> None:
    key_file = tmp_path / "cti.key"
    key_file.write_text("geheim\n", encoding="utf-8")
    with open_office(tmp_path, cti={"signing_key_file": key_file}) as office:
        body = json.dumps(event("e1", "queue.joined", queue="claims")).encode()
        headers = sign("geheim", body, int(time.time()))
        assert signed(office, body, headers).status_code == 202
        old = sign("geheim", body, int(time.time()) - 3600)
        for again, proof in ((body, headers), (body + b" ", headers), (body, old), (body, {})):
            answer = signed(office, again, proof)
            assert (answer.status_code, answer.json()["code"]) == (401, "signature-invalid")
        counted = office.client.get("/metrics").text
        assert 'koemori_ingest_errors_total{code="events-signature-invalid"} 4.0' in counted


def test_events_in_a_systems_own_words_are_mapped(office: Office) -> None:
    body = {
        "id": "1",
        "time": datetime.now(UTC).isoformat(),
        "detail": {
            "eventType": "QUEUED",
            "channel": "VOICE",
            "contactId": "c-1",
            "queueInfo": {"queueArn": "arn:aws:connect:x:1:instance/2/queue/claims"},
        },
    }
    for expected in ({"accepted": 1, "duplicates": 0}, {"accepted": 0, "duplicates": 1}):
        answer = office.client.post(
            "/api/v1/events/amazon-connect", json=body, headers={"Origin": "https://elsewhere.example"}
        )
        assert answer.status_code == 401
        answer = office.client.post("/api/v1/events/amazon-connect", json=body)
        assert (answer.status_code, answer.json()) == (202, expected)
    board = office.browser("boss").get("/api/v1/wallboard").json()
    assert [(queue["queue"], queue["waiting"]) for queue in board["queues"]] == [("claims", 1)]


@pytest.mark.parametrize(
    ("name", "body", "status", "code"),
    [
        ("unknown", {}, 404, "mapper-unknown"),
        ("genesys", "text", 422, "request-invalid"),
        ("genesys", [{}] * 101, 422, "request-invalid"),
        (
            "amazon-connect",
            {"detail": {"eventType": "QUEUED", "channel": "VOICE"}},
            422,
            "request-invalid",
        ),
    ],
)
def test_what_no_mapper_can_read_is_refused(
    office: Office, name: str, body: Any, status: int, code: str
) -> None:
    answer = office.client.post(f"/api/v1/events/{name}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_body_that_is_too_large_is_refused(office: Office) -> None:
    answer = post(office, event("e1", "queue.joined", raw={"x": "y" * 70_000}))
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
    answer = post(office, event("e1", "queue.joined", raw={"x": "y" * 40_000}))
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")

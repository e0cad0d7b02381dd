"""The desk's socket: who may open it, what it sends, and that nothing is lost or doubled."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from koemori.assist.types import Category
from koemori.audio.call import ChannelRole
from koemori.server.bus import InProcessBus
from koemori.server.wire import AssistanceEvent, AssistanceLevel, PartialEvent, WireEvent
from koemori.server.ws import connection
from starlette.websockets import WebSocketDisconnect

from tests.fakes.desk import SOCKET_URL, live_call, page, publish
from tests.fakes.office import Office, call_started, ended_event, scripted_events, utterance
from tests.server.api.test_cases import go_live

pytestmark = pytest.mark.integration


def test_a_desk_shows_its_agents_live_calls_and_no_others(office: Office) -> None:
    mine = office.call("agent1", ended=False)
    office.call("agent2", ended=False)
    office.call("agent1", ended=True)
    with page(office.browser("agent1")) as desk:
        assert [call["call_id"] for call in desk.receive("calls")["items"]] == [mine]
    with page(office.browser("boss")) as desk:
        assert len(desk.receive("calls")["items"]) == 2


def test_the_list_is_sent_again_when_a_call_begins_changes_and_ends(office: Office) -> None:
    with page(office.browser("agent1")) as desk:
        assert desk.receive("calls")["items"] == []
        call_id = office.call("agent1", ended=False)
        assert [call["severity"] for call in desk.receive("calls")["items"]] == [0]
        alert = scripted_events(call_id, [], Category.THREAT)[-1].model_copy(update={"seq": 3})
        office.records.append(call_id, [alert])
        assert [call["severity"] for call in desk.receive("calls")["items"]] == [2]
        office.end(call_id, 4, 2000)
        assert desk.receive("calls")["items"] == []


def test_a_new_call_on_the_bus_reaches_the_desk_without_waiting_for_the_next_look(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("koemori.server.ws.desk._LIST_EVERY_S", 600.0)
    bus = office.services.bus
    assert isinstance(bus, InProcessBus)
    with page(office.browser("agent1")) as desk:
        desk.receive("calls")
        started = call_started("agent1")
        assert office.client.portal is not None
        office.client.portal.call(bus.call_started, started)
        publish(office, *scripted_events(started.call_id, []))
        assert [call["call_id"] for call in desk.receive("calls")["items"]] == [started.call_id]


def test_kept_events_come_first_and_live_ones_after_them(office: Office) -> None:
    call_id = live_call(office, lines=[("customer", "もしもし")])
    with page(office.browser("agent1"), call_id=call_id) as desk:
        kept = desk.events(until_seq=2)
        publish(office, utterance(call_id, 3, "agent", "はい", 2000))
        live = desk.events(until_seq=3)
    assert [event["seq"] for event in kept + live] == [1, 2, 3]
    assert live[0]["text"] == "はい"
    assert live[0]["v"] == 1


def test_a_page_goes_on_after_the_seq_it_has(office: Office) -> None:
    call_id = office.call(lines=[("agent", "一"), ("customer", "二"), ("agent", "三")])
    with page(office.browser("agent1")) as desk:
        desk.send(type="subscribe", call_id=call_id, after_seq=3)
        assert [event["seq"] for event in desk.events(until_seq=5)] == [4, 5]


def script(call_id: str, kinds: list[bool]) -> list[WireEvent]:
    """Partials (True) and utterances after `call_started`; `seq` from 2, then the end."""
    events: list[WireEvent] = []
    for number, is_partial in enumerate(kinds):
        seq = number + 2
        if is_partial:
            events.append(
                PartialEvent(
                    call_id=call_id,
                    seq=seq,
                    at_ms=number * 100,
                    speaker=ChannelRole.CUSTOMER,
                    utterance_id="1-0",
                    revision=number,
                    stable="",
                    unstable="あ",
                )
            )
        else:
            events.append(utterance(call_id, seq, "customer", "あ", number * 100))
    return [*events, ended_event(call_id, len(kinds) + 2, 1000)]


steps = st.lists(
    st.tuples(st.booleans(), st.sampled_from(["stay", "drop", "drop-late", "wait"])), max_size=25
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps)
def test_however_often_the_socket_dies_no_event_is_lost_doubled_or_out_of_order(
    office: Office, plan: list[tuple[bool, str]]
) -> None:
    call_id = live_call(office)
    events = script(call_id, [is_partial for is_partial, _ in plan])
    browser = office.browser("agent1")
    seen: list[int] = []
    pending = list(events)
    moves = iter([move for _, move in plan] + ["stay"])
    while pending:
        with page(browser, call_id=call_id, after_seq=seen[-1] if seen else 0) as desk:
            while pending:
                event = pending.pop(0)
                publish(office, event)
                move = next(moves)
                if move == "wait":
                    time.sleep(0.06)
                if move in {"stay", "wait"} and pending:
                    continue
                if move == "drop" and pending:
                    break
                seen += [one["seq"] for one in desk.events(until_seq=event.seq)]
                if move == "drop-late":
                    break
    assert seen == sorted(set(seen))
    kept = {event.seq for event in events if event.type != "partial"} | {1}
    assert kept <= set(seen)


def test_an_edit_is_acknowledged_and_the_case_follows(office: Office) -> None:
    call_id = live_call(office, lines=[("customer", "もしもし")])
    go_live(office, call_id, seq=2)
    with page(office.browser("agent1"), call_id=call_id) as desk:
        desk.events(until_seq=2)
        desk.send(type="edit", edit_id="x1", call_id=call_id, values={"demand": "返金"})
        seen = [desk.receive("case", "edited") for _ in range(2)]
    answers = {message["type"]: message for message in seen}
    assert answers["edited"] == {"type": "edited", "edit_id": "x1", "ok": True, "code": None}
    assert answers["case"]["fields"]["demand"]["confirmed"] is True


@pytest.mark.parametrize(
    ("agent", "values", "code"),
    [("agent2", {"demand": "x"}, "not-allowed"), ("agent1", {"x": "y"}, "request-invalid")],
)
def test_an_edit_that_cannot_be_is_refused_with_a_code(
    office: Office, agent: str, values: dict[str, str], code: str
) -> None:
    call_id = office.call("agent1", ended=False)
    with page(office.browser(agent)) as desk:
        desk.send(type="edit", edit_id="x1", call_id=call_id, values=values)
        assert desk.receive("edited") == {"type": "edited", "edit_id": "x1", "ok": False, "code": code}


@pytest.mark.parametrize(("call", "code"), [("theirs", "not-allowed"), ("none", "call-not-found")])
def test_a_call_that_is_not_ones_own_is_refused_and_the_socket_goes_on(
    office: Office, call: str, code: str
) -> None:
    call_id = office.call("agent2", ended=False) if call == "theirs" else "none"
    with page(office.browser("agent1"), call_id=call_id) as desk:
        assert desk.receive("error")["code"] == code
        desk.send(type="ping")
        assert desk.receive("pong") == {"type": "pong"}


def test_an_unsubscribed_call_sends_no_more(office: Office) -> None:
    call_id = live_call(office, lines=[("customer", "もしもし")])
    with page(office.browser("agent1"), call_id=call_id) as desk:
        desk.events(until_seq=2)
        desk.send(type="unsubscribe", call_id=call_id)
        desk.send(type="ping")
        desk.receive("pong")
        publish(office, utterance(call_id, 3, "agent", "はい", 2000))
        desk.send(type="ping")
        assert desk.receive("pong", "utterance")["type"] == "pong"


@pytest.mark.parametrize("origin", [None, "https://evil.example"])
def test_a_page_of_another_origin_is_not_let_in(office: Office, origin: str | None) -> None:
    browser = office.browser("agent1")
    if origin is None:
        del browser.headers["Origin"]
    else:
        browser.headers["Origin"] = origin
    with pytest.raises(WebSocketDisconnect) as refused, browser.websocket_connect(SOCKET_URL + "/ws/desk"):
        pass
    assert refused.value.code == 4403


@pytest.mark.parametrize("ticket", ["wrong", "used"])
def test_only_a_fresh_ticket_opens_the_desk(office: Office, ticket: str) -> None:
    browser = office.browser("agent1")
    if ticket == "used":
        ticket = browser.post("/api/v1/ws-tickets").json()["ticket"]
        with page(browser, ticket=ticket) as desk:
            desk.receive("calls")
    with page(browser, ticket=ticket) as desk:
        assert desk.closed() == (4401, "expected a fresh ticket")


@pytest.mark.parametrize(("who", "path"), [("counsel", "/ws/desk"), ("agent1", "/ws/wallboard")])
def test_a_role_without_the_right_is_closed_out(office: Office, who: str, path: str) -> None:
    with page(office.browser(who), path) as socket:
        assert socket.closed()[0] == 4403


def test_signing_out_closes_the_desk_at_once(office: Office) -> None:
    browser = office.browser("agent1")
    with page(browser) as desk:
        desk.receive("calls")
        browser.delete("/api/v1/session")
        assert desk.closed() == (4401, "sign in again")


def test_a_session_that_ends_elsewhere_is_noticed_at_the_next_look(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "RECHECK_S", 0.05)
    with page(office.browser("agent1")) as desk:
        desk.receive("calls")
        office.services.accounts.disable("agent1")
        assert desk.closed() == (4401, "sign in again")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("not json", 4400),
        ("[]", 4400),
        ('{"type":"dance"}', 4400),
        ('{"type":"hello","ticket":"again"}', 4400),
        ('{"type":"subscribe","call_id":"x","after_seq":-1}', 4400),
        ('{"type":"ping","x":"' + "あ" * 12_000 + '"}', 4413),
        (b"\x00", 4400),
    ],
)
def test_a_message_that_cannot_be_is_answered_by_closing(office: Office, raw: str | bytes, code: int) -> None:
    with page(office.browser("agent1")) as desk:
        desk.receive("calls")
        if isinstance(raw, bytes):
            desk.socket.send_bytes(raw)
        else:
            desk.socket.send_text(raw)
        assert desk.closed()[0] == code


def test_the_first_message_must_be_a_hello_and_must_come(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = office.browser("agent1")
    with browser.websocket_connect(SOCKET_URL + "/ws/desk") as socket:
        socket.send_text('{"type":"ping"}')
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_text()
    assert closed.value.code == 4408
    monkeypatch.setattr(connection, "HELLO_PATIENCE_S", 0.05)
    with (
        browser.websocket_connect(SOCKET_URL + "/ws/desk") as socket,
        pytest.raises(WebSocketDisconnect) as closed,
    ):
        socket.receive_text()
    assert closed.value.code == 4408


def test_too_many_messages_too_many_calls_and_too_many_edits_are_too_much(office: Office) -> None:
    call_id = office.call(ended=False)
    browser = office.browser("agent1")
    floods: list[dict[str, Any]] = [
        {"type": "ping"},
        {"type": "edit", "edit_id": "x", "call_id": call_id, "values": {"demand": "x"}},
    ]
    for message in floods:
        with page(browser) as desk:
            for _ in range(100):
                desk.socket.send_text(json.dumps(message))
            assert desk.closed()[0] == 4413
    calls = [live_call(office) for _ in range(9)]
    with page(browser) as desk:
        for call in calls:
            desk.send(type="subscribe", call_id=call)
        assert desk.closed() == (4413, "too many calls at once")


def test_a_reader_that_falls_behind_is_told_to_come_back(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from koemori.server import bus

    monkeypatch.setattr(bus, "QUEUE_LIMIT", 5)
    call_id = live_call(office, lines=[("customer", "もしもし")])
    with page(office.browser("agent1"), call_id=call_id) as desk:
        desk.events(until_seq=2)
        assert office.client.portal is not None

        async def burst() -> None:
            for number in range(40):
                await office.services.bus.publish(utterance(call_id, 3 + number, "agent", "はい", number))

        office.client.portal.call(burst)
        code, reason = desk.closed()
    assert (code, reason) == (4429, "too far behind; connect again from your last seq")


def test_the_list_says_what_the_recogniser_sheds_in_a_call(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("koemori.server.ws.desk._LIST_EVERY_S", 600.0)
    call_id = live_call(office)
    with page(office.browser("agent1")) as desk:
        assert [call["assistance"] for call in desk.receive("calls")["items"]] == [None]
        for seq, level in ((50, AssistanceLevel.SHEDDING), (51, AssistanceLevel.NORMAL)):
            publish(office, AssistanceEvent(call_id=call_id, seq=seq, at_ms=1000, level=level))
            shed = None if level is AssistanceLevel.NORMAL else level.value
            assert [call["assistance"] for call in desk.receive("calls")["items"]] == [shed]
    board = office.browser("boss").get("/api/v1/wallboard").json()
    assert [call["assistance"] for call in board["calls"]] == [None]

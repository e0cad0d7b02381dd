"""Every operation with every kind of person: the whole table of who may do what, default deny."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from koemori.server import http
from koemori.server.api import routers
from koemori.server.auth.origins import Origins
from starlette.testclient import TestClient

from tests.fakes.office import STARTED_AT, Office, open_office

pytestmark = pytest.mark.integration

OWNER, COLLEAGUE, BOSS, COUNSEL, NOBODY = "agent1", "agent2", "boss", "counsel", "nobody"
EVERYONE = {OWNER, COLLEAGUE, BOSS, COUNSEL}
ANYBODY = EVERYONE | {NOBODY}

ALLOWED: dict[str, set[str]] = {
    "signIn": ANYBODY,
    "getSession": EVERYONE,
    "signOut": EVERYONE,
    "createWsTicket": EVERYONE,
    "listCalls": EVERYONE,
    "getCall": {OWNER, BOSS, COUNSEL},
    "listCallEvents": {OWNER, BOSS, COUNSEL},
    "getTranscript": {OWNER, BOSS, COUNSEL},
    "askForHelp": {OWNER},
    "closeHelp": {OWNER, BOSS},
    "startMasking": {OWNER, BOSS},
    "stopMasking": {OWNER, BOSS},
    "approveEnding": {BOSS},
    "getCase": {OWNER, BOSS, COUNSEL},
    "editCase": {OWNER, BOSS},
    "listRecordings": EVERYONE,
    "getRecording": {OWNER, BOSS, COUNSEL},
    "verifyRecording": {BOSS, COUNSEL},
    "createAccess": {OWNER, BOSS, COUNSEL},
    "getAudio": {OWNER, BOSS, COUNSEL},
    "getWaveform": {OWNER, BOSS, COUNSEL},
    "createReuse": {BOSS, COUNSEL},
    "getRedacted": {BOSS, COUNSEL},
    "getWallboard": {BOSS},
    "listAgents": {BOSS},
    "listSoftphones": {OWNER, COLLEAGUE},
    "getPlaybook": EVERYONE,
    "listPlaybooks": EVERYONE,
    "listRuleWordings": EVERYONE,
    "reloadPlaybook": {BOSS},
    "getAlertRule": {OWNER, BOSS, COUNSEL},
    "postEvent": ANYBODY,
    "postMappedEvents": ANYBODY,
    "openTrunkCall": ANYBODY,
    "closeTrunkCall": ANYBODY,
    "listTrunks": {BOSS},
    "getHealth": ANYBODY,
}
"""Who gets past the door on an ended call of agent1 that was recorded."""

LIVE_REFUSALS = {"getCall", "listCallEvents", "getTranscript", "getCase"}
"""What legal may do with a call only when it is over."""

BODIES: dict[str, dict[str, Any]] = {
    "postMappedEvents": {"id": "1"},
    "openTrunkCall": {},
    "editCase": {"values": {"demand": "返金"}},
    "verifyRecording": {"purpose": "確認"},
    "createAccess": {"purpose": "確認"},
    "createReuse": {"purpose": "研修"},
}


@dataclass
class Scene:
    """A recorded call and a live one, and a browser for each kind of person."""

    office: Office
    call_id: str
    live_call_id: str
    recording_id: str
    browsers: dict[str, TestClient]

    def ask(self, route: APIRoute, who: str, call_id: str | None = None) -> int:
        path = routers.PREFIX + route.path.removeprefix(routers.PREFIX).format(
            call_id=call_id or self.call_id,
            recording_id=self.recording_id,
            access_id="01ABC",
            alert_id="a-1",
            rule_id="threat.kill",
            mapper="genesys",
            trunk="pbx",
            name="call",
        )
        (method,) = route.methods
        body = BODIES.get(str(route.operation_id))
        return self.browsers[who].request(method, path, json=body).status_code


def operations() -> list[APIRoute]:
    app = http.build(Origins(None))
    found: list[APIRoute] = []
    pending: list[Any] = list(app.routes)
    while pending:
        route = pending.pop()
        if isinstance(route, APIRoute) and route.operation_id is not None:
            found.append(route)
        inner = getattr(route, "original_router", None) or getattr(route, "router", None)
        pending.extend(getattr(inner, "routes", []))
    return sorted(found, key=lambda route: str(route.operation_id))


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    home: Path = tmp_path_factory.mktemp("rights")
    with open_office(home) as office:
        call_id = office.call("agent1")
        live = office.call("agent1", ended=False, started_at=STARTED_AT + timedelta(hours=1))
        recording = office.recording(call_id, seconds=0.2)
        browsers = {name: office.browser(name) for name in EVERYONE} | {NOBODY: office.browser()}
        yield Scene(office, call_id, live, recording.recording_id, browsers)


def test_the_table_names_exactly_the_operations_there_are() -> None:
    assert {str(route.operation_id) for route in operations()} == set(ALLOWED)


@pytest.mark.parametrize("who", sorted(ANYBODY))
@pytest.mark.parametrize("route", operations(), ids=lambda route: str(route.operation_id))
def test_only_who_is_in_the_table_gets_past_the_door(scene: Scene, route: APIRoute, who: str) -> None:
    operation = str(route.operation_id)
    if operation == "signOut" and who != NOBODY:
        scene.browsers[who] = scene.office.browser(who)
    status = scene.ask(route, who)
    if operation == "signOut" and who != NOBODY:
        scene.browsers[who] = scene.office.browser(who)
    if who in ALLOWED[operation]:
        assert status not in {401, 403} or operation == "signIn"
    else:
        assert status == (401 if who == NOBODY else 403)


@pytest.mark.parametrize("operation", sorted(LIVE_REFUSALS))
def test_legal_cannot_look_into_a_live_call(scene: Scene, operation: str) -> None:
    route = next(route for route in operations() if route.operation_id == operation)
    assert scene.ask(route, COUNSEL, scene.live_call_id) == 403
    assert scene.ask(route, OWNER, scene.live_call_id) == 200
    assert scene.ask(route, BOSS, scene.live_call_id) == 200


def test_lists_hold_exactly_what_may_be_opened(scene: Scene) -> None:
    seen = {
        who: {call["call_id"] for call in scene.browsers[who].get("/api/v1/calls").json()["items"]}
        for who in EVERYONE
    }
    both = {scene.call_id, scene.live_call_id}
    assert seen == {OWNER: both, COLLEAGUE: set(), BOSS: both, COUNSEL: {scene.call_id}}
    found = {who: len(scene.browsers[who].get("/api/v1/recordings").json()["items"]) for who in EVERYONE}
    assert found == {OWNER: 1, COLLEAGUE: 0, BOSS: 1, COUNSEL: 1}


def test_a_route_that_declares_no_right_stops_the_application_from_being_built(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forgotten = APIRouter()
    forgotten.add_api_route("/forgotten", lambda: {}, methods=["GET"], operation_id="forgotten")
    monkeypatch.setattr(routers.health, "router", forgotten)
    with pytest.raises(routers.UndeclaredRightError, match="/forgotten"):
        routers.build()

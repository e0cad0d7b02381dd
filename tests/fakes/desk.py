"""A page's end of `/ws/desk` and `/ws/wallboard` for tests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from koemori.audio.call import CallId
from koemori.server.bus import InProcessBus
from koemori.server.wire import WireEvent
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from tests.fakes.office import ORIGIN, Office, SocketsEnd, call_started, scripted_events

SOCKET_URL = "ws" + ORIGIN.removeprefix("http")


class Page:
    """What a page sees on its socket."""

    def __init__(self, socket: WebSocketTestSession) -> None:
        self.socket = socket

    def send(self, **message: Any) -> None:
        """Send one message."""
        self.socket.send_text(json.dumps(message))

    def receive(self, *types: str) -> dict[str, Any]:
        """The next message of one of these types; others are passed over, calls lists above all."""
        while True:
            message: dict[str, Any] = json.loads(self.socket.receive_text())
            if not types or message["type"] in types:
                return message

    def events(self, until_seq: int) -> list[dict[str, Any]]:
        """Events of the subscribed call up to one, in order of arrival."""
        found: list[dict[str, Any]] = []
        while not found or found[-1]["seq"] < until_seq:
            message = self.receive()
            if "seq" in message:
                found.append(message)
        return found

    def closed(self) -> tuple[int, str]:
        """Wait until the service closes; the code and the reason."""
        try:
            while True:
                self.socket.receive_text()
        except WebSocketDisconnect as gone:
            return gone.code, gone.reason


@contextmanager
def page(browser: TestClient, path: str = "/ws/desk", **hello: Any) -> Iterator[Page]:
    """A socket after its hello, with a fresh ticket unless `hello` brings one."""
    if "ticket" not in hello:
        hello["ticket"] = browser.post("/api/v1/ws-tickets").json()["ticket"]
    with browser.websocket_connect(SOCKET_URL + path) as socket:
        opened = Page(socket)
        opened.send(type="hello", **hello)
        yield opened
        # Leaving without waiting would cancel the application in the middle of noticing it.
        socket.close()
        assert socket.scope[SocketsEnd.ENDED].wait(10)


def publish(office: Office, *events: WireEvent) -> None:
    """Put events on the bus as a session does."""
    bus = office.services.bus
    assert isinstance(bus, InProcessBus)
    portal = office.client.portal
    assert portal is not None
    for event in events:
        portal.call(bus.publish, event)


def live_call(office: Office, agent: str = "agent1", lines: Sequence[tuple[str, str]] = ()) -> CallId:
    """A call that goes on: begun on the bus as a session does it, and known to the database."""
    bus = office.services.bus
    assert isinstance(bus, InProcessBus)
    portal = office.client.portal
    assert portal is not None
    started = call_started(agent)
    events = scripted_events(started.call_id, lines)
    portal.call(bus.call_started, started)
    publish(office, *events)
    deadline = time.monotonic() + 10
    while len(office.records.read(started.call_id, 0, 1000)) < len(events):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return started.call_id

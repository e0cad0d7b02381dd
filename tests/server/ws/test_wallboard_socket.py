"""The wallboard's socket: the board now, and again in each second in which it changed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.fakes.desk import page
from tests.fakes.office import Office

pytestmark = pytest.mark.integration


def test_the_board_is_the_one_of_http_and_follows_what_happens(office: Office) -> None:
    browser = office.browser("boss")
    with page(browser, "/ws/wallboard") as board:
        first = board.receive("wallboard")
        assert (first["queues"], first["calls"]) == ([], [])
        over_http = browser.get("/api/v1/wallboard").json()
        assert set(first) == set(over_http) | {"type"}
        call_id = office.call("agent1", ended=False)
        second = board.receive("wallboard")
        assert [call["call_id"] for call in second["calls"]] == [call_id]
        office.client.post(
            "/api/v1/events",
            json={
                "source": "pbx", "event_id": "1", "occurred_at": datetime.now(UTC).isoformat(),
                "type": "queue.joined", "call_id": "p1", "queue": "claims",
            },
        )  # fmt: skip
        third = board.receive("wallboard")
        assert [(queue["queue"], queue["waiting"]) for queue in third["queues"]] == [("claims", 1)]
        assert third["queues"][0]["longest_wait_s"] >= 0


def test_the_board_answers_pings_and_nothing_else(office: Office) -> None:
    with page(office.browser("boss"), "/ws/wallboard") as board:
        board.send(type="ping")
        assert board.receive("pong") == {"type": "pong"}
        board.send(type="subscribe", call_id="x")
        assert board.closed()[0] == 4400

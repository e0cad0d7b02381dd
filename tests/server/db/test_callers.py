"""Earlier calls of one person: found by number, by contract number, by name; in that order of trust."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from koemori.assist.types import CallerKnown, EndState, MatchedBy
from koemori.server.calls.caller_keys import keys_of
from koemori.server.calls.callers import CallerFinder, in_database
from koemori.server.db.call_store import CallRecords
from koemori.server.db.engine import Database

from tests.fakes.office import call_started, case_event, ended_event, open_database

pytestmark = pytest.mark.integration


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    yield opened
    opened.close()


def past_call(
    database: Database, days_ago: float, fields: dict[str, str], number: str | None = None, ended: bool = True
) -> str:
    records = CallRecords(database)
    started = call_started(started_at=datetime.now(UTC) - timedelta(days=days_ago), number=number)
    records.call_started(started)
    records.append(started.call_id, [case_event(started.call_id, 1, 1, fields)])
    if ended:
        last = ended_event(started.call_id, 2, 60_000)
        records.append(started.call_id, [last])
        records.ended(started.call_id, last)
    return started.call_id


async def found(database: Database, days: int = 180, **fields: str) -> list[tuple[str, str]]:
    calls = await in_database(database, days)("now", keys_of(fields))
    return [(call.call_id, call.matched_by.value) for call in calls]


async def test_a_number_is_the_same_however_it_is_written(database: Database) -> None:
    one = past_call(database, 3, {"demand": "返金"}, number="+819011112222")
    two = past_call(database, 1, {"phone": "090-1111-2222"})
    past_call(database, 2, {}, number="09099998888")
    assert await found(database, phone="090 1111 2222") == [(two, "phone"), (one, "phone")]


async def test_the_surest_match_is_named_and_each_call_comes_once(database: Database) -> None:
    one = past_call(database, 1, {"customer_name": "山田", "order_or_contract_number": "K-77120"})
    two = past_call(database, 2, {"customer_name": "山田"})
    assert await found(database, customer_name="山田", order_or_contract_number="k77120") == [
        (one, "number"),
        (two, "name"),
    ]


async def test_live_old_and_unnamed_calls_are_left_out(database: Database) -> None:
    past_call(database, 0.1, {"phone": "09011112222"}, ended=False)
    past_call(database, 200, {"phone": "09011112222"})
    past_call(database, 1, {"demand": "返金"})
    assert await found(database, phone="09011112222") == []
    assert await found(database) == []
    assert len(await found(database, days=365, phone="09011112222")) == 1


async def test_what_an_earlier_call_came_to_is_told(database: Database) -> None:
    past_call(database, 1, {"phone": "09011112222", "demand": "全額返金", "promises": "書面で回答"})
    (call,) = await in_database(database, 30)("now", {MatchedBy.PHONE: "09011112222"})
    assert (call.demand, call.promises, call.end_state) == ("全額返金", "書面で回答", EndState.OPEN)


async def test_the_finder_asks_only_when_something_new_is_known(database: Database) -> None:
    past_call(database, 1, {"phone": "09011112222", "customer_name": "山田"})
    finder = CallerFinder("now", in_database(database, 30))
    assert await finder.known(0, {}) is None
    known = await finder.known(10, {"customer_name": "山田"})
    assert isinstance(known, CallerKnown)
    assert [call.matched_by for call in known.calls] == [MatchedBy.NAME]
    assert await finder.known(20, {"customer_name": "山田"}) is None
    surer = await finder.known(30, {"customer_name": "山田", "phone": "090-1111-2222"})
    assert surer is not None
    assert [call.matched_by for call in surer.calls] == [MatchedBy.PHONE]


async def test_a_database_that_fails_costs_only_the_history(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(_call_id: str, _keys: object) -> tuple[()]:
        raise OSError("no disk for 09011112222")

    finder = CallerFinder("now", broken)
    assert await finder.known(0, {"phone": "09011112222"}) is None
    assert "not found out" in caplog.text
    assert "0901111" not in caplog.text

"""Earlier calls of one person: found by number, by contract number, by name; in that order of trust."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from koemori.assist.types import CallerKnown, EarlierCall, EndState, MatchedBy
from koemori.audio.call import CallId
from koemori.server.calls.caller_keys import keys_of
from koemori.server.calls.callers import MOST_LOOK_UPS, CallerFinder, in_database
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


@pytest.mark.parametrize("phone", ["1001", "0000", "8190"])
def test_an_extension_is_no_persons_number(phone: str) -> None:
    assert keys_of({"phone": phone}) == {}


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


@pytest.mark.parametrize("name", [" ", "・", "…"])
async def test_signs_are_nobodys_name(database: Database, name: str) -> None:
    past_call(database, 1, {"customer_name": name})
    assert keys_of({"customer_name": name}) == {}
    assert await found(database, customer_name="・") == []


async def test_a_field_that_was_emptied_finds_nobody_any_more(database: Database) -> None:
    one = CallId(past_call(database, 1, {"customer_name": "山田", "phone": "09011112222"}, ended=False))
    records = CallRecords(database)
    records.append(one, [case_event(one, 2, 2, {"customer_name": "山田", "phone": ""})])
    last = ended_event(one, 3, 60_000)
    records.append(one, [last])
    records.ended(one, last)
    assert await found(database, phone="09011112222") == []
    assert await found(database, customer_name="山田") == [(one, "name")]


async def test_a_revision_that_comes_late_tells_nothing_of_the_caller(database: Database) -> None:
    one = CallId(past_call(database, 1, {"demand": "返金"}, ended=False))
    records = CallRecords(database)
    records.append(one, [case_event(one, 2, 3, {"phone": "09011112222"})])
    records.append(one, [case_event(one, 3, 2, {"phone": "09099998888"})])
    last = ended_event(one, 4, 60_000)
    records.append(one, [last])
    records.ended(one, last)
    assert await found(database, phone="09011112222") == [(one, "phone")]
    assert await found(database, phone="09099998888") == []


async def test_who_was_misheard_is_forgotten_with_the_field(database: Database) -> None:
    past_call(database, 1, {"phone": "09011112222"})
    finder = CallerFinder("now", in_database(database, 30))
    known = await finder.known(10, {"phone": "09011112222"})
    assert known is not None
    assert len(known.calls) == 1
    assert await finder.known(20, {"phone": ""}) == CallerKnown(20, ())


async def test_an_answer_that_a_newer_question_overtook_is_dropped() -> None:
    go_on = asyncio.Event()

    async def slow_at_first(_call_id: str, keys: Mapping[MatchedBy, str]) -> tuple[EarlierCall, ...]:
        if MatchedBy.NUMBER not in keys:
            await go_on.wait()
        return ()

    finder = CallerFinder("now", slow_at_first)
    older = asyncio.create_task(finder.known(10, {"phone": "09011112222"}))
    await asyncio.sleep(0)
    assert await finder.known(20, {"order_or_contract_number": "K-77120"}) == CallerKnown(20, ())
    go_on.set()
    assert await older is None


async def test_a_form_is_no_way_to_leaf_through_everybodys_calls() -> None:
    asked: list[str] = []

    async def look_up(_call_id: str, keys: Mapping[MatchedBy, str]) -> tuple[EarlierCall, ...]:
        asked.extend(keys.values())
        return ()

    finder = CallerFinder("now", look_up)
    for number in range(MOST_LOOK_UPS + 5):
        await finder.known(number, {"phone": f"0901111{number:04}"})
    assert len(asked) == MOST_LOOK_UPS

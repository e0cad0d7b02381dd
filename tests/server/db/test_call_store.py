"""What sessions write: idempotent, in step with what lists and searches show."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from koemori.assist.types import Category
from koemori.audio.call import CallId, ChannelRole
from koemori.audio.signals import CallUpdated, UpdateKind
from koemori.server.auth.permissions import Action, CallResource, Identity, Role, decide
from koemori.server.calls.caller_keys import name_key, phone_key
from koemori.server.db.call_store import CallRecords, DatabaseCallStore, UnknownCallError
from koemori.server.db.engine import Database
from koemori.server.db.tables import CallerKeyRow, CallRow, CaseRow, ExternalIdRow, UtteranceRow
from koemori.server.search.sqlite import SqliteTranscriptIndex
from koemori.server.search.words import terms
from koemori.server.wire import AssistanceEvent, AssistanceLevel
from sqlalchemy import func, select

from tests.fakes.office import (
    STARTED_AT,
    call_started,
    case_event,
    ended_event,
    open_database,
    scripted_events,
    utterance,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    yield opened
    opened.close()


async def test_events_come_back_as_they_were_given_each_once(database: Database) -> None:
    store = DatabaseCallStore(CallRecords(database))
    started = call_started()
    events = scripted_events(
        started.call_id, [("agent", "はい"), ("customer", "もしもし")], Category.THREAT, {"demand": "返金"}
    )
    await store.call_started(started)
    await store.call_started(started)
    await store.append(started.call_id, events[:3])
    await store.append(started.call_id, events)
    assert await store.read(started.call_id) == events
    assert await store.read(started.call_id, after_seq=3) == events[3:]
    assert await store.read(started.call_id, after_seq=1, limit=1) == events[1:2]
    assert await store.read(CallId("unknown")) == []
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(UtteranceRow)) == 2


def test_a_later_reader_sees_when_assistance_was_reduced(database: Database) -> None:
    records = CallRecords(database)
    started = call_started()
    records.call_started(started)
    levels = (AssistanceLevel.PARTIALS_REDUCED, AssistanceLevel.SHEDDING, AssistanceLevel.NORMAL)
    told = [
        AssistanceEvent(
            call_id=started.call_id, seq=seq, at_ms=seq * 1000, level=level, partial_interval_ms=1500
        )
        for seq, level in enumerate(levels, start=2)
    ]
    records.append(started.call_id, told)
    assert records.read(started.call_id, 0, 100) == told


def test_the_end_closes_the_call_at_its_media_time(database: Database) -> None:
    records = CallRecords(database)
    started = call_started()
    records.call_started(started)
    last = ended_event(started.call_id, 2, 90_500)
    records.append(started.call_id, [last])
    records.ended(started.call_id, last)
    with database.read() as session:
        call = session.get_one(CallRow, started.call_id)
    assert (call.state, call.duration_ms, call.end_reason, call.last_seq) == ("ended", 90_500, "completed", 2)
    assert call.ended_at == STARTED_AT + timedelta(milliseconds=90_500)


def test_events_of_a_call_that_never_began_are_refused(database: Database) -> None:
    with pytest.raises(UnknownCallError):
        CallRecords(database).append(CallId("none"), [utterance("none", 1, "agent", "はい", 0)])


def test_an_older_revision_never_replaces_a_newer_one(database: Database) -> None:
    records = CallRecords(database)
    started = call_started()
    records.call_started(started)
    records.append(started.call_id, [case_event(started.call_id, 1, 2, {"demand": "返金"})])
    records.append(started.call_id, [case_event(started.call_id, 2, 1, {"demand": "交換"})])
    with database.read() as session:
        case = session.get_one(CaseRow, started.call_id)
    assert (case.revision, case.body["fields"]["demand"]["value"]) == (2, "返金")


def test_a_name_in_the_case_makes_the_call_findable_by_spelling_and_reading(database: Database) -> None:
    records = CallRecords(database)
    started = call_started()
    records.call_started(started)
    fields = {"customer_name": "山田", "phone": "090-1111-2222"}
    records.append(started.call_id, [case_event(started.call_id, 1, 1, fields)])
    with database.read() as session:
        call = session.get_one(CallRow, started.call_id)
    assert (call.customer_name, call.customer_number, call.customer_digits) == (
        "山田",
        "090-1111-2222",
        "09011112222",
    )
    assert call.customer_key == name_key("山田")
    assert "やまだ" in name_key("山田")


@pytest.mark.parametrize(
    ("number", "key"),
    [
        ("+81-3-1234-5678", "0312345678"),
        ("０３（１２３４）５６７８", "0312345678"),
        ("+1 555 0100", "15550100"),
        ("81312345678", "81312345678"),
        ("", ""),
    ],
)
def test_numbers_are_compared_by_their_digits(number: str, key: str) -> None:
    assert phone_key(number) == key


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("土下座", True), ("どげざ", True), ("ドゲザ", True), ("ﾄﾞｹﾞｻﾞ", True), ("座", True), ("ABC", True),
        ("ａｂｃ", True), ("50%", True), ("5", True), ("土下座 ABC", True), ("土下座 XYZ", False),
        ("ざ", True), ("*", None), ('"', None), ("", None), ("NEAR(土下座)", False),
        ("normalized:土下座", False), ("OR", False), ("_", None),
    ],
)  # fmt: skip
def test_words_are_found_whatever_way_they_are_written(
    database: Database, query: str, found: bool | None
) -> None:
    records = CallRecords(database)
    started = call_started()
    records.call_started(started)
    records.append(
        started.call_id, [utterance(started.call_id, 1, "customer", "土下座しろ、50%返せ。abcだ", 0)]
    )
    index, searched = SqliteTranscriptIndex(), terms(query)
    if found is None:
        assert searched == ()
        return
    with database.read() as session:
        calls = [set(session.scalars(index.calls_with(term))) for term in searched]
        hits = index.hits(session, searched, [started.call_id], 5)
    assert all(call_ids == {started.call_id} for call_ids in calls) == found
    assert bool(hits.get(started.call_id)) == any(calls)


def test_a_kanji_read_in_one_kana_is_not_heard_in_every_sentence(database: Database) -> None:
    records = CallRecords(database)
    started = call_started()
    records.call_started(started)
    records.append(started.call_id, [utterance(started.call_id, 1, "agent", "ありがとうございます", 0)])
    (term,) = terms("座")
    with database.read() as session:
        assert session.scalars(SqliteTranscriptIndex().calls_with(term)).all() == []


def test_what_becomes_known_of_a_call_changes_who_may_see_it(database: Database) -> None:
    records = CallRecords(database)
    started = call_started("agent1")
    records.call_started(started)
    update = CallUpdated(
        started.call_id,
        5000,
        UpdateKind.TRANSFERRED,
        external_ids={"linked_id": "178.9"},
        agent_id="agent2",
        customer_number="+81312345678",
        queue="claims",
        roles={0: ChannelRole.UNKNOWN},
    )
    records.call_updated(update)
    records.call_updated(update)
    with database.read() as session:
        call = session.get_one(CallRow, started.call_id)
        key = session.get_one(CallerKeyRow, (started.call_id, "phone"))
        name = session.get_one(ExternalIdRow, (started.call_id, "linked_id"))
    assert (call.agent_id, call.queue, call.customer_digits) == ("agent2", "claims", "0312345678")
    assert [channel["role"] for channel in call.channels] == ["unknown", "customer"]
    assert (key.key, name.value) == ("0312345678", "178.9")
    for who, allowed in (("agent1", False), ("agent2", True)):
        identity = Identity("u", who, who, Role.AGENT, "ja")
        assert decide(identity, Action.CALL_READ, CallResource(call.agent_id, live=True)).allowed is allowed

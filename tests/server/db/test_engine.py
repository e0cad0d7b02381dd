"""Transactions: kept or not at all, and writers that wait for each other."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.server.db.cursors import CursorError, Position, read_cursor
from koemori.server.db.tables import ExternalIdRow, UserRow, UtcDateTime
from sqlalchemy import func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError

from tests.fakes.office import open_database

pytestmark = pytest.mark.integration


def user(name: str) -> UserRow:
    return UserRow(
        user_id=name,
        username=name,
        display_name=name,
        password_hash="",
        role="agent",
        locale="ja",
        created_at=datetime.now(UTC),
    )


def test_an_error_inside_a_write_keeps_nothing_of_it(tmp_path: Path) -> None:
    database = open_database(tmp_path)

    def fail_half_way() -> None:
        with database.write() as session:
            session.add(user("a"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(UserRow)) == 0
    database.close()


def test_a_row_that_points_nowhere_is_refused(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with pytest.raises(IntegrityError), database.write() as session:
        session.add(ExternalIdRow(call_id="none", name="x", value="y"))
    database.close()


def test_the_text_of_a_database_error_carries_no_values(tmp_path: Path) -> None:
    database = open_database(tmp_path)

    def clash() -> None:
        with database.write() as session:
            session.add_all([user("secret-name"), user("secret-name")])

    with pytest.raises(IntegrityError) as failed:
        clash()
    database.close()
    assert "secret-name" not in str(failed.value)


def test_writers_from_many_threads_wait_for_each_other(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for step in range(5):
                with database.write() as session:
                    count = session.scalar(select(func.count()).select_from(UserRow))
                    session.add(user(f"{number}-{step}-{count}"))
        except BaseException as error:  # reported below
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database.read() as session:
        names = session.scalars(select(UserRow.username)).all()
    assert sorted(int(name.split("-")[2]) for name in names) == list(range(30))
    database.close()


def test_a_time_without_a_zone_never_reaches_the_database() -> None:
    with pytest.raises(ValueError, match="time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), sqlite.dialect())  # noqa: DTZ001 - the point


@given(st.datetimes(timezones=st.just(UTC)), st.text(max_size=30))
def test_a_cursor_names_the_position_it_was_made_from(at: datetime, identifier: str) -> None:
    position = Position(at, identifier)
    if len(position.cursor()) <= 200:
        assert read_cursor(position.cursor()) == position


@given(st.text(max_size=40))
def test_any_other_text_is_no_cursor(text: str) -> None:
    with pytest.raises(CursorError):
        read_cursor(text)

"""Accounts and sessions on a real database, with a clock that tests turn."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from koemori.server.auth.accounts import AccountError, Accounts
from koemori.server.auth.passwords import Passwords, WeakPasswordError
from koemori.server.auth.permissions import Role
from koemori.server.auth.sessions import ABSOLUTE, IDLE, Sessions
from koemori.server.db.engine import Database
from koemori.server.db.tables import SessionRow, UserRow
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tests.fakes.office import PASSWORD, cheap_passwords, open_database

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


class Clock:
    """A wall clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def turn(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_database(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def accounts(database: Database) -> Accounts:
    found = Accounts(database, cheap_passwords())
    found.add("agent1", PASSWORD, Role.AGENT)
    return found


def test_a_password_is_kept_as_an_argon2id_hash_only(accounts: Accounts, database: Database) -> None:
    with database.read() as session:
        stored = session.scalars(select(UserRow.password_hash)).one()
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


def test_the_usual_cost_is_at_least_the_low_memory_profile_of_rfc_9106() -> None:
    hashed = Passwords().hash(PASSWORD)
    assert "m=65536,t=3,p=4" in hashed


def test_names_and_passwords_are_checked(accounts: Accounts) -> None:
    assert accounts.check("agent1", PASSWORD) is not None
    assert accounts.check("agent1", PASSWORD + "x") is None
    assert accounts.check("agent1", "") is None
    assert accounts.check("agent1", "x" * 10_000) is None
    assert accounts.check("nobody", PASSWORD) is None


@pytest.mark.parametrize("name", ["", "Agent", "a b", "a" * 65, "山田", "a/b", "agent1"])
def test_a_user_name_that_cannot_be_one_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(AccountError, match="expected a user name"):
        accounts.add(name, PASSWORD, Role.AGENT)


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
def test_a_password_that_is_too_short_or_too_long_is_refused(accounts: Accounts, password: str) -> None:
    with pytest.raises(WeakPasswordError, match="expected 10 to 256 characters"):
        accounts.add("agent3", password, Role.AGENT)


def test_an_unknown_account_cannot_be_changed(accounts: Accounts) -> None:
    with pytest.raises(AccountError):
        accounts.set_password("nobody", PASSWORD)
    with pytest.raises(AccountError):
        accounts.disable("nobody")


def test_a_hash_of_older_cost_is_made_again_at_the_next_sign_in(
    accounts: Accounts, database: Database
) -> None:
    stronger = Accounts(database, Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)))
    assert stronger.check("agent1", PASSWORD) is not None
    with database.read() as session:
        assert "m=16,t=2" in session.scalars(select(UserRow.password_hash)).one()
    assert stronger.check("agent1", PASSWORD) is not None


def test_a_session_is_found_by_its_token_which_is_kept_as_a_hash(
    accounts: Accounts, database: Database
) -> None:
    identity = accounts.check("agent1", PASSWORD)
    assert identity is not None
    sessions = Sessions(database, Clock())
    token = sessions.open(identity)
    found = sessions.find(token)
    assert found is not None
    assert found.identity == identity
    assert sessions.find(token + "x") is None
    with database.read() as session:
        (row,) = session.scalars(select(SessionRow)).all()
    assert token not in row.token_sha256
    assert len(token) >= 43


def test_a_session_ends_when_idle_and_in_any_case_after_a_working_day(
    accounts: Accounts, database: Database
) -> None:
    identity = accounts.check("agent1", PASSWORD)
    assert identity is not None
    clock = Clock()
    sessions = Sessions(database, clock)
    idle, busy = sessions.open(identity), sessions.open(identity)
    while clock.now - NOW < ABSOLUTE - IDLE:
        clock.turn(IDLE - timedelta(minutes=1))
        assert sessions.find(busy) is not None
    assert sessions.find(idle) is None
    clock.now = NOW + ABSOLUTE - timedelta(seconds=1)
    assert sessions.find(busy) is not None
    clock.turn(timedelta(seconds=1))
    assert sessions.find(busy) is None
    sessions.open(identity)
    with database.read() as session:
        assert len(session.scalars(select(SessionRow)).all()) == 3
    clock.turn(timedelta(seconds=1))
    sessions.open(identity)
    with database.read() as session:
        assert len(session.scalars(select(SessionRow)).all()) == 2


def test_a_new_password_ends_every_session(accounts: Accounts, database: Database) -> None:
    identity = accounts.check("agent1", PASSWORD)
    assert identity is not None
    sessions = Sessions(database)
    token = sessions.open(identity)
    accounts.set_password("agent1", PASSWORD + " 2")
    assert sessions.find(token) is None
    assert accounts.check("agent1", PASSWORD) is None
    assert accounts.check("agent1", PASSWORD + " 2") is not None


def test_looking_without_touching_does_not_keep_a_session_alive(
    accounts: Accounts, database: Database
) -> None:
    identity = accounts.check("agent1", PASSWORD)
    assert identity is not None
    clock = Clock()
    sessions = Sessions(database, clock)
    token = sessions.open(identity)
    found = sessions.find(token)
    assert found is not None
    clock.turn(IDLE - timedelta(minutes=1))
    assert sessions.find_by_digest(found.token_sha256, touch=False) is not None
    clock.turn(timedelta(minutes=1))
    assert sessions.find_by_digest(found.token_sha256, touch=True) is None


def test_a_database_that_takes_no_writes_signs_nobody_out(
    database: Database, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    sessions = Sessions(database, clock)
    identity = accounts.check("agent1", PASSWORD)
    assert identity is not None
    token = sessions.open(identity)
    clock.turn(timedelta(minutes=5))

    def locked() -> None:
        raise OperationalError("BEGIN IMMEDIATE", None, sqlite3.OperationalError("database is locked"))

    monkeypatch.setattr(database, "write", locked)
    assert sessions.find(token) is not None

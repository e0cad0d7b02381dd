"""Local accounts: made and changed from the command line, checked at sign-in."""

from __future__ import annotations

from datetime import UTC, datetime

from koemori.audio.errors import KoemoriError
from koemori.server.auth.passwords import Passwords
from koemori.server.auth.permissions import Identity, Role
from koemori.server.db.engine import Database
from koemori.server.db.repositories import users
from koemori.server.db.tables import UserRow
from ulid import ULID

_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_MAX_NAME_CHARACTERS = 64


class AccountError(KoemoriError):
    """An account that cannot be made or changed."""

    code = "account"

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"account: expected {expected}; got {came}")
        self.expected = expected
        self.came = came


class Accounts:
    """The people who may sign in."""

    def __init__(self, database: Database, passwords: Passwords | None = None) -> None:
        self._database = database
        self._passwords = passwords or Passwords()

    def add(
        self, username: str, password: str, role: Role, *, display_name: str = "", locale: str = "ja"
    ) -> Identity:
        """Make an account.

        Raises:
            AccountError: The user name is taken, too long, or has other characters than a-z 0-9 . _ -
            WeakPasswordError: Too short or too long a password.
        """
        if not username or len(username) > _MAX_NAME_CHARACTERS or set(username) - _NAME_CHARACTERS:
            raise AccountError("a user name of 1 to 64 characters from a-z 0-9 . _ -", "another")
        row = UserRow(
            user_id=str(ULID()),
            username=username,
            display_name=display_name or username,
            password_hash=self._passwords.hash(password),
            role=role.value,
            locale=locale,
            created_at=datetime.now(UTC),
        )
        with self._database.write() as session:
            if users.by_username(session, username) is not None:
                raise AccountError("a user name that is free", "one that is taken")
            session.add(row)
        return identity_of(row)

    def set_password(self, username: str, password: str) -> None:
        """Change a password; ends the person's sessions.

        Raises:
            AccountError: No such user.
            WeakPasswordError: Too short or too long a password.
        """
        stored = self._passwords.hash(password)
        with self._database.write() as session:
            row = _existing(users.by_username(session, username))
            row.password_hash = stored
            users.revoke_sessions(session, row.user_id, datetime.now(UTC))

    def disable(self, username: str) -> None:
        """Bar an account; ends the person's sessions. The account stays, since records name it.

        Raises:
            AccountError: No such user.
        """
        now = datetime.now(UTC)
        with self._database.write() as session:
            row = _existing(users.by_username(session, username))
            row.disabled_at = now
            users.revoke_sessions(session, row.user_id, now)

    def check(self, username: str, password: str) -> Identity | None:
        """The person, when user name and password are right and the account is not disabled."""
        with self._database.read() as session:
            row = users.by_username(session, username)
        active = row is not None and row.disabled_at is None
        stored = row.password_hash if row is not None and active else None
        if not self._passwords.matches(stored, password) or row is None:
            return None
        if self._passwords.outdated(row.password_hash):
            with self._database.write() as session:
                _existing(users.by_username(session, username)).password_hash = self._passwords.hash(password)
        return identity_of(row)


def identity_of(row: UserRow) -> Identity:
    """The person an account stands for."""
    return Identity(row.user_id, row.username, row.display_name, Role(row.role), row.locale)


def _existing(row: UserRow | None) -> UserRow:
    if row is None:
        raise AccountError("a user name that exists", "an unknown one")
    return row

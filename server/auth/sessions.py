"""Server-side sessions: a random token in a cookie, its hash in the database.

A session ends when it is revoked (signing out, a new password, a disabled account), when it was not used for
`IDLE`, and in any case after `ABSOLUTE`.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from koemori.server.auth.accounts import identity_of
from koemori.server.auth.permissions import Identity
from koemori.server.db.engine import Database
from koemori.server.db.repositories import users
from koemori.server.db.tables import SessionRow
from sqlalchemy.exc import OperationalError

logger = logging.getLogger(__name__)

IDLE = timedelta(hours=2)
ABSOLUTE = timedelta(hours=12)
_TOKEN_BYTES = 32
_TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ActiveSession:
    """A valid session; `token_sha256` names it without giving the token away."""

    token_sha256: str
    identity: Identity


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Sessions:
    """Opens, finds and revokes sessions. Blocking; call it in a worker thread."""

    def __init__(self, database: Database, now: Callable[[], datetime] = _utc_now) -> None:
        self._database = database
        self._now = now

    def open(self, identity: Identity) -> str:
        """A new session; returns its token, which is kept nowhere else."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now = self._now()
        with self._database.write() as session:
            users.delete_sessions_before(session, now - ABSOLUTE)
            session.add(
                SessionRow(
                    token_sha256=_digest(token),
                    user_id=identity.user_id,
                    created_at=now,
                    last_seen_at=now,
                )
            )
        return token

    def find(self, token: str) -> ActiveSession | None:
        """The session of a cookie's token; using it keeps it from going idle."""
        return self.find_by_digest(_digest(token), touch=True)

    def find_by_digest(self, token_sha256: str, *, touch: bool) -> ActiveSession | None:
        """The session of that digest while it is valid; with `touch`, this counts as use."""
        now = self._now()
        with self._database.read() as session:
            found = users.session_with_user(session, token_sha256)
        if found is None:
            return None
        row, user = found
        expired = now - row.created_at >= ABSOLUTE or now - row.last_seen_at >= IDLE
        if expired or row.revoked_at is not None or user.disabled_at is not None:
            return None
        if touch and now - row.last_seen_at >= _TOUCH_EVERY:
            self._touch(token_sha256, now)
        return ActiveSession(token_sha256, identity_of(user))

    def _touch(self, token_sha256: str, now: datetime) -> None:
        """Note the use; a database that can only be read must not sign anyone out."""
        try:
            with self._database.write() as session:
                users.touch_session(session, token_sha256, now)
        except OperationalError as error:
            logger.warning("use of a session not noted", extra={"error": type(error).__name__})

    def revoke(self, token_sha256: str) -> None:
        """End a session; ending one that has ended is no error."""
        with self._database.write() as session:
            users.revoke_session(session, token_sha256, self._now())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()

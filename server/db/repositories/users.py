"""Accounts and their sessions."""

from __future__ import annotations

from datetime import datetime

from koemori.server.db.tables import SessionRow, UserRow
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session


def by_username(session: Session, username: str) -> UserRow | None:
    """The account of that user name."""
    return session.scalars(select(UserRow).where(UserRow.username == username)).one_or_none()


def with_role(session: Session, role: str) -> list[UserRow]:
    """Accounts of a role that are not disabled, by user name."""
    query = (
        select(UserRow).where(UserRow.role == role, UserRow.disabled_at.is_(None)).order_by(UserRow.username)
    )
    return list(session.scalars(query))


def session_with_user(session: Session, token_sha256: str) -> tuple[SessionRow, UserRow] | None:
    """A session and the account it belongs to."""
    query = (
        select(SessionRow, UserRow)
        .join(UserRow, UserRow.user_id == SessionRow.user_id)
        .where(SessionRow.token_sha256 == token_sha256)
    )
    found = session.execute(query).one_or_none()
    return None if found is None else (found[0], found[1])


def touch_session(session: Session, token_sha256: str, now: datetime) -> None:
    """Note that a session was used."""
    session.execute(
        update(SessionRow).where(SessionRow.token_sha256 == token_sha256).values(last_seen_at=now)
    )


def revoke_session(session: Session, token_sha256: str, now: datetime) -> None:
    """End one session."""
    session.execute(
        update(SessionRow)
        .where(SessionRow.token_sha256 == token_sha256, SessionRow.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def revoke_sessions(session: Session, user_id: str, now: datetime) -> None:
    """End every session of a person."""
    session.execute(
        update(SessionRow)
        .where(SessionRow.user_id == user_id, SessionRow.revoked_at.is_(None))
        .values(revoked_at=now)
    )


def delete_sessions_before(session: Session, created_before: datetime) -> None:
    """Forget sessions that are past any use."""
    session.execute(delete(SessionRow).where(SessionRow.created_at < created_before))

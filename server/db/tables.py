"""The tables, as SQLAlchemy models. `migrations/` builds the same ones; a test compares them.

Times are UTC. JSON columns hold what the wire carries, so that a row can be shown as it was sent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, ForeignKey, Index, MetaData, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

_NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """A time zone aware datetime in UTC; SQLite keeps no zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC.

        Raises:
            ValueError: `value` has no time zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("expected a datetime with a time zone; got one without")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Back to an aware datetime."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Row(DeclarativeBase):
    """Root of the table classes."""

    metadata = MetaData(naming_convention=_NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[Any]: JSON,
        list[str]: JSON,
        list[dict[str, Any]]: JSON,
    }


class UserRow(Row):
    """A local account."""

    __tablename__ = "users"

    user_id: Mapped[str] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    password_hash: Mapped[str]
    role: Mapped[str]
    locale: Mapped[str]
    created_at: Mapped[datetime]
    disabled_at: Mapped[datetime | None]


class SessionRow(Row):
    """A signed-in browser; only the hash of its token is kept."""

    __tablename__ = "sessions"

    token_sha256: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"), index=True)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class CallRow(Row):
    """A call and what lists show of it; kept up to date as its events are appended."""

    __tablename__ = "calls"
    __table_args__ = (Index("ix_calls_state_started", "state", "started_at"),)

    call_id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]
    duration_ms: Mapped[int | None]
    end_reason: Mapped[str | None]
    sample_rate_hz: Mapped[int]
    channels: Mapped[list[dict[str, Any]]]
    agent_id: Mapped[str | None] = mapped_column(index=True)
    queue: Mapped[str | None]
    customer_number: Mapped[str | None]
    customer_digits: Mapped[str | None] = mapped_column(index=True)
    """The number as searched: digits only, +81 written as 0."""
    customer_name: Mapped[str | None]
    customer_key: Mapped[str | None]
    """The name as searched: folded spelling and reading."""
    severity: Mapped[int]
    harassment_categories: Mapped[list[str]]
    last_alert: Mapped[dict[str, Any] | None]
    gravest_alert: Mapped[dict[str, Any] | None]
    """The newest of the gravest; None for calls kept before there was this column."""
    last_seq: Mapped[int]


class ExternalIdRow(Row):
    """A name another system has for a call (`call_sid`, `linked_id`)."""

    __tablename__ = "call_external_ids"

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str] = mapped_column(index=True)


class CallerKeyRow(Row):
    """What identifies the person of a call: one key of each kind, the newest."""

    __tablename__ = "caller_keys"
    __table_args__ = (Index("ix_caller_keys_kind_key", "kind", "key"),)

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    """`phone`, `number` or `name`."""
    key: Mapped[str]


class PlaybookVersionRow(Row):
    """A playbook that calls were judged by; rows are only ever added."""

    __tablename__ = "playbook_versions"

    version: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    author: Mapped[str]
    changed_at: Mapped[str]
    """As the author states it."""
    first_used_at: Mapped[datetime] = mapped_column(index=True)
    files: Mapped[dict[str, Any]]
    """The text of every file, by its path."""


class PlaybookRuleRow(Row):
    """One rule as it stood in a version of the playbook."""

    __tablename__ = "playbook_rules"
    __table_args__ = (Index("ix_playbook_rules_rule_id", "rule_id"),)

    playbook_version: Mapped[str] = mapped_column(ForeignKey("playbook_versions.version"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    rule_id: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int]
    author: Mapped[str]
    enabled: Mapped[bool]
    category: Mapped[str]
    severity: Mapped[str]
    why: Mapped[str]
    source: Mapped[str]
    patterns: Mapped[list[str]]
    file: Mapped[str]
    line: Mapped[int]
    toml: Mapped[str]


class EventRow(Row):
    """One event of a call, as sent."""

    __tablename__ = "events"

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    type: Mapped[str]
    body: Mapped[dict[str, Any]]


class UtteranceRow(Row):
    """Final text of one stretch of speech, with the two forms that are searched."""

    __tablename__ = "utterances"
    __table_args__ = (UniqueConstraint("call_id", "utterance_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), index=True)
    utterance_id: Mapped[str]
    speaker: Mapped[str]
    start_ms: Mapped[int]
    end_ms: Mapped[int]
    text: Mapped[str]
    normalized: Mapped[str]
    reading: Mapped[str]


class AlertRow(Row):
    """A detector's finding."""

    __tablename__ = "alerts"

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), primary_key=True)
    alert_id: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    at_ms: Mapped[int]
    category: Mapped[str]
    severity: Mapped[int]
    harassment: Mapped[bool]
    body: Mapped[dict[str, Any]]


class CaseRow(Row):
    """The case of a call as it stands; `body` is its newest revision."""

    __tablename__ = "cases"

    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), primary_key=True)
    revision: Mapped[int]
    updated_at: Mapped[datetime]
    body: Mapped[dict[str, Any]]


class CaseRevisionRow(Row):
    """Each state the case went through, and who caused it (nobody: the assist engine)."""

    __tablename__ = "case_revisions"

    call_id: Mapped[str] = mapped_column(ForeignKey("cases.call_id"), primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    edited_by: Mapped[str | None] = mapped_column(ForeignKey("users.user_id"))
    body: Mapped[dict[str, Any]]


class HelpRequestRow(Row):
    """An agent asked for help on a call; open until resolved."""

    __tablename__ = "help_requests"

    id: Mapped[int] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"))
    requested_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]


class RecordingRow(Row):
    """A sealed recording and where it lies in the archive."""

    __tablename__ = "recordings"

    recording_id: Mapped[str] = mapped_column(primary_key=True)
    call_id: Mapped[str] = mapped_column(ForeignKey("calls.call_id"), unique=True)
    sealed_at: Mapped[datetime]
    manifest_sha256: Mapped[str]
    pcm_sha256: Mapped[str]
    sample_rate_hz: Mapped[int]
    channel_count: Mapped[int]
    sample_count: Mapped[int]
    duration_ms: Mapped[int]
    ledger: Mapped[dict[str, Any]]


class RecordingCheckRow(Row):
    """One run of the integrity check on a recording."""

    __tablename__ = "recording_checks"

    id: Mapped[int] = mapped_column(primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.recording_id"), index=True)
    checked_at: Mapped[datetime]
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"))
    ok: Mapped[bool]
    checks: Mapped[list[dict[str, Any]]]


class AccessRow(Row):
    """Custody: who did what to which recording, and why. Rows are only ever added."""

    __tablename__ = "accesses"

    access_id: Mapped[str] = mapped_column(primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recordings.recording_id"), index=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id"))
    at: Mapped[datetime]
    action: Mapped[str]
    purpose: Mapped[str]
    part_of: Mapped[str | None] = mapped_column(ForeignKey("accesses.access_id"), index=True)
    first_byte: Mapped[int | None]
    last_byte: Mapped[int | None]


class QueueEventRow(Row):
    """An operational event from a phone system; each (source, event_id) once."""

    __tablename__ = "queue_events"
    __table_args__ = (UniqueConstraint("source", "event_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str]
    event_id: Mapped[str]
    occurred_at: Mapped[datetime] = mapped_column(index=True)
    received_at: Mapped[datetime]
    type: Mapped[str]
    call_id: Mapped[str] = mapped_column(index=True)
    linked_id: Mapped[str | None] = mapped_column(index=True)
    leg_id: Mapped[str | None] = mapped_column(index=True)
    queue: Mapped[str | None]
    agent_id: Mapped[str | None]
    wait_s: Mapped[float | None]
    body: Mapped[dict[str, Any]]

"""First tables.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    "calls",
    "queue_events",
    "users",
    "alerts",
    "call_external_ids",
    "cases",
    "events",
    "help_requests",
    "recordings",
    "sessions",
    "utterances",
    "accesses",
    "case_revisions",
    "recording_checks",
)

# Trigrams find any run of three characters, which suits a language without spaces. The index keeps no text
# of its own; the triggers keep it in step with the table.
_SEARCH_INDEX = (
    """
    CREATE VIRTUAL TABLE utterances_fts USING fts5(
        normalized, reading, content='utterances', content_rowid='id', tokenize='trigram'
    )
    """,
    """
    CREATE TRIGGER utterances_fts_insert AFTER INSERT ON utterances BEGIN
        INSERT INTO utterances_fts(rowid, normalized, reading)
        VALUES (new.id, new.normalized, new.reading);
    END
    """,
    """
    CREATE TRIGGER utterances_fts_delete AFTER DELETE ON utterances BEGIN
        INSERT INTO utterances_fts(utterances_fts, rowid, normalized, reading)
        VALUES ('delete', old.id, old.normalized, old.reading);
    END
    """,
    """
    CREATE TRIGGER utterances_fts_update AFTER UPDATE ON utterances BEGIN
        INSERT INTO utterances_fts(utterances_fts, rowid, normalized, reading)
        VALUES ('delete', old.id, old.normalized, old.reading);
        INSERT INTO utterances_fts(rowid, normalized, reading)
        VALUES (new.id, new.normalized, new.reading);
    END
    """,
)


def upgrade() -> None:
    _create_calls()
    _create_queue_events()
    _create_users()
    _create_alerts()
    _create_call_external_ids()
    _create_cases()
    _create_events()
    _create_help_requests()
    _create_recordings()
    _create_sessions()
    _create_utterances()
    _create_accesses()
    _create_case_revisions()
    _create_recording_checks()
    for statement in _SEARCH_INDEX:
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP TABLE utterances_fts")
    for table in reversed(_TABLES):
        op.drop_table(table)


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        sa.Column("end_reason", sa.String(), nullable=True),
        sa.Column("sample_rate_hz", sa.Integer(), nullable=False),
        sa.Column("channels", sa.JSON(), nullable=False),
        sa.Column("agent_id", sa.String(), nullable=True),
        sa.Column("queue", sa.String(), nullable=True),
        sa.Column("customer_number", sa.String(), nullable=True),
        sa.Column("customer_digits", sa.String(), nullable=True),
        sa.Column("customer_name", sa.String(), nullable=True),
        sa.Column("customer_key", sa.String(), nullable=True),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("harassment_categories", sa.JSON(), nullable=False),
        sa.Column("last_alert", sa.JSON(), nullable=True),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", name="pk_calls"),
    )
    op.create_index("ix_calls_agent_id", "calls", ["agent_id"])
    op.create_index("ix_calls_customer_digits", "calls", ["customer_digits"])
    op.create_index("ix_calls_started_at", "calls", ["started_at"])
    op.create_index("ix_calls_state_started", "calls", ["state", "started_at"])


def _create_queue_events() -> None:
    op.create_table(
        "queue_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("event_id", sa.String(), nullable=False),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("linked_id", sa.String(), nullable=True),
        sa.Column("queue", sa.String(), nullable=True),
        sa.Column("agent_id", sa.String(), nullable=True),
        sa.Column("wait_s", sa.Double(), nullable=True),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_queue_events"),
        sa.UniqueConstraint("source", "event_id", name="uq_queue_events_source"),
    )
    op.create_index("ix_queue_events_call_id", "queue_events", ["call_id"])
    op.create_index("ix_queue_events_linked_id", "queue_events", ["linked_id"])
    op.create_index("ix_queue_events_occurred_at", "queue_events", ["occurred_at"])


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("display_name", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("locale", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name="pk_users"),
        sa.UniqueConstraint("username", name="uq_users_username"),
    )


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("alert_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.Integer(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("harassment", sa.Boolean(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name="fk_alerts_call_id_calls"),
        sa.PrimaryKeyConstraint("call_id", "alert_id", name="pk_alerts"),
    )


def _create_call_external_ids() -> None:
    op.create_table(
        "call_external_ids",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name="fk_call_external_ids_call_id_calls"),
        sa.PrimaryKeyConstraint("call_id", "name", name="pk_call_external_ids"),
    )
    op.create_index("ix_call_external_ids_value", "call_external_ids", ["value"])


def _create_cases() -> None:
    op.create_table(
        "cases",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name="fk_cases_call_id_calls"),
        sa.PrimaryKeyConstraint("call_id", name="pk_cases"),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name="fk_events_call_id_calls"),
        sa.PrimaryKeyConstraint("call_id", "seq", name="pk_events"),
    )


def _create_help_requests() -> None:
    op.create_table(
        "help_requests",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name="fk_help_requests_call_id_calls"),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_help_requests_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_help_requests"),
    )
    op.create_index("ix_help_requests_call_id", "help_requests", ["call_id"])


def _create_recordings() -> None:
    op.create_table(
        "recordings",
        sa.Column("recording_id", sa.String(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("sealed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("manifest_sha256", sa.String(), nullable=False),
        sa.Column("pcm_sha256", sa.String(), nullable=False),
        sa.Column("sample_rate_hz", sa.Integer(), nullable=False),
        sa.Column("channel_count", sa.Integer(), nullable=False),
        sa.Column("sample_count", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("ledger", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name="fk_recordings_call_id_calls"),
        sa.PrimaryKeyConstraint("recording_id", name="pk_recordings"),
        sa.UniqueConstraint("call_id", name="uq_recordings_call_id"),
    )


def _create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_sessions_user_id_users"),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_sessions"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])


def _create_utterances() -> None:
    op.create_table(
        "utterances",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("utterance_id", sa.String(), nullable=False),
        sa.Column("speaker", sa.String(), nullable=False),
        sa.Column("start_ms", sa.Integer(), nullable=False),
        sa.Column("end_ms", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("normalized", sa.String(), nullable=False),
        sa.Column("reading", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name="fk_utterances_call_id_calls"),
        sa.PrimaryKeyConstraint("id", name="pk_utterances"),
        sa.UniqueConstraint("call_id", "utterance_id", name="uq_utterances_call_id"),
    )
    op.create_index("ix_utterances_call_id", "utterances", ["call_id"])


def _create_accesses() -> None:
    op.create_table(
        "accesses",
        sa.Column("access_id", sa.String(), nullable=False),
        sa.Column("recording_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("part_of", sa.String(), nullable=True),
        sa.Column("first_byte", sa.Integer(), nullable=True),
        sa.Column("last_byte", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["part_of"], ["accesses.access_id"], name="fk_accesses_part_of_accesses"),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name="fk_accesses_recording_id_recordings"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_accesses_user_id_users"),
        sa.PrimaryKeyConstraint("access_id", name="pk_accesses"),
    )
    op.create_index("ix_accesses_part_of", "accesses", ["part_of"])
    op.create_index("ix_accesses_recording_id", "accesses", ["recording_id"])


def _create_case_revisions() -> None:
    op.create_table(
        "case_revisions",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("edited_by", sa.String(), nullable=True),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["cases.call_id"], name="fk_case_revisions_call_id_cases"),
        sa.ForeignKeyConstraint(["edited_by"], ["users.user_id"], name="fk_case_revisions_edited_by_users"),
        sa.PrimaryKeyConstraint("call_id", "revision", name="pk_case_revisions"),
    )


def _create_recording_checks() -> None:
    op.create_table(
        "recording_checks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("recording_id", sa.String(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=False),
        sa.Column("checks", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name="fk_recording_checks_recording_id_recordings"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.user_id"], name="fk_recording_checks_user_id_users"),
        sa.PrimaryKeyConstraint("id", name="pk_recording_checks"),
    )
    op.create_index("ix_recording_checks_recording_id", "recording_checks", ["recording_id"])

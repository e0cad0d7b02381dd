"""What identifies a caller, so that earlier calls of the same person can be found.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "caller_keys",
        sa.Column("call_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "kind", name="pk_caller_keys"),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name="fk_caller_keys_call_id_calls"),
    )
    op.create_index("ix_caller_keys_kind_key", "caller_keys", ["kind", "key"])


def downgrade() -> None:
    op.drop_table("caller_keys")

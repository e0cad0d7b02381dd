"""The leg that an operational event speaks of, so that events join audio that knows only its leg.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queue_events", sa.Column("leg_id", sa.String(), nullable=True))
    op.create_index("ix_queue_events_leg_id", "queue_events", ["leg_id"])


def downgrade() -> None:
    op.drop_index("ix_queue_events_leg_id", "queue_events")
    op.drop_column("queue_events", "leg_id")

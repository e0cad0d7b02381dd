"""The gravest alert of a call, which the wallboard shows; the newest one stays beside it.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("calls", sa.Column("gravest_alert", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("calls", "gravest_alert")

"""The playbooks that calls were judged by, with the text of every rule.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "playbook_versions",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("changed_at", sa.String(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_playbook_versions"),
    )
    op.create_index("ix_playbook_versions_first_used_at", "playbook_versions", ["first_used_at"])
    op.create_table(
        "playbook_rules",
        sa.Column("playbook_version", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("patterns", sa.JSON(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("toml", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["playbook_version"],
            ["playbook_versions.version"],
            name="fk_playbook_rules_playbook_version_playbook_versions",
        ),
        sa.PrimaryKeyConstraint("playbook_version", "kind", "rule_id", name="pk_playbook_rules"),
    )
    op.create_index("ix_playbook_rules_rule_id", "playbook_rules", ["rule_id"])


def downgrade() -> None:
    op.drop_table("playbook_rules")
    op.drop_table("playbook_versions")

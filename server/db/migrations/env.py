"""What Alembic runs: migrations on the connection that `koemori.server.db.upgrade` hands over."""

from __future__ import annotations

from alembic import context
from koemori.server.db.schema import is_own
from koemori.server.db.tables import Row

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_as_batch=True,
    include_object=is_own,
)
with context.begin_transaction():
    context.run_migrations()

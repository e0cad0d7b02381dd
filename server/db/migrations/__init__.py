"""Alembic migrations, shipped inside the package; `koemori.server.db.upgrade` runs them."""

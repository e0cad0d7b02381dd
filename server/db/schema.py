"""Bringing a database to the newest schema, and saying how far it is.

The migrations are part of the package, so `koemori db upgrade` needs no alembic.ini and no checkout.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from koemori.audio.errors import KoemoriError
from koemori.server.db.engine import make_engine
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.schema import SchemaItem

_MIGRATIONS = Path(__file__).parent / "migrations"
_SEARCH_TABLES = "utterances_fts"


class SchemaVersionError(KoemoriError):
    """The database's schema is not the one this version of Koemori works with."""

    code = "schema-version"

    def __init__(self, expected: str, came: str | None) -> None:
        super().__init__(
            f"database: expected schema {expected}; got {came or 'none'} (run: koemori db upgrade)"
        )
        self.expected = expected
        self.came = came


def is_own(
    _object: SchemaItem,
    name: str | None,
    _kind: str,
    _reflected: bool,
    _compare_to: SchemaItem | None,
) -> bool:
    """Alembic's filter: leave out the tables in which SQLite keeps its full-text index."""
    return not (name or "").startswith(_SEARCH_TABLES)


def upgrade(url: str) -> str:
    """Run every migration the database has not seen; returns the revision it then has.

    Creates the database, and for SQLite the directory it lies in.
    """
    path = make_url(url).database
    if make_url(url).get_backend_name() == "sqlite" and path and path != ":memory:":
        Path(path).parent.mkdir(parents=True, exist_ok=True)
    engine = make_engine(url)
    try:
        with engine.begin() as connection:
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
    return newest_revision()


def newest_revision() -> str:
    """The revision this version of Koemori works with."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise SchemaVersionError("a migration in the package", None)
    return head


def current_revision(url: str) -> str | None:
    """The revision a database has; None for one that is empty or not there yet."""
    path = make_url(url).database
    if make_url(url).get_backend_name() == "sqlite" and path and not Path(path).exists():
        return None
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def check(engine: Engine) -> None:
    """Refuse to work on another schema.

    Raises:
        SchemaVersionError: The database is empty, older or newer.
    """
    with engine.connect() as connection:
        came = MigrationContext.configure(connection).get_current_revision()
    expected = newest_revision()
    if came != expected:
        raise SchemaVersionError(expected, came)


def alembic_config() -> Config:
    """What Alembic needs to find the migrations of the package."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config

"""Bringing a database to the newest schema, and saying how far it is.

The migrations are part of the package, so `koemori db upgrade` needs no alembic.ini and no checkout.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from koemori.audio.errors import KoemoriError
from koemori.server.db.engine import make_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy import Engine
    from sqlalchemy.schema import SchemaItem

_MIGRATIONS = Path(__file__).parent / "migrations"
_SEARCH_TABLES = "utterances_fts"


class SchemaVersionError(KoemoriError):
    """The database's schema is not the one this version of Koemori works with."""

    code = "schema-version"

    def __init__(self, expected: str, came: str | None, *, newer: bool = False) -> None:
        way_out = "made by another version of Koemori: use that one" if newer else "run: koemori db upgrade"
        super().__init__(f"database: expected schema {expected}; got {came or 'none'} ({way_out})")
        self.expected = expected
        self.came = came


class DatabaseUnusableError(KoemoriError):
    """The database cannot be opened, read or made; the sentence holds no path and no values."""

    code = "database-unusable"

    def __init__(self, came: str) -> None:
        super().__init__(f"database: expected one that can be read and written; got {' '.join(came.split())}")


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

    Creates the database, and for SQLite the directory it lies in; nobody else on the machine may read it.

    Raises:
        SchemaVersionError: A newer version of Koemori made it.
        DatabaseUnusableError: It cannot be made, opened or written, or is no database.
    """
    with _usable():
        _make_private(_sqlite_path(url))
        _refuse_unknown(current_revision(url))
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
    """The revision a database has; None for one that is empty or not there yet.

    Raises:
        DatabaseUnusableError: It cannot be opened, or is no database.
    """
    path = _sqlite_path(url)
    if path is not None and not path.exists():
        return None
    engine = make_engine(url)
    try:
        with _usable(), engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()


def check(engine: Engine) -> None:
    """Refuse to work on another schema.

    Raises:
        SchemaVersionError: The database is empty, older or newer.
        DatabaseUnusableError: It cannot be opened, or is no database.
    """
    with _usable(), engine.connect() as connection:
        came = MigrationContext.configure(connection).get_current_revision()
    _refuse_unknown(came)
    expected = newest_revision()
    if came != expected:
        raise SchemaVersionError(expected, came)


def _refuse_unknown(came: str | None) -> None:
    """Refuse a revision that no migration of this version leads to."""
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if came is not None and came not in known:
        raise SchemaVersionError(newest_revision(), came, newer=True)


@contextmanager
def _usable() -> Iterator[None]:
    """Say in one sentence what the driver or the disk refused."""
    try:
        yield
    except DBAPIError as error:
        raise DatabaseUnusableError(str(error.orig)) from error
    except OSError as error:
        raise DatabaseUnusableError(error.strerror or "an I/O error") from error


def _sqlite_path(url: str) -> Path | None:
    """Where a SQLite database lies; None for one in memory and for other databases."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
        return None
    return Path(parsed.database)


def _make_private(path: Path | None) -> None:
    """Make the file beforehand, or close an old one to others: SQLite gives its logs the same mode."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        path.chmod(mode & 0o700)


def alembic_config() -> Config:
    """What Alembic needs to find the migrations of the package."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config

"""The database: one engine, short read and write transactions.

SQLite runs in WAL mode, so readers never wait for the writer. A write transaction takes the write lock at
its beginning (`BEGIN IMMEDIATE`): one that began as a reader and upgrades later fails at once with
"database is locked" whatever the busy time-out says (https://www.sqlite.org/isolation.html).

Everything here blocks; asynchronous code calls it through a worker thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

BUSY_TIMEOUT_MS = 5_000
_BEGIN = "koemori_begin"


class Database:
    """Opens transactions; safe to share between threads.

    Args:
        url: SQLAlchemy URL, `sqlite:////path/to/koemori.db`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = make_engine(url)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A read transaction: one snapshot; nothing written in it is kept."""
        with self.engine.connect() as connection, Session(connection, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A write transaction: commits at the end of the block, rolls back on any error."""
        with (
            self.engine.connect() as plain,
            plain.execution_options(**{_BEGIN: "IMMEDIATE"}) as connection,
            Session(connection, expire_on_commit=False) as session,
        ):
            yield session
            session.commit()

    def close(self) -> None:
        """Close the pooled connections."""
        self.engine.dispose()


def make_engine(url: str) -> Engine:
    """An engine whose SQLite connections use WAL, foreign keys and a busy time-out.

    Raises:
        sqlalchemy.exc.ArgumentError: `url` is not a database URL.
    """
    # Values are what people said and are called; an error's text must not carry them.
    engine = create_engine(url, hide_parameters=True)
    if make_url(url).get_backend_name() == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # The driver would otherwise open transactions by itself, before DML only.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    mode = connection.get_execution_options().get(_BEGIN, "")
    connection.exec_driver_sql(f"BEGIN {mode}".strip())

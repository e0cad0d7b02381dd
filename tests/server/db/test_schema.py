"""Migrations and models agree, and a database of another version is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from koemori.server import startup
from koemori.server.db import schema
from koemori.server.db.engine import Database
from koemori.server.db.tables import Row
from sqlalchemy import inspect

from tests.fakes.office import open_database

pytestmark = pytest.mark.integration


def test_the_migrations_build_exactly_the_tables_of_the_models(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with database.engine.connect() as connection:
        options = {"include_object": schema.is_own, "compare_type": True, "compare_server_default": True}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), Row.metadata)
    database.close()
    assert differences == []


def test_upgrading_twice_changes_nothing_and_makes_missing_folders(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a/b/koemori.db"
    assert schema.upgrade(url) == schema.upgrade(url) == schema.newest_revision()
    assert schema.current_revision(url) == schema.newest_revision()


def test_downgrading_leaves_nothing_behind(tmp_path: Path) -> None:
    from alembic import command

    database = open_database(tmp_path)
    config = schema.alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert set(inspect(database.engine).get_table_names()) == {"alembic_version"}
    database.close()


def test_an_empty_database_is_made_at_the_start(tmp_path: Path) -> None:
    database = startup.open_database(f"sqlite:///{tmp_path}/koemori.db")
    schema.check(database.engine)
    database.close()


def test_a_database_of_another_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    with database.write() as transaction:
        transaction.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(schema.SchemaVersionError, match=r"got 9999 .made by another version"):
        startup.open_database(database.url)
    with pytest.raises(schema.SchemaVersionError, match="use that one"):
        schema.upgrade(database.url)


def test_nobody_else_on_the_machine_may_read_the_database(tmp_path: Path) -> None:
    path = tmp_path / "koemori.db"
    path.touch(mode=0o644)
    path.chmod(0o644)
    database = startup.open_database(f"sqlite:///{path}")
    with database.write() as transaction:
        transaction.connection().exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.glob("koemori.db*")}
    database.close()
    assert modes == {name: 0o600 for name in ("koemori.db", "koemori.db-wal", "koemori.db-shm")}


@pytest.mark.parametrize("place", ["no-folder/koemori.db", "text.db", "."])
def test_what_cannot_be_a_database_is_one_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "no-folder").touch()
    (tmp_path / "text.db").write_text("this is no database at all" * 100)
    with pytest.raises(schema.DatabaseUnusableError, match=r"^database: expected one that can be .*; got .+"):
        schema.upgrade(f"sqlite:///{tmp_path}/{place}")


def test_sqlite_is_set_up_for_one_writer_and_many_readers(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/koemori.db")
    with database.read() as session:
        pragmas = {
            name: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    database.close()
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000, "synchronous": 1}

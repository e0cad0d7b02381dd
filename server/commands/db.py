"""`koemori db`: the database's schema."""

from __future__ import annotations

import sys

import typer
from koemori.server.commands.exits import OK
from koemori.server.commands.options import ConfigOption, quiet_logging, settings_for

app = typer.Typer(help="The database's schema.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `upgrade` a sub-command although it is the only one."""


@app.command()
def upgrade(config: ConfigOption = None) -> int:
    """Bring the database to the newest schema; creates it when there is none."""
    settings = settings_for(config)
    quiet_logging(settings)
    from koemori.server.db import schema

    revision = schema.upgrade(settings.database.url)
    sys.stderr.write(f"database is at schema {revision}\n")
    return OK

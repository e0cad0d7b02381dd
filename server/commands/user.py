"""`koemori user`: local accounts."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from koemori.server.commands.exits import OK, UnusableInputError
from koemori.server.commands.options import ConfigOption, quiet_logging, settings_for

if TYPE_CHECKING:
    from pathlib import Path

    from koemori.server.auth.accounts import Accounts

app = typer.Typer(help="Local accounts.", no_args_is_help=True)

StdinOption = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of stdin.")
]


@app.command()
def add(
    username: Annotated[str, typer.Argument(help="a-z 0-9 . _ -")],
    role: Annotated[str, typer.Option(help="agent, supervisor or legal.")],
    name: Annotated[str, typer.Option("--display-name", help="What colleagues see.")] = "",
    locale: Annotated[str, typer.Option(help="ja or en.")] = "ja",
    password_stdin: StdinOption = False,
    config: ConfigOption = None,
) -> int:
    """Make an account."""
    from koemori.server.auth.permissions import Role

    roles = [one.value for one in Role]
    if role not in roles:
        raise UnusableInputError("--role", " or ".join(roles), repr(role))
    if locale not in ("ja", "en"):
        raise UnusableInputError("--locale", "ja or en", repr(locale))
    with _accounts(config) as accounts:
        accounts.add(username, _password(password_stdin), Role(role), display_name=name, locale=locale)
    return OK


@app.command()
def passwd(
    username: Annotated[str, typer.Argument()],
    password_stdin: StdinOption = False,
    config: ConfigOption = None,
) -> int:
    """Change a password; ends the person's sessions."""
    with _accounts(config) as accounts:
        accounts.set_password(username, _password(password_stdin))
    return OK


@app.command()
def disable(username: Annotated[str, typer.Argument()], config: ConfigOption = None) -> int:
    """Bar an account; ends the person's sessions."""
    with _accounts(config) as accounts:
        accounts.disable(username)
    return OK


@contextmanager
def _accounts(config: Path | None) -> Iterator[Accounts]:
    settings = settings_for(config)
    quiet_logging(settings)
    from koemori.server.auth.accounts import Accounts
    from koemori.server.db import schema
    from koemori.server.db.engine import Database

    schema.upgrade(settings.database.url)
    database = Database(settings.database.url)
    try:
        yield Accounts(database)
    finally:
        database.close()


def _password(from_stdin: bool) -> str:
    if from_stdin:
        line = sys.stdin.readline().rstrip("\r\n")
        if not line:
            raise UnusableInputError("password", "a line on stdin", "none")
        return line
    if not sys.stdin.isatty():
        raise UnusableInputError("password", "a terminal, or --password-stdin", "neither")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Again: ") != first:
        raise UnusableInputError("password", "the same password twice", "two different ones")
    return first

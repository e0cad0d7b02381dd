"""The `koemori` command: names, options and exit codes of the public contract.

Exit codes: 0 done, 1 the thing checked failed, 2 unusable input or options, 3 only partly proven,
130 interrupted. Unusable input is one line on stderr that says what was expected and what came. Everything
heavy is imported by the command that needs it, so that help and mistakes cost nothing.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, NoReturn

import typer
from koemori.audio.errors import KoemoriError
from koemori.server.commands import (
    analyze,
    bench,
    db,
    demo,
    doctor,
    playbook,
    recover,
    replay,
    reuse,
    serve,
    user,
    weights,
)
from koemori.server.commands.exits import INTERRUPTED, OK, UNUSABLE, UnusableInputError

app = typer.Typer(
    name="koemori",
    help="Records phone calls, listens with the agent while they are live, keeps the recordings as evidence.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("replay")(replay.replay)
app.command("analyze")(analyze.analyze)
app.command("recover")(recover.recover)
app.command("reuse")(reuse.reuse)
app.command("doctor")(doctor.doctor)
app.add_typer(playbook.app, name="playbook")
app.add_typer(db.app, name="db")
app.add_typer(user.app, name="user")
app.add_typer(weights.app, name="weights")
app.add_typer(bench.app, name="bench")


def installed_version() -> str:
    """Version of the installed package."""
    try:
        return version("koemori")
    except PackageNotFoundError:
        return "unknown"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"koemori {installed_version()}")
        raise typer.Exit(OK)


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def run(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; mistakes are one line on stderr."""
    try:
        result = app(args=arguments, prog_name="koemori", standalone_mode=False)
    except typer.Abort:
        return INTERRUPTED
    except KeyboardInterrupt:
        return INTERRUPTED
    except UnusableInputError as error:
        return _refuse(str(error))
    except KoemoriError as error:
        return _refuse(str(error))
    except typer.TyperException as error:
        return _refuse(error.format_message())
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            _swallow_stdout()
            return INTERRUPTED
        if error.errno is not None:
            return _refuse(f"{error.filename or 'system'}: {os.strerror(error.errno)}")
        raise
    return result if isinstance(result, int) else OK


def main() -> NoReturn:
    """Entry point of the installed script."""
    logging.raiseExceptions = False
    for library in ("OMP", "OPENBLAS"):
        # Recognition runs one thread per worker; numpy's own threads would only take its cores away.
        os.environ.setdefault(f"{library}_NUM_THREADS", "1")
    sys.exit(run())


def _refuse(sentence: str) -> int:
    line = " ".join(sentence.split())
    sys.stderr.write(f"koemori: {line}\n")
    return UNUSABLE


def _swallow_stdout() -> None:
    """Whoever read stdout is gone; keep the interpreter from complaining when it flushes at exit."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.stdout.fileno())

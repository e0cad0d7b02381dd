"""`koemori weights`: the speech model's files."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from koemori.server.commands.exits import OK
from koemori.server.commands.options import ConfigOption, quiet_logging, settings_for

app = typer.Typer(help="The speech model's files.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `fetch` a sub-command although it is the only one."""


@app.command()
def fetch(
    name: Annotated[str | None, typer.Argument(help="Catalogue name; else the settings' model.")] = None,
    config: ConfigOption = None,
) -> int:
    """Fetch the weights by digest into the cache, unless they are there; prints the folder."""
    settings = settings_for(config, model=name)
    quiet_logging(settings)
    from koemori.models.catalog import ensure_model
    from koemori.server.calls.pipeline import model_sources
    from koemori.server.progress import ProgressLine

    progress = ProgressLine()
    try:
        folder = ensure_model(settings.models.name, model_sources(settings.models), progress)
    finally:
        progress.end()
    sys.stdout.write(f"{folder}\n")
    return OK

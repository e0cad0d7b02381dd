"""`koemori serve`: the service."""

from __future__ import annotations

from typing import Annotated

import typer
from koemori.server.commands.exits import INTERRUPTED, OK
from koemori.server.commands.options import ConfigOption, settings_for


def serve(
    config: ConfigOption = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Else the settings' port.")] = None,
) -> int:
    """Run the service until SIGTERM or Ctrl-C; both seal every call first."""
    settings = settings_for(config)
    if port is not None:
        server = settings.server.model_copy(update={"port": port})
        settings = settings.model_copy(update={"server": server})
    from koemori.server.service import serve_until_stopped

    return INTERRUPTED if serve_until_stopped(settings) else OK

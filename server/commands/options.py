"""Options that several commands share, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from koemori.server.config import LoggingSettings, Settings, load_settings

ConfigOption = Annotated[
    Path | None, typer.Option("--config", help="Settings file (TOML); KOEMORI_CONFIG names one as well.")
]
ArchiveOption = Annotated[
    Path | None, typer.Option("--archive", help="Folder of journals and recordings; else the settings' one.")
]


def settings_for(config: Path | None, *, archive: Path | None = None, model: str | None = None) -> Settings:
    """Settings with what the command line says on top."""
    settings = load_settings(config)
    changes: dict[str, object] = {}
    if archive is not None:
        changes["archive"] = settings.archive.model_copy(update={"directory": archive})
    if model is not None:
        changes["models"] = settings.models.model_copy(update={"name": model})
    return settings.model_copy(update=changes)


def quiet_logging(settings: Settings) -> None:
    """Logs of a command that a person runs: warnings and worse, on stderr, as the settings format them."""
    from koemori.server.telemetry import configure_logging

    level = settings.logging.level if settings.logging.level == "ERROR" else "WARNING"
    configure_logging(LoggingSettings(level=level, format=settings.logging.format))

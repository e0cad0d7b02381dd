"""`koemori weights`: the speech models' files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from koemori.server.commands.exits import FAILED, OK, UnusableInputError
from koemori.server.commands.options import ConfigOption, quiet_logging, settings_for

if TYPE_CHECKING:
    from koemori.server.config import Settings

app = typer.Typer(help="The speech models' files.", no_args_is_help=True)

NameArgument = Annotated[
    str | None,
    typer.Argument(help="Catalogue name, folder or hub id owner/name@revision; else the settings' models."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a model.")]


@app.command()
def fetch(
    name: NameArgument = None,
    sha256: Annotated[str | None, typer.Option(help="What it must be, when NAME is given.")] = None,
    config: ConfigOption = None,
) -> int:
    """Fetch the weights by digest into the cache, unless they are there; prints the folders."""
    settings = _settings(config, name, sha256)
    from koemori.server.calls.recogniser import fetch_models
    from koemori.server.progress import ProgressLine

    progress = ProgressLine()
    try:
        folders = fetch_models(settings, progress)
    finally:
        progress.end()
    for folder in folders:
        if folder is not None:
            sys.stdout.write(f"{folder}\n")
    return OK


@app.command("list")
def list_models(as_json: JsonOption = False, config: ConfigOption = None) -> int:
    """List the models that have a name, and those of the hub that are here."""
    settings = _settings(config, None, None)
    from koemori.models.catalog import cached_folder, catalog
    from koemori.models.model_cache import read_origin
    from koemori.server.calls.recogniser import model_sources

    cache_dir = model_sources(settings.models).cache_dir
    for entry in catalog().values():
        here = cached_folder(entry, cache_dir).is_dir()
        _print_row(as_json, entry.name, entry.size_bytes, here, entry.licence, entry.title)
    for folder in sorted(cache_dir.glob("*--*")):
        note = read_origin(folder)
        if note is not None:
            size_bytes = sum((folder / name).stat().st_size for name in note.digests)
            commit = f" at {note.revision[:12]}" if note.revision else ""
            title = f"hub model{commit}, trusted as it came"
            _print_row(as_json, folder.name.replace("--", "/", 1), size_bytes, True, "see the hub", title)
    return OK


@app.command()
def verify(name: NameArgument = None, as_json: JsonOption = False, config: ConfigOption = None) -> int:
    """Compare the files that are here with their digests; prints the digest to pin, 1 on a mismatch."""
    settings = _settings(config, name, None)
    from koemori.audio.errors import KoemoriError
    from koemori.models.catalog import check_model, find_model
    from koemori.models.model_folder import folder_digest
    from koemori.server.calls.recogniser import model_sources

    models = settings.models
    wanted = [(models.name, models.sha256)]
    if models.partial_model is not None:
        wanted.append((models.partial_model, models.partial_sha256))
    failed = False
    for wanted_name, pin in wanted:
        folder = find_model(wanted_name, model_sources(models).cache_dir)
        try:
            if folder is None:
                raise UnusableInputError("cache", "its files on this machine", "none; koemori weights fetch")
            check_model(wanted_name, folder, pin)
            row = {"name": wanted_name, "ok": True, "sha256": folder_digest(folder), "folder": str(folder)}
        except KoemoriError as error:
            failed = True
            row = {"name": wanted_name, "ok": False, "problem": str(error)}
        _print_verdict(as_json, row)
    return FAILED if failed else OK


def _settings(config: Path | None, name: str | None, sha256: str | None) -> Settings:
    """The settings' models, or the one of the command line alone with its own pin."""
    settings = settings_for(config)
    quiet_logging(settings)
    if name is not None and name not in (settings.models.name, settings.models.partial_model):
        changes = {"name": name, "sha256": sha256, "partial_model": None, "partial_sha256": None}
    elif name is not None:
        models = settings.models
        pin = models.sha256 if name == models.name else models.partial_sha256
        changes = {"name": name, "sha256": sha256 or pin, "partial_model": None, "partial_sha256": None}
    else:
        return settings
    return settings.model_copy(update={"models": settings.models.model_copy(update=changes)})


def _print_row(as_json: bool, name: str, size_bytes: int, here: bool, licence: str, title: str) -> None:
    if as_json:
        row = {"name": name, "size_bytes": size_bytes, "here": here, "licence": licence, "title": title}
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        return
    place = "here" if here else "-"
    sys.stdout.write(f"{name:<16} {size_bytes / 1e6:>6.0f} MB  {place:<5} {title}; {licence}\n")


def _print_verdict(as_json: bool, row: dict[str, object]) -> None:
    if as_json:
        text = json.dumps(row, ensure_ascii=False)
    elif row["ok"]:
        text = f'ok      {row["name"]}: sha256 = "{row["sha256"]}"  {row["folder"]}'
    else:
        text = f"failed  {row['name']}: {row['problem']}"
    sys.stdout.write(f"{text}\n")

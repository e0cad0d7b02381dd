"""`koemori bench`: measured figures as JSON, with machine, versions and command in them."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from koemori.server.commands.exits import OK
from koemori.server.commands.options import ArchiveOption, ConfigOption, quiet_logging, settings_for

app = typer.Typer(help="Measured figures as JSON.", no_args_is_help=True)

OutOption = Annotated[Path | None, typer.Option("--out", help="Write the result here as well.")]


@app.command()
def latency(
    files: Annotated[
        list[Path], typer.Argument(help="Calls; a script beside one adds figures by its words.")
    ],
    out: OutOption = None,
    model: Annotated[str | None, typer.Option(help="Model folder, catalogue name or hub id.")] = None,
    archive: ArchiveOption = None,
    config: ConfigOption = None,
) -> int:
    """Play calls at the speed of a phone line and measure when words and alerts come."""
    from tempfile import TemporaryDirectory

    from koemori.audio.files import probe
    from koemori.server.bench.environment import environment
    from koemori.server.bench.latency import measure

    for path in files:
        probe(path)
    with TemporaryDirectory(prefix="koemori-bench-") as scratch:
        settings = settings_for(config, archive=archive or Path(scratch), model=model)
        quiet_logging(settings)
        facts = environment()
        _write({"bench": "latency", **facts, **asyncio.run(measure(files, settings))}, out)
    return OK


@app.command()
def detectors(
    corpus: Annotated[Path, typer.Argument(help="A folder like benchmarks/corpus.")],
    out: OutOption = None,
    config: ConfigOption = None,
) -> int:
    """Precision, recall and false alarms on labelled utterances and calls; a table goes to stderr."""
    settings = settings_for(config)
    quiet_logging(settings)
    from koemori.server.bench.detectors import measure, table
    from koemori.server.bench.environment import environment

    facts = environment()
    result = measure(corpus, settings.assist)
    sys.stderr.write(table(result) + "\n")
    _write({"bench": "detectors", "corpus": corpus.name, **facts, **result}, out)
    return OK


def _write(result: dict[str, object], out: Path | None) -> None:
    text = json.dumps(result, ensure_ascii=False, indent=1) + "\n"
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)

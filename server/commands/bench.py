"""`koemori bench`: measured figures as JSON, with machine, versions and command in them."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from koemori.server.commands.exits import OK, UnusableInputError
from koemori.server.commands.options import ArchiveOption, ConfigOption, quiet_logging, settings_for

if TYPE_CHECKING:
    from koemori.server.config import Settings

app = typer.Typer(help="Measured figures as JSON.", no_args_is_help=True)

OutOption = Annotated[Path | None, typer.Option("--out", help="Write the result here as well.")]
ModelOption = Annotated[str | None, typer.Option(help="Model folder, catalogue name or hub id.")]
CallsArgument = Annotated[
    list[Path],
    typer.Argument(help="Calls, or folders of calls; a script beside one adds figures by its words."),
]
_MOST_CALLS = 500
_NUMBERS = re.compile(r"\[\s+(-?[\d.]+(?:,\s+-?[\d.]+)*)\s+\]")


@app.command()
def latency(
    files: CallsArgument,
    speed: Annotated[
        str, typer.Option(help="1 paces like a phone line, N is N times as fast; latency stays wall time.")
    ] = "1",
    rounds: Annotated[int, typer.Option(min=1, help="Times each call is played.")] = 1,
    long: Annotated[
        float, typer.Option(help="Minutes of one call made of the calls looped; its ends are compared.")
    ] = 0.0,
    out: OutOption = None,
    model: ModelOption = None,
    archive: ArchiveOption = None,
    config: ConfigOption = None,
) -> int:
    """Play calls one at a time and measure when words and alerts come; a table goes to stderr."""
    from koemori.server.commands.replay import parse_speed

    pace = parse_speed(speed)
    if pace is None:
        raise UnusableInputError("--speed", "a number, because latency needs a clock", "'max'")
    if long and not 0.1 <= long <= 24 * 60:
        raise UnusableInputError("--long", "minutes from 0.1 to 1440", str(long))
    if long and rounds != 1:
        raise UnusableInputError("--rounds", "to be left out with --long", str(rounds))
    from koemori.server.bench.latency import measure, measure_long, table
    from koemori.server.bench.tapes import find_calls, read_tape

    tapes = [read_tape(path) for path in find_calls(files)]

    def run(settings: Settings) -> dict[str, object]:
        work = measure_long(tapes, settings, long, pace) if long else measure(tapes, settings, pace, rounds)
        result = asyncio.run(work)
        _tell(table(result))
        return result

    return _write("latency", _measured(run, config, archive, model), out)


@app.command()
def capacity(
    files: CallsArgument,
    calls: Annotated[str, typer.Option(help="Numbers of calls at once, with commas.")] = "1,2,5,10,15,20,25",
    seconds: Annotated[float, typer.Option(min=20, max=3600, help="Length of each call.")] = 110.0,
    partials: Annotated[str, typer.Option(help="auto (as the load allows) or off (finals only).")] = "auto",
    seed: Annotated[int, typer.Option(help="Of beginnings and delays.")] = 1,
    out: OutOption = None,
    model: ModelOption = None,
    archive: ArchiveOption = None,
    config: ConfigOption = None,
) -> int:
    """Play many calls at once at the speed of a phone line; a table grows on stderr."""
    counts = parse_counts(calls)
    if partials not in ("auto", "off"):
        raise UnusableInputError("--partials", "auto or off", repr(partials))
    from koemori.server.bench.capacity import Plan, measure
    from koemori.server.bench.tapes import find_calls, read_tape

    tapes = [read_tape(path) for path in find_calls(files)]
    plan = Plan(seconds, partials == "auto", seed)

    def run(settings: Settings) -> dict[str, object]:
        return asyncio.run(measure(tapes, counts, settings, plan, _tell))

    return _write("capacity", _measured(run, config, archive, model), out)


@app.command()
def capture(
    calls: Annotated[str, typer.Option(help="Numbers of calls at once, with commas.")] = "10,50,100,250",
    seconds: Annotated[float, typer.Option(min=2, max=3600, help="Length of each call.")] = 300.0,
    calls_per_s: Annotated[
        float, typer.Option(min=0.1, max=100, help="How fast calls begin and end.")
    ] = 10.0,
    scratch: Annotated[
        Path | None,
        typer.Option(help="Folder for the recordings, deleted afterwards; else for temporary files."),
    ] = None,
    out: OutOption = None,
) -> int:
    """Record many SIPREC calls with recognition off and compare what is sealed with what was sent."""
    counts = parse_counts(calls)
    from koemori.server.bench.capture import CapturePlan, measure
    from koemori.server.bench.environment import environment

    facts = environment()
    plan = CapturePlan(seconds, calls_per_s, scratch=scratch)
    return _write("capture", {**facts, **asyncio.run(measure(counts, plan, _tell))}, out)


@app.command()
def accuracy(
    places: Annotated[
        list[Path], typer.Argument(help="Calls with scripts beside them, or a folder like benchmarks/corpus.")
    ],
    phantom_minutes: Annotated[
        float, typer.Option(min=0, max=600, help="Silence, noise, tones and music to listen to; 0 for none.")
    ] = 30.0,
    out: OutOption = None,
    model: ModelOption = None,
    archive: ArchiveOption = None,
    config: ConfigOption = None,
) -> int:
    """Character errors beside offline decoding of the same weights, and phantom text; a table on stderr."""
    from koemori.server.bench.accuracy import measure
    from koemori.server.bench.tapes import find_calls, read_tape

    tapes = [read_tape(path) for path in find_calls(places)]

    def run(settings: Settings) -> dict[str, object]:
        return asyncio.run(measure(tapes, settings, phantom_minutes, _tell))

    return _write("accuracy", _measured(run, config, archive, model), out)


@app.command()
def report(
    results: Annotated[list[Path], typer.Argument(help="Result files of the other commands.")],
    out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("report.html"),
) -> int:
    """One HTML file with tables, charts and what was asked; needs the extra `bench`."""
    from koemori.server.bench.report import page, read_result

    found = [read_result(path) for path in results]
    text = page(found)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    _tell(f"{out}: {len(found)} results")
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
    _tell(table(result))
    return _write("detectors", {"corpus": corpus.name, **facts, **result}, out)


def parse_counts(text: str) -> tuple[int, ...]:
    """Numbers of calls: `1,2,5`."""
    parts = text.split(",")
    if not all(part.strip().isdecimal() and 1 <= int(part) <= _MOST_CALLS for part in parts):
        raise UnusableInputError("--calls", f"whole numbers from 1 to {_MOST_CALLS} with commas", repr(text))
    return tuple(int(part) for part in parts)


def _measured(
    run: Callable[[Settings], dict[str, object]], config: Path | None, archive: Path | None, model: str | None
) -> dict[str, object]:
    """Run with settings whose recordings go to a folder that is thrown away, unless one is named."""
    from tempfile import TemporaryDirectory

    from koemori.server.bench.environment import environment

    with TemporaryDirectory(prefix="koemori-bench-") as scratch:
        settings = settings_for(config, archive=archive or Path(scratch), model=model)
        quiet_logging(settings)
        facts = environment()
        return {**facts, **run(settings)}


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _write(bench: str, result: dict[str, object], out: Path | None) -> int:
    text = json.dumps({"bench": bench, **result}, ensure_ascii=False, indent=1)
    # A list of numbers reads better on one line.
    text = _NUMBERS.sub(lambda found: "[" + re.sub(r"\s+", " ", found[1]) + "]", text) + "\n"
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return OK

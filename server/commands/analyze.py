"""`koemori analyze`: utterance lines in, assist events out."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from koemori.server.commands.exits import OK, UnusableInputError
from koemori.server.commands.options import ConfigOption, quiet_logging, settings_for

if TYPE_CHECKING:
    from koemori.server.calls.analyze import UtteranceLine


def analyze(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files of utterance lines; - or nothing reads stdin.")
    ] = None,
    config: ConfigOption = None,
) -> int:
    """Read utterances as JSON Lines, write what the assist side makes of them."""
    settings = settings_for(config)
    quiet_logging(settings)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    paths = files or [Path("-")]
    _check(paths)

    from koemori.assist.engine import AssistEngine
    from koemori.assist.playbooks.load import load_playbook
    from koemori.assist.second_opinion import load_opinion
    from koemori.server.calls.analyze import Analysis
    from koemori.server.wire import encode

    playbook = load_playbook(settings.assist.locale, settings.assist.playbook_dir)
    opinion = load_opinion() if settings.assist.second_opinion else None
    analysis = Analysis(lambda facts: AssistEngine(facts, playbook, opinion), settings.assist.locale)
    for path in paths:
        for line in _lines(path):
            for event in analysis.hear(line):
                sys.stdout.write(encode(event) + "\n")
            sys.stdout.flush()
    for event in analysis.close():
        sys.stdout.write(encode(event) + "\n")
    sys.stdout.flush()
    return OK


def _check(paths: list[Path]) -> None:
    for path in paths:
        if str(path) != "-" and not path.is_file():
            came = "a folder" if path.is_dir() else "no such file"
            raise UnusableInputError(path.name, "a file of utterance lines", came)


def _lines(path: Path) -> Iterator[UtteranceLine]:
    from koemori.server.calls.analyze import read_lines

    if str(path) == "-":
        yield from read_lines(sys.stdin.buffer, "stdin")
        return
    with path.open("rb") as stream:
        yield from read_lines(stream, path.name)

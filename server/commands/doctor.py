"""`koemori doctor`: checks of this machine and what it can carry; `koemori doctor trunks`: of its lines."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from koemori.server.commands.exits import FAILED, OK
from koemori.server.commands.options import ConfigOption, quiet_logging, settings_for

if TYPE_CHECKING:
    from koemori.server.doctor import Finding


class Subject(StrEnum):
    """What is looked at."""

    MACHINE = "machine"
    TRUNKS = "trunks"


class SpokenLanguage(StrEnum):
    """Of the sentences about trunks."""

    JA = "ja"
    EN = "en"


def doctor(
    subject: Annotated[
        Subject, typer.Argument(help="This machine, or the lines calls come by.")
    ] = Subject.MACHINE,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a check.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Do not measure how many calls it carries.")] = False,
    watch: Annotated[
        float | None, typer.Option("--watch", min=1, help="Trunks: look again every so many seconds.")
    ] = None,
    language: Annotated[
        SpokenLanguage | None, typer.Option("--language", help="Trunks: of the sentences; else that of LANG.")
    ] = None,
    config: ConfigOption = None,
) -> int:
    """Check disk, clock, database, models and device, and measure how many calls fit; 1 on a failure."""
    settings = settings_for(config)
    quiet_logging(settings)
    if subject is Subject.MACHINE:
        from koemori.server.doctor import examine

        return FAILED if _tell(examine(settings, quick), as_json) else OK
    from koemori.server.doctor.trunks import TrunkRounds, language_of

    rounds = TrunkRounds(settings, language_of(os.environ) if language is None else language.value)
    failed = _tell(rounds.look(), as_json)
    try:
        while watch is not None:
            time.sleep(watch)
            failed |= _tell(rounds.look(), as_json)
    except KeyboardInterrupt:
        sys.stdout.write("\n")
    return FAILED if failed else OK


def _tell(findings: Iterable[Finding], as_json: bool) -> bool:
    """Write findings as they come; return whether one is a failure."""
    failed = False
    for finding in findings:
        failed = failed or finding.state == "failed"
        if as_json:
            row = {
                "check": finding.check,
                "state": finding.state,
                "came": finding.came,
                "advice": finding.advice,
                "figures": dict(finding.figures),
            }
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        else:
            advice = f" -> {finding.advice}" if finding.advice else ""
            sys.stdout.write(f"{finding.state:<7} {finding.check:<9} {finding.came}{advice}\n")
        sys.stdout.flush()
    return failed

"""`koemori doctor`: checks of this machine with advice."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from koemori.server.commands.exits import FAILED, OK
from koemori.server.commands.options import ConfigOption, quiet_logging, settings_for


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a check.")] = False,
    config: ConfigOption = None,
) -> int:
    """Check ports, weights, disk, clock, codecs, journal and database; 1 when something fails."""
    settings = settings_for(config)
    quiet_logging(settings)
    from koemori.server.doctor import examine

    failed = False
    for finding in examine(settings):
        failed = failed or finding.state == "failed"
        if as_json:
            row = {
                "check": finding.check,
                "state": finding.state,
                "came": finding.came,
                "advice": finding.advice,
            }
            sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
        else:
            advice = f" -> {finding.advice}" if finding.advice else ""
            sys.stdout.write(f"{finding.state:<7} {finding.check:<9} {finding.came}{advice}\n")
        sys.stdout.flush()
    return FAILED if failed else OK

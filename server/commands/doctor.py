"""`koemori doctor`: checks of this machine with advice, and what it can carry."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer
from koemori.server.commands.exits import FAILED, OK
from koemori.server.commands.options import ConfigOption, quiet_logging, settings_for


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a check.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Do not measure how many calls it carries.")] = False,
    config: ConfigOption = None,
) -> int:
    """Check disk, clock, database, models and device, and measure how many calls fit; 1 on a failure."""
    settings = settings_for(config)
    quiet_logging(settings)
    from koemori.server.doctor import examine

    failed = False
    for finding in examine(settings, quick):
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
    return FAILED if failed else OK

"""`koemori demo`: a small call centre on loopback that plays scripted calls through the real ingest."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from koemori.server.commands.exits import FAILED, INTERRUPTED, OK
from koemori.server.commands.options import ConfigOption, settings_for


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the first call, with a summary.")] = False,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8410,
    data: Annotated[Path, typer.Option(help="The demo's folder; made anew each time.")] = Path("var/demo"),
    config: ConfigOption = None,
) -> int:
    """Seed a call centre, start the service, play calls; until Ctrl-C, or once."""
    settings = settings_for(config)
    from koemori.server.calls.recogniser import fetch_models
    from koemori.server.demo.runner import DemoOptions, demo_settings, run_demo
    from koemori.server.progress import ProgressLine
    from koemori.server.telemetry import configure_logging

    options = DemoOptions(once, headless, port, data)
    configure_logging(demo_settings(options, settings).logging)
    progress = ProgressLine()
    try:
        fetch_models(settings, progress)
    finally:
        progress.end()
    summary = asyncio.run(run_demo(options, settings))
    if not once:
        return OK
    if summary is None:
        return INTERRUPTED
    sys.stdout.write(json.dumps(summary, ensure_ascii=False, indent=1) + "\n")
    if summary["ok"]:
        return OK
    sys.stderr.write(f"koemori: demo: missing {', '.join(summary['missing'])}\n")
    return FAILED

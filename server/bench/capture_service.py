"""The service of a capture benchmark: all of it but HTTP, in a process of its own, with recognition off.

    python -m koemori.server.bench.capture_service

Reads the settings as a line of JSON; then answers each further line with a line of figures, until there are
no more.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from koemori.audio.journal import Journal
from koemori.server.api.dependencies import Services
from koemori.server.app import running
from koemori.server.auth.origins import Origins
from koemori.server.calls.live import LiveCalls
from koemori.server.calls.recording_pipeline import RecordingPipeline
from koemori.server.config import Settings
from koemori.server.service import prepare_process, set_aside_what_stays
from koemori.server.telemetry import Metrics, configure_logging

TRUNK = "bench"


async def serve() -> None:
    """Run until standard input ends."""
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    settings = Settings.model_validate(json.loads(await lines.readline()))
    configure_logging(settings.logging)
    prepare_process()
    opened: list[Journal] = []

    async def open_pipeline(given: Settings, metrics: Metrics) -> RecordingPipeline:
        pipeline = await RecordingPipeline.open(given, metrics)
        opened.append(pipeline.journal)
        return pipeline

    async with running(settings, Origins(None), open_pipeline) as services:
        set_aside_what_stays()
        _say({"ready": True})
        late = asyncio.create_task(_watch_loop(), name="bench-loop")
        while await lines.readline():
            _say(figures(services, opened[0]))
        late.cancel()


_LOOP_LATE_MS: list[float] = []
_LOOK_S = 0.05


async def _watch_loop() -> None:
    """Note by how much the event loop is late."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + _LOOK_S
        await asyncio.sleep(_LOOK_S)
        _LOOP_LATE_MS.append((loop.time() - due_s) * 1000)


def figures(services: Services, journal: Journal) -> dict[str, Any]:
    """Counters since the start; `ages_ms` of the latest syncs, `loop_late_ms` since the last time."""
    state, status, live = journal.metrics(), services.trunks.statuses[TRUNK], services.live
    late, _LOOP_LATE_MS[:] = [round(value, 2) for value in _LOOP_LATE_MS], []
    return {
        "calls_live": status.calls_live,
        "sessions_live": len(live) if isinstance(live, LiveCalls) else 0,
        "refused": dict(status.refused),
        "problems": dict(status.problems),
        "syncs": state.syncs,
        "ages_ms": [round(age, 2) for age in state.ages_ms],
        "records_written": state.records_written,
        "bytes_written": state.bytes_written,
        "write_failures": state.write_failures,
        "overflow_samples": state.overflow_samples,
        "loop_late_ms": late,
    }


def _say(told: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve())

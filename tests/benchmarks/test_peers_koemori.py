"""The comparison's client of Koemori against the real service."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from koemori.models.catalog import ensure_model

from benchmarks.peers.koemori_serve import Koemori
from benchmarks.peers.records import StreamLog
from benchmarks.peers.streams import phantom_stream

pytestmark = pytest.mark.model


async def test_calls_of_the_real_service_end_by_themselves_without_a_word_in_silence(tmp_path: Path) -> None:
    system, stream = Koemori(), phantom_stream(1.2)
    server = await system.start(ensure_model("base"), 2, tmp_path)
    try:
        logs = [StreamLog(time.perf_counter) for _ in range(2)]
        samples = stream.samples().tobytes()
        await asyncio.gather(*(system.play(server, stream.mulaw, samples, log) for log in logs))
    finally:
        await asyncio.to_thread(server.stop)
    assert [(log.complete, log.events) for log in logs] == [(True, []), (True, [])]
    assert (tmp_path / "archive").is_dir()

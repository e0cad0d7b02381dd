"""Workers that are killed under live calls, for a few seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
from koemori.server.bench.capacity import Plan, planned
from koemori.server.bench.tapes import find_calls, read_tape
from koemori.server.config import load_settings

from benchmarks.killed_workers import CORPUS, run

pytestmark = pytest.mark.model


async def test_utterances_come_once_and_in_order_though_workers_are_killed(tmp_path: Path) -> None:
    tapes = [read_tape(path) for path in find_calls([CORPUS])[:2]]
    settings = load_settings()
    archive = settings.archive.model_copy(update={"directory": tmp_path})
    calls = planned(tapes, 2, Plan(seconds=12, stagger_ms=0))
    found = await run(calls, settings.model_copy(update={"archive": archive}), every_s=3.0)
    assert found["kills"] >= 3
    assert found["restarts"] >= found["kills"] - found["workers"]
    assert (found["twice"], found["out_of_order"], found["overlapping"], found["answers_unsaid"]) == (0,) * 4
    # A machine busy with other things may be without a worker for so long that words are refused aloud.
    assert found["turns"]["heard"] + found["turns"]["shed"] == sum(found["turns"].values())
    assert found["turns"]["heard"] > 0
    assert found["requests"]["final"]["unanswered"] == 0
    assert found["recordings_exact"] == 2

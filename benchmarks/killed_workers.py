"""Kills a recogniser's worker again and again while calls go on; every utterance must come once, in order.

    python -m benchmarks.killed_workers [--calls 4] [--seconds 180] [--every 10] [--out FILE]

Method. The calls of the corpus, looped to one length and begun at random turns, are played at the speed of a
phone line through the whole pipeline. Every few seconds one worker process, each in its turn, gets SIGKILL.
Counted per call: utterances that came twice or out of order (per speaker, by their start), turns of the
script in which nothing was heard, audio that was left out, and whether the recording is exact. The same calls
are then played again without kills, and the turns heard are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from koemori.models.process_pool import ProcessWorkerPool
from koemori.server.bench.capacity import Plan, Planned, planned
from koemori.server.bench.environment import environment
from koemori.server.bench.figures import emitted, not_assisted_ms, pooled, ranked, turns_heard
from koemori.server.bench.playing import Played, play
from koemori.server.bench.tapes import find_calls, read_tape
from koemori.server.calls.pipeline import Pipeline
from koemori.server.config import Settings, load_settings
from koemori.server.telemetry import Metrics
from koemori.server.wire import UtteranceEvent

CORPUS = Path(__file__).parent / "corpus" / "audio"
RESULTS = Path(__file__).parent / "results" / "killed-workers.json"


async def run(calls: list[Planned], settings: Settings, every_s: float | None) -> dict[str, Any]:
    """Play the calls; kill a worker every `every_s` seconds, None for never."""
    metrics = Metrics()
    pipeline = await Pipeline.open(settings, metrics)
    pool = pipeline.pool
    assert isinstance(pool, ProcessWorkerPool)
    killed: list[int] = []

    async def kill() -> None:
        for turn in count():
            await asyncio.sleep(every_s or 0)
            if pids := pool.pids:
                killed.append(pids[turn % len(pids)])
                os.kill(killed[-1], signal.SIGKILL)

    async def one(call: Planned) -> Played:
        await asyncio.sleep(call.delay_ms / 1000)
        return await play(call.tape, 1.0, pipeline.ports, metrics, settings)

    killer = asyncio.create_task(kill()) if every_s else None
    began_s = time.monotonic()
    try:
        played = await asyncio.gather(*(one(call) for call in calls))
    finally:
        if killer is not None:
            killer.cancel()
        await pipeline.aclose()
    heard = [turns_heard(call) for call in played]
    return {
        "seconds": round(time.monotonic() - began_s, 1),
        "kills": len(killed),
        "restarts": pool.restarts,
        "utterances": sum(len(utterances(call)) for call in played),
        "twice": sum(twice(call) for call in played),
        "out_of_order": sum(out_of_order(call) for call in played),
        "turns": sum(turns for _, turns in heard),
        "turns_heard": sum(said for said, _ in heard),
        "not_assisted_ms": sum(not_assisted_ms(call.events) for call in played),
        "recordings_exact": sum(call.exact for call in played),
        "latency_ms": ranked(pooled(emitted(call) for call in played)),
    }


def utterances(played: Played) -> list[UtteranceEvent]:
    return [event for event in played.events if isinstance(event, UtteranceEvent)]


def twice(played: Played) -> int:
    """Utterances whose id came before."""
    ids = [event.utterance_id for event in utterances(played)]
    return len(ids) - len(set(ids))


def out_of_order(played: Played) -> int:
    """Utterances that begin before one of the same speaker that came earlier."""
    said = utterances(played)
    return sum(
        later.start_ms < earlier.start_ms
        for speaker in {event.speaker for event in said}
        for earlier, later in pairwise([event for event in said if event.speaker == speaker])
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--every", type=float, default=10.0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    tapes = [read_tape(path) for path in find_calls([CORPUS])]
    calls = planned(tapes, options.calls, Plan(seconds=options.seconds))
    command = f"python -m benchmarks.killed_workers {' '.join(sys.argv[1:])}".strip()
    result: dict[str, Any] = {"bench": "killed-workers", **environment(), "command": command}
    for name, every_s in (("killed", options.every), ("undisturbed", None)):
        with TemporaryDirectory(prefix="koemori-bench-") as scratch:
            settings = load_settings()
            archive = settings.archive.model_copy(update={"directory": Path(scratch)})
            result[name] = asyncio.run(run(calls, settings.model_copy(update={"archive": archive}), every_s))
        print(name, json.dumps(result[name]), flush=True)
    options.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

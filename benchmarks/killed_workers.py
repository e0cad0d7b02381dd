"""Kills a recogniser's worker again and again while calls go on; every utterance must come once, in order.

    python -m benchmarks.killed_workers [--calls 4] [--seconds 180] [--every 10] [--out FILE]

Method. The calls of the corpus, looped to one length and begun at random turns, are played at the speed of a
phone line through the whole pipeline. Every few seconds one worker process, each in its turn, gets SIGKILL.

* `requests`: what was asked of the pool and what became of it. `shed` was refused for want of room, which is
  said by a gap; an advance or a partial so refused costs nothing. `dropped` were questions that nobody waited
  for any more. `failed` finals and `unanswered` ones would be lost work.
* `utterances` that came `twice`, `out_of_order` or `overlapping` (per speaker, by their times), and
  `answers_unsaid`: finals that a worker answered with words of which no event came.
* `turns` of the script: heard to their end; `shed`, where a gap says that it was not listened to;
  `quarantined`, where words came and were not believed; else `lost`.

The same calls are then played again without kills; a turn that is lost there too was never found by the voice
detector. The command ends with 1 when the kills lost anything, had it said twice or out of order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from koemori.audio.call import CallStarted, ChannelRole
from koemori.models.errors import ModelError, WorkerPoolBusyError
from koemori.models.ports import Load, Purpose, TranscriptionRequest, WorkerPool
from koemori.models.process_pool import ProcessWorkerPool
from koemori.models.types import Hypothesis
from koemori.server.bench.capacity import Plan, Planned, planned
from koemori.server.bench.environment import environment
from koemori.server.bench.figures import emitted, not_assisted_ms, pooled, ranked, turns_unheard
from koemori.server.bench.playing import Played, play
from koemori.server.bench.tapes import find_calls, read_tape
from koemori.server.calls.listening import prompts_for
from koemori.server.calls.pipeline import Pipeline, listener_for
from koemori.server.calls.ports import Listener
from koemori.server.config import Settings, load_settings
from koemori.server.telemetry import Metrics
from koemori.server.wire import GapEvent, QuarantinedEvent, UtteranceEvent

CORPUS = Path(__file__).parent / "corpus" / "audio"
TURNS = ("heard", "shed", "quarantined", "lost")
RESULTS = Path(__file__).parent / "results" / "killed-workers.json"


@dataclass(slots=True, eq=False)
class Asked:
    """A window that was asked for and what became of it; `open` while nothing has."""

    request: TranscriptionRequest
    outcome: str = "open"
    text: str = ""


class CountingPool:
    """A `WorkerPool` around another that remembers what became of each request."""

    def __init__(self, inner: WorkerPool) -> None:
        self._inner = inner
        self.model_id = inner.model_id
        self.capacity = inner.capacity
        self.asked: list[Asked] = []

    @property
    def load(self) -> Load:
        """See `WorkerPool`."""
        return self._inner.load

    async def transcribe(self, request: TranscriptionRequest) -> Hypothesis:
        """See `WorkerPool`."""
        asked = Asked(request)
        self.asked.append(asked)
        try:
            answer = await self._inner.transcribe(request)
        except WorkerPoolBusyError:
            asked.outcome = "shed"
            raise
        except asyncio.CancelledError:
            asked.outcome = "dropped"
            raise
        except ModelError:
            asked.outcome = "failed"
            raise
        asked.outcome, asked.text = "answered", answer.text.strip()
        return answer

    async def aclose(self) -> None:
        """See `WorkerPool`."""
        await self._inner.aclose()


async def run(calls: list[Planned], settings: Settings, every_s: float | None) -> dict[str, Any]:
    """Play the calls; kill a worker every `every_s` seconds, None for never."""
    metrics = Metrics()
    pipeline = await Pipeline.open(settings, metrics)
    pool = pipeline.pool
    assert isinstance(pool, ProcessWorkerPool)
    counting = CountingPool(pool)
    prompts = prompts_for(settings)
    killed: list[int] = []
    workers = len(pool.pids)

    def listener(started: CallStarted) -> Listener:
        return listener_for(started, settings, pipeline.vad, counting, prompts)

    ports = replace(pipeline.ports, make_listener=listener)

    async def kill() -> None:
        for turn in count():
            await asyncio.sleep(every_s or 0)
            if pids := pool.pids:
                killed.append(pids[turn % len(pids)])
                os.kill(killed[-1], signal.SIGKILL)

    async def one(call: Planned) -> Played:
        await asyncio.sleep(call.delay_ms / 1000)
        return await play(call.tape, 1.0, ports, metrics, settings)

    killer = asyncio.create_task(kill()) if every_s else None
    began_s = time.monotonic()
    try:
        played = await asyncio.gather(*(one(call) for call in calls))
    finally:
        if killer is not None:
            killer.cancel()
        await pipeline.aclose()
    return {
        "seconds": round(time.monotonic() - began_s, 1),
        "workers": workers,
        "kills": len(killed),
        "restarts": pool.restarts,
        "requests": requests(counting.asked),
        "utterances": sum(len(utterances(call)) for call in played),
        "twice": sum(twice(call) for call in played),
        "out_of_order": sum(out_of_order(call) for call in played),
        "overlapping": sum(overlapping(call) for call in played),
        "answers_unsaid": sum(unsaid(call, counting.asked) for call in played),
        "turns": {name: sum(turns(call)[name] for call in played) for name in TURNS},
        "not_assisted_ms": sum(not_assisted_ms(call.events) for call in played),
        "recordings_exact": sum(call.exact for call in played),
        "latency_ms": ranked(pooled(emitted(call) for call in played)),
    }


def requests(asked: list[Asked]) -> dict[str, dict[str, int]]:
    """How many of each purpose came to what."""
    found: dict[str, dict[str, int]] = {}
    for purpose in Purpose:
        of_purpose = [one.outcome for one in asked if one.request.purpose is purpose]
        names = ("answered", "shed", "failed", "dropped")
        found[purpose.name.lower()] = {name: of_purpose.count(name) for name in names} | {
            "unanswered": of_purpose.count("open")
        }
    return found


def unsaid(played: Played, asked: list[Asked]) -> int:
    """Finals of this call that were answered with words, of which neither utterance nor quarantine tells."""
    call_id = played.events[0].call_id
    told = [
        (played.tape.roles.index(event.speaker), event.start_ms, event.end_ms)
        for event in played.events
        if isinstance(event, UtteranceEvent | QuarantinedEvent)
    ]
    answers = [
        one.request.segment
        for one in asked
        if one.request.purpose is Purpose.FINAL and one.outcome == "answered" and one.text
    ]
    return sum(
        not any(
            index == segment.channel.index and segment.start_ms <= (start_ms + end_ms) / 2 <= segment.end_ms
            for index, start_ms, end_ms in told
        )
        for segment in answers
        if segment.channel.call_id == call_id
    )


def turns(played: Played) -> Counter[str]:
    """Turns of the script, by what became of them."""
    unheard = turns_unheard(played)
    found = Counter(heard=len(played.tape.turns) - len(unheard))
    gaps = [
        (event.channel, event.start_ms, event.start_ms + event.duration_ms)
        for event in played.events
        if isinstance(event, GapEvent) and event.cause == "not_assisted"
    ]
    doubted = [
        (played.tape.roles.index(event.speaker), event.start_ms, event.end_ms)
        for event in played.events
        if isinstance(event, QuarantinedEvent)
    ]
    for turn in unheard:
        index = played.tape.roles.index(ChannelRole(turn.speaker))
        spans = {"shed": gaps, "quarantined": doubted}
        found[
            next(
                (
                    name
                    for name, places in spans.items()
                    if any(
                        channel == index and start_ms < turn.end_ms and end_ms > turn.start_ms
                        for channel, start_ms, end_ms in places
                    )
                ),
                "lost",
            )
        ] += 1
    return found


def utterances(played: Played) -> list[UtteranceEvent]:
    return [event for event in played.events if isinstance(event, UtteranceEvent)]


def twice(played: Played) -> int:
    """Utterances whose id came before."""
    ids = [event.utterance_id for event in utterances(played)]
    return len(ids) - len(set(ids))


def out_of_order(played: Played) -> int:
    """Utterances that begin before one of the same speaker that came earlier."""
    return sum(later.start_ms < earlier.start_ms for earlier, later in _neighbours(played))


def overlapping(played: Played) -> int:
    """Utterances that begin before the end of the one of the same speaker that came before: said again."""
    return sum(later.start_ms < earlier.end_ms for earlier, later in _neighbours(played))


def _neighbours(played: Played) -> Iterator[tuple[UtteranceEvent, UtteranceEvent]]:
    said = utterances(played)
    for speaker in {event.speaker for event in said}:
        yield from pairwise([event for event in said if event.speaker == speaker])


def harmed(killed: dict[str, Any], undisturbed: dict[str, Any]) -> bool:
    """Whether the kills lost anything, or had it said twice or out of order."""
    finals = killed["requests"]["final"]
    return (
        any(killed[name] for name in ("twice", "out_of_order", "overlapping", "answers_unsaid"))
        or finals["failed"] + finals["unanswered"] > 0
        or killed["turns"]["lost"] > undisturbed["turns"]["lost"]
        or killed["restarts"] < killed["kills"] - killed["workers"]
    )


def main() -> int:
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
    result["harmed"] = harmed(result["killed"], result["undisturbed"])
    options.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 1 if result["harmed"] else 0


if __name__ == "__main__":
    sys.exit(main())

"""Seconds between what is said and its text, with calls played at the speed of a phone line.

    python -m benchmarks.latency [CALL …] [--at-once 1] [--workers 2] [--out benchmarks/results/latency.json]

Method. Calls are pushed into listeners in frames of 20 ms, each when it is due. `final` is the time from the
end of the speech by the detector to its `utterance`, silence for the endpoint included; `final_after_turn` is
the same from the end of the turn by the script, for the last utterance of each turn. `partial` is the time
from the end of the audio a partial covers to the partial; `first_text` from the beginning of a turn by the
script to its first text. Network, database and browser are not in it. With `--at-once N`, N copies of each
call run together, staggered by 1.7 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from koemori.models.listener import ListenerConfig
from koemori.models.silero_vad import SileroVad
from koemori.models.types import NotAssisted, Partial, Utterance
from koemori.models.vad_batcher import VadBatcher

from benchmarks.listening import (
    CorpusCall,
    Heard,
    circumstances,
    hear,
    load_call,
    load_whisper,
    make_pool,
    quantiles,
)

SIDES = ("agent", "customer")
STAGGER_S = 1.7
RESULTS = Path(__file__).parent / "results" / "latency.json"


def latencies(call: CorpusCall, heard: Heard) -> dict[str, list[float]]:
    """Each measure's values for one call."""
    finals = [(at_s, event) for at_s, event in heard.events if isinstance(event, Utterance)]
    shown = [(at_s, event) for at_s, event in heard.events if isinstance(event, Partial)]
    after_turn, first_text = [], []
    for turn in call.turns:
        side = SIDES.index(turn["speaker"])
        start_ms, end_ms = turn["start"] * 1000, turn["end"] * 1000
        own = [
            (at_s, event)
            for at_s, event in [*shown, *finals]
            if event.channel.index == side and start_ms - 500 <= event.start_ms < end_ms
        ]
        last = max((event.end_ms for _, event in own if isinstance(event, Utterance)), default=None)
        if last is None:
            continue
        first_text.append(min(at_s for at_s, _ in own) - turn["start"])
        after_turn += [
            at_s - turn["end"] for at_s, event in own if isinstance(event, Utterance) and event.end_ms == last
        ]
    return {
        "final": [at_s - event.end_ms / 1000 for at_s, event in finals],
        "final_after_turn": after_turn,
        "partial": [at_s - event.end_ms / 1000 for at_s, event in shown],
        "first_text": first_text,
    }


async def run(names: list[str], at_once: int, workers: int) -> dict[str, object]:
    whisper = load_whisper(workers)
    pool, vad = make_pool(whisper, workers), VadBatcher(SileroVad())
    command = f"python -m benchmarks.latency {' '.join(sys.argv[1:])}".strip()
    result = circumstances(command, whisper.model_id)

    async def one(call: CorpusCall, copy: int) -> Heard:
        await asyncio.sleep(copy * STAGGER_S)
        return await hear(call, vad, pool, ListenerConfig(), speed=1.0)

    values: dict[str, list[float]] = {}
    cpu_s = seconds = 0.0
    not_assisted = 0
    for name in names:
        call = load_call(name)
        copies = await asyncio.gather(*(one(call, copy) for copy in range(at_once)))
        cpu_s += max(heard.cpu_s for heard in copies)
        seconds += call.seconds
        for heard in copies:
            not_assisted += sum(isinstance(event, NotAssisted) for _, event in heard.events)
            for measure, found in latencies(call, heard).items():
                values.setdefault(measure, []).extend(found)
    await pool.aclose()
    result["calls_at_once"] = at_once
    result["latency_s"] = {measure: quantiles(found) for measure, found in values.items()}
    result["cpu_s_per_call_s"] = round(cpu_s / seconds / at_once, 3)
    result["not_assisted"] = not_assisted
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("calls", nargs="*", default=["c01", "c05"])
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--note", default="", help="what a reader must know of this run")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    result = asyncio.run(run(options.calls, options.at_once, options.workers))
    result["note"] = options.note
    text = json.dumps(result, ensure_ascii=False, indent=1)
    options.out.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()

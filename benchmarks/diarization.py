"""Who spoke, on two-sided calls mixed into one channel: diarization error rate, and whose each word is.

    make diarize
    python -m benchmarks.diarization [CALL …] [--python .venv-diarize/bin/python] [--no-words]
        [--out benchmarks/results/diarization.json]

Method. Both sides of each call of the corpus are averaged into one channel (8 kHz telephone audio). The truth
is the script's turns. `as_recorded` has no two turns at once; in `overlapping` the customer's side is moved
0.8 s earlier, so that most of its answers begin before the question has ended. The whole call goes to the
diarizer at once, told that two people speak. The error rate is that of pyannote.metrics without a collar,
overlapping speech counted (the diarization used here gives each moment to one speaker, so overlap is missed
by design).

Words are what the listener with Whisper base hears in the same mono audio. A word's true speaker is the
one whose scripted turn covers most of it; words outside all turns are left out. S1 and S2 are matched
to agent and customer in the way that fits the call best. CPU seconds are of the worker process; the
scoring's few are among them.

The open weights are of test grade: the segmentation is of 2022 and the voice encoder of 2019. The voices of
the corpus are synthetic and differ clearly, which is easier than life: read the figures as "the path works".
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.catalog import ModelSources
from koemori.models.diarizer import DiarizationConfig, PyannoteDiarizer
from koemori.models.listener import CallListener, ListenerConfig
from koemori.models.open_voices import ensure_open_voices
from koemori.models.ports import WorkerPool
from koemori.models.silero_vad import SileroVad
from koemori.models.speakers import UNKNOWN_SPEAKER, label_words
from koemori.models.types import SpeakerTurn, Utterance, Word
from numpy.typing import NDArray

from benchmarks.listening import CALLS, RATE_HZ, circumstances, load_call, open_pool

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).parent / "results" / "diarization.json"
SHIFTS_S = {"as_recorded": 0.0, "overlapping": 0.8}


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """One channel at 16 kHz, and who speaks when."""

    name: str
    samples: NDArray[np.float32]
    turns: tuple[SpeakerTurn, ...]

    @property
    def end_ms(self) -> int:
        return len(self.samples) * 1000 // RATE_HZ


def mix(name: str, shift_s: float) -> Mix:
    call = load_call(name)
    shift = round(shift_s * RATE_HZ)
    agent, customer = call.audio
    moved = np.concatenate([customer[shift:], np.zeros(shift, np.float32)])
    turns = [
        SpeakerTurn(
            turn["speaker"],
            max(0, round((turn["start"] - early) * 1000)),
            max(0, round((turn["end"] - early) * 1000)),
        )
        for turn in call.turns
        for early in (shift_s if turn["speaker"] == "customer" else 0.0,)
    ]
    return Mix(
        name,
        ((agent + moved) / 2).astype(np.float32),
        tuple(sorted(turns, key=lambda turn: turn.start_ms)),
    )


def error_rates(python: Path, mixes: Sequence[Mix], found: Sequence[Sequence[SpeakerTurn]]) -> dict[str, Any]:
    """pyannote.metrics, in the interpreter that has it."""

    def plain(turns: Sequence[SpeakerTurn]) -> list[list[Any]]:
        return [[turn.speaker, turn.start_ms, turn.end_ms] for turn in turns]

    calls = [
        {"reference": plain(call.turns), "found": plain(turns), "end_ms": call.end_ms}
        for call, turns in zip(mixes, found, strict=True)
    ]
    answer = subprocess.run(
        [python, ROOT / "benchmarks" / "der.py"],
        input=json.dumps({"calls": calls}),
        capture_output=True,
        text=True,
        check=True,
    )
    rates: dict[str, Any] = json.loads(answer.stdout)
    return rates


async def heard_words(call: Mix, vad: SileroVad, pool: WorkerPool) -> list[Word]:
    """What the listener hears in the mono channel."""
    channel = Channel(CallId(call.name), LegId("0"), 0, ChannelRole.UNKNOWN, "bench")
    listener = CallListener([channel], vad, pool, ListenerConfig(partials=False))

    async def feed() -> None:
        step = RATE_HZ // 50
        for start in range(0, len(call.samples), step):
            await listener.drain_below(30_000)
            listener.push(channel, start * 1000 // RATE_HZ, call.samples[start : start + step])
        listener.finish()

    feeding = asyncio.ensure_future(feed())
    words = [
        word async for event in listener.events() if isinstance(event, Utterance) for word in event.words
    ]
    await feeding
    return words


def words_right(words: Sequence[Word], call: Mix, found: Sequence[SpeakerTurn]) -> Counter[str]:
    """Words by what became of them: right, wrong, unknown, or outside every scripted turn."""
    truth = label_words(words, call.turns, tolerance_ms=0)
    given = label_words(words, found)
    best = Counter[str]()
    for names in permutations(("agent", "customer")):
        who = dict(zip(("S1", "S2"), names, strict=True))
        counts = Counter[str]()
        for true, ours in zip(truth, given, strict=True):
            if true.speaker == UNKNOWN_SPEAKER:
                counts["outside"] += 1
            elif ours.speaker == UNKNOWN_SPEAKER:
                counts["unknown"] += 1
            else:
                counts["right" if who.get(ours.speaker) == true.speaker else "wrong"] += 1
        best = max(best, counts, key=lambda each: each["right"])
    return best


def share(counts: Counter[str]) -> float | None:
    judged = counts["right"] + counts["wrong"] + counts["unknown"]
    return round(counts["right"] / judged, 4) if judged else None


async def condition(
    names: Sequence[str], shift_s: float, diarizer: PyannoteDiarizer, python: Path, words: bool
) -> dict[str, Any]:
    mixes = [mix(name, shift_s) for name in names]
    found = []
    for call in mixes:
        found.append(await diarizer.turns(call.samples, 2))
    rates = error_rates(python, mixes, found)
    calls: dict[str, Any] = {}
    total = Counter[str]()
    pool = await open_pool(1) if words else None
    for call, turns, rate in zip(mixes, found, rates["calls"], strict=True):
        calls[call.name] = {"seconds": round(call.end_ms / 1000, 1), "turns_found": len(turns), **rate}
        if pool is not None:
            counts = words_right(await heard_words(call, SileroVad(), pool), call, turns)
            total += counts
            calls[call.name] |= {"words": dict(counts), "words_right": share(counts)}
        print(call.name, calls[call.name], flush=True)
    if pool is not None:
        await pool.aclose()
    return {
        "der": rates["overall"],
        "words_right": share(total),
        "words": dict(total),
        "calls": calls,
    }


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    weights = ensure_open_voices(ModelSources.from_environment())
    diarizer = PyannoteDiarizer(DiarizationConfig(weights=weights, interpreter=arguments.python))
    result: dict[str, Any] = {
        **circumstances(" ".join(["python -m benchmarks.diarization", *arguments.calls]), diarizer.model_id),
        "note": "open weights of test grade; synthetic voices that differ clearly; two speakers given",
    }
    names = arguments.calls or CALLS
    for name, shift_s in SHIFTS_S.items():
        words = arguments.words and shift_s == 0
        result[name] = await condition(names, shift_s, diarizer, arguments.python, words)
    await diarizer.aclose()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = sum(call["seconds"] for name in SHIFTS_S for call in result[name]["calls"].values())
    result["worker_cpu_s_per_audio_s"] = round((used.ru_utime + used.ru_stime) / seconds, 4)
    result["worker_peak_mib"] = round(used.ru_maxrss / 1024)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("calls", nargs="*", metavar="CALL")
    parser.add_argument("--python", type=Path, default=ROOT / ".venv-diarize" / "bin" / "python")
    parser.add_argument("--no-words", dest="words", action="store_false")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    result = asyncio.run(run(arguments))
    arguments.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for name in SHIFTS_S:
        print(f"{name}: DER {result[name]['der']:.3f}, words right {result[name]['words_right']}")


if __name__ == "__main__":
    main()

"""How many characters the streaming pipeline gets wrong, and what it invents when nobody speaks.

Each call goes through the whole pipeline as fast as the models follow. Per side, the texts of its utterances
are joined in order and compared with the joined turns of the script: edit distance over normalised characters
(NFKC, no punctuation or spaces) as a share of the script's. Numbers and homophones that the recogniser writes
in its own way (小野寺 → おのでら) count as errors. The reference is the same weights on each true turn in
full windows of 30 s (`koemori.server.bench.offline`), in the same run.

Phantoms: silence, noise, tones and music (`koemori.audio.telephone_sounds`) go the same way; every utterance
is one too many.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from koemori.audio.call import ChannelRole
from koemori.audio.telephone_sounds import SOUND_RATE_HZ, SOUNDS
from koemori.models.catalog import ensure_model
from koemori.server.bench import process_tree
from koemori.server.bench.figures import LONGEST_SPELLED_MS, character_errors, committed, not_assisted_ms
from koemori.server.bench.offline import OfflineReference
from koemori.server.bench.playing import Played, play
from koemori.server.bench.spelling import Errors, total
from koemori.server.bench.tapes import Tape
from koemori.server.calls.pipeline import Pipeline
from koemori.server.calls.recogniser import model_sources
from koemori.server.commands.exits import UnusableInputError
from koemori.server.config import Settings
from koemori.server.telemetry import Metrics
from koemori.server.wire import PartialEvent, QuarantinedEvent, UtteranceEvent


async def measure(
    tapes: Sequence[Tape],
    settings: Settings,
    phantom_minutes: float,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Transcribe every tape both ways, then listen to `phantom_minutes` of nobody.

    Raises:
        UnusableInputError: A tape without a script, or one that is too long to compare.
    """
    for tape in tapes:
        _check(tape)
    metrics = Metrics()
    pipeline = await Pipeline.open(settings, metrics)
    # The model as it is published, whatever the recogniser makes of it.
    folder = await asyncio.to_thread(ensure_model, settings.models.name, model_sources(settings.models))
    reference = await asyncio.to_thread(OfflineReference.open, folder, *_reference_device(settings))
    calls = []
    try:
        for tape in tapes:
            calls.append(await _call(tape, pipeline, metrics, settings, reference))
            tell(line(calls[-1]))
        phantoms = await _phantoms(pipeline, metrics, settings, phantom_minutes, tell)
    finally:
        await pipeline.aclose()
    return {
        "model_id": pipeline.pool.model_id,
        "offline_device": "/".join(_reference_device(settings)),
        "cpu_covers": process_tree.COVERS,
        **summary(calls),
        "phantoms": phantoms,
        "calls": calls,
    }


def summary(calls: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All calls together, per way and side."""
    ways: dict[str, Any] = {}
    for way in ("streaming", "offline"):
        sides: dict[str, list[Errors]] = {}
        for call in calls:
            for side, figures in call[way]["sides"].items():
                counts = {name: value for name, value in figures.items() if name != "cer"}
                sides.setdefault(side, []).append(Errors(**counts))
        seconds = sum(call["seconds"] for call in calls)
        cost = sum(call[way]["cpu_s_per_audio_s"] * call["seconds"] for call in calls)
        ways[way] = {
            **total(one for errors in sides.values() for one in errors).figures(),
            "cpu_s_per_audio_s": round(cost / seconds, 4) if seconds else None,
            "sides": {side: total(errors).figures() for side, errors in sides.items()},
        }
    rates = [ways[way]["cer"] for way in ("streaming", "offline")]
    kept = [call["stable_text"] for call in calls]
    return {
        **ways,
        "points_worse": None if None in rates else round((rates[0] - rates[1]) * 100, 2),
        "stable_text": {name: sum(counts[name] for counts in kept) for name in kept[0]} if kept else {},
    }


def line(call: dict[str, Any]) -> str:
    """One call for people."""
    streaming, offline = call["streaming"], call["offline"]
    return (
        f"{call['file']:24} CER {streaming['cer']:.3f} (offline {offline['cer']:.3f})   "
        f"ins {streaming['insertions']} del {streaming['deletions']} sub {streaming['substitutions']}   "
        f"CPU/s {streaming['cpu_s_per_audio_s']:.3f} (offline {offline['cpu_s_per_audio_s']:.3f})   "
        f"stable text contradicted {call['stable_text']['contradicted']} "
        f"reworded {call['stable_text']['reworded']}/{call['stable_text']['utterances']}"
    )


def _check(tape: Tape) -> None:
    if tape.duration_ms > LONGEST_SPELLED_MS:
        limit, came = LONGEST_SPELLED_MS // 60_000, tape.duration_ms // 60_000
        raise UnusableInputError(tape.name, f"a call of at most {limit} minutes", f"one of {came}")
    if not any(turn.text for turn in tape.turns):
        raise UnusableInputError(tape.name, "a script with the text of its turns beside it", "none")


def _reference_device(settings: Settings) -> tuple[str, str]:
    """Device and weight type of the reference: those of the recogniser, a CPU unless a GPU is demanded."""
    device = "cuda" if settings.models.device == "cuda" else "cpu"
    chosen = settings.models.compute_type
    return device, {"cuda": "float16", "cpu": "int8"}[device] if chosen == "auto" else chosen


async def _call(
    tape: Tape, pipeline: Pipeline, metrics: Metrics, settings: Settings, reference: OfflineReference
) -> dict[str, Any]:
    began_s = process_tree.cpu_s()
    played = await play(tape, None, pipeline.ports, metrics, settings)
    errors = character_errors(played)
    heard_s = process_tree.cpu_s()
    read = await asyncio.to_thread(reference.errors, tape)
    read_s = process_tree.cpu_s()
    return {
        "file": tape.name,
        "seconds": round(tape.duration_ms / 1000, 1),
        "streaming": _way(errors, (heard_s - began_s) / tape.duration_ms * 1000),
        "offline": _way(read, (read_s - heard_s) / tape.duration_ms * 1000),
        "stable_text": committed(played.events),
        **_counts(played),
    }


def _way(errors: dict[str, Errors], cost: float) -> dict[str, Any]:
    return {
        **total(errors.values()).figures(),
        "cpu_s_per_audio_s": round(cost, 4),
        "sides": {side: one.figures() for side, one in errors.items()},
    }


def _counts(played: Played) -> dict[str, Any]:
    events = played.events
    return {
        "utterances": sum(isinstance(event, UtteranceEvent) for event in events),
        "partials": sum(isinstance(event, PartialEvent) for event in events),
        "quarantined": dict(Counter(event.reason for event in events if isinstance(event, QuarantinedEvent))),
        "not_assisted_ms": not_assisted_ms(events),
        "recording_exact": played.exact,
    }


async def _phantoms(
    pipeline: Pipeline, metrics: Metrics, settings: Settings, minutes: float, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Every sound for its share of the minutes, each as a call of one side."""
    seconds = minutes * 60 / len(SOUNDS)
    rows = {}
    for name in SOUNDS if minutes > 0 else ():
        tape = await asyncio.to_thread(_sound, name, seconds)
        began_s = process_tree.cpu_s()
        played = await play(tape, None, pipeline.ports, metrics, settings)
        cost = (process_tree.cpu_s() - began_s) / max(seconds, 1e-9)
        texts = [event.text for event in played.events if isinstance(event, UtteranceEvent)]
        rows[name] = {
            "seconds": round(seconds, 1),
            **_counts(played),
            "characters": sum(map(len, texts)),
            "texts": texts,
            "cpu_s_per_audio_s": round(cost, 4),
        }
        tell(f"{name:24} phantom utterances {len(texts)}")
    return {
        "minutes": minutes,
        "utterances": sum(row["utterances"] for row in rows.values()),
        "characters": sum(row["characters"] for row in rows.values()),
        "partials": sum(row["partials"] for row in rows.values()),
        "sounds": rows,
    }


def _sound(name: str, seconds: float) -> Tape:
    heard = SOUNDS[name](seconds)
    samples = np.clip(np.round(heard * 32_767), -32_768, 32_767).astype(np.int16)[np.newaxis]
    samples.setflags(write=False)
    return Tape(name, SOUND_RATE_HZ, samples, (ChannelRole.CUSTOMER,))

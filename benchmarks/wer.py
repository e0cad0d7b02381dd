"""Character error rate and CPU cost of the listener on the corpus, beside offline decoding of the true turns.

    python -m benchmarks.wer [CALL …] [--workers 2] [--no-offline] [--out benchmarks/results/wer.json]

Method. Each call is pushed through the whole listener (detector, segmenter, Whisper base int8, guard) at full
speed, finals only. Per side, the texts of its utterances are joined in order and compared with the joined
turns of the script: edit distance over normalised characters (NFKC, no punctuation or spaces) as a share of
the script's. Numbers and homophones that the recogniser writes in its own way (小野寺 → おのでら) count as
errors. `offline` is the same model on each true turn (cut by the script's times with 250 ms around
it) in a full 30 s window with a beam of five: what the shorter windows and our own endpoints must not be
worse than. CPU seconds are of the whole process and its workers, over the length of the call (both sides).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.listener import ListenerConfig
from koemori.models.ports import Purpose, TranscriptionRequest
from koemori.models.silero_vad import SileroVad
from koemori.models.text import edit_distance, normalize
from koemori.models.types import NotAssisted, Quarantined, SpeechSegment, Utterance
from koemori.models.whisper import WhisperConfig, WhisperTranscriber

from benchmarks.listening import (
    CALLS,
    RATE_HZ,
    CorpusCall,
    circumstances,
    ensure_model,
    hear,
    load_call,
    load_whisper,
    open_pool,
)

SIDES = ("agent", "customer")
RESULTS = Path(__file__).parent / "results" / "wer.json"


def errors(reference: str, hypothesis: str) -> tuple[int, int]:
    """Edit distance and characters of the reference, normalised."""
    expected = normalize(reference)
    return edit_distance(expected, normalize(hypothesis)), len(expected)


async def listened(call: CorpusCall, workers: int) -> dict[str, object]:
    pool = await open_pool(workers)
    heard = await hear(call, SileroVad(), pool, ListenerConfig(partials=False))
    await pool.aclose()
    said = [event for _, event in heard.events if isinstance(event, Utterance)]
    counted = [
        errors(call.text(side), "".join(event.text for event in said if event.channel.index == index))
        for index, side in enumerate(SIDES)
    ]
    return {
        "errors": [wrong for wrong, _ in counted],
        "characters": [all_ for _, all_ in counted],
        "utterances": len(said),
        "quarantined": sum(isinstance(event, Quarantined) for _, event in heard.events),
        "not_assisted": sum(isinstance(event, NotAssisted) for _, event in heard.events),
        "cpu_s_per_audio_s": round(heard.cpu_s / call.seconds, 4),
    }


def offline(call: CorpusCall, whisper: WhisperTranscriber) -> dict[str, object]:
    """The same weights on the true turns in 30 s windows."""
    cpu_s = time.process_time()
    texts = {side: "" for side in SIDES}
    for turn in call.turns:
        side = turn["speaker"]
        channel = Channel(CallId(call.name), LegId("0"), SIDES.index(side), ChannelRole(side), "bench")
        start_ms, end_ms = max(0, int(turn["start"] * 1000) - 250), int(turn["end"] * 1000) + 250
        samples = call.audio[channel.index, start_ms * RATE_HZ // 1000 : end_ms * RATE_HZ // 1000]
        request = TranscriptionRequest(SpeechSegment(channel, start_ms, end_ms, samples), Purpose.FINAL)
        texts[side] += whisper.transcribe([request])[0].text
    counted = [errors(call.text(side), texts[side]) for side in SIDES]
    return {
        "errors": [wrong for wrong, _ in counted],
        "characters": [all_ for _, all_ in counted],
        "cpu_s_per_audio_s": round((time.process_time() - cpu_s) / call.seconds, 4),
    }


def rates(rows: list[dict[str, object]]) -> dict[str, float]:
    """CER per side and over both, over all calls."""
    wrong = [[row["errors"][side] for row in rows] for side in (0, 1)]  # type: ignore[index]
    all_ = [[row["characters"][side] for row in rows] for side in (0, 1)]  # type: ignore[index]
    return {
        "cer": round((sum(wrong[0]) + sum(wrong[1])) / (sum(all_[0]) + sum(all_[1])), 4),
        "cer_agent": round(sum(wrong[0]) / sum(all_[0]), 4),
        "cer_customer": round(sum(wrong[1]) / sum(all_[1]), 4),
        "cpu_s_per_audio_s": round(sum(float(str(row["cpu_s_per_audio_s"])) for row in rows) / len(rows), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("calls", nargs="*", default=list(CALLS))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--no-offline", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    whisper = load_whisper()
    config = replace(WhisperConfig(), least_final_window_ms=30_000)
    wide = None if options.no_offline else WhisperTranscriber(ensure_model("base"), config)
    command = f"python -m benchmarks.wer {' '.join(sys.argv[1:])}".strip()
    result = circumstances(command, whisper.model_id)
    calls: dict[str, dict[str, object]] = {}
    for name in options.calls:
        call = load_call(name)
        calls[name] = {"seconds": round(call.seconds, 1)}
        calls[name]["listener"] = asyncio.run(listened(call, options.workers))
        if wide is not None:
            calls[name]["offline"] = offline(call, wide)
        print(name, json.dumps(calls[name]), flush=True)
    for kind in ("listener", "offline"):
        rows = [row[kind] for row in calls.values() if kind in row]
        if rows:
            result[kind] = rates(rows)  # type: ignore[arg-type]
    result["calls"] = calls
    options.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({kind: result.get(kind) for kind in ("listener", "offline")}, indent=1))


if __name__ == "__main__":
    main()

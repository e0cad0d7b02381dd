"""Every recording of the corpus through the whole pipeline: is it kept exactly, and is it understood?

    python -m benchmarks.calls_through_audio [--speed max] [--out FILE] [CALL …]

Runs `koemori replay` as a user would, then checks per call: the archived FLAC decodes to exactly the file's
samples, the ledger of each channel sums to the duration, the last `case` comes before `call_ended`. Then
compares what was found with the script's gold: harassment flag, categories, clusters of four, end state.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from koemori.server.bench.environment import environment

CORPUS = Path(__file__).with_name("corpus")
CALLS = tuple(sorted(path.stem for path in (CORPUS / "audio").glob("*.flac")))


def replay(name: str, speed: str, archive: Path) -> list[dict[str, Any]]:
    """The events of one call."""
    audio = CORPUS / "audio" / f"{name}.flac"
    command = [
        sys.executable,
        "-m",
        "koemori",
        "replay",
        str(audio),
        "--speed",
        speed,
        "--archive",
        str(archive),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def kept(name: str, events: list[dict[str, Any]]) -> dict[str, bool]:
    """Whether every sample and every millisecond is accounted for."""
    ended = events[-1]
    given, _ = soundfile.read(CORPUS / "audio" / f"{name}.flac", dtype="int16")
    master, _ = soundfile.read(Path(ended["recording"]["path"]) / "master.flac", dtype="int16")
    causes = [
        name for name in ended["ledger"]["channels"][0] if name.endswith("_ms") and name != "duration_ms"
    ]
    return {
        "samples_equal": bool(np.array_equal(given, master)),
        "ledger_sums": all(
            sum(channel[cause] for cause in causes) == channel["duration_ms"] == ended["duration_ms"]
            for channel in ended["ledger"]["channels"]
        ),
        "case_before_end": events[-2]["type"] == "case" and ended["type"] == "call_ended",
        "seq_without_hole": [event["seq"] for event in events] == list(range(1, len(events) + 1)),
    }


def understood(name: str, events: list[dict[str, Any]]) -> dict[str, Any]:
    """What was found beside what the script says."""
    gold = json.loads((CORPUS / "calls" / f"{name}.json").read_text(encoding="utf-8"))["gold"]
    found = {event["category"] for event in events if event["type"] == "alert" and event["harassment"]}
    clusters = {event["cluster_id"]: event["count"] for event in events if event["type"] == "repetition"}
    case = next(event for event in reversed(events) if event["type"] == "case")
    return {
        "harassment": {"gold": gold["is_harassment_call"], "got": bool(found)},
        "categories": {"gold": sorted(gold["harassment_categories"]), "got": sorted(found)},
        "clusters_of_4": {
            "gold": sum(cluster["count"] >= 4 for cluster in gold["repetition_clusters"]),
            "got": sum(count >= 4 for count in clusters.values()),
        },
        "end_state": {"gold": gold["end_state"], "got": case["end_state"]},
    }


def summarize(calls: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Totals over calls."""
    gold = [(call, category) for call, facts in calls.items() for category in facts["categories"]["gold"]]
    return {
        "calls": len(calls),
        "kept_exactly": sum(all(facts["kept"].values()) for facts in calls.values()),
        "harassment_flag_right": sum(
            f["harassment"]["gold"] == f["harassment"]["got"] for f in calls.values()
        ),
        "false_harassment_flags": [
            call for call, f in calls.items() if f["harassment"]["got"] and not f["harassment"]["gold"]
        ],
        "category_recall": round(
            sum(category in calls[call]["categories"]["got"] for call, category in gold) / max(1, len(gold)),
            3,
        ),
        "clusters_right": sum(
            f["clusters_of_4"]["gold"] == f["clusters_of_4"]["got"] for f in calls.values()
        ),
        "end_state_right": sum(f["end_state"]["gold"] == f["end_state"]["got"] for f in calls.values()),
    }


def main() -> int:
    """Exit 0 when every call was kept exactly."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("calls", nargs="*", metavar="CALL", help="of the corpus; all by default")
    parser.add_argument("--speed", default="max")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    facts = environment() | {"command": f"python -m benchmarks.calls_through_audio --speed {options.speed}"}
    calls: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="koemori-bench-") as scratch:
        for name in options.calls or CALLS:
            events = replay(name, options.speed, Path(scratch))
            calls[name] = {"kept": kept(name, events), **understood(name, events)}
            print(name, json.dumps(calls[name], ensure_ascii=False), flush=True)
    result = {**facts, "summary": summarize(calls), "per_call": calls}
    print(json.dumps(result["summary"], ensure_ascii=False, indent=1))
    if options.out is not None:
        options.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 0 if result["summary"]["kept_exactly"] == len(calls) else 1


if __name__ == "__main__":
    sys.exit(main())

"""What is still heard in redacted sound: `python -m benchmarks.redaction_audio [--margins 0 200]`.

The beginning of each call of `corpus/audio` in which a phone number is said goes through the whole service
(`koemori replay`), is redacted as `koemori reuse` does it, and is recognised again. Counted, in what the
second recognition wrote: groups of three or more digits of the phone number that are left, digits in runs of
four and more of whatever number, and characters of the other words that are still there. Nothing is known
beforehand but the audio: no name, no number.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import soundfile
from koemori.assist.numerals import digit_runs
from koemori.assist.redaction import MARGIN_MS, REDACTOR_VERSION, UNHEARD, masked
from koemori.models.text import normalize
from koemori.server import reuse
from koemori.server.archive.redacted import write_redacted
from koemori.server.wire import UtteranceEvent

from benchmarks.listening import AUDIO, circumstances

CALLS = AUDIO.parent / "calls"
RESULT = Path(__file__).parent / "results" / "redaction-audio.json"
EXCERPT_S = 45
SHORTEST_RUN = 4
MODEL = "base"


@dataclass(frozen=True, slots=True)
class Recognised:
    """A call as the service understood it."""

    utterances: tuple[UtteranceEvent, ...]
    master: Path
    duration_ms: int

    @property
    def text(self) -> str:
        return "\n".join(one.text for one in self.utterances)


def recognise(audio: Path, archive: Path) -> Recognised:
    """The whole service on one file, as fast as it goes."""
    done = subprocess.run(
        [sys.executable, "-m", "koemori", "replay", audio, "--speed", "max", "--archive", archive],
        capture_output=True,
        text=True,
        check=True,
        timeout=500,
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    utterances = [UtteranceEvent.model_validate(event) for event in events if event["type"] == "utterance"]
    recording = events[-1]["recording"]
    return Recognised(tuple(utterances), Path(recording["path"]) / "master.flac", events[-1]["duration_ms"])


def groups_left(text: str, number: str) -> list[str]:
    """Groups of a phone number that can be read in `text`, in whatever way it is written."""
    said = ["".join(run.groups) for line in text.split("\n") for run in digit_runs(line)]
    return [group for group in re.findall(r"\d{3,}", number) if any(group in digits for digits in said)]


def long_digits(text: str) -> int:
    """Digits in runs of four and more, which no amount or time of these calls has."""
    runs = [run for line in text.split("\n") for run in digit_runs(line)]
    return sum(len(run.digits) for run in runs if len(run.digits) >= SHORTEST_RUN)


def said_in_time(name: str) -> bool:
    """Whether the customer says a number within the excerpt."""
    turns = json.loads((AUDIO / f"{name}.json").read_text(encoding="utf-8"))["turns"]
    said = [turn for turn in turns if turn["speaker"] == "customer" and re.search(r"\d{4}", turn["text"])]
    return any(turn["end"] <= EXCERPT_S for turn in said)


def measure(name: str, number: str, margins: Sequence[int], folder: Path) -> dict[str, Any]:
    """One call: what was understood at first, and what of it is left for each margin."""
    samples, rate_hz = soundfile.read(AUDIO / f"{name}.flac", dtype="int16")
    excerpt = folder / f"{name}.wav"
    soundfile.write(excerpt, samples[: EXCERPT_S * rate_hz], rate_hz, subtype="PCM_16")
    first = recognise(excerpt, folder / "first")
    row: dict[str, Any] = {
        "call": name,
        "groups": len(re.findall(r"\d{3,}", number)),
        "groups_recognised": len(groups_left(first.text, number)),
        "long_digits_recognised": long_digits(first.text),
        "margins": {},
    }
    for margin_ms in margins:
        call = reuse.without_personal_data(
            first.utterances, ("agent", "customer"), first.duration_ms, margin_ms=margin_ms
        )
        rendition = folder / f"{name}-{margin_ms}.flac"
        made = write_redacted(first.master, rendition, call.audio)
        second = recognise(rendition, folder / f"again-{margin_ms}")
        rest = "".join(masked(one.text, call.spans[one.utterance_id]) for one in call.utterances)
        expected = normalize(re.sub(r"\[[^]]*\]", "", rest))
        matcher = SequenceMatcher(None, expected, normalize(second.text), autojunk=False)
        kept = sum(block.size for block in matcher.get_matching_blocks())
        row["margins"][str(margin_ms)] = {
            "groups_left": groups_left(second.text, number),
            "long_digits_left": long_digits(second.text),
            "other_characters": len(expected),
            "of_these_kept": kept,
            "personal_ms": sum(ms for kind, ms in made.replaced_ms.items() if kind != UNHEARD),
            "unheard_ms": made.replaced_ms.get(UNHEARD, 0),
        }
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--margins", type=int, nargs="+", default=[0, MARGIN_MS])
    parser.add_argument("--calls", nargs="+", help="only these")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    numbers = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))["gold"]["case_record"]["電話番号"]
        for path in sorted(CALLS.glob("*.json"))
    }
    wanted = [name for name in numbers if said_in_time(name) and name in (options.calls or numbers)]
    facts = circumstances("python -m benchmarks.redaction_audio", MODEL)
    with TemporaryDirectory() as folder:
        rows = []
        for name in wanted:
            rows.append(measure(name, numbers[name], options.margins, Path(folder)))
            print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    totals = {str(margin_ms): _total(rows, str(margin_ms)) for margin_ms in options.margins}
    result = {
        **facts,
        "redactor_version": REDACTOR_VERSION,
        "excerpt_s": EXCERPT_S,
        "margin_ms": MARGIN_MS,
        "groups": sum(row["groups"] for row in rows),
        "groups_recognised": sum(row["groups_recognised"] for row in rows),
        "long_digits_recognised": sum(row["long_digits_recognised"] for row in rows),
        "totals": totals,
        "calls": rows,
    }
    options.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(totals))
    return 0


def _total(rows: Sequence[dict[str, Any]], margin: str) -> dict[str, float]:
    parts = [row["margins"][margin] for row in rows]
    characters = sum(part["other_characters"] for part in parts)
    return {
        "groups_left": sum(len(part["groups_left"]) for part in parts),
        "long_digits_left": sum(part["long_digits_left"] for part in parts),
        "other_words_kept": round(sum(part["of_these_kept"] for part in parts) / max(1, characters), 3),
    }


if __name__ == "__main__":
    sys.exit(main())

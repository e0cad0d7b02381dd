"""Names as a recogniser spells them by ear: whose family name, whose whole name, and how many wrong ones.

    python -m benchmarks.heard_names speak NAMES.txt --out benchmarks/corpus/authored/heard_names.dev.jsonl
    python -m benchmarks.heard_names score benchmarks/corpus/authored/heard_names.*.jsonl --out FILE

`speak` has the voice of `benchmarks.heard_utterances` say each name over a bad telephone line, as a caller
who was asked, with or without a number, and as an agent who reads it back twice, and keeps what the service's
weights write. A line of NAMES.txt is a family name, its reading, a given name, its reading. `score` pushes
the texts through the engine. Nobody spells a name here, so names are compared by their sound.
"""

from __future__ import annotations

import argparse
import json
import random
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
from koemori.assist.engine import AssistEngine
from koemori.assist.name_sounds import begins_alike, sounds_alike
from koemori.assist.playbooks.load import load_playbook
from koemori.assist.types import CallFacts, CaseRevision, Heard
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.ports import Purpose, TranscriptionRequest
from koemori.models.types import SpeechSegment

from benchmarks.heard_utterances import MODEL_HZ, Speaker, over_the_line, recogniser

ASKS: Final = "お名前とお電話番号をお願いいたします。"
CALLER: Final = ("{s}{g}です。", "{s}{g}。", "{s}です。", "{s}{g}と申します。", "{s}だけど。")
BEFORE: Final = ("", "はい、", "", "あ、", "")
AGENT: Final = (
    ("{s}様、ありがとうございます。", "{s}様でございますね。", "ありがとうございます。{s}様ですね。"),
    ("{s}様、お調べいたしますので少々お待ちください。", "{s}様、確認いたしました。"),
)


def script(place: int, family: str, given: str) -> list[tuple[str, str]]:
    """Who says what; the same for the same place in the list and the same name."""
    chance = random.Random(f"{place} {family}{given}")  # noqa: S311
    said = chance.choice(BEFORE) + CALLER[place % len(CALLER)].format(s=family, g=given)
    if place % 2:
        alike = str(chance.randrange(1, 10)) * 4
        said += f"{chance.choice(('090', '080'))}の{alike}の{chance.randrange(1000, 10_000)}。"
    return [("customer", said), *(("agent", chance.choice(forms).format(s=family)) for forms in AGENT)]


def speak(names: Path, out: Path) -> None:
    """Write each name's turns with what was heard."""
    whisper, voice = recogniser(), Speaker()
    with out.open("w", encoding="utf-8") as file:
        for place, line in enumerate(names.read_text(encoding="utf-8").splitlines()):
            family, family_reading, given, given_reading = line.split()
            turns = []
            for number, (speaker, said) in enumerate(script(place, family, given)):
                key = f"{family}{given} {number}"
                chance = np.random.default_rng(zlib.crc32(key.encode()))
                one = np.random.default_rng(zlib.crc32(f"{family}{given} {speaker}".encode()))
                wave, rate_hz = voice.say(said, one.uniform(0.9, 1.12), one.uniform(-4, 2))
                samples = over_the_line(wave, rate_hz, chance)
                channel = Channel(CallId(str(place)), LegId("0"), 0, ChannelRole(speaker), "bench")
                segment = SpeechSegment(channel, 0, samples.size * 1000 // MODEL_HZ, samples)
                [heard] = whisper.transcribe([TranscriptionRequest(segment, Purpose.FINAL)])
                turns.append({"speaker": speaker, "said": said, "heard": heard.text})
            row = {"family": family, "given": given, "reading": [family_reading, given_reading]}
            file.write(json.dumps({**row, "turns": turns}, ensure_ascii=False) + "\n")
            file.flush()
    voice.close()


def name_of(row: dict[str, Any]) -> str:
    """The name in the case after the turns; empty when there is none."""
    engine = AssistEngine(CallFacts(call_id="bench"), load_playbook(), None)
    turns = [("agent", ASKS), *((turn["speaker"], turn["heard"]) for turn in row["turns"])]
    name = ""
    for number, (speaker, text) in enumerate(turns):
        heard = Heard(f"u{number}", ChannelRole(speaker), number * 5_000, number * 5_000 + 4_000, text)
        for event in engine.push(heard):
            if isinstance(event, CaseRevision) and "customer_name" in event.fields:
                name = event.fields["customer_name"].value
    return name


def judged(row: dict[str, Any], name: str) -> str:
    """`whole`, `family` (right as far as it goes), `empty` or `wrong`."""
    family, given = row["reading"]
    said_whole = row["given"] in row["turns"][0]["said"]
    if not name:
        return "empty"
    if sounds_alike(name, family + given) or (not said_whole and sounds_alike(name, family)):
        return "whole"
    return (
        "family"
        if sounds_alike(name, family)
        else "family, given wrong"
        if begins_alike(name, family)
        else "wrong"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=("speak", "score"))
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--show", action="store_true")
    options = parser.parse_args()
    if options.task == "speak":
        speak(options.files[0], options.out)
        return
    report = {}
    for file in options.files:
        counts: Counter[str] = Counter()
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            name = name_of(row)
            counts[judged(row, name)] += 1
            if options.show:
                print(row["family"] + row["given"], name, judged(row, name))
        report[file.stem] = {"callers": sum(counts.values()), **dict(sorted(counts.items()))}
    text = json.dumps(report, ensure_ascii=False, indent=1)
    print(text)
    options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

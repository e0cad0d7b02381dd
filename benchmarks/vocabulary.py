"""What a vocabulary brings: words found and words invented, by prompt, by rescoring and by both.

    python -m benchmarks.vocabulary [CALL …] [--distractors 1000] [--out benchmarks/results/vocabulary.json]

Method. The true turns of each call (250 ms around them) are decoded by Whisper base int8, trimmed
to Japanese as the service has it, as finals. The
vocabulary holds the names and products said in all calls of the corpus, the built-in words of abuse, and
distractors: common surnames and product words that nobody says in these calls. Each turn is decoded as it is,
with the call centre's words as prompt, and with words of abuse in the prompt too; each of these again with
rescoring. An entry said and written counts as found; written more often than said, as invented; an entry
inside a longer one is not counted. CER as `koemori bench accuracy` has it. CPU seconds are of the process,
over the length of the turns.

The calls given by default were not looked at while limits and costs were set; the others of the corpus were.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.catalog import ModelSources, ensure_model
from koemori.models.ports import Purpose, TranscriptionRequest
from koemori.models.trim import trimmed_folder
from koemori.models.types import SpeechSegment
from koemori.models.vocabulary import (
    EntryKind,
    Vocabulary,
    builtin_vocabulary,
    merge_vocabularies,
    parse_vocabulary,
    prompt_text,
)
from koemori.models.whisper import WhisperTranscriber

from benchmarks.listening import RATE_HZ, SIDES, circumstances, errors, load_call

UNSEEN = ("c05", "c17", "c19", "c23")
RESULTS = Path(__file__).parent / "results" / "vocabulary.json"
WORDS = Path(__file__).parent / "corpus" / "vocabulary.toml"
DISTRACTORS = Path(__file__).parent / "corpus" / "vocabulary-distractors.toml"
ABUSE_TOO: Final = tuple(EntryKind)


@dataclass(slots=True)
class Tally:
    """Counts of one way of decoding, over all turns."""

    said: int = 0
    found: int = 0
    invented: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    wrong_characters: int = 0
    characters: int = 0
    replaced: list[str] = field(default_factory=list)
    cpu_s: float = 0.0
    audio_s: float = 0.0

    def row(self) -> dict[str, Any]:
        return {
            "said": self.said,
            "recall": round(self.found / max(1, self.said), 4),
            "invented": dict(self.invented),
            "missed": dict(self.missed),
            "cer": round(self.wrong_characters / max(1, self.characters), 4),
            "replaced": self.replaced,
            "cpu_s_per_audio_s": round(self.cpu_s / max(1.0, self.audio_s), 4),
        }


def turns(name: str) -> Iterator[tuple[str, SpeechSegment]]:
    call = load_call(name)
    for turn in call.turns:
        side = turn["speaker"]
        channel = Channel(CallId(name), LegId("0"), SIDES.index(side), ChannelRole(side), "bench")
        start_ms, end_ms = max(0, int(turn["start"] * 1000) - 250), int(turn["end"] * 1000) + 250
        samples = call.audio[channel.index, start_ms * RATE_HZ // 1000 : end_ms * RATE_HZ // 1000]
        yield turn["text"], SpeechSegment(channel, start_ms, end_ms, samples)


def count(tally: Tally, pattern: re.Pattern[str], said: str, written: str) -> None:
    true, came = Counter(pattern.findall(said)), Counter(pattern.findall(written))
    tally.said += true.total()
    tally.found += (true & came).total()
    tally.invented += came - true
    tally.missed += true - came
    wrong, characters = errors(said, written)
    tally.wrong_characters += wrong
    tally.characters += characters


def measure(
    names: list[str], vocabulary: Vocabulary, prompts: dict[str, str]
) -> tuple[dict[str, Tally], str]:
    sources = ModelSources.from_environment()
    folder = trimmed_folder(ensure_model("base", sources), sources.cache_dir, lambda *_: None)
    plain, rescoring = WhisperTranscriber(folder), WhisperTranscriber(folder, vocabulary=vocabulary)
    texts = sorted((entry.text for entry in vocabulary.entries), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, texts)))
    tallies: dict[str, Tally] = {}
    for name in names:
        for said, segment in turns(name):
            for label, prompt in prompts.items():
                request = TranscriptionRequest(segment, Purpose.FINAL, prompt=prompt)
                for way, whisper in ((label, plain), (f"{label}+rescoring", rescoring)):
                    tally = tallies.setdefault(way, Tally())
                    began_s = time.process_time()
                    [heard] = whisper.transcribe([request])
                    tally.cpu_s += time.process_time() - began_s
                    tally.audio_s += (segment.end_ms - segment.start_ms) / 1000
                    tally.replaced += [f"{word.heard} → {word.text}" for word in heard.words if word.heard]
                    count(tally, pattern, said, heard.text)
        print(name, {label: tally.row()["recall"] for label, tally in tallies.items()}, flush=True)
    return tallies, plain.model_id


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("calls", nargs="*", default=list(UNSEEN))
    parser.add_argument("--distractors", type=int, default=1000)
    parser.add_argument("--no-prompt", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    own = parse_vocabulary(WORDS.read_text(encoding="utf-8"), WORDS.name)
    others = parse_vocabulary(DISTRACTORS.read_text(encoding="utf-8"), DISTRACTORS.name)
    others = Vocabulary(
        others.vocabulary_id, others.version, others.source, others.entries[: options.distractors]
    )
    vocabulary = merge_vocabularies(builtin_vocabulary(), others, own)
    prompts = {"plain": ""}
    if not options.no_prompt:
        # The queue's own words, as an operator would write them for a prompt, and the same with abuse.
        prompts["prompt"] = prompt_text(own)
        everything = merge_vocabularies(builtin_vocabulary(), own)
        prompts["prompt with abuse"] = prompt_text(everything, 120, ABUSE_TOO)
    tallies, model_id = measure(options.calls, vocabulary, prompts)
    command = f"python -m benchmarks.vocabulary {' '.join(sys.argv[1:])}".strip()
    result = circumstances(command, model_id)
    result["calls"] = options.calls
    result["entries"] = len(vocabulary.entries)
    result["prompts"] = prompts
    result |= {label: tally.row() for label, tally in tallies.items()}
    options.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for label, tally in tallies.items():
        print(label, json.dumps(tally.row(), ensure_ascii=False))


if __name__ == "__main__":
    main()

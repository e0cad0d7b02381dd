"""What a vocabulary brings: words found and words invented, by prompt, by rescoring and by both.

    python -m benchmarks.vocabulary [CALL …] [--distractors 1000] [--out benchmarks/results/vocabulary.json]

Method. The true turns of each call (250 ms around them) are decoded by Whisper base int8 as finals. The
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

import numpy as np
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.catalog import ensure_model
from koemori.models.ports import Purpose, TranscriptionRequest
from koemori.models.rescoring import Candidate, Rescorer, ScoredCandidate
from koemori.models.types import Hypothesis, SpeechSegment
from koemori.models.vocabulary import (
    EntryKind,
    Vocabulary,
    builtin_vocabulary,
    merge_vocabularies,
    parse_vocabulary,
    prompt_text,
)
from koemori.models.whisper import WhisperConfig, WhisperTranscriber

from benchmarks.listening import RATE_HZ, SIDES, circumstances, errors, load_call

UNSEEN = ("c05", "c17", "c19", "c23")
RESULTS = Path(__file__).parent / "results" / "vocabulary.json"
WORDS = Path(__file__).parent / "corpus" / "vocabulary.toml"
DISTRACTORS = Path(__file__).parent / "corpus" / "vocabulary-distractors.toml"
_LEAST_PROBABILITY: Final = 1e-10
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
    candidates: int = 0
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
            "candidates": self.candidates,
            "replaced": self.replaced,
            "cpu_s_per_audio_s": round(self.cpu_s / max(1.0, self.audio_s), 4),
        }


class Scorer:
    """Sum of token log probabilities of given texts over one request's audio, teacher-forced."""

    def __init__(self, whisper: WhisperTranscriber) -> None:
        self._of = whisper

    def scores(
        self, request: TranscriptionRequest, text: str, candidates: tuple[Candidate, ...]
    ) -> tuple[float, list[ScoredCandidate]]:
        inner = self._of._whisper
        tokenizer = self._of._tokenizer(request.language)
        samples = request.segment.samples
        frames = min(3000, max(8000, len(samples) * 1000 // RATE_HZ + 1000) // 10)
        encoded = inner.encode(self._of._spectrogram(samples, frames)[None])

        def probabilities_of(given: str) -> np.ndarray[Any, np.dtype[np.float64]]:
            tokens = tokenizer.encode(given)
            [found] = inner.model.align(encoded, tokenizer.sot_sequence, [tokens], [len(samples) // 160])
            return np.maximum(np.array(found.text_token_probs), _LEAST_PROBABILITY)

        scored = []
        for candidate in candidates:
            probabilities = probabilities_of(candidate.text)
            first = len(tokenizer.encode(text[: candidate.start])) if candidate.start else 0
            own = len(tokenizer.encode(candidate.entry.text))
            mean = float(probabilities[first : first + own].mean())
            scored.append(ScoredCandidate(candidate, float(np.log(probabilities).sum()), mean))
        return float(np.log(probabilities_of(text)).sum()), scored


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


def rescore(
    rescorer: Rescorer, scorer: Scorer, request: TranscriptionRequest, heard: Hypothesis, tally: Tally
) -> str:
    candidates = rescorer.candidates(heard.text, heard.words)
    tally.candidates += len(candidates)
    if not candidates:
        return heard.text
    original, scored = scorer.scores(request, heard.text, candidates)
    words = rescorer.choose(heard.words, original, scored)
    tally.replaced += [f"{word.heard} → {word.text}" for word in words if word.heard]
    return "".join(word.text for word in words)


def measure(names: list[str], vocabulary: Vocabulary, prompts: dict[str, str]) -> dict[str, Tally]:
    whisper = WhisperTranscriber(ensure_model("base"), WhisperConfig())
    rescorer, scorer = Rescorer(vocabulary), Scorer(whisper)
    texts = sorted((entry.text for entry in vocabulary.entries), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, texts)))
    tallies: dict[str, Tally] = {}
    for name in names:
        for said, segment in turns(name):
            for label, prompt in prompts.items():
                request = TranscriptionRequest(segment, Purpose.FINAL, prompt=prompt)
                began_s = time.process_time()
                [heard] = whisper.transcribe([request])
                plain_s = time.process_time() - began_s
                rescored = tallies.setdefault(f"{label}+rescoring", Tally())
                text = rescore(rescorer, scorer, request, heard, rescored)
                both_s = time.process_time() - began_s
                plain = tallies.setdefault(label, Tally())
                for tally, written, cpu_s in ((plain, heard.text, plain_s), (rescored, text, both_s)):
                    count(tally, pattern, said, written)
                    tally.cpu_s += cpu_s
                    tally.audio_s += (segment.end_ms - segment.start_ms) / 1000
        print(name, {label: tally.row()["recall"] for label, tally in tallies.items()}, flush=True)
    return tallies


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
    tallies = measure(options.calls, vocabulary, prompts)
    command = f"python -m benchmarks.vocabulary {' '.join(sys.argv[1:])}".strip()
    result = circumstances(command, "whisper-base")
    result["calls"] = options.calls
    result["entries"] = len(vocabulary.entries)
    result["prompts"] = prompts
    result |= {label: tally.row() for label, tally in tallies.items()}
    options.out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    for label, tally in tallies.items():
        print(label, json.dumps(tally.row(), ensure_ascii=False))


if __name__ == "__main__":
    main()

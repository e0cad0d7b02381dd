"""Whisper base with a vocabulary, and trimmed to Japanese, on turns of real calls."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from koemori.models.catalog import ModelSources, ensure_model, identify_model
from koemori.models.ports import Effort, Purpose, TranscriptionRequest
from koemori.models.process_pool import ProcessWorkerPool
from koemori.models.text import edit_distance, normalize
from koemori.models.trim import trimmed_folder
from koemori.models.types import Hypothesis, SpeechSegment
from koemori.models.vocabulary import (
    Entry,
    EntryKind,
    Vocabulary,
    builtin_vocabulary,
    load_vocabulary,
    merge_vocabularies,
)
from koemori.models.whisper import WhisperConfig, WhisperTranscriber
from koemori.models.worker_spec import WorkerSpec

from tests.fakes.models import CUSTOMER

pytestmark = pytest.mark.model

Turns = list[tuple[str, TranscriptionRequest]]
LAMPS = Vocabulary("lamps", "1", "test", (Entry("洗濯機", "せんたくき", EntryKind.PRODUCT),))
OTHERS = 200


@pytest.fixture(scope="module")
def turns(corpus: Path) -> Turns:
    """What was said in the first twelve turns of a call, and the request for it."""
    audio, rate = soundfile.read(corpus / "audio" / "c19.flac", dtype="float32")
    wide = np.ascontiguousarray(soxr.resample(audio, rate, 16_000).T.astype(np.float32))
    said = json.loads((corpus / "audio" / "c19.json").read_text(encoding="utf-8"))["turns"][:12]
    found = []
    for turn in said:
        start_ms, end_ms = int(turn["start"] * 1000) - 250, int(turn["end"] * 1000) + 250
        index = ("agent", "customer").index(turn["speaker"])
        samples = wide[index, max(0, start_ms) * 16 : end_ms * 16]
        segment = SpeechSegment(CUSTOMER, max(0, start_ms), end_ms, samples)
        found.append((turn["text"], TranscriptionRequest(segment, Purpose.FINAL)))
    return found


@pytest.fixture(scope="module")
def folder() -> Path:
    return trimmed_folder(ensure_model("base"), ModelSources.from_environment().cache_dir, lambda *_: None)


@pytest.fixture(scope="module")
def plain(folder: Path) -> WhisperTranscriber:
    return WhisperTranscriber(folder)


@pytest.fixture(scope="module")
def heard(plain: WhisperTranscriber, turns: Turns) -> list[Hypothesis]:
    return [plain.transcribe([request])[0] for _, request in turns]


@pytest.fixture(scope="module")
def with_words(folder: Path) -> WhisperTranscriber:
    return WhisperTranscriber(folder, vocabulary=merge_vocabularies(builtin_vocabulary(), LAMPS))


def error_rate(turns: Turns, heard: list[Hypothesis]) -> float:
    pairs = [(normalize(text), normalize(each.text)) for (text, _), each in zip(turns, heard, strict=True)]
    return sum(edit_distance(*pair) for pair in pairs) / sum(len(said) for said, _ in pairs)


def test_a_word_of_the_vocabulary_takes_the_place_of_what_was_heard_for_it(
    turns: Turns, heard: list[Hypothesis], with_words: WhisperTranscriber
) -> None:
    (place,) = [place for place, each in enumerate(heard) if "選択期の水" in each.text]
    said, request = turns[place]
    assert "洗濯機" in said
    (came,) = with_words.transcribe([request])
    assert came.text == heard[place].text.replace("選択期", "洗濯機")
    (word,) = [word for word in came.words if word.heard]
    assert (word.text, word.heard) == ("洗濯機", "選択期")
    assert request.segment.start_ms <= word.start_ms < word.end_ms <= request.segment.end_ms
    assert 0.1 < word.probability < 1.0


def test_windows_of_one_batch_get_their_own_words(
    turns: Turns, heard: list[Hypothesis], with_words: WhisperTranscriber
) -> None:
    """Rows of one length, only one of which has an alternative."""
    (place,) = [place for place, each in enumerate(heard) if "選択期の水" in each.text]
    request = turns[place][1]
    silence = replace(request.segment, samples=np.zeros_like(request.segment.samples))
    rows = [replace(request, segment=silence), request, replace(request, segment=silence)]
    first, middle, last = with_words.transcribe(rows)
    assert middle.words == with_words.transcribe([request])[0].words
    assert not [word for word in (*first.words, *last.words) if word.heard]


def test_a_partial_and_another_language_are_left_as_they_are(
    turns: Turns, heard: list[Hypothesis], with_words: WhisperTranscriber
) -> None:
    (place,) = [place for place, each in enumerate(heard) if "選択期の水" in each.text]
    request = turns[place][1]
    for other in (replace(request, purpose=Purpose.PARTIAL), replace(request, language="en")):
        assert not [word for word in with_words.transcribe([other])[0].words if word.heard]


def test_words_that_nobody_says_change_nothing(
    corpus: Path, folder: Path, turns: Turns, heard: list[Hypothesis]
) -> None:
    others = load_vocabulary(corpus / "vocabulary-distractors.toml")
    said = "".join(text for text, _ in turns)
    entries = tuple(entry for entry in others.entries if entry.text not in said)[:OTHERS]
    whisper = WhisperTranscriber(folder, vocabulary=replace(others, entries=entries))
    came = [whisper.transcribe([request])[0] for _, request in turns]
    assert [each.words for each in came] == [each.words for each in heard]


def test_a_trimmed_model_hears_what_its_source_hears(
    plain: WhisperTranscriber, folder: Path, turns: Turns, heard: list[Hypothesis]
) -> None:
    assert plain.model_id == "whisper-base-ja1-int8@d01c3014881c"
    assert identify_model(folder).name == "whisper-base-ja1"
    source = WhisperTranscriber(ensure_model("base"))
    whole = [source.transcribe([request])[0] for _, request in turns]
    assert abs(error_rate(turns, heard) - error_rate(turns, whole)) <= 0.01
    same = [one.text == other.text for one, other in zip(heard, whole, strict=True)]
    assert sum(same) >= len(turns) - 2


@pytest.mark.parametrize(
    ("purpose", "effort", "frames"),
    [
        (Purpose.FINAL, Effort.FULL, 800),
        (Purpose.FINAL, Effort.FAST, 600),
        (Purpose.PARTIAL, Effort.FULL, 600),
    ],
)
def test_only_a_final_with_full_effort_takes_the_longer_window(
    plain: WhisperTranscriber,
    turns: Turns,
    monkeypatch: pytest.MonkeyPatch,
    purpose: Purpose,
    effort: Effort,
    frames: int,
) -> None:
    taken: list[int] = []
    spectrogram = plain._spectrogram
    monkeypatch.setattr(
        plain, "_spectrogram", lambda samples, count: taken.append(count) or spectrogram(samples, count)
    )
    segment = turns[0][1].segment
    short = replace(segment, samples=segment.samples[:32_000])
    plain.transcribe([TranscriptionRequest(short, purpose)], effort)
    assert taken == [frames]
    assert WhisperConfig().least_final_window_ms == 8000


async def test_a_worker_process_hears_the_words_it_was_given(
    folder: Path, turns: Turns, heard: list[Hypothesis]
) -> None:
    (place,) = [place for place, each in enumerate(heard) if "選択期の水" in each.text]
    pool = await ProcessWorkerPool.open(WorkerSpec(folder, vocabulary=LAMPS))
    try:
        came = await pool.transcribe(turns[place][1])
    finally:
        await pool.aclose()
    assert [(word.heard, word.text) for word in came.words if word.heard] == [("選択期", "洗濯機")]


@pytest.mark.parametrize(
    ("call", "start_s", "end_s", "number"),
    [("c07", 23.9, 30.0, "90の5555の6607"), ("c13", 15.5, 23.1, "92の101の1113")],
)
def test_a_number_that_was_read_out_is_written_as_it_was_spoken(
    corpus: Path, plain: WhisperTranscriber, call: str, start_s: float, end_s: float, number: str
) -> None:
    audio, rate = soundfile.read(corpus / "audio" / f"{call}.flac", dtype="float32")
    spoken = soxr.resample(audio[int(start_s * rate) : int(end_s * rate), 1], rate, 16_000)
    segment = SpeechSegment(CUSTOMER, 0, len(spoken) // 16, spoken.astype(np.float32))
    request = TranscriptionRequest(segment, Purpose.FINAL)
    full, fast = (plain.transcribe([request], effort)[0] for effort in (Effort.FULL, Effort.FAST))
    assert number in full.text
    assert number not in fast.text
    [taken] = [word for word in full.words if number in word.text]
    assert taken.heard
    assert (full.words[0].start_ms, full.words[-1].end_ms) == pytest.approx(
        (fast.words[0].start_ms, fast.words[-1].end_ms), abs=400
    )


def test_a_demand_to_kneel_that_was_misheard_is_written_in_its_word(
    corpus: Path, plain: WhisperTranscriber, with_words: WhisperTranscriber
) -> None:
    audio, rate = soundfile.read(corpus / "audio" / "c09.flac", dtype="float32")
    spoken = soxr.resample(audio[46 * rate : int(51.2 * rate), 1], rate, 16_000)
    segment = SpeechSegment(CUSTOMER, 0, len(spoken) // 16, spoken.astype(np.float32))
    request = TranscriptionRequest(segment, Purpose.FINAL)
    assert "土下座" not in plain.transcribe([request])[0].text
    [heard] = with_words.transcribe([request])
    assert "土下座" in heard.text
    assert next(word for word in heard.words if "土下座" in word.text).heard

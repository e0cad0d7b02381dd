"""Whisper base on real calls, and on what a line carries when nobody speaks."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.audio.telephone_sounds import SOUNDS
from koemori.models.catalog import ensure_model
from koemori.models.errors import TranscriptionError
from koemori.models.listener import CallListener, ListenerConfig
from koemori.models.phantom import PhantomGuard
from koemori.models.ports import Effort, Purpose, TranscriptionRequest
from koemori.models.process_pool import ProcessWorkerPool
from koemori.models.silero_vad import SileroVad
from koemori.models.text import character_error_rate
from koemori.models.types import Partial, Quarantined, SpeechSegment, TranscriptEvent, Utterance
from koemori.models.whisper import WhisperConfig, WhisperTranscriber
from koemori.models.whisper_rows import decoded_together
from koemori.models.worker_spec import WorkerSpec
from numpy.typing import NDArray

from tests.fakes.models import CUSTOMER, speech_window

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def whisper() -> WhisperTranscriber:
    return WhisperTranscriber(ensure_model("base"))


def read_call(corpus: Path, name: str) -> tuple[NDArray[np.float32], list[dict[str, object]]]:
    """Audio at 16 kHz, shape `(channels, n)`, agent first, and the turns."""
    audio, rate = soundfile.read(corpus / "audio" / f"{name}.flac", dtype="float32")
    wide = np.ascontiguousarray(soxr.resample(audio, rate, 16_000).T.astype(np.float32))
    return wide, json.loads((corpus / "audio" / f"{name}.json").read_text(encoding="utf-8"))["turns"]


async def hear(
    audio: NDArray[np.float32],
    config: ListenerConfig | None = None,
    pause_s: float = 0.0,
) -> list[TranscriptEvent]:
    """Every row is a channel; as fast as the models go, or with a pause after each 100 ms of audio."""
    channels = [
        Channel(CallId("01CALL"), LegId("0"), index, ChannelRole.UNKNOWN, "test")
        for index in range(len(audio))
    ]
    pool = await ProcessWorkerPool.open(WorkerSpec(ensure_model("base")), workers=2)
    listener = CallListener(channels, SileroVad(), pool, config or ListenerConfig(partials=False))

    async def feed() -> None:
        for start in range(0, audio.shape[1], 1600):
            await listener.drain_below(30_000)
            await asyncio.sleep(pause_s)
            for channel, samples in zip(channels, audio, strict=True):
                listener.push(channel, start // 16, samples[start : start + 1600])
        listener.finish()

    feeding = asyncio.ensure_future(feed())
    events = [event async for event in listener.events()]
    await feeding
    await pool.aclose()
    return events


async def test_both_sides_of_a_real_call_are_heard(corpus: Path) -> None:
    audio, turns = read_call(corpus, "c01")
    events = [event for event in await hear(audio) if isinstance(event, Utterance)]
    for index, (speaker, most) in enumerate([("agent", 0.2), ("customer", 0.4)]):
        said = [event for event in events if event.channel.index == index]
        truth = "".join(str(turn["text"]) for turn in turns if turn["speaker"] == speaker)
        assert character_error_rate(truth, "".join(event.text for event in said)) < most
        assert all(before.end_ms <= after.start_ms for before, after in itertools.pairwise(said))
        for event in said:
            assert event.model_id == "whisper-base-int8@d01c3014881c"
            assert "".join(word.text for word in event.words).strip() == event.text
            assert event.words[0].start_ms >= event.start_ms - 600
            assert event.words[-1].end_ms <= event.end_ms + 600
            for before, after in itertools.pairwise(event.words):
                assert before.start_ms <= before.end_ms <= after.end_ms


async def test_partials_come_while_someone_speaks(corpus: Path) -> None:
    audio, _ = read_call(corpus, "c01")
    config = ListenerConfig(partial_interval_ms=2000)
    events = await hear(audio[:1, : 9 * 16_000], config, pause_s=0.05)
    shown = [event for event in events if isinstance(event, Partial)]
    assert shown
    assert isinstance(events[-1], Utterance)


async def test_ten_minutes_of_line_sounds_are_no_utterance() -> None:
    """Each sound for ten minutes on a channel of its own; a few keys pass the detector, none the guard."""
    sounds = [make(600.0) for make in SOUNDS.values()]
    audio = np.stack([sound[: min(map(len, sounds))] for sound in sounds])
    events = await hear(audio)
    assert {type(event) for event in events} <= {Quarantined}
    assert len(events) < 20


@pytest.mark.parametrize("sound", SOUNDS)
def test_what_the_model_makes_of_line_sounds_is_not_believed(whisper: WhisperTranscriber, sound: str) -> None:
    """The second line of defence: as if the detector had taken the sound for speech, without being sure."""
    samples = SOUNDS[sound](14.0)
    guard = PhantomGuard()
    for start_s, length_s in [(1, 1), (3, 2), (4, 9)]:
        window = speech_window(samples[start_s * 16_000 : (start_s + length_s) * 16_000], probability=0.6)
        said = whisper.transcribe([TranscriptionRequest(window.segment, Purpose.FINAL)])[0]
        assert not said.text.strip() or guard.judge(window, said) is not None


def test_a_partial_stops_at_its_token_cap_and_takes_no_alignment(
    corpus: Path, whisper: WhisperTranscriber
) -> None:
    audio, _ = read_call(corpus, "c01")
    segment = SpeechSegment(CUSTOMER, 5000, 7000, audio[0, 16_000 : 3 * 16_000])
    said = whisper.transcribe([TranscriptionRequest(segment, Purpose.PARTIAL)])[0]
    assert 3 <= len(said.text) <= 40
    assert (said.words[0].start_ms, said.words[-1].end_ms) == (5000, 7000)


def test_the_same_request_gives_the_same_words_and_a_prompt_is_taken(
    corpus: Path, whisper: WhisperTranscriber
) -> None:
    audio, _ = read_call(corpus, "c01")
    segment = SpeechSegment(CUSTOMER, 0, 9000, audio[0, : 9 * 16_000])
    request = TranscriptionRequest(segment, Purpose.FINAL)
    (once,), (again,) = whisper.transcribe([request]), whisper.transcribe([request])
    assert replace(once, work=again.work) == again
    assert whisper.transcribe([replace(request, prompt="ネットサポートの木村")])[0].text


def test_a_window_whose_language_is_to_be_found_out_shares_it_with_no_other_call() -> None:
    segment = SpeechSegment(CUSTOMER, 0, 1000, np.zeros(16_000, np.float32))
    batch = [
        TranscriptionRequest(segment, Purpose.FINAL, language) for language in ("ja", "", "en", "", "ja")
    ]
    assert decoded_together(batch) == [[0, 4], [1], [2], [3]]


def test_windows_after_different_texts_are_not_decoded_together(
    corpus: Path, whisper: WhisperTranscriber
) -> None:
    audio, _ = read_call(corpus, "c01")
    segment = SpeechSegment(CUSTOMER, 0, 4000, audio[0, : 4 * 16_000])
    alone = TranscriptionRequest(segment, Purpose.FINAL)
    after = replace(alone, prompt="ネットサポートの木村")
    assert decoded_together([alone, after, alone]) == [[0, 2], [1]]
    said = [each.text for each in whisper.transcribe([alone, after, alone], Effort.FAST)]
    singly = [whisper.transcribe([each], Effort.FAST)[0].text for each in (alone, after)]
    assert said == [*singly, singly[0]]


def test_a_final_that_loops_is_decoded_again_in_thirty_seconds(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whisper = WhisperTranscriber(ensure_model("base"), WhisperConfig(retry_compression_ratio=0.1))
    frames: list[int] = []
    spectrogram = whisper._spectrogram
    monkeypatch.setattr(
        whisper, "_spectrogram", lambda samples, count: frames.append(count) or spectrogram(samples, count)
    )
    audio, _ = read_call(corpus, "c01")
    segment = SpeechSegment(CUSTOMER, 0, 3000, audio[0, :48_000])
    whisper.transcribe([TranscriptionRequest(segment, Purpose.FINAL)])
    assert frames == [800, 3000]


def test_a_folder_that_is_no_model_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"nothing")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(TranscriptionError, match="expected a CTranslate2 Whisper model"):
        WhisperTranscriber(tmp_path)

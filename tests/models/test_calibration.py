"""The measurement of a worker: its speech, its windows, and what it says when there is nothing to measure."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.models.calibration import (
    PARTIAL_STEP_MS,
    CalibrationOrder,
    grown,
    measure_worker,
    read_calibration,
    spans_of_speech,
    speech_of,
)
from koemori.models.errors import WorkerFailedError
from koemori.models.load import LoadConfig

pytestmark = pytest.mark.integration

RATE = 16_000


def tone(seconds: float) -> np.ndarray:
    return (0.3 * np.sin(np.arange(int(seconds * RATE)) * 0.1)).astype(np.float32)


def quiet(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE), dtype=np.float32)


def test_speech_is_parted_by_quiet_and_short_noises_do_not_count() -> None:
    samples = np.concatenate([quiet(1), tone(2), quiet(0.3), tone(1), quiet(1), tone(0.2), quiet(1), tone(3)])
    spans = [(start / RATE, end / RATE) for start, end in spans_of_speech(samples)]
    assert spans == [pytest.approx((1.0, 4.3), abs=0.03), pytest.approx((6.5, 9.5), abs=0.03)]
    assert list(spans_of_speech(quiet(3))) == []
    assert list(spans_of_speech(quiet(0))) == []


def test_both_sides_of_a_recording_are_taken_in_order_of_time(tmp_path: Path) -> None:
    left = np.concatenate([quiet(1), tone(2), quiet(6)])
    right = np.concatenate([quiet(4), tone(3), quiet(2)])
    soundfile.write(tmp_path / "call.wav", np.stack([right, left], axis=1), RATE, subtype="PCM_16")
    segments = speech_of(tmp_path / "call.wav", 4)
    assert [segment.channel.index for segment in segments] == [1, 0]
    assert segments[0].start_ms == pytest.approx(1000, abs=30)
    assert len(segments[1].samples) == pytest.approx(3 * RATE, rel=0.02)
    assert len(speech_of(tmp_path / "call.wav", 1)) == 1


def test_partials_grow_at_the_pace_of_an_idle_pool(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "call.wav", np.concatenate([tone(2), quiet(1)]), RATE, subtype="PCM_16")
    (segment,) = speech_of(tmp_path / "call.wav", 4)
    parts = list(grown(segment))
    assert [part.end_ms - part.start_ms for part in parts] == [576, 1152, 1728]
    assert len(parts[0].samples) == 576 * 16
    assert LoadConfig().min_partial_interval_ms == PARTIAL_STEP_MS


def test_a_recording_without_speech_or_of_another_kind_is_one_sentence(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", quiet(2), RATE, subtype="PCM_16")
    with pytest.raises(WorkerFailedError, match=r"expected a recording of speech; got silence\.wav: silence"):
        speech_of(tmp_path / "silence.wav", 4)
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(WorkerFailedError, match=r"got text\.wav: LibsndfileError"):
        speech_of(tmp_path / "text.wav", 4)


def test_a_measurement_that_ended_early_says_its_last_words() -> None:
    log = "[ctranslate2] [info] CPU\nUnable to load any of {libcudnn_ops.so.9}\n"
    with pytest.raises(WorkerFailedError, match="got exit status -6: Unable to load any of"):
        read_calibration("", log, -6)
    with pytest.raises(WorkerFailedError, match="got exit status 1: no output"):
        read_calibration("", "", 1)
    with pytest.raises(WorkerFailedError, match="expected a model that can be run; got it cannot"):
        read_calibration('{"failure": "it cannot"}', "", 0)


def test_a_folder_that_cannot_be_loaded_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(WorkerFailedError, match="expected a CTranslate2 Whisper model"):
        measure_worker(CalibrationOrder(str(tmp_path), "absent.wav"))

"""Pools of real Whisper workers keep the contract: batched, two models or killed, the texts stay the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.catalog import ensure_model
from koemori.models.errors import TranscriptionError, WorkerFailedError
from koemori.models.ports import Effort, Purpose, TranscriptionRequest
from koemori.models.process_pool import ProcessWorkerPool
from koemori.models.routed_pool import RoutedWorkerPool
from koemori.models.types import SpeechSegment
from koemori.models.whisper import WhisperConfig, WhisperTranscriber
from koemori.models.worker_spec import WorkerSpec

from tests.contracts.worker_pool import OF_MODELS, UNHURRIED, Subject

pytestmark = pytest.mark.model

LONGEST_S = 6.0
ONE_LENGTH = WhisperConfig(least_window_ms=8000)
"""All windows as long as the longest with its margin: a batch then says what each says alone."""
MIB = 1 << 20


@pytest.fixture(scope="module")
def windows(corpus: Path) -> tuple[TranscriptionRequest, ...]:
    """Eight turns of real calls, telephone bandwidth."""
    audio, rate = soundfile.read(corpus / "audio" / "c01.flac", dtype="float32")
    wide = np.ascontiguousarray(soxr.resample(audio, rate, 16_000).T.astype(np.float32))
    turns = json.loads((corpus / "audio" / "c01.json").read_text(encoding="utf-8"))["turns"]
    found = []
    for turn in turns:
        start_s, end_s = turn["start"] - 0.2, turn["end"] + 0.2
        if 1.5 < end_s - start_s < LONGEST_S:
            index = ("agent", "customer").index(turn["speaker"])
            channel = Channel(CallId("01CALL"), LegId("0"), index, ChannelRole(turn["speaker"]), "test")
            samples = wide[index, int(start_s * 16_000) : int(end_s * 16_000)]
            segment = SpeechSegment(channel, int(start_s * 1000), int(end_s * 1000), samples)
            found.append(TranscriptionRequest(segment, Purpose.FINAL))
    return tuple(found[:8])


@pytest.fixture(scope="module")
def texts(windows: tuple[TranscriptionRequest, ...]) -> tuple[frozenset[str], ...]:
    """What each window says alone; a pool under load may choose the fast effort."""
    whisper = WhisperTranscriber(ensure_model("base"), ONE_LENGTH)
    return tuple(
        frozenset(whisper.transcribe([window], effort)[0].text for effort in Effort) for window in windows
    )


@pytest.mark.parametrize("kind", ["one window at a time", "batches of four", "two models"])
async def test_of_whisper(
    kind: str, windows: tuple[TranscriptionRequest, ...], texts: tuple[frozenset[str], ...]
) -> None:
    """All on one pool, since loading the model takes longest; closing comes last."""
    spec = WorkerSpec(ensure_model("base"), ONE_LENGTH, batch_size=4 if kind == "batches of four" else 1)
    finals = await ProcessWorkerPool.open(spec, scheduler=UNHURRIED)
    pool: ProcessWorkerPool | RoutedWorkerPool = finals
    if kind == "two models":
        pool = RoutedWorkerPool(await ProcessWorkerPool.open(spec, scheduler=UNHURRIED), finals)
    assert len(windows) == 8
    subject = Subject(pool, windows, texts, lambda: finals.pids)
    try:
        assert 50 * MIB < finals.resident_bytes < 400 * MIB
        for check in (OF_MODELS[0], OF_MODELS[-1]) if kind == "two models" else OF_MODELS:
            await check(subject)
    finally:
        await pool.aclose()


async def test_a_folder_that_is_no_model_is_the_workers_own_error(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"nothing")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(TranscriptionError, match="expected a CTranslate2 Whisper model"):
        await ProcessWorkerPool.open(WorkerSpec(tmp_path), workers=2)


async def test_a_gpu_that_is_not_there_is_named() -> None:
    with pytest.raises(WorkerFailedError, match="expected CUDA device 63 with the NVIDIA driver"):
        await ProcessWorkerPool.open(WorkerSpec.cuda(ensure_model("base"), device_indices=(63,)))

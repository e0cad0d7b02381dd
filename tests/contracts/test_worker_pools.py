"""Pools of scripted workers, and the pool that tests use, keep the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.ports import Purpose, TranscriptionRequest
from koemori.models.process_pool import ProcessWorkerPool
from koemori.models.routed_pool import RoutedWorkerPool
from koemori.models.types import Hypothesis, SpeechSegment
from koemori.models.worker_spec import WorkerSpec

from tests.contracts.worker_pool import OF_ANY_POOL, OF_WORKERS, UNHURRIED, Check, Subject
from tests.fakes.models import ScriptedPool, hypothesis
from tests.fakes.scripted_worker import COMMAND

pytestmark = pytest.mark.integration

PROMPT = "sleep:20"


def window(number: int) -> TranscriptionRequest:
    channel = Channel(CallId("01CALL"), LegId("a"), 0, ChannelRole.AGENT, "test")
    samples = np.full(16_000, number, dtype=np.float32)
    segment = SpeechSegment(channel, number, number + 1000, samples)
    return TranscriptionRequest(segment, Purpose.FINAL, prompt=PROMPT)


WINDOWS = tuple(window(number) for number in range(8))
TEXTS = tuple(frozenset({f"{PROMPT}/{number}/{16_000 * number}"}) for number in range(8))


async def open_pool(folder: Path, batch_size: int = 1) -> ProcessWorkerPool:
    return await ProcessWorkerPool.open(
        WorkerSpec(folder, batch_size=batch_size), scheduler=UNHURRIED, command=COMMAND
    )


@pytest.fixture(params=["one window at a time", "batches of four", "two models"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    pool: ProcessWorkerPool | RoutedWorkerPool
    if request.param == "two models":
        finals = await open_pool(tmp_path)
        pool = RoutedWorkerPool(await open_pool(tmp_path), finals)
    else:
        finals = pool = await open_pool(tmp_path, 4 if request.param == "batches of four" else 1)
    yield Subject(pool, WINDOWS, TEXTS, lambda: finals.pids)
    await pool.aclose()


@pytest.mark.parametrize("check", OF_WORKERS, ids=lambda check: check.__name__)
async def test_of_processes(subject: Subject, check: Check) -> None:
    await check(subject)


@pytest.mark.parametrize("check", OF_ANY_POOL, ids=lambda check: check.__name__)
async def test_of_the_pool_that_answers_by_script(check: Check) -> None:
    def say(request: TranscriptionRequest) -> Hypothesis:
        segment = request.segment
        return replace(hypothesis(f"{segment.start_ms}"), audio_end_ms=segment.end_ms)

    texts = tuple(frozenset({f"{number}"}) for number in range(8))
    await check(Subject(ScriptedPool(say), WINDOWS, texts, lambda: ()))

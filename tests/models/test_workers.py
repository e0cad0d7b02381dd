"""The pool of worker threads."""

from __future__ import annotations

import asyncio

import pytest
from koemori.models.errors import TranscriptionError, WorkerPoolBusyError, WorkerPoolClosedError
from koemori.models.ports import TranscriptionRequest
from koemori.models.types import Hypothesis, SpeechSegment
from koemori.models.workers import ThreadWorkerPool

from tests.fakes.models import CUSTOMER, FakeTranscriber, silence

pytestmark = pytest.mark.unit


def request(start_ms: int, *, final: bool = True) -> TranscriptionRequest:
    return TranscriptionRequest(SpeechSegment(CUSTOMER, start_ms, start_ms + 10, silence(10)), final=final)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_answers_come_back_to_their_askers() -> None:
    pool = ThreadWorkerPool(FakeTranscriber, workers=2)
    answers = await asyncio.gather(*(pool.transcribe(request(number)) for number in range(20)))
    assert [answer.text for answer in answers] == [str(number) for number in range(20)]
    assert pool.model_id == "fake@0"
    await pool.aclose()


async def test_finals_go_before_partials_and_older_before_newer() -> None:
    transcriber = FakeTranscriber()
    transcriber.go.clear()
    pool = ThreadWorkerPool(lambda: transcriber, workers=1)
    order = [(0, True), (1, False), (2, True), (3, True)]
    tasks = []
    for start_ms, final in order:
        tasks.append(asyncio.ensure_future(pool.transcribe(request(start_ms, final=final))))
        await settle()
    assert pool.waiting == 3
    transcriber.go.set()
    await asyncio.gather(*tasks)
    assert [asked.segment.start_ms for asked in transcriber.requests] == [0, 2, 3, 1]
    await pool.aclose()


async def test_a_partial_is_refused_when_anything_waits_and_a_final_when_too_many_do() -> None:
    transcriber = FakeTranscriber()
    transcriber.go.clear()
    pool = ThreadWorkerPool(lambda: transcriber, workers=1, most_waiting=2)
    tasks = [asyncio.ensure_future(pool.transcribe(request(number))) for number in range(3)]
    await settle()
    with pytest.raises(WorkerPoolBusyError) as refusal:
        await pool.transcribe(request(9, final=False))
    assert refusal.value.waiting == 2
    with pytest.raises(WorkerPoolBusyError):
        await pool.transcribe(request(9))
    transcriber.go.set()
    await asyncio.gather(*tasks)
    await pool.aclose()


async def test_cancelling_drops_a_request_not_yet_begun() -> None:
    transcriber = FakeTranscriber()
    transcriber.go.clear()
    pool = ThreadWorkerPool(lambda: transcriber, workers=1)
    first = asyncio.ensure_future(pool.transcribe(request(0)))
    second = asyncio.ensure_future(pool.transcribe(request(1)))
    await settle()
    second.cancel()
    await settle()
    assert pool.waiting == 0
    transcriber.go.set()
    await first
    await pool.aclose()
    assert len(transcriber.requests) == 1


async def test_a_failure_reaches_its_asker_and_the_worker_lives() -> None:
    def say(asked: TranscriptionRequest) -> Hypothesis:
        raise TranscriptionError(f"expected words; window {asked.segment.start_ms} failed")

    pool = ThreadWorkerPool(lambda: FakeTranscriber(say), workers=1)
    for number in range(3):
        with pytest.raises(TranscriptionError):
            await pool.transcribe(request(number))
    await pool.aclose()


async def test_closing_finishes_what_was_accepted_and_refuses_more() -> None:
    transcriber = FakeTranscriber()
    transcriber.go.clear()
    pool = ThreadWorkerPool(lambda: transcriber, workers=1)
    tasks = [asyncio.ensure_future(pool.transcribe(request(number))) for number in range(3)]
    await settle()
    closing = asyncio.ensure_future(pool.aclose())
    await settle()
    with pytest.raises(WorkerPoolClosedError):
        await pool.transcribe(request(9))
    assert not closing.done()
    transcriber.go.set()
    assert [answer.text for answer in await asyncio.gather(*tasks)] == ["0", "1", "2"]
    await closing

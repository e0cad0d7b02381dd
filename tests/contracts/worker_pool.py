"""What every `WorkerPool` keeps, as checks that take a pool and windows it knows; only the last closes it.

A subject's pool has one worker for finals, so that windows are answered in the order in which they begin.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

import pytest
from koemori.audio.call import CallId
from koemori.models.errors import WorkerPoolBusyError, WorkerPoolClosedError
from koemori.models.load import LoadConfig
from koemori.models.ports import Purpose, TranscriptionRequest, WorkerPool
from koemori.models.scheduler import SchedulerConfig
from koemori.models.types import Hypothesis

UNHURRIED = SchedulerConfig(
    workers=1,
    partial_budget_ms=60_000,
    load=LoadConfig(busy_share=9.0, full_share=9.0, delay_ms=1e6, large_delay_ms=1e6, shed_delay_ms=1e6),
)
"""Sheds nothing, however slow the machine is."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A pool under test.

    Attributes:
        windows: Eight finals of different text that each keep a worker busy for a moment.
        texts: What the window of the same place says alone, with full and with fast effort.
        pids: Its worker processes.
    """

    pool: WorkerPool
    windows: tuple[TranscriptionRequest, ...]
    texts: tuple[frozenset[str], ...]
    pids: Callable[[], tuple[int, ...]]

    def of_calls(self) -> list[TranscriptionRequest]:
        """Each window in a call of its own."""
        return [in_call(window, f"01CALL{place}") for place, window in enumerate(self.windows)]

    def of_one_channel(self) -> list[TranscriptionRequest]:
        """All windows on one channel."""
        return [in_call(window, "01CALL") for window in self.windows]

    def assert_texts(self, answers: list[Hypothesis]) -> None:
        """Each answer is its window's, and of the model that the pool names."""
        assert len(answers) == len(self.windows)
        for answer, window, texts in zip(answers, self.windows, self.texts, strict=True):
            assert answer.text in texts
            assert answer.audio_end_ms == window.segment.end_ms
            assert answer.model_id == self.pool.model_id


def in_call(window: TranscriptionRequest, call: str) -> TranscriptionRequest:
    channel = replace(window.segment.channel, call_id=CallId(call))
    return replace(window, segment=replace(window.segment, channel=channel))


async def every_request_is_answered_once_with_its_own_text(subject: Subject) -> None:
    asked = [asyncio.ensure_future(subject.pool.transcribe(window)) for window in subject.of_calls()]
    subject.assert_texts(await asyncio.gather(*asked))
    assert subject.pool.load.waiting == 0


async def finals_of_a_channel_begin_in_the_order_in_which_they_were_asked(subject: Subject) -> None:
    ended: list[int] = []
    asked = [asyncio.ensure_future(subject.pool.transcribe(window)) for window in subject.of_one_channel()]
    for place, answer in enumerate(asked):
        answer.add_done_callback(lambda _, place=place: ended.append(place))
    subject.assert_texts(await asyncio.gather(*asked))
    assert ended == sorted(ended)


async def the_workers_time_is_part_of_the_time_waited(subject: Subject) -> None:
    began_s = asyncio.get_running_loop().time()
    answer = await subject.pool.transcribe(subject.windows[0])
    took_ms = (asyncio.get_running_loop().time() - began_s) * 1000
    assert 0 <= answer.work.encode_ms + answer.work.decode_ms <= took_ms + 3


async def cancelling_drops_a_request_not_yet_begun(subject: Subject) -> None:
    asked = [asyncio.ensure_future(subject.pool.transcribe(window)) for window in subject.of_calls()]
    await asyncio.sleep(0)
    waiting = subject.pool.load.waiting
    assert waiting
    asked[-1].cancel()
    with suppress(asyncio.CancelledError):
        await asked[-1]
    assert subject.pool.load.waiting == waiting - 1
    for answer, texts in zip(await asyncio.gather(*asked[:-1]), subject.texts, strict=False):
        assert answer.text in texts


async def no_room_is_said_to_who_asks_in_advance_while_others_wait(subject: Subject) -> None:
    asked = [asyncio.ensure_future(subject.pool.transcribe(window)) for window in subject.of_calls()]
    await asyncio.sleep(0)
    advance = replace(in_call(subject.windows[0], "01OTHER"), purpose=Purpose.ADVANCE)
    with pytest.raises(WorkerPoolBusyError) as refusal:
        await subject.pool.transcribe(advance)
    assert refusal.value.waiting
    subject.assert_texts(await asyncio.gather(*asked))


async def of_a_channels_partials_the_newest_is_answered_and_each_other_one_told(subject: Subject) -> None:
    window = replace(in_call(subject.windows[0], "01CALL"), purpose=Purpose.PARTIAL)
    asked = [asyncio.ensure_future(subject.pool.transcribe(window)) for _ in range(4)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(answer) for answer in answers} <= {Hypothesis, WorkerPoolBusyError}
    assert isinstance(answers[-1], Hypothesis)


async def a_killed_worker_loses_nothing(subject: Subject) -> None:
    """Killed while eight windows wait, and again when it is back: the texts are those without a kill."""
    asked = [asyncio.ensure_future(subject.pool.transcribe(window)) for window in subject.of_one_channel()]
    await asyncio.sleep(0)
    first = subject.pids()
    kill(first)
    await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    second = subject.pids()
    assert not set(first) & set(second)
    kill(second)
    subject.assert_texts(await asyncio.gather(*asked))


def kill(pids: tuple[int, ...]) -> None:
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


async def closing_finishes_what_was_accepted_and_refuses_more(subject: Subject) -> None:
    asked = [asyncio.ensure_future(subject.pool.transcribe(window)) for window in subject.of_calls()]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(subject.pool.aclose())
    await asyncio.sleep(0)
    with pytest.raises(WorkerPoolClosedError):
        await subject.pool.transcribe(subject.windows[0])
    subject.assert_texts(await asyncio.gather(*asked))
    await closing
    assert subject.pids() == ()


Check = Callable[[Subject], Awaitable[None]]

OF_ANY_POOL: tuple[Check, ...] = (
    every_request_is_answered_once_with_its_own_text,
    finals_of_a_channel_begin_in_the_order_in_which_they_were_asked,
    the_workers_time_is_part_of_the_time_waited,
)
"""Kept even by a pool without workers of its own, such as a test's."""

OF_MODELS: tuple[Check, ...] = (
    every_request_is_answered_once_with_its_own_text,
    the_workers_time_is_part_of_the_time_waited,
    a_killed_worker_loses_nothing,
    closing_finishes_what_was_accepted_and_refuses_more,
)
"""Those in which it matters what the workers say and how long they take."""

OF_WORKERS: tuple[Check, ...] = (
    *OF_ANY_POOL,
    cancelling_drops_a_request_not_yet_begun,
    no_room_is_said_to_who_asks_in_advance_while_others_wait,
    of_a_channels_partials_the_newest_is_answered_and_each_other_one_told,
    a_killed_worker_loses_nothing,
    closing_finishes_what_was_accepted_and_refuses_more,
)

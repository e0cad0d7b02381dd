"""A call's ears, with a loudness detector and a scripted recogniser; no time passes here."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from koemori.audio.call import Channel
from koemori.models.errors import TranscriptionError, WorkerPoolBusyError
from koemori.models.listener import CallListener, ListenerConfig
from koemori.models.ports import LoadLevel, Purpose, TranscriptionRequest
from koemori.models.streaming import NO_TEXT
from koemori.models.types import (
    Hypothesis,
    LoadChanged,
    NotAssisted,
    Partial,
    Quarantined,
    TranscriptEvent,
    Utterance,
)
from numpy.typing import NDArray

from tests.fakes.models import AGENT, CUSTOMER, FailingVad, ScriptedPool, hypothesis, speech

pytestmark = pytest.mark.unit

FRAME_MS = 20
FRAME_SAMPLES = FRAME_MS * 16


async def listen(
    listener: CallListener, channels: Sequence[Channel], audio: NDArray[np.float32], frame_ms: int = FRAME_MS
) -> list[TranscriptEvent]:
    """Push the same-length audio of each channel frame by frame, giving the listener a turn after each."""
    events: list[TranscriptEvent] = []

    async def collect() -> None:
        events.extend([event async for event in listener.events()])

    collecting = asyncio.ensure_future(collect())
    step = frame_ms * 16
    for start in range(0, audio.shape[-1], step):
        for channel, samples in zip(channels, audio, strict=True):
            listener.push(channel, start // 16, samples[start : start + step])
        for _ in range(6):
            await asyncio.sleep(0)
    listener.finish()
    await collecting
    return events


def utterances(events: list[TranscriptEvent]) -> list[Utterance]:
    return [event for event in events if isinstance(event, Utterance)]


def partials(events: list[TranscriptEvent]) -> list[Partial]:
    return [event for event in events if isinstance(event, Partial)]


def by_length(request: TranscriptionRequest) -> Hypothesis:
    """A word for each 400 ms of audio, so that a longer window says more."""
    words = "いちにさんよんごろくななはちきゅう"
    count = (request.segment.end_ms - request.segment.start_ms) // 400
    return hypothesis(words[:count])


async def test_each_channel_gets_its_own_utterances() -> None:
    audio = np.stack([speech((500, 1500), until_ms=6000), speech((2500, 3500), (4500, 5200), until_ms=6000)])
    listener = CallListener([AGENT, CUSTOMER], FailingVad(), ScriptedPool())
    said = utterances(await listen(listener, [AGENT, CUSTOMER], audio))
    assert [(event.channel.index, event.start_ms // 100) for event in said] == [(0, 4), (1, 24), (1, 44)]
    for event in said:
        assert event.utterance_id == f"{event.channel.index}-{event.start_ms}"
        assert event.model_id == "fake@0"


async def test_partials_grow_while_someone_speaks_and_end_with_the_utterance() -> None:
    listener = CallListener([CUSTOMER], FailingVad(), ScriptedPool(by_length))
    events = await listen(listener, [CUSTOMER], speech((0, 4000), until_ms=5500)[None])
    shown = partials(events)
    assert len(shown) >= 5
    assert [event.revision for event in shown] == list(range(1, len(shown) + 1))
    for before, after in itertools.pairwise(shown):
        assert after.stable.startswith(before.stable)
        assert after.end_ms >= before.end_ms
    [said] = utterances(events)
    assert {event.utterance_id for event in shown} == {said.utterance_id}
    assert events.index(said) == len(events) - 1


async def test_partials_can_be_switched_off() -> None:
    pool = ScriptedPool()
    listener = CallListener([CUSTOMER], FailingVad(), pool, ListenerConfig(partials=False))
    events = await listen(listener, [CUSTOMER], speech((0, 4000), until_ms=5500)[None])
    assert [type(event) for event in events] == [Utterance]
    assert all(request.final for request in pool.asked)


async def test_the_final_asked_at_a_pause_is_used_when_the_speech_has_ended() -> None:
    pool = ScriptedPool()
    listener = CallListener([CUSTOMER], FailingVad(), pool, ListenerConfig(partials=False))
    await listen(listener, [CUSTOMER], speech((320, 2000), until_ms=4000)[None])
    assert len(pool.asked) == 1
    assert listener.counts.finals_in_advance_used == 1


async def test_speech_that_goes_on_makes_the_advance_a_partial() -> None:
    listener = CallListener([CUSTOMER], FailingVad(), ScriptedPool(by_length))
    events = await listen(listener, [CUSTOMER], speech((0, 500), (950, 2000), until_ms=4000)[None])
    [said] = utterances(events)
    assert said.end_ms >= 2000
    assert partials(events)[0].end_ms < 950
    assert listener.counts.finals_in_advance == 2


async def test_a_partial_still_running_is_dropped_when_its_utterance_ends() -> None:
    pool = ScriptedPool(held=True)
    listener = CallListener([CUSTOMER], FailingVad(), pool)

    async def release_at_the_end() -> None:
        for _ in range(5000):
            await asyncio.sleep(0)
            if listener.counts.finals_asked:
                break
        pool.release()

    releasing = asyncio.ensure_future(release_at_the_end())
    events = await listen(listener, [CUSTOMER], speech((0, 3000), until_ms=5000)[None])
    await releasing
    assert [type(event) for event in events] == [Utterance]
    assert len([request for request in pool.asked if not request.final]) == 1
    assert listener.counts.partials_dropped == 1


async def test_a_model_that_fails_costs_its_utterance_and_no_other() -> None:
    calls = itertools.count()

    def say(request: TranscriptionRequest) -> Hypothesis:
        if next(calls) < 2:
            raise TranscriptionError("expected words; none came")
        return hypothesis("はい")

    listener = CallListener([CUSTOMER], FailingVad(), ScriptedPool(say), ListenerConfig(partials=False))
    events = await listen(listener, [CUSTOMER], speech((0, 1000), (2500, 3500), until_ms=5000)[None])
    lost, said = events
    assert isinstance(lost, NotAssisted)
    assert (lost.start_ms, lost.end_ms // 100, lost.reason) == (0, 10, "transcription")
    assert isinstance(said, Utterance)


async def test_any_exception_of_a_worker_is_a_visible_gap() -> None:
    def say(request: TranscriptionRequest) -> Hypothesis:
        raise RuntimeError("out of memory")

    listener = CallListener([CUSTOMER], FailingVad(), ScriptedPool(say))
    [lost] = await listen(listener, [CUSTOMER], speech((0, 1000), until_ms=3000)[None])
    assert isinstance(lost, NotAssisted)
    assert lost.reason == "error"


async def test_a_full_pool_is_said_as_overload() -> None:
    def say(request: TranscriptionRequest) -> Hypothesis:
        raise WorkerPoolBusyError(64)

    listener = CallListener([CUSTOMER], FailingVad(), ScriptedPool(say))
    events = await listen(listener, [CUSTOMER], speech((0, 2000), until_ms=4000)[None])
    assert [(type(event), getattr(event, "reason", "")) for event in events] == [(NotAssisted, "overload")]


async def test_text_that_is_not_believed_is_quarantined_with_its_reason() -> None:
    pool = ScriptedPool(lambda _: hypothesis("ご視聴ありがとうございました"))
    listener = CallListener([CUSTOMER], FailingVad(), pool)
    events = await listen(listener, [CUSTOMER], speech((0, 3000), until_ms=5000)[None])
    [doubted] = events
    assert isinstance(doubted, Quarantined)
    assert doubted.reason == "phantom_phrase"
    assert doubted.utterance_id == "1-0"
    assert listener.counts.quarantined == 1


async def test_a_final_without_words_takes_back_the_partials() -> None:
    pool = ScriptedPool(lambda request: hypothesis("" if request.final else "えっと"))
    listener = CallListener([CUSTOMER], FailingVad(), pool)
    *shown, last = await listen(listener, [CUSTOMER], speech((0, 3000), until_ms=5000)[None])
    assert shown
    assert isinstance(last, Quarantined)
    assert last.reason == NO_TEXT


async def test_a_gap_ends_what_was_said_before_it() -> None:
    listener = CallListener([CUSTOMER], FailingVad(), ScriptedPool())
    listener.push(CUSTOMER, 0, speech((0, 1000), until_ms=1000))
    listener.gap(CUSTOMER, 1000, 3000)
    listener.push(CUSTOMER, 4000, speech((0, 1000), until_ms=2000))
    listener.finish()
    said = utterances([event async for event in listener.events()])
    assert [event.utterance_id for event in said] == ["1-0", "1-4000"]
    assert said[0].end_ms <= 1024


async def test_the_last_words_come_out_though_nothing_follows_them() -> None:
    listener = CallListener([CUSTOMER], FailingVad(), ScriptedPool())
    [said] = utterances(await listen(listener, [CUSTOMER], speech((500, 1500), until_ms=1500)[None]))
    assert said.end_ms >= 1500


async def test_audio_that_nobody_takes_is_left_out_and_said() -> None:
    listener = CallListener([CUSTOMER], FailingVad(), ScriptedPool(), ListenerConfig(most_queued_ms=1000))
    for start_ms in range(0, 5000, FRAME_MS):
        listener.push(CUSTOMER, start_ms, speech(until_ms=FRAME_MS))
    assert listener.backlog_ms <= 1024
    listener.finish()
    [left_out] = [event async for event in listener.events()]
    assert isinstance(left_out, NotAssisted)
    assert (left_out.start_ms, left_out.end_ms, left_out.reason) == (1000, 5000, "overload")
    assert listener.counts.not_assisted_ms == 4000


async def test_a_fast_source_can_wait_instead() -> None:
    config = ListenerConfig(most_queued_ms=1000, partials=False)
    listener = CallListener([CUSTOMER], FailingVad(), ScriptedPool(), config)
    audio = speech((0, 2000), (4000, 6000), until_ms=9000)

    async def feed() -> None:
        for start in range(0, len(audio), FRAME_SAMPLES):
            await listener.drain_below(500)
            listener.push(CUSTOMER, start // 16, audio[start : start + FRAME_SAMPLES])
        listener.finish()

    feeding = asyncio.ensure_future(feed())
    events = [event async for event in listener.events()]
    await feeding
    assert [type(event) for event in events] == [Utterance, Utterance]


async def test_finals_that_wait_hold_the_detector_back() -> None:
    pool = ScriptedPool(held=True)
    config = ListenerConfig(most_pending_ms=1000, partials=False)
    listener = CallListener([CUSTOMER], FailingVad(), pool, config)
    listener.push(CUSTOMER, 0, speech((0, 1500), (3000, 4500), until_ms=6000))
    listener.finish()
    events: list[TranscriptEvent] = []

    async def collect() -> None:
        events.extend([event async for event in listener.events()])

    collecting = asyncio.ensure_future(collect())
    for _ in range(2000):
        await asyncio.sleep(0)
    assert len(pool.asked) == 1
    pool.release()
    await collecting
    assert len(events) == 2


async def test_a_detector_that_fails_leaves_a_visible_gap_and_hears_again() -> None:
    vad = FailingVad()
    listener = CallListener([CUSTOMER], vad, ScriptedPool(), ListenerConfig(partials=False))
    collecting = asyncio.ensure_future(_all(listener))
    for start_ms in range(0, 6000, 32):
        vad.broken = 1600 <= start_ms < 3200
        listener.push(CUSTOMER, start_ms, speech((0, 32), until_ms=32))
        for _ in range(6):
            await asyncio.sleep(0)
    listener.finish()
    events = await collecting
    [deaf] = [event for event in events if isinstance(event, NotAssisted)]
    assert (deaf.start_ms, deaf.end_ms, deaf.reason) == (1600, 3200, "vad")
    assert [event.start_ms for event in utterances(events)] == [0, 3200]


async def _all(listener: CallListener) -> list[TranscriptEvent]:
    return [event async for event in listener.events()]


async def test_leaving_early_cancels_every_question() -> None:
    pool = ScriptedPool(held=True)
    listener = CallListener([CUSTOMER], FailingVad(), pool)
    listener.push(CUSTOMER, 0, speech((0, 3000), until_ms=5000))
    listening = asyncio.ensure_future(_all(listener))
    for _ in range(2000):
        await asyncio.sleep(0)
    assert pool.asked
    listening.cancel()
    await asyncio.wait({listening})
    await asyncio.sleep(0)
    assert pool.cancelled == len(pool.asked)
    await listener.drain_below(1)


@pytest.mark.parametrize("frame_ms", [10, 20, 160])
async def test_the_length_of_frames_does_not_change_the_finals(frame_ms: int) -> None:
    audio = np.stack([speech((500, 1500), (2308, 4000), until_ms=6400), speech((1200, 3500), until_ms=6400)])
    listener = CallListener([AGENT, CUSTOMER], FailingVad(), ScriptedPool(), ListenerConfig(partials=False))
    said = utterances(await listen(listener, [AGENT, CUSTOMER], audio, frame_ms))
    assert sorted(event.utterance_id for event in said) == ["0-2304", "0-480", "1-1184"]


def levels(events: list[TranscriptEvent]) -> list[tuple[str, int]]:
    return [(event.level, event.partial_interval_ms) for event in events if isinstance(event, LoadChanged)]


async def test_a_call_that_begins_under_load_hears_of_it_first() -> None:
    pool = ScriptedPool()
    pool.level, pool.partial_interval_ms = LoadLevel.PARTIALS_REDUCED, 1200
    listener = CallListener([CUSTOMER], FailingVad(), pool)
    events = await listen(listener, [CUSTOMER], speech((0, 3000), until_ms=5000)[None])
    assert events[0] == LoadChanged(0, "partials_reduced", 1200)
    assert levels(events) == [("partials_reduced", 1200)]
    assert len(utterances(events)) == 1


async def test_each_change_of_the_load_is_said_once_and_where_it_was_heard() -> None:
    pool = ScriptedPool()
    listener = CallListener([AGENT, CUSTOMER], FailingVad(), pool)
    collecting = asyncio.ensure_future(_all(listener))
    plan = {1600: LoadLevel.PARTIALS_OFF, 3200: LoadLevel.LARGE_WINDOWS, 4800: LoadLevel.NORMAL}
    for start_ms in range(0, 6400, 32):
        pool.level = plan.get(start_ms, pool.level)
        for channel in (AGENT, CUSTOMER):
            listener.push(channel, start_ms, speech((0, 32), until_ms=32))
        for _ in range(6):
            await asyncio.sleep(0)
    listener.finish()
    changes = [event for event in await collecting if isinstance(event, LoadChanged)]
    assert [event.level for event in changes] == ["partials_off", "large_windows", "normal"]
    for event, at_ms in zip(changes, plan, strict=True):
        assert 0 <= event.at_ms - at_ms <= 64


async def test_a_jump_does_not_hide_a_change_of_the_load() -> None:
    pool = ScriptedPool()
    listener = CallListener([CUSTOMER], FailingVad(), pool)
    collecting = asyncio.ensure_future(_all(listener))
    listener.push(CUSTOMER, 0, speech((0, 960), until_ms=960))
    for _ in range(100):
        await asyncio.sleep(0)
    pool.level = LoadLevel.SHEDDING
    listener.gap(CUSTOMER, 960, 5000)
    for _ in range(100):
        await asyncio.sleep(0)
    pool.level = LoadLevel.NORMAL
    listener.push(CUSTOMER, 5960, speech((0, 960), until_ms=1920))
    listener.finish()
    events = await collecting
    assert [level for level, _ in levels(events)] == ["shedding", "normal"]
    assert [event.start_ms for event in utterances(events)] == [0, 5960]


async def test_an_early_final_refused_as_the_audio_ends_loses_no_words() -> None:
    def say(request: TranscriptionRequest) -> Hypothesis:
        if request.purpose is Purpose.ADVANCE:
            raise WorkerPoolBusyError(1)
        return hypothesis("はい")

    listener = CallListener([CUSTOMER], FailingVad(), ScriptedPool(say), ListenerConfig(partials=False))
    listener.push(CUSTOMER, 0, speech((0, 960), until_ms=1152))
    listener.finish()
    events = await _all(listener)
    assert [event.text for event in utterances(events)] == ["はい"]
    assert listener.counts.not_assisted_ms == 0


async def test_a_final_ready_but_not_yet_taken_holds_time_back() -> None:
    pool = ScriptedPool(held=True)
    listener = CallListener([CUSTOMER], FailingVad(), pool, ListenerConfig(partials=False))
    listener.push(CUSTOMER, 0, speech((0, 960), (2000, 2960), until_ms=5000))
    listener.finish()

    async def release_both_at_once() -> None:
        for _ in range(5000):
            await asyncio.sleep(0)
            if len(pool.asked) == 2:
                break
        pool.release()

    releasing = asyncio.ensure_future(release_both_at_once())
    promised: list[int] = []
    async for event in listener.events():
        assert isinstance(event, Utterance)
        assert all(event.end_ms >= until_ms for until_ms in promised)
        promised.append(listener.finals_from_ms)
    await releasing
    assert len(promised) == 2


async def test_questions_carry_language_prompt_and_purpose() -> None:
    pool = ScriptedPool(by_length)
    config = ListenerConfig(language="en", prompt="Koemori. ")
    await listen(
        CallListener([CUSTOMER], FailingVad(), pool, config),
        [CUSTOMER],
        speech((0, 3000), until_ms=5000)[None],
    )
    assert {(request.language, request.prompt) for request in pool.asked} == {("en", "Koemori. ")}
    assert {request.purpose for request in pool.asked} == {Purpose.PARTIAL, Purpose.ADVANCE}

"""A channel's voice beside its words: order, overload, failures, and a caller who gets louder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import soxr
from koemori.models.listener import CallListener
from koemori.models.ports import LoadLevel
from koemori.models.questions import ListenerCounts
from koemori.models.silero_vad import SileroVad
from koemori.models.types import TranscriptEvent, Utterance, VoiceChanged
from koemori.models.voice_features import VoiceMeasure
from koemori.models.voice_thresholds import voice_thresholds
from koemori.models.voice_watch import MOST_WAITING, PATIENCE_S, VoiceWatch
from numpy.typing import NDArray

from tests.fakes.loudness import NORMAL, caller, raised
from tests.fakes.models import AGENT, CUSTOMER, ScriptedPool

pytestmark = pytest.mark.unit

SPEECH = np.zeros(512, np.float32)
WORDS_MS = 480
"""Fifteen windows of speech and a pause make one measurement."""
LOUD = VoiceMeasure(NORMAL.level_db + 9, NORMAL.pitch_semitones + 4, NORMAL.tilt_db + 4, 0.0)
EVERY_MS = WORDS_MS + 192


def by_level(samples: NDArray[np.float32]) -> VoiceMeasure | None:
    """Full windows are loud words, empty ones normal words."""
    return LOUD if samples[0] else NORMAL


class Line:
    """Words and pauses for one watch."""

    def __init__(self, watch: VoiceWatch, counts: ListenerCounts) -> None:
        self.watch = watch
        self.counts = counts
        self.at_ms = 0
        self.level = LoadLevel.NORMAL

    def hear(self, probability: float, duration_ms: int, loud: bool = False) -> None:
        window = SPEECH + np.float32(loud)
        for _ in range(duration_ms // 32):
            self.watch.hear(self.at_ms, window, probability, self.level)
            self.at_ms += 32

    async def take(self) -> list[VoiceChanged]:
        """The changes, once all that was heard is measured."""
        changes = list(self.watch.collect())
        while not self.watch.settled:
            await asyncio.sleep(0.001)
            changes += self.watch.collect()
        return changes

    async def say(self, times: int, loud: bool = False) -> list[VoiceChanged]:
        changes: list[VoiceChanged] = []
        for _ in range(times):
            self.hear(0.9, WORDS_MS, loud)
            self.hear(0.1, 192)
            changes += await self.take()
        return changes


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    counts = ListenerCounts()
    watch = VoiceWatch(CUSTOMER, counts, lambda: None, by_level)
    one = Line(watch, counts)
    assert await one.say(-(-voice_thresholds().baseline_speech_ms // WORDS_MS)) == []
    yield one
    watch.cancel()


async def test_a_rise_is_told_at_the_end_of_the_words_it_was_heard_in(line: Line) -> None:
    [change] = await line.say(3, loud=True)
    assert (change.raised, change.level_db, change.channel) == (True, 9.0, CUSTOMER)
    assert (change.since_ms, change.end_ms) == (line.at_ms - 3 * EVERY_MS, line.at_ms - 192)


async def test_a_long_silence_ends_it(line: Line) -> None:
    await line.say(3, loud=True)
    line.hear(0.1, voice_thresholds().end_silence_ms + 64)
    [change] = line.watch.collect()
    assert not change.raised


async def test_a_word_too_short_to_measure_is_left_alone(line: Line) -> None:
    line.hear(0.9, 224, loud=True)
    line.hear(0.1, 192)
    assert line.watch.settled
    assert line.watch.from_ms is None
    assert line.counts.voice_left_out_ms == 0


async def test_words_going_on_hold_back_what_ends_after_them(line: Line) -> None:
    began_ms = line.at_ms
    line.hear(0.9, 320)
    assert line.watch.from_ms == began_ms + 320
    line.watch.end()
    assert line.watch.from_ms == began_ms + 320
    assert await line.take() == []
    assert line.watch.from_ms is None


async def test_overload_measures_nothing_counts_it_and_ends_a_rise(line: Line) -> None:
    await line.say(3, loud=True)
    line.level = LoadLevel.PARTIALS_OFF
    [change] = await line.say(2, loud=True)
    assert not change.raised
    assert line.counts.voice_left_out_ms == 2 * WORDS_MS
    line.level = LoadLevel.PARTIALS_REDUCED
    assert [one.raised for one in await line.say(3, loud=True)] == [True]


async def test_a_thread_that_hangs_holds_words_up_for_a_moment_and_fills_no_memory() -> None:
    counts = ListenerCounts()
    go_on = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(samples: NDArray[np.float32]) -> VoiceMeasure | None:
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(10)
        return NORMAL

    one = Line(VoiceWatch(CUSTOMER, counts, lambda: None, hang), counts)
    for _ in range(MOST_WAITING + 5):
        one.hear(0.9, WORDS_MS)
        one.hear(0.1, 192)
    assert one.watch.measuring
    await asyncio.sleep(2 * PATIENCE_S)
    assert not one.watch.measuring
    assert counts.voice_left_out_ms == 5 * WORDS_MS
    go_on.set()
    one.watch.cancel()


async def test_a_measurement_that_fails_costs_itself_only() -> None:
    counts = ListenerCounts()

    def fail(samples: NDArray[np.float32]) -> VoiceMeasure | None:
        raise ValueError("no measure")

    one = Line(VoiceWatch(CUSTOMER, counts, lambda: None, fail), counts)
    assert await one.say(2) == []
    assert counts.voice_left_out_ms == 2 * WORDS_MS
    assert one.watch.settled


async def listen(samples_8k: NDArray[np.float32], channel_role: int = 1) -> list[TranscriptEvent]:
    """The listener's events for one channel of audio, with the real detector."""
    channel = (AGENT, CUSTOMER)[channel_role]
    listener = CallListener([channel], SileroVad(), ScriptedPool())
    events: list[TranscriptEvent] = []

    async def collect() -> None:
        events.extend([event async for event in listener.events()])

    collecting = asyncio.ensure_future(collect())
    audio = np.asarray(soxr.resample(samples_8k, 8000, 16000), np.float32)
    for start in range(0, len(audio), 3200):
        listener.push(channel, start // 16, audio[start : start + 3200])
        await listener.drain_below(20_000)
        await asyncio.sleep(0)
    listener.finish()
    await collecting
    return events


def voices(events: list[TranscriptEvent]) -> list[VoiceChanged]:
    return [event for event in events if isinstance(event, VoiceChanged)]


async def test_a_caller_who_gets_louder_and_higher_is_heard_and_a_change_comes_before_its_words(
    corpus: Path,
) -> None:
    calm = caller(corpus, "c03", gain_db=-10)
    both = np.concatenate([calm, raised(calm, 8, 3)[: 40 * 8000]])
    events = await listen(both)
    first = voices(events)[0]
    assert first.raised
    assert first.since_ms > len(calm) // 8
    assert first.level_db == pytest.approx(8, abs=3)
    assert first.pitch_semitones == pytest.approx(3, abs=2)
    place = events.index(first)
    assert all(e.end_ms < first.end_ms for e in events[:place] if isinstance(e, Utterance))
    assert any(isinstance(e, Utterance) and e.end_ms >= first.end_ms for e in events[place:])
    assert voices(await listen(both)) == voices(events)


async def test_a_caller_who_goes_on_as_before_is_not_raised_nor_one_who_turns_up_the_gain(
    corpus: Path,
) -> None:
    calm = caller(corpus, "c03", gain_db=-10)
    assert voices(await listen(np.concatenate([calm, calm[: 40 * 8000]]))) == []
    assert voices(await listen(np.concatenate([calm, raised(calm, 8, 0)[: 40 * 8000]]))) == []


async def test_an_agent_is_not_measured(corpus: Path) -> None:
    calm = caller(corpus, "c03", gain_db=-10)[: 60 * 8000]
    assert voices(await listen(np.concatenate([calm, raised(calm, 8, 3)]), channel_role=0)) == []


@pytest.mark.parametrize("call", ["c01", "c03", "c05", "c07", "c09", "c19"])
async def test_no_voice_is_raised_in_a_call_of_the_corpus(corpus: Path, call: str) -> None:
    """Made by one voice each, which never gets louder, whatever it says; the others end before a baseline."""
    assert voices(await listen(caller(corpus, call))) == []

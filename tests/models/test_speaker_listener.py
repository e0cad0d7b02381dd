"""Words of a mono channel get speakers while the call goes on, and never wait for them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import numpy as np
import pytest
from koemori.models.errors import DiarizationUnavailableError, TranscriptionError
from koemori.models.speaker_listener import MOST_FAILURES, SpeakerConfig, SpeakerListener, Tape
from koemori.models.types import Partial, SpeakersFound, SpeakerTurn, TranscriptEvent, Utterance
from numpy.typing import NDArray

from tests.fakes.voices import MONO, TURN_MS, LevelDiarizer, NoDiarizer, ScriptedListener, audio, utterance

pytestmark = pytest.mark.unit


async def play(listener: SpeakerListener, end_ms: int, step_ms: int = 1000) -> list[TranscriptEvent]:
    """The scripted audio as a held source plays it."""

    async def feed() -> None:
        for start_ms in range(0, end_ms, step_ms):
            await listener.drain_below(15_000)
            listener.push(MONO, start_ms, audio(start_ms, min(start_ms + step_ms, end_ms)))
        listener.finish()

    feeding = asyncio.create_task(feed())
    async with asyncio.timeout(30):
        events = [event async for event in listener.events()]
    await feeding
    return events


def said(events: list[TranscriptEvent]) -> dict[str, list[str]]:
    """The last speakers of each utterance, word by word."""
    last: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, (Utterance, SpeakersFound)):
            last[event.utterance_id] = [word.speaker for word in event.words]
    return last


async def test_each_word_ends_up_with_the_voice_that_said_it_under_one_name_for_the_whole_call():
    events = await play(SpeakerListener(ScriptedListener(), LevelDiarizer()), 200_000)
    assert said(events) == {
        f"0-{start}": [f"S{1 + start // TURN_MS % 2}"] * 10 for start in range(0, 200_000, TURN_MS)
    }


async def test_words_come_before_their_speakers_and_are_not_changed_by_them():
    events = await play(SpeakerListener(ScriptedListener(), LevelDiarizer()), 60_000)
    utterances = {event.utterance_id: event for event in events if isinstance(event, Utterance)}
    assert {word.speaker for event in utterances.values() for word in event.words} <= {"unknown", "S1", "S2"}
    for place, event in enumerate(events):
        if isinstance(event, SpeakersFound):
            first = utterances[event.utterance_id]
            assert events.index(first) < place
            assert [replace(word, speaker="") for word in event.words] == [
                replace(word, speaker="") for word in first.words
            ]


async def test_nothing_is_said_twice_when_a_later_look_agrees():
    events = await play(SpeakerListener(ScriptedListener(), LevelDiarizer()), 200_000)
    changes = [event.utterance_id for event in events if isinstance(event, SpeakersFound)]
    assert len(changes) == len(set(changes))


async def test_the_diarizer_never_hears_more_than_context_and_interval():
    diarizer = LevelDiarizer()
    await play(SpeakerListener(ScriptedListener(), diarizer), 300_000)
    assert max(diarizer.asked) <= 90_000
    assert len(diarizer.asked) == 1 + 10


async def test_a_short_call_is_looked_at_when_it_ends():
    diarizer = LevelDiarizer()
    events = await play(SpeakerListener(ScriptedListener(), diarizer), 20_000)
    assert said(events) == {"0-0": ["S1"] * 10, "0-10000": ["S2"] * 10}
    assert diarizer.asked == [1000, 20_000]


async def test_without_a_diarizer_every_word_is_unknown_and_the_log_says_why_once(
    caplog: pytest.LogCaptureFixture,
):
    with caplog.at_level(logging.WARNING):
        events = await play(SpeakerListener(ScriptedListener(), NoDiarizer()), 120_000)
    assert {name for names in said(events).values() for name in names} == {"unknown"}
    assert not any(isinstance(event, SpeakersFound) for event in events)
    assert [record.message for record in caplog.records] == [
        "speakers are not told apart: diarization: expected weights in the section [diarization];"
        " it is not there"
    ]


async def test_words_of_a_live_call_do_not_wait_for_a_diarizer_that_hangs():
    diarizer = LevelDiarizer()
    diarizer.go_on.clear()
    listener = SpeakerListener(ScriptedListener(), diarizer, SpeakerConfig(grace_s=0.05))
    for start_ms in range(0, 600_000, 1000):
        listener.push(MONO, start_ms, audio(start_ms, start_ms + 1000))
    listener.finish()
    async with asyncio.timeout(20):
        events = [event async for event in listener.events()]
    assert len(events) == 60
    assert {name for names in said(events).values() for name in names} == {"unknown"}


async def test_a_call_that_outruns_the_diarizer_loses_names_and_no_words():
    diarizer = LevelDiarizer()
    diarizer.go_on.clear()
    listener = SpeakerListener(ScriptedListener(), diarizer, SpeakerConfig(kept_ms=60_000))
    for start_ms in range(0, 300_000, 1000):
        listener.push(MONO, start_ms, audio(start_ms, start_ms + 1000))
    diarizer.go_on.set()
    listener.finish()
    async with asyncio.timeout(20):
        names = said([event async for event in listener.events()])
    assert names["0-0"] == ["unknown"] * 10
    assert set(names["0-290000"]) <= {"S1", "S2"}
    assert len(set(names["0-290000"])) == 1
    assert names["0-290000"] != names["0-280000"]


class FailingDiarizer(LevelDiarizer):
    """Fails at the questions of these numbers."""

    def __init__(self, *numbers: int) -> None:
        super().__init__()
        self.numbers = numbers

    async def turns(self, samples: NDArray[np.float32], speakers: int | None = 2) -> tuple[SpeakerTurn, ...]:
        found = await super().turns(samples, speakers)
        if len(self.asked) in self.numbers:
            raise DiarizationUnavailableError("a worker that keeps running")
        return found


async def test_a_look_that_fails_is_made_up_for_by_the_next_one():
    events = await play(SpeakerListener(ScriptedListener(), FailingDiarizer(3)), 120_000)
    assert said(events) == {
        f"0-{start}": [f"S{1 + start // TURN_MS % 2}"] * 10 for start in range(0, 120_000, TURN_MS)
    }


async def test_a_diarizer_that_only_fails_is_left_alone_after_a_while():
    diarizer = FailingDiarizer(*range(2, 100))
    events = await play(SpeakerListener(ScriptedListener(), diarizer), 300_000)
    assert {name for names in said(events).values() for name in names} == {"unknown"}
    assert len(diarizer.asked) == 1 + MOST_FAILURES


async def test_what_fails_inside_fails_outside():
    inner = ScriptedListener()
    inner.say(TranscriptionError("worker: gone"))
    with pytest.raises(TranscriptionError):
        await play(SpeakerListener(inner, LevelDiarizer()), 1000)


async def test_other_events_pass_through_unchanged():
    inner = ScriptedListener()
    partial = Partial(MONO, "0-0", 1, 0, 900, "も", "し")
    inner.say(partial)
    events = await play(SpeakerListener(inner, LevelDiarizer()), 1000)
    assert events == [partial]


def test_the_tape_gives_back_what_came_and_silence_where_nothing_did():
    tape = Tape(10_000)
    tape.put(0, np.full(16_000, 0.5, np.float32))
    tape.put(2000, np.full(16_000, -0.25, np.float32))
    cut = tape.cut(500, 2500)
    assert len(cut) == 32_000
    assert np.allclose(cut[:8000], 0.5, atol=1e-4)
    assert not cut[8000:24_000].any()
    assert np.allclose(cut[24_000:], -0.25, atol=1e-4)


def test_the_tape_forgets_what_is_older_than_it_may_keep():
    tape = Tape(2000)
    for start_ms in range(0, 10_000, 500):
        tape.put(start_ms, np.ones(8000, np.float32))
    assert (tape.start_ms, tape.end_ms) == (8000, 10_000)
    assert not tape.cut(0, 8000).any()


async def test_a_final_that_nobody_has_taken_yet_is_still_to_come():
    inner = ScriptedListener()
    listener = SpeakerListener(inner, NoDiarizer())
    events = listener.events()
    for end_ms in (10_000, 20_000, 30_000):
        listener.push(MONO, end_ms - 10_000, audio(end_ms - 10_000, end_ms))
    heard = []
    for _ in range(3):
        heard.append((await anext(events)).end_ms)
        assert listener.finals_from_ms == min(heard[-1] + 10_000, 30_000)
    assert heard == [10_000, 20_000, 30_000]
    await events.aclose()


@pytest.mark.parametrize("end_ms", [30_000, 30_040])
async def test_words_that_come_after_the_last_look_carry_their_speakers_at_once(end_ms: int):
    inner = ScriptedListener()
    inner.hold()
    listener = SpeakerListener(inner, LevelDiarizer())
    events: list[TranscriptEvent] = []

    async def hear() -> None:
        async for event in listener.events():
            events.append(event)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(hear())
        listener.push(MONO, 0, audio(0, 30_000))
        await listener.drain_below(15_000)
        inner.say(utterance(20_000, end_ms))
        listener.finish()
    assert [type(event) for event in events] == [Utterance]
    assert {name for names in said(events).values() for name in names} == {"S1"}

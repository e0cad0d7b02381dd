"""What the streaming policy keeps whatever is heard, answered, refused and lost; in virtual time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.models.errors import TranscriptionError, WorkerPoolBusyError
from koemori.models.ports import Load, LoadLevel, Purpose
from koemori.models.questions import ListenerConfig, Question
from koemori.models.segmenter import Segmenter, SpeechEnded
from koemori.models.types import Hypothesis, NotAssisted, Partial, Quarantined, Utterance

from tests.fakes.models import CUSTOMER, hypothesis
from tests.fakes.streaming import Answer, VirtualChannel, growing, heard, samples_of

pytestmark = pytest.mark.unit

HEAR = st.tuples(
    st.sampled_from([0.0, 0.0, 0.2, 0.4, 0.6, 0.95, 0.95, 0.95]), st.sampled_from([1, 3, 7, 14, 20, 40, 150])
)
LOAD = st.builds(
    Load, st.sampled_from(LoadLevel), st.sampled_from([0, 576, 900, 1500]), st.sampled_from([0, 0, 0, 2])
)
LOST = st.sampled_from(["deaf 1", "deaf 20", "gap 400", "gap 5000", "left out 3000"])
Steps = list[tuple[float, int] | Load | str]


def talk(seed: int) -> Steps:
    """A minute of turns and pauses, which a list of hypothesis rarely is."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    steps: Steps = []
    for _ in range(chance.randrange(5, 30)):
        steps.append((0.95, chance.choice([4, 8, 20, 60, 120, 450])))
        steps.append((0.0, chance.choice([3, 7, 10, 14, 18, 20, 30])))
        if chance.random() < 0.15:
            steps.append(Load(chance.choice(list(LoadLevel)), 800, chance.choice([0, 0, 3])))
        if chance.random() < 0.1:
            steps.append(chance.choice(["deaf 1", "deaf 20", "gap 400", "left out 3000"]))
    return steps


STEPS = st.one_of(
    st.lists(st.one_of(HEAR, HEAR, HEAR, LOAD, LOST), min_size=1, max_size=40),
    st.integers(0, 1 << 32).map(talk),
)
SEEDS = st.integers(0, 1 << 32)


def unsteady(seed: int, *, silent: bool = False) -> Callable[[Question], Answer]:
    """A recogniser that changes its mind, is late, fails, is refused or cancelled."""
    chance = random.Random(seed)  # noqa: S311 (no secret)

    def say(question: Question) -> Answer:
        delay_ms = chance.choice([0, 0.5, 40, 150, 150, 400, 3000, 20_000])
        text, kind = growing(question), chance.random()
        if kind < 0.1:
            return TranscriptionError("expected words; none came"), delay_ms
        if kind < 0.2:
            return WorkerPoolBusyError(9), chance.choice([0, delay_ms])
        if kind < 0.25:
            return asyncio.CancelledError(), delay_ms
        if silent and kind < 0.35:
            return hypothesis(""), delay_ms
        if kind < 0.45:
            text = "ご視聴ありがとうございました"
        elif kind < 0.6:
            text += "です。"
        elif kind < 0.75:
            text = text[: len(text) // 2] + "違う" + text[len(text) // 2 + 1 :]
        return heard(question, text), delay_ms

    return say


def loudness(probability: float) -> float:
    return 0.1 if probability >= 0.35 else 0.001


def play(channel: VirtualChannel, steps: Steps) -> VirtualChannel:
    """Hear, lose and change the load as the steps say, then end the call."""
    for step in steps:
        match step:
            case Load():
                channel.load = step
            case str():
                what, _, count = step.rpartition(" ")
                if what == "deaf":
                    channel.go_deaf(int(count))
                else:
                    channel.jump(int(count), left_out=what == "left out")
            case probability, windows:
                channel.hear(probability, windows, loudness(probability))
    channel.finish()
    return channel


@given(STEPS, SEEDS)
@settings(max_examples=60, deadline=None)
def test_stable_text_is_only_extended_and_nothing_follows_the_final(steps: Steps, seed: int) -> None:
    newest: dict[str, Partial] = {}
    closed: set[str] = set()
    for event in play(VirtualChannel(unsteady(seed, silent=True)), steps).events:
        if not isinstance(event, Partial):
            closed.add(getattr(event, "utterance_id", ""))
            continue
        assert event.utterance_id not in closed
        if (before := newest.get(event.utterance_id)) is not None:
            assert event.stable.startswith(before.stable)
            assert event.end_ms >= before.end_ms
        assert event.revision == (before.revision if before else 0) + 1
        newest[event.utterance_id] = event
    assert set(newest) <= closed


@given(STEPS, SEEDS)
@settings(max_examples=60, deadline=None)
def test_each_utterance_ends_once_and_in_order(steps: Steps, seed: int) -> None:
    channel = play(VirtualChannel(unsteady(seed)), steps)
    ids = [event.utterance_id for event in channel.closings]
    assert len(ids) == channel.counts.finals_asked
    starts = [event.start_ms for event in channel.closings]
    assert all(before < after for before, after in pairwise(starts))
    assert ids == [f"{CUSTOMER.index}-{start_ms}" for start_ms in starts]
    assert channel.policy.settled
    assert channel.policy.pending_ms == 0


@given(STEPS, SEEDS)
@settings(max_examples=60, deadline=None)
def test_each_question_is_answered_or_unwanted_once(steps: Steps, seed: int) -> None:
    channel = play(VirtualChannel(unsteady(seed, silent=True)), steps)
    ends = Counter([*channel.answered, *channel.unwanted])
    assert set(ends) == set(channel.asked)
    assert set(ends.values()) <= {1}
    assert channel.under_way == []
    assert not [question for question in channel.unwanted if question.purpose is Purpose.FINAL]


@given(STEPS, SEEDS)
@settings(max_examples=60, deadline=None)
def test_no_utterance_is_given_up_before_a_final_has_failed(steps: Steps, seed: int) -> None:
    channel = play(VirtualChannel(unsteady(seed)), steps)
    failed = {
        question.window.speech_start_ms
        for question in channel.answered
        if question.purpose is Purpose.FINAL and isinstance(question.answer, BaseException)
    }
    lost = [event.start_ms for event in channel.closings if isinstance(event, NotAssisted)]
    assert sorted(failed) == lost


@given(STEPS, SEEDS)
@settings(max_examples=60, deadline=None)
def test_an_unanswered_question_is_still_under_way(steps: Steps, seed: int) -> None:
    chance, answers = random.Random(seed), unsteady(seed)  # noqa: S311 (no secret)
    channel = VirtualChannel(lambda question: answers(question) if chance.random() < 0.7 else None)
    play(channel, steps)
    ended = [*channel.answered, *channel.unwanted, *channel.under_way]
    assert sorted(map(id, ended)) == sorted(map(id, channel.asked))
    assert channel.policy.settled == (not channel.under_way)


@given(STEPS, SEEDS)
@settings(max_examples=60, deadline=None)
def test_the_stages_of_time_add_up(steps: Steps, seed: int) -> None:
    channel = play(VirtualChannel(unsteady(seed)), steps)
    for event, at_ms in zip(channel.events, channel.at_ms, strict=True):
        if not isinstance(event, Partial | Utterance | Quarantined):
            continue
        assert event.timing is not None
        stages = [getattr(event.timing, stage.name) for stage in fields(event.timing)]
        assert min(stages) >= 0
        assert abs(sum(stages) - (at_ms - channel.heard_at[event.end_ms])) <= 2


@given(STEPS, SEEDS)
@settings(max_examples=30, deadline=None)
def test_the_same_call_gives_the_same_events(steps: Steps, seed: int) -> None:
    first, second = (play(VirtualChannel(unsteady(seed, silent=True)), steps) for _ in range(2))
    assert first.summary() == second.summary()


@given(STEPS, SEEDS)
@settings(max_examples=40, deadline=None)
def test_a_prompt_holds_the_end_of_the_text_before_a_forced_cut_or_nothing(steps: Steps, seed: int) -> None:
    channel = play(VirtualChannel(unsteady(seed)), steps)
    finals = [one.window for one in channel.asked if one.purpose is not Purpose.PARTIAL]
    texts = [answer.text for question in channel.asked if isinstance(answer := question.answer, Hypothesis)]
    for question in channel.asked:
        if question.prompt:
            # A final asked in advance hears a little of the pause after the words; the cut may lie in it.
            cut_ms = question.window.segment.start_ms
            assert any(one.speech_end_ms <= cut_ms <= one.segment.end_ms for one in finals)
            assert len(question.prompt) <= channel.config.context_characters
            assert any(question.prompt in text for text in texts)


@given(STEPS, SEEDS)
@settings(max_examples=40, deadline=None)
def test_without_partials_none_is_asked_or_shown(steps: Steps, seed: int) -> None:
    channel = play(VirtualChannel(unsteady(seed), ListenerConfig(partials=False)), steps)
    assert channel.partials == []
    assert channel.purposes(Purpose.PARTIAL) == []


@given(st.lists(HEAR, min_size=1, max_size=30), SEEDS)
@settings(max_examples=40, deadline=None)
def test_answers_that_complete_no_sentence_do_not_move_an_endpoint(
    runs: list[tuple[float, int]], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 (no secret)
    config = ListenerConfig()
    channel = VirtualChannel(lambda question: (hypothesis("ですけど"), chance.choice([0, 90, 900])), config)
    play(channel, [*runs])
    segmenter = Segmenter(CUSTOMER, config.segmenter)
    ends = [
        end
        for probability, count in runs
        for _ in range(count)
        for end in segmenter.push(samples_of(loudness(probability)), probability)
    ]
    windows = [end.window for end in [*ends, *segmenter.flush()] if isinstance(end, SpeechEnded)]
    spans = [(window.speech_start_ms, window.speech_end_ms) for window in windows]
    assert [(event.start_ms, event.end_ms) for event in channel.closings] == spans

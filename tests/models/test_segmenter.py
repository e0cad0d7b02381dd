"""Speech probabilities to windows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.models.segmenter import (
    WINDOW_MS,
    WINDOW_SAMPLES,
    Segmenter,
    SegmenterConfig,
    SegmenterEvent,
    SpeechEnded,
    SpeechPaused,
)

from tests.fakes.models import CUSTOMER

pytestmark = pytest.mark.unit

CONFIG = SegmenterConfig()


def run(segmenter: Segmenter, *probabilities: tuple[float, int]) -> list[SegmenterEvent]:
    """Push runs of (probability, windows); each window's samples hold its number."""
    events: list[SegmenterEvent] = []
    for probability, count in probabilities:
        for _ in range(count):
            number = segmenter.position_ms // WINDOW_MS
            window = np.full(WINDOW_SAMPLES, (number + 1) / 1000, dtype=np.float32)
            events += segmenter.push(window, probability)
    return events


def ended(events: list[SegmenterEvent]) -> list[SpeechEnded]:
    return [event for event in events if isinstance(event, SpeechEnded)]


def test_an_utterance_ends_after_the_endpoint_silence_and_keeps_its_padding() -> None:
    segmenter = Segmenter(CUSTOMER)
    events = run(segmenter, (0.0, 20), (0.9, 30), (0.0, CONFIG.endpoint_ms // WINDOW_MS))
    [paused, end] = events
    assert isinstance(paused, SpeechPaused)
    assert isinstance(end, SpeechEnded)
    window = end.window
    assert (window.speech_start_ms, window.speech_end_ms) == (20 * WINDOW_MS, 50 * WINDOW_MS)
    assert window.segment.start_ms == window.speech_start_ms - CONFIG.pre_pad_ms
    assert window.segment.end_ms == window.speech_end_ms + CONFIG.post_pad_ms
    assert len(window.segment.samples) == (window.segment.end_ms - window.segment.start_ms) * 16
    assert window.segment.samples[0] == np.float32(13 / 1000)
    assert not end.forced


def test_the_pause_carries_what_the_end_will_carry() -> None:
    [paused, end] = run(Segmenter(CUSTOMER), (0.9, 30), (0.0, CONFIG.endpoint_ms // WINDOW_MS))
    assert np.array_equal(paused.window.segment.samples, end.window.segment.samples)
    assert paused.window.speech_end_ms == end.window.speech_end_ms


def test_speech_that_goes_on_after_a_pause_is_one_utterance() -> None:
    events = run(Segmenter(CUSTOMER), (0.9, 20), (0.1, 12), (0.9, 20), (0.0, 20))
    [end] = ended(events)
    assert end.window.speech_end_ms == 52 * WINDOW_MS
    assert len([event for event in events if isinstance(event, SpeechPaused)]) == 2


def test_a_click_is_no_speech() -> None:
    assert run(Segmenter(CUSTOMER), (0.0, 5), (0.9, 2), (0.0, 30)) == []


def test_a_short_answer_is_speech() -> None:
    assert len(ended(run(Segmenter(CUSTOMER), (0.0, 5), (0.9, 6), (0.0, 30)))) == 1


def test_speech_goes_on_between_the_thresholds_but_does_not_begin_there() -> None:
    assert run(Segmenter(CUSTOMER), (0.45, 50)) == []
    [end] = ended(run(Segmenter(CUSTOMER), (0.9, 5), (0.45, 20), (0.0, 20)))
    assert end.window.speech_end_ms == 25 * WINDOW_MS


def test_a_long_utterance_ends_at_a_short_silence() -> None:
    long = CONFIG.long_ms // WINDOW_MS
    [_, end] = run(Segmenter(CUSTOMER), (0.9, long), (0.0, CONFIG.long_endpoint_ms // WINDOW_MS))
    assert isinstance(end, SpeechEnded)
    assert not end.forced


@pytest.mark.parametrize("more", range(4))
def test_a_monologue_that_ends_just_after_its_cut_loses_nothing(more: int) -> None:
    segmenter = Segmenter(CUSTOMER)
    longest = CONFIG.longest_ms // WINDOW_MS
    events: list[SegmenterEvent] = []
    for number in range(longest + more + 40):
        spoken = number < longest + more
        level = 0.3 if spoken and number < longest - 3 else 0.001
        events += segmenter.push(np.full(WINDOW_SAMPLES, level, dtype=np.float32), 0.9 if spoken else 0.0)
    head, tail = (event.window for event in ended(events))
    assert head.speech_end_ms == tail.speech_start_ms
    assert tail.speech_end_ms == (longest + more) * WINDOW_MS


def test_a_monologue_without_a_pause_is_cut_at_its_quietest_point() -> None:
    segmenter = Segmenter(CUSTOMER)
    events: list[SegmenterEvent] = []
    longest = CONFIG.longest_ms // WINDOW_MS
    quiet = longest - 40
    for number in range(longest + 30):
        level = 0.001 if quiet <= number < quiet + 3 else 0.1
        events += segmenter.push(np.full(WINDOW_SAMPLES, level, dtype=np.float32), 0.9)
    events += segmenter.flush()
    first, second = ended(events)
    assert first.forced
    assert first.window.segment.end_ms == (quiet + 1) * WINDOW_MS == second.window.segment.start_ms
    assert second.window.speech_start_ms == first.window.segment.end_ms


def test_the_end_of_the_audio_ends_the_utterance() -> None:
    segmenter = Segmenter(CUSTOMER)
    run(segmenter, (0.9, 10))
    [end] = segmenter.flush()
    assert isinstance(end, SpeechEnded)
    assert end.window.speech_end_ms == 10 * WINDOW_MS
    assert segmenter.flush() == []


def test_a_gap_ends_the_utterance_and_moves_the_timeline() -> None:
    segmenter = Segmenter(CUSTOMER)
    run(segmenter, (0.0, 3), (0.9, 10))
    assert len(segmenter.jump(5000)) == 1
    [end] = ended(run(segmenter, (0.9, 10), (0.0, 20)))
    assert end.window.segment.start_ms == end.window.speech_start_ms == 5000


def test_current_window_reaches_the_newest_sample() -> None:
    segmenter = Segmenter(CUSTOMER)
    assert segmenter.current() is None
    run(segmenter, (0.0, 10), (0.9, 2))
    assert segmenter.current() is None
    assert segmenter.current_speech_end_ms is None
    run(segmenter, (0.9, 8), (0.0, 2))
    window = segmenter.current()
    assert window is not None
    assert window.segment.end_ms == 22 * WINDOW_MS
    assert window.speech_end_ms == segmenter.current_speech_end_ms == 20 * WINDOW_MS


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.2, 0.4, 0.6, 0.95]), st.integers(1, 120)), min_size=1, max_size=14
    )
)
def test_utterances_never_overlap_and_hold_their_own_samples(runs: list[tuple[float, int]]) -> None:
    segmenter = Segmenter(CUSTOMER)
    windows = [event.window for event in ended(run(segmenter, *runs) + segmenter.flush())]
    for before, after in itertools.pairwise(windows):
        assert before.segment.end_ms <= after.segment.start_ms
        assert before.speech_start_ms < after.speech_start_ms
    for window in windows:
        segment = window.segment
        assert segment.start_ms <= window.speech_start_ms < window.speech_end_ms <= segment.end_ms
        assert segment.end_ms - segment.start_ms <= CONFIG.longest_ms + CONFIG.endpoint_ms
        numbers = np.rint(segment.samples[::WINDOW_SAMPLES] * 1000).astype(int) - 1
        assert numbers.tolist() == list(range(segment.start_ms // WINDOW_MS, segment.end_ms // WINDOW_MS))

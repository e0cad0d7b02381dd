"""Audio between arrival and detection."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.models.audio_queue import AudioQueue, Jump
from numpy.typing import NDArray

from tests.fakes.models import silence, tone

pytestmark = pytest.mark.unit


def queue(most_ms: int = 10_000) -> AudioQueue:
    return AudioQueue(window_samples=512, most_ms=most_ms, fill_gap_ms=320)


def take_all(audio: AudioQueue) -> list[NDArray[np.float32] | Jump]:
    items = []
    while (item := audio.take()) is not None:
        items.append(item)
    return items


@given(st.lists(st.integers(1, 900), min_size=1, max_size=30))
def test_windows_hold_the_samples_as_they_came(lengths: list[int]) -> None:
    audio = queue()
    samples = np.arange(sum(lengths), dtype=np.float32)
    start = 0
    for length in lengths:
        audio.put(start // 16, samples[start : start + length])
        start += length
    windows = take_all(audio)
    assert all(len(window) == 512 for window in windows if not isinstance(window, Jump))
    joined = np.concatenate([w for w in windows if not isinstance(w, Jump)] or [np.zeros(0)])
    assert np.array_equal(joined, samples[: len(joined)])
    assert len(samples) - len(joined) < 512


def test_a_lost_packet_is_filled_with_silence() -> None:
    audio = queue()
    audio.put(0, tone(64))
    audio.put_gap(64, 64)
    audio.put(128, tone(64))
    windows = take_all(audio)
    assert len(windows) == 6
    assert np.array_equal(windows[2], silence(32))
    assert audio.end_ms == 192


def test_a_long_gap_is_a_jump_after_the_filled_last_window() -> None:
    audio = queue()
    audio.put(0, tone(40))
    audio.put_gap(40, 2000)
    audio.put(2040, tone(32))
    first, second, jump, last = take_all(audio)
    assert not isinstance(second, Jump)
    assert np.array_equal(second[128:], silence(32)[128:])
    assert jump == Jump(2040)
    assert np.array_equal(last, tone(32))
    assert np.array_equal(first, tone(32))


def test_a_hole_between_pushes_is_a_gap_and_an_overlap_is_ignored() -> None:
    audio = queue()
    audio.put(0, tone(64))
    audio.put(5000, tone(64))
    audio.put(5000, tone(128))
    items = take_all(audio)
    assert [item for item in items if isinstance(item, Jump)] == [Jump(5000)]
    assert audio.end_ms == 5128
    assert len(items) == 7


def test_a_full_queue_leaves_audio_out_and_says_which() -> None:
    audio = queue(most_ms=100)
    for start_ms in range(0, 400, 20):
        audio.put(start_ms, tone(20))
    assert audio.waiting_ms <= 128
    items = take_all(audio)
    [jump] = [item for item in items if isinstance(item, Jump)]
    assert jump == Jump(400, (100, 400))
    audio.put(400, tone(32))
    assert len(take_all(audio)) == 1


def test_closing_completes_the_last_window() -> None:
    audio = queue()
    audio.put(0, tone(40))
    audio.close()
    assert len(take_all(audio)) == 2
    assert audio.waiting_ms == 0

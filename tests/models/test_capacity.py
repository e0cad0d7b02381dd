"""How many calls fit is reckoned from what one worker takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.models.capacity import (
    SERVICE_BYTES,
    TALK_SHARE,
    USABLE_SHARE,
    Capacity,
    calls_of,
    estimate,
    memory_needed_bytes,
)

pytestmark = pytest.mark.unit

loads = st.floats(0.001, 20)


def test_one_worker_that_speech_fills_carries_no_call() -> None:
    assert calls_of(1, USABLE_SHARE / TALK_SHARE) == 1
    assert calls_of(1, 1.01 * USABLE_SHARE / TALK_SHARE) == 0
    assert calls_of(4, 0.0) == 0


def test_partials_cost_calls_and_rarer_ones_fewer() -> None:
    assert estimate(0.1, 0.3, 5.0, workers=2) == Capacity(usual_pace=4, slowest_pace=12, finals_only=19)


def test_without_partials_every_pace_is_the_same() -> None:
    assert estimate(0.1, 0.0, 5.0, workers=2) == Capacity(19, 19, 19)


def test_workers_of_their_own_let_the_scarcer_kind_decide() -> None:
    assert estimate(0.4, 0.1, 5.0, workers=2, partial_workers=2) == Capacity(4, 4, 4)
    assert estimate(0.1, 0.4, 5.0, workers=2, partial_workers=1) == Capacity(2, 12, 19)


@given(loads, loads, st.floats(1, 10), st.integers(1, 64), st.integers(0, 64))
def test_less_text_never_means_fewer_calls(
    final: float, partial: float, slowdown: float, workers: int, own: int
) -> None:
    calls = estimate(final, partial, slowdown, workers, own)
    assert 0 <= calls.usual_pace <= calls.slowest_pace <= calls.finals_only


@given(loads, st.integers(1, 64))
def test_the_calls_that_fit_do_not_overfill_the_workers(load: float, workers: int) -> None:
    fits = calls_of(workers, load)
    assert fits * TALK_SHARE * load <= workers * USABLE_SHARE * (1 + 1e-6)
    assert (fits + 1) * TALK_SHARE * load >= workers * USABLE_SHARE * (1 - 1e-6)


def test_memory_counts_every_worker_of_both_models() -> None:
    assert memory_needed_bytes(10, 3) == SERVICE_BYTES + 30
    assert memory_needed_bytes(10, 3, 4, 2) == SERVICE_BYTES + 38

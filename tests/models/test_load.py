"""What is shed, in which order, and how it comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.models.load import LoadConfig, LoadControl, Work
from koemori.models.ports import LoadLevel

pytestmark = pytest.mark.unit

NORMAL, REDUCED, OFF, LARGE, SHEDDING = LoadLevel
CONFIG = LoadConfig()


@dataclass
class Floor:
    """A control, and load made to measure."""

    workers: int = 2
    at_ms: float = 0.0
    waiting_since: list[float] = field(default_factory=list)
    levels: list[tuple[float, LoadLevel]] = field(default_factory=lambda: [(0.0, NORMAL)])

    def __post_init__(self) -> None:
        self.control = LoadControl(CONFIG, self.workers, lambda now_ms: self.waiting_since)
        self.control.advance(0)

    def live(self, for_ms: float, *, finals: float = 0, partials: float = 0, delay_ms: float = 0) -> None:
        """Let time pass with these shares of the workers' time used and finals delayed so much."""
        until_ms = self.at_ms + for_ms
        while self.at_ms < until_ms:
            ends = sorted((100 * share, work) for work, share in enumerate((finals, partials)) if share)
            for _, work in ends * self.workers:
                self.control.began(Work(work), [delay_ms], self.at_ms)
            for after_ms, work in ends:
                self.control.advance(self.at_ms + after_ms)
                for _ in range(self.workers):
                    self.control.ended(Work(work), 1, 300 if work == Work.FINAL else 130)
            self.at_ms += 100
            self.control.advance(self.at_ms)
            if self.control.level is not self.levels[-1][1]:
                self.levels.append((self.at_ms, self.control.level))


def test_more_is_shed_step_by_step_and_comes_back_step_by_step() -> None:
    floor = Floor()
    floor.live(40_000, finals=1.0, delay_ms=5000)
    assert [level for _, level in floor.levels] == [NORMAL, REDUCED, OFF, LARGE, SHEDDING]
    floor.live(60_000)
    assert [level for _, level in floor.levels[4:]] == [SHEDDING, LARGE, OFF, REDUCED, NORMAL]
    for (before_ms, before), (after_ms, after) in pairwise(floor.levels):
        assert after_ms - before_ms >= (CONFIG.up_after_ms if after > before else CONFIG.down_after_ms)


def test_without_load_everything_is_normal_within_40_seconds() -> None:
    floor = Floor()
    floor.live(60_000, finals=1.0, delay_ms=5000)
    for _ in range(4):
        floor.live(14_000)
        floor.live(14_000, finals=1.0, delay_ms=5000)
    assert floor.control.level is SHEDDING
    floor.live(40_000)
    assert floor.control.level is NORMAL
    assert floor.control.partial_interval_ms == CONFIG.min_partial_interval_ms


def test_nobody_looking_for_hours_changes_nothing() -> None:
    floor = Floor()
    floor.live(40_000, finals=1.0, delay_ms=5000)
    floor.control.advance(floor.at_ms + 8 * 3_600_000)
    assert floor.control.level is NORMAL
    assert floor.control.share < 0.01


def test_one_slow_window_is_no_overload() -> None:
    floor = Floor()
    floor.live(10_000, finals=0.2, partials=0.3)
    floor.control.began(Work.FINAL, [0.0], floor.at_ms)
    floor.live(6000, finals=0.1, partials=0.15, delay_ms=100)
    floor.control.ended(Work.FINAL, 1, 6000)
    floor.control.began(Work.FINAL, [6000.0], floor.at_ms)
    floor.control.ended(Work.FINAL, 1, 300)
    floor.live(10_000, finals=0.2, partials=0.3)
    assert [level for _, level in floor.levels] == [NORMAL]


def test_finals_that_cannot_begin_count_although_none_has_begun() -> None:
    floor = Floor()
    floor.waiting_since = [10.0 * number for number in range(12)]
    floor.live(30_000)
    assert floor.control.level is SHEDDING


def test_partials_come_less_often_in_steps_and_more_often_only_where_there_is_room() -> None:
    floor = Floor()
    intervals = [floor.control.partial_interval_ms]
    while floor.control.level <= REDUCED:
        floor.live(500, finals=0.4, partials=0.55)
        intervals.append(floor.control.partial_interval_ms)
    assert all(after <= round(before * CONFIG.interval_step) + 1 for before, after in pairwise(intervals))
    assert intervals == sorted(intervals)
    assert intervals[-1] == CONFIG.most_partial_interval_ms
    floor = Floor()
    floor.live(6000, finals=0.4, partials=0.55)
    floor.live(3000, finals=0.4, partials=0.35)
    reduced_ms = floor.control.partial_interval_ms
    floor.live(20_000, finals=0.4, partials=0.35)
    assert (floor.control.level, floor.control.partial_interval_ms) == (REDUCED, reduced_ms)
    floor.live(20_000, finals=0.4, partials=0.1)
    assert floor.control.partial_interval_ms == CONFIG.min_partial_interval_ms


def test_partials_stay_off_while_they_would_not_fit() -> None:
    floor = Floor()
    floor.live(30_000, finals=0.95, delay_ms=700)
    assert floor.control.level is OFF
    for _ in range(60):
        floor.control.asked(12_000)
        floor.live(1000, finals=0.6)
    assert floor.control.level is OFF
    for _ in range(60):
        floor.control.asked(2000)
        floor.live(1000, finals=0.3)
    assert floor.control.level is NORMAL


def test_load_that_comes_and_goes_makes_levels_change_less_and_less_often() -> None:
    floor = Floor()
    for _ in range(30):
        floor.live(4000, finals=0.95, delay_ms=1500)
        floor.live(8000, finals=0.5)
    early = sum(at_ms < 180_000 for at_ms, _ in floor.levels)
    late = sum(at_ms >= 180_000 for at_ms, _ in floor.levels)
    assert late <= early
    assert late <= 9


def test_a_pool_without_workers_is_overloaded_and_not_broken() -> None:
    floor = Floor()
    floor.control.resize(0)
    floor.waiting_since = [0.0] * 10
    floor.live(20_000)
    assert floor.control.level is SHEDDING
    assert floor.control.most_waiting == 0


SPAN = st.tuples(st.integers(1, 4000), st.floats(0, 1), st.floats(0, 4000))


@given(st.lists(SPAN, max_size=30), st.integers(50, 1500))
@settings(max_examples=60, deadline=None)
def test_how_often_somebody_looks_decides_nothing(
    spans: list[tuple[int, float, float]], look_every_ms: int
) -> None:
    def play(look_every_ms: float) -> list[tuple[LoadLevel, int]]:
        control, now_ms, seen = LoadControl(CONFIG, 2, lambda now_ms: ()), 0.0, []
        control.advance(0)
        for for_ms, share, delay_ms in spans:
            control.began(Work.FINAL, [delay_ms] * 5, now_ms)
            busy_ms, look_ms = for_ms * share, look_every_ms
            while look_ms < busy_ms:
                control.advance(now_ms + look_ms)
                look_ms += look_every_ms
            control.advance(now_ms + busy_ms)
            control.ended(Work.FINAL, 1, busy_ms)
            now_ms += for_ms
            control.advance(now_ms)
            seen.append((control.level, control.partial_interval_ms))
        return seen

    seen = play(look_every_ms)
    assert seen == play(1e9)
    low, high = CONFIG.min_partial_interval_ms, CONFIG.most_partial_interval_ms
    assert all(low <= interval_ms <= high for _, interval_ms in seen)


@given(st.lists(SPAN, min_size=10, max_size=60))
@settings(max_examples=60, deadline=None)
def test_levels_change_one_at_a_time_and_not_too_soon(spans: list[tuple[int, float, float]]) -> None:
    floor = Floor()
    for for_ms, share, delay_ms in spans:
        floor.live(for_ms, finals=share, partials=share / 2, delay_ms=delay_ms)
    for (before_ms, before), (after_ms, after) in pairwise(floor.levels):
        assert abs(after - before) == 1
        assert after_ms - before_ms >= (CONFIG.up_after_ms if after > before else CONFIG.down_after_ms)

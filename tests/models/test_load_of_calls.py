"""Where floors of simulated calls settle on two workers of measured speed, and how they recover."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import pytest
from koemori.models.ports import Load, LoadLevel, Purpose
from koemori.models.scheduler import SchedulerConfig

from tests.fakes.virtual_pool import VirtualCall, VirtualPool, final_delays, quantile, window

pytestmark = pytest.mark.unit

NORMAL, REDUCED, OFF, LARGE, SHEDDING = LoadLevel
FROM_MS, UNTIL_MS = 60_000, 120_000
"""The calls begin within 6 s; figures are of the second minute."""


@dataclass(frozen=True)
class Outcome:
    """Figures of a floor of calls.

    Attributes:
        p95_ms: Of the finals' delay.
        partials_per_minute: Of one call.
        normal_after_ms: From the last question to the level NORMAL.
    """

    pool: VirtualPool
    levels: frozenset[LoadLevel]
    changes: int
    p95_ms: float
    refused: float
    partials_per_minute: float
    interval_ms: float
    normal_after_ms: float


@cache
def floor_of(calls: int, *, workers: int = 2, seed: int = 7) -> Outcome:
    pool = VirtualPool(SchedulerConfig(workers=workers, batch_size=4))
    people = [VirtualCall(pool, f"{number}", UNTIL_MS, 100 * seed + number) for number in range(calls)]
    loads: list[Load] = []
    for at_ms in range(FROM_MS, UNTIL_MS, 1000):
        pool.at(at_ms, lambda: loads.append(pool.load))
    for at_ms in range(UNTIL_MS, UNTIL_MS + 90_000, 1000):
        pool.at(at_ms, lambda: None)
    for call in people:
        call.start()
    pool.run(UNTIL_MS + 90_000)
    partials = sum(
        FROM_MS <= begun.at_ms < UNTIL_MS and not job.request.final
        for begun in pool.begun
        for job in begun.batch.jobs
    )
    assert pool.load.level is NORMAL
    return Outcome(
        pool=pool,
        levels=frozenset(load.level for load in loads),
        changes=sum(FROM_MS <= at_ms < UNTIL_MS for at_ms, _ in pool.levels),
        p95_ms=quantile(final_delays(pool, FROM_MS), 0.95),
        refused=sum(call.finals_refused for call in people) / sum(call.finals_asked for call in people),
        partials_per_minute=partials / calls * 60_000 / (UNTIL_MS - FROM_MS),
        interval_ms=quantile([float(load.partial_interval_ms) for load in loads], 0.5),
        normal_after_ms=pool.levels[-1][0] - max(job.submitted_ms for job in pool.accepted),
    )


def test_one_call_has_everything() -> None:
    outcome = floor_of(1)
    assert outcome.levels == {NORMAL}
    assert outcome.p95_ms < 150
    assert outcome.partials_per_minute > 60


def test_ten_calls_keep_partials_at_a_reduced_rate() -> None:
    outcome = floor_of(10)
    assert outcome.levels <= {NORMAL, REDUCED}
    assert outcome.p95_ms < 400
    assert outcome.interval_ms < 2000
    assert outcome.partials_per_minute > 15
    assert outcome.refused == 0


def test_twenty_five_calls_have_finals_in_time_and_no_partials() -> None:
    outcome = floor_of(25)
    assert outcome.levels == {OFF}
    assert outcome.p95_ms < 1500
    assert outcome.refused == 0


def test_sixty_calls_lose_some_finals_and_have_the_others_in_time() -> None:
    outcome = floor_of(60)
    assert outcome.levels == {SHEDDING}
    assert outcome.p95_ms < 4000
    assert 0 < outcome.refused < 0.5


def test_no_call_is_refused_much_more_than_others() -> None:
    refused = [0] * 60
    asked = [0] * 60
    for request in floor_of(60).pool.refused:
        if request.purpose is Purpose.FINAL:
            refused[int(request.segment.channel.call_id)] += 1
    for job in floor_of(60).pool.accepted:
        if job.request.final:
            asked[int(job.channel[0])] += 1
    assert all(accepted >= 0.25 * (accepted + lost) for accepted, lost in zip(asked, refused, strict=True))


def test_eight_workers_give_twenty_five_calls_their_partials() -> None:
    outcome = floor_of(25, workers=8)
    assert outcome.levels <= {NORMAL, REDUCED}
    assert outcome.p95_ms < 400


@pytest.mark.parametrize("calls", [5, 12, 18, 25, 32, 40, 60])
def test_a_steady_floor_settles_and_is_normal_soon_after_its_end(calls: int) -> None:
    outcome = floor_of(calls, seed=1)
    assert outcome.changes <= 4
    assert outcome.normal_after_ms < 40_000


@pytest.mark.parametrize("calls", [10, 25, 60])
def test_levels_go_one_by_one_and_partials_are_only_asked_where_they_are_allowed(calls: int) -> None:
    pool = floor_of(calls).pool
    assert all(abs(after - before) == 1 for (_, before), (_, after) in pairwise(pool.levels))
    for job in pool.accepted:
        assert job.request.final or pool.loads[job.job_id].level <= REDUCED


def test_an_import_of_hours_leaves_live_calls_what_they_had() -> None:
    """An import is a call that always has a dozen finals waiting, as a reader with back-pressure does."""

    def play(*, importing: bool) -> VirtualPool:
        pool = VirtualPool(SchedulerConfig(workers=2, batch_size=4))
        for number in range(5):
            VirtualCall(pool, f"live {number}", UNTIL_MS, number).start()
        if importing:
            Importer(pool).start()
        pool.run(UNTIL_MS)
        return pool

    alone, beside = play(importing=False), play(importing=True)
    assert {level for _, level in beside.levels} <= {NORMAL, REDUCED}
    imported_ms = sum(job.length_ms for job in beside.finished if job.channel[0] == "import")
    assert imported_ms > UNTIL_MS
    p95_ms = [quantile(final_delays(pool, 20_000, "live"), 0.95) for pool in (alone, beside)]
    assert p95_ms[1] < p95_ms[0] + 500


@dataclass
class Importer:
    """Asks the next final when one is answered."""

    pool: VirtualPool

    def start(self) -> None:
        for _ in range(12):
            self.pool.at(0, self.ask)

    def ask(self) -> None:
        self.pool.ask(window("import", 0, 4500), lambda good: self.ask())

"""What the scheduler keeps whatever is asked of it, in virtual time."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.models.ports import LoadLevel, Purpose
from koemori.models.scheduler import Job, SchedulerConfig

from tests.fakes.virtual_pool import VirtualCall, VirtualPool, final_delays, quantile, service_ms, window

pytestmark = pytest.mark.unit

CONFIGS = st.builds(
    SchedulerConfig,
    workers=st.integers(1, 3),
    batch_size=st.integers(1, 5),
    batch_wait_ms=st.sampled_from([0, 0, 150]),
    full_batch=st.integers(1, 2),
    most_finals=st.integers(4, 60),
    most_partials=st.integers(1, 4),
    burst_ms=st.sampled_from([0, 2000, 10_000]),
)
ASK = st.tuples(
    st.sampled_from([*Purpose, Purpose.FINAL, Purpose.PARTIAL]),
    st.sampled_from("abcde"),
    st.integers(0, 1),
    st.integers(100, 12_800),
)
STEP = st.one_of(ASK, ASK, ASK, st.integers(0, 40), st.sampled_from(["kill 0", "kill 1"]))
Steps = list[tuple[int, tuple[Purpose, str, int, int] | int | str]]


def busy_minute(seed: int) -> Steps:
    """A hundred steps close together, which a list of hypothesis rarely is."""
    chance = random.Random(seed)  # noqa: S311 (no secret)
    gaps_ms = chance.choice([(0, 0, 10, 40), (0, 100, 300), (50, 200, 900)])
    lengths_ms = chance.choice([(300, 12_800), (4000, 5000), (300, 2000)])
    steps: Steps = []
    for number in range(100):
        what = chance.random()
        if what < 0.08:
            steps.append((chance.choice(gaps_ms), f"kill {chance.randrange(2)}"))
        elif what < 0.2:
            steps.append((chance.choice(gaps_ms), max(0, number - chance.randrange(20))))
        else:
            purpose = chance.choice([Purpose.FINAL, Purpose.FINAL, Purpose.ADVANCE, Purpose.PARTIAL])
            call = chance.choice("aaabcde")
            asked = (purpose, call, chance.randrange(2), chance.randint(*lengths_ms))
            steps.append((chance.choice(gaps_ms), asked))
    return steps


STEPS = st.one_of(
    st.lists(st.tuples(st.integers(0, 900), STEP), min_size=1, max_size=80),
    st.integers(0, 1 << 32).map(busy_minute),
)


def play(config: SchedulerConfig, steps: Steps, *, deaths: bool = True, polls: int = 0) -> VirtualPool:
    """Ask, cancel (a number) and kill as the steps say, then let everything end."""
    pool, at = VirtualPool(config), 0.0

    def step(what: tuple[Purpose, str, int, int] | int | str) -> None:
        if isinstance(what, tuple):
            purpose, call, channel, length_ms = what
            pool.ask(window(call, channel, length_ms, purpose))
        elif isinstance(what, int):
            if what < len(pool.accepted):
                pool.cancel(pool.accepted[what])
        elif deaths:
            pool.kill(int(what[-1]))
        check_bounds(pool)

    for gap_ms, what in steps:
        at += gap_ms
        pool.at(at, lambda what=what: step(what))
        for number in range(polls):
            pool.at(at - gap_ms * number / polls, lambda: None)
    pool.run(at + 120_000)
    return pool


def check_bounds(pool: VirtualPool) -> None:
    finals = [job for job in pool.waiting_jobs if job.request.final]
    partials = Counter(job.channel for job in pool.waiting_jobs if not job.request.final)
    given_back = pool.config.workers * max(pool.config.batch_size, pool.config.full_batch)
    assert len(finals) <= pool.config.most_finals + given_back
    assert sum(partials.values()) <= pool.config.most_partials + given_back
    assert all(count == 1 for count in partials.values())
    assert pool.scheduler.waiting == len(pool.waiting_jobs)


def first_begins(pool: VirtualPool) -> dict[Job, float]:
    begins: dict[Job, float] = {}
    for begun in pool.begun:
        for job in begun.batch.jobs:
            begins.setdefault(job, begun.at_ms)
    return begins


@given(CONFIGS, STEPS)
@settings(max_examples=80, deadline=None)
def test_everything_accepted_ends_exactly_once(config: SchedulerConfig, steps: Steps) -> None:
    pool = play(config, steps)
    ends = Counter([*pool.finished, *pool.dropped, *pool.cancelled])
    assert set(ends) == set(pool.accepted)
    assert set(ends.values()) <= {1}
    assert not any(job.request.final for job in pool.dropped)
    assert pool.scheduler.waiting == pool.scheduler.running == 0


CROWDED = st.builds(
    SchedulerConfig,
    workers=st.just(1),
    batch_size=st.integers(3, 5),
    most_finals=st.just(100),
    burst_ms=st.just(60_000),
)
"""All finals due at once, many in a batch."""


@given(st.one_of(CONFIGS, CROWDED), STEPS)
@settings(max_examples=120, deadline=None)
def test_finals_of_a_channel_begin_in_the_order_asked(config: SchedulerConfig, steps: Steps) -> None:
    order = defaultdict(list)
    for job in first_begins(play(config, steps)):
        if job.request.final:
            order[job.channel].append(job.job_id)
    assert all(begun == sorted(begun) for begun in order.values())


@given(CONFIGS, STEPS)
@settings(max_examples=80, deadline=None)
def test_batches_hold_one_class_and_no_partial_begins_while_a_final_is_due(
    config: SchedulerConfig, steps: Steps
) -> None:
    for begun in play(config, steps).begun:
        classes = {job.request.final for job in begun.batch.jobs}
        assert len(classes) == 1
        assert len(begun.batch.jobs) <= max(config.batch_size, config.full_batch)
        if begun.finals_due:
            assert classes == {True}
        elif classes == {False}:
            assert begun.load.level < LoadLevel.PARTIALS_OFF


@given(CONFIGS, STEPS)
@settings(max_examples=80, deadline=None)
def test_no_final_starves(config: SchedulerConfig, steps: Steps) -> None:
    """From a final's release on, a batch before it begins with one of an earlier deadline or one given back.

    What has an earlier deadline was accepted before the final's release, which in turn depends only on what
    its own call asked before: the wait is bounded by work accepted earlier.
    """
    pool = play(config, steps)
    begins = first_begins(pool)
    for job in pool.accepted:
        if not job.request.final or job not in begins:
            continue
        for begun in pool.begun:
            if job.release_ms < begun.at_ms < begins[job]:
                head = begun.batch.jobs[0]
                again = begins[head] < begun.at_ms
                assert head.request.final
                earlier = (head.deadline_ms, head.job_id) < (job.deadline_ms, job.job_id)
                assert again or (earlier and head.submitted_ms <= job.release_ms)


@given(CONFIGS, STEPS)
@settings(max_examples=50, deadline=None)
def test_a_final_waits_no_longer_than_the_work_accepted_before_its_release(
    config: SchedulerConfig, steps: Steps
) -> None:
    """Without deaths, and apart from the time a batch is held open: as if one worker did everything alone."""
    pool = play(config, steps, deaths=False)
    begins = first_begins(pool)
    longest_ms = max((service_ms(begun.batch) for begun in pool.begun), default=0)
    for job, begun_ms in begins.items():
        if job.request.final:
            ahead = sum(
                other.request.final
                and other.submitted_ms <= job.release_ms <= begins.get(other, 0)
                and other.job_id != job.job_id
                for other in pool.accepted
            )
            bound_ms = (ahead + 1) * (longest_ms + config.batch_wait_ms)
            assert begun_ms - job.release_ms <= bound_ms


@given(CONFIGS, STEPS, st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_the_same_questions_give_the_same_service_however_often_the_load_is_read(
    config: SchedulerConfig, steps: Steps, polls: int
) -> None:
    def service(pool: VirtualPool) -> list[tuple[float, tuple[int, ...], str]]:
        return [
            (begun.at_ms, tuple(job.job_id for job in begun.batch.jobs), begun.batch.effort)
            for begun in pool.begun
        ]

    once = service(play(config, steps))
    assert once == service(play(config, steps))
    assert once == service(play(config, steps, polls=polls))


@given(st.integers(0, 1000), st.integers(10, 22))
@settings(max_examples=8, deadline=None)
def test_partials_are_never_served_more_often_than_the_load_says(seed: int, calls: int) -> None:
    pool = live_calls(calls, seed=seed, until_ms=40_000)
    served: dict[tuple[str, int], list[tuple[float, Job]]] = defaultdict(list)
    for begun in pool.begun:
        for job in begun.batch.jobs:
            if not job.request.final:
                served[job.channel].append((begun.at_ms, job))
    for partials in served.values():
        for (before_ms, _), (_, job) in pairwise(partials):
            load = pool.loads[job.job_id]
            assert load.level < LoadLevel.PARTIALS_OFF
            if load.level is LoadLevel.PARTIALS_REDUCED:
                assert job.submitted_ms - before_ms >= 0.75 * load.partial_interval_ms


def live_calls(calls: int, *, seed: int, until_ms: float, flood: int = 0) -> VirtualPool:
    pool = VirtualPool(SchedulerConfig(workers=2, batch_size=4))
    for number in range(calls):
        VirtualCall(pool, f"live {number}", until_ms, 1000 * seed + number).start()

    def ask_much() -> None:
        for _ in range(flood):
            pool.ask(window("flood", 0, 4500))
        if pool.now_ms < until_ms:
            pool.after(1000, ask_much)

    pool.at(0, ask_much)
    pool.run(until_ms + 60_000)
    return pool


def test_a_flood_costs_other_calls_less_than_one_window() -> None:
    """Bound: one final of full effort that a worker has begun (.77 s for 12 s of speech)."""
    alone = live_calls(4, seed=1, until_ms=60_000)
    flooded = live_calls(4, seed=1, until_ms=60_000, flood=30)
    assert {level for _, level in flooded.levels} == {LoadLevel.NORMAL}
    assert not [
        request
        for request in flooded.refused
        if request.segment.channel.call_id != "flood" and request.purpose is Purpose.FINAL
    ]
    before, after = (final_delays(pool, 15_000, "live") for pool in (alone, flooded))
    assert quantile(after, 0.95) - quantile(before, 0.95) < 770
    partials = [
        sum(job.request.purpose is Purpose.PARTIAL for job in pool.finished) for pool in (alone, flooded)
    ]
    assert partials[1] > 0.8 * partials[0]
    assert sum(job.channel[0] == "flood" for job in flooded.finished) > 60

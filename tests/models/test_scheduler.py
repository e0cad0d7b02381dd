"""The scheduler's rules, one by one."""

from __future__ import annotations

import pytest
from koemori.models.errors import WorkerPoolBusyError
from koemori.models.ports import Effort, LoadLevel, Purpose
from koemori.models.scheduler import Batch, Job, Scheduler, SchedulerConfig

from tests.fakes.virtual_pool import window

pytestmark = pytest.mark.unit

FINAL, ADVANCE, PARTIAL = Purpose


def ask(
    scheduler: Scheduler, call: str, channel: int = 0, purpose: Purpose = FINAL, at: float = 0, ms: int = 3000
) -> Job:
    return scheduler.submit(window(call, channel, ms, purpose), at).job


def take(scheduler: Scheduler, at: float = 0) -> Batch:
    batch = scheduler.take(at)
    assert batch is not None
    return batch


def take_all(scheduler: Scheduler, at: float = 0) -> list[tuple[Job, ...]]:
    taken = []
    while (batch := scheduler.take(at)) is not None:
        taken.append(batch.jobs)
        scheduler.finish(batch, at)
    return taken


def test_the_earliest_deadline_goes_first_and_finals_before_partials() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1))
    partial = ask(scheduler, "a", purpose=PARTIAL, at=0)
    late = ask(scheduler, "b", at=20)
    later = ask(scheduler, "a", channel=1, at=30)
    assert late.deadline_ms < later.deadline_ms
    assert take_all(scheduler, 30) == [(late,), (later,), (partial,)]


def test_a_newer_partial_of_a_channel_supersedes_and_a_final_ends_it() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1))
    first = ask(scheduler, "a", purpose=PARTIAL)
    other = ask(scheduler, "a", channel=1, purpose=PARTIAL)
    second = scheduler.submit(window("a", 0, 3000, PARTIAL), 600)
    assert second.dropped == (first,)
    final = scheduler.submit(window("a", 0, 3000), 700)
    assert final.dropped == (second.job,)
    assert take_all(scheduler, 700) == [(final.job,), (other,)]


def test_partials_of_the_call_served_least_recently_go_first() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1))
    for channel in (0, 1):
        ask(scheduler, "busy", channel, PARTIAL)
    first = take(scheduler)
    fresh = ask(scheduler, "quiet", purpose=PARTIAL, at=100)
    again = ask(scheduler, "busy", purpose=PARTIAL, at=100)
    scheduler.finish(first, 100)
    order = [job.channel for jobs in take_all(scheduler, 100) for job in jobs]
    assert order == [fresh.channel, ("busy", 1), again.channel]


def test_a_partial_too_late_to_matter_is_reported_once() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1, partial_budget_ms=1000))
    stale = ask(scheduler, "a", purpose=PARTIAL, at=0)
    fresh = ask(scheduler, "b", purpose=PARTIAL, at=900)
    assert take(scheduler, 1001).jobs == (fresh,)
    assert scheduler.expired() == (stale,)
    assert scheduler.expired() == ()


def test_a_partial_too_late_waits_no_longer_though_every_worker_is_busy() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1, partial_budget_ms=1000, most_partials=1))
    ask(scheduler, "busy")
    take(scheduler)
    stale = ask(scheduler, "a", purpose=PARTIAL, at=0)
    assert scheduler.load(1000).waiting == 1
    assert scheduler.load(1001).waiting == 0
    assert scheduler.expired() == (stale,)
    assert not scheduler.cancel(stale)
    assert scheduler.submit(window("b", 0, 3000, PARTIAL), 1001).dropped == ()


def test_a_final_in_advance_needs_a_free_worker_and_an_empty_queue() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1))
    advance = ask(scheduler, "a", purpose=ADVANCE)
    with pytest.raises(WorkerPoolBusyError) as refusal:
        ask(scheduler, "b", purpose=ADVANCE)
    assert refusal.value.waiting == 1
    batch = take(scheduler)
    assert batch.jobs == (advance,)
    with pytest.raises(WorkerPoolBusyError):
        ask(scheduler, "b", purpose=ADVANCE)
    scheduler.finish(batch, 100)
    ask(scheduler, "b", purpose=ADVANCE, at=100)


def test_windows_are_joined_only_when_more_wait_than_workers_are_free() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=2, batch_size=4))
    jobs = [ask(scheduler, f"call {number}") for number in range(2)]
    assert [take(scheduler).jobs for _ in range(2)] == [(jobs[0],), (jobs[1],)]
    more = [ask(scheduler, f"call {number}") for number in range(6)]
    assert take(scheduler).jobs == tuple(more[:4])
    assert take(scheduler).jobs == tuple(more[4:])


def test_partials_are_joined_with_partials_of_other_calls_first() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1, batch_size=2))
    first, second = (ask(scheduler, "a", channel, PARTIAL) for channel in (0, 1))
    third = ask(scheduler, "b", 0, PARTIAL)
    batch = take(scheduler)
    assert batch.jobs == (first, third)
    assert batch.effort is Effort.FAST
    scheduler.finish(batch, 0)
    assert take(scheduler).jobs == (second,)


def test_windows_of_very_different_length_are_not_joined_and_order_is_kept() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1, batch_size=4, most_padding=1.5))
    short = ask(scheduler, "a", ms=2000)
    long = ask(scheduler, "b", ms=12_000)
    behind_long = ask(scheduler, "b", ms=2000)
    other = ask(scheduler, "c", ms=4000)
    assert take_all(scheduler) == [(short, other), (long,), (behind_long,)]


def test_full_effort_is_for_finals_behind_which_nothing_is_due() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1, batch_size=2))
    for call in "abc":
        ask(scheduler, call)
    assert take(scheduler).effort is Effort.FAST
    assert take(scheduler).effort is Effort.FULL
    generous = Scheduler(SchedulerConfig(workers=1, batch_size=16, full_batch=16))
    for call in "abc":
        ask(generous, call)
    batch = take(generous)
    assert (len(batch.jobs), batch.effort) == (3, Effort.FULL)


def test_a_batch_is_held_for_late_comers_but_not_beyond_its_wait() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1, batch_size=2, batch_wait_ms=50))
    first = ask(scheduler, "a", at=0)
    assert scheduler.take(10) is None
    assert scheduler.held_until(10) == 50
    second = ask(scheduler, "b", at=20)
    batch = take(scheduler, 20)
    assert batch.jobs == (first, second)
    ask(scheduler, "c", at=30)
    assert scheduler.take(79) is None
    assert len(take(scheduler, 80).jobs) == 1
    assert scheduler.held_until(80) is None


def test_what_a_dead_worker_had_goes_first_in_order_and_alone() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1, batch_size=2))
    jobs = [ask(scheduler, call) for call in "abcd"]
    batch = take(scheduler)
    assert batch.jobs == tuple(jobs[:2])
    scheduler.give_back(batch, 500)
    assert take_all(scheduler, 500) == [(jobs[0],), (jobs[1],), (jobs[2], jobs[3])]
    with pytest.raises(ValueError, match="expected one that a worker has"):
        scheduler.give_back(batch, 600)


def test_a_partial_of_a_dead_worker_comes_back_unless_the_channel_has_asked_again() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=3))
    for channel in range(3):
        ask(scheduler, "a", channel, PARTIAL)
    batches = [take(scheduler) for _ in range(3)]
    ask(scheduler, "a", 0, PARTIAL, at=100)
    ask(scheduler, "a", 1, FINAL, at=100)
    for batch in batches:
        scheduler.give_back(batch, 100)
    assert scheduler.expired() == (batches[0].jobs[0], batches[1].jobs[0])
    assert batches[2].jobs in take_all(scheduler, 100)


def test_a_cancelled_job_neither_begins_nor_comes_back() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1))
    running, waiting = ask(scheduler, "a"), ask(scheduler, "b")
    partial = ask(scheduler, "c", purpose=PARTIAL)
    batch = take(scheduler)
    assert scheduler.cancel(waiting)
    assert scheduler.cancel(partial)
    assert not scheduler.cancel(running)
    scheduler.give_back(batch, 10)
    assert scheduler.waiting == 0
    assert not scheduler.cancel(running)
    assert scheduler.take(10) is None


def test_a_call_may_hold_as_many_places_as_are_left() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1, most_finals=12))
    for _ in range(6):
        ask(scheduler, "flood")
    with pytest.raises(WorkerPoolBusyError) as refusal:
        ask(scheduler, "flood")
    assert refusal.value.waiting == 6
    for call in "abc":
        ask(scheduler, call)
    for _ in range(2):
        ask(scheduler, "d")
    with pytest.raises(WorkerPoolBusyError):
        ask(scheduler, "d")
    ask(scheduler, "e")
    with pytest.raises(WorkerPoolBusyError):
        ask(scheduler, "f")


def test_too_many_partials_push_out_that_of_the_call_served_last() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1, most_partials=2))
    ask(scheduler, "a", purpose=PARTIAL)
    scheduler.finish(take(scheduler), 0)
    second = ask(scheduler, "a", purpose=PARTIAL)
    ask(scheduler, "b", purpose=PARTIAL)
    assert scheduler.submit(window("c", 0, 3000, PARTIAL), 0).dropped == (second,)
    with pytest.raises(WorkerPoolBusyError):
        ask(scheduler, "d", purpose=PARTIAL)


def test_finals_asked_faster_than_people_speak_fill_idle_time_until_they_are_due() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1, batch_size=4, pace=0.5, burst_ms=4000))
    replay = [ask(scheduler, "replay", ms=4000) for _ in range(6)]
    assert [job.release_ms for job in replay] == [0, 0, 0, 2000, 4000, 6000]
    assert take(scheduler).jobs == tuple(replay[:3])
    partial = ask(scheduler, "live", purpose=PARTIAL, at=100)
    assert take(scheduler, 100).jobs == (partial,)
    batch = take(scheduler, 100)
    assert (batch.jobs, batch.effort) == ((replay[3],), Effort.FULL)
    live = ask(scheduler, "live", at=3000)
    assert take(scheduler, 3000).jobs == (live,)
    after_its_time = ask(scheduler, "live", at=4001)
    assert take(scheduler, 4001).jobs == (replay[4], after_its_time)


def test_while_finals_are_shed_the_largest_backlog_is_refused_first() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1))
    at = 0.0
    scheduler.submit(window("stuck", 0, 3000), at)
    take(scheduler)
    while scheduler.load(at).level < LoadLevel.SHEDDING:
        at += 100
        if at % 1000 == 0 and scheduler.load(at).level < LoadLevel.SHEDDING:
            ask(scheduler, f"call {at:.0f}", at=at)
    while (batch := scheduler.take(at)) is not None:
        at += 350
        scheduler.finish(batch, at)
    assert scheduler.load(at).level is LoadLevel.SHEDDING
    for _ in range(3):
        ask(scheduler, "flood", at=at)
    with pytest.raises(WorkerPoolBusyError):
        ask(scheduler, "flood", at=at)
    ask(scheduler, "other", at=at)


def test_partials_that_are_turned_off_are_refused_and_those_waiting_dropped() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1, partial_budget_ms=60_000))
    at = 0.0
    ask(scheduler, "stuck")
    take(scheduler)
    partial = ask(scheduler, "a", purpose=PARTIAL)
    for number in range(9):
        ask(scheduler, f"waiting {number}")
    while scheduler.load(at).level < LoadLevel.PARTIALS_OFF:
        at += 100
    with pytest.raises(WorkerPoolBusyError):
        ask(scheduler, "b", purpose=PARTIAL, at=at)
    take(scheduler, at)
    assert scheduler.expired() == (partial,)


def test_a_worker_fewer_is_no_free_worker() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=2, batch_size=4))
    ask(scheduler, "a")
    take(scheduler)
    scheduler.resize(1, 0)
    with pytest.raises(WorkerPoolBusyError):
        ask(scheduler, "b", purpose=ADVANCE)
    jobs = tuple(ask(scheduler, call) for call in "bcd")
    assert take(scheduler).jobs == jobs


def test_calls_that_ask_for_nothing_are_forgotten() -> None:
    scheduler = Scheduler(SchedulerConfig(workers=1))
    for number in range(500):
        at = number * 1000
        ask(scheduler, f"call {number}", at=at)
        ask(scheduler, f"call {number}", 1, PARTIAL, at=at)
        take_all(scheduler, at)
    assert len(scheduler._calls) < 130

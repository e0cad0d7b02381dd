"""The scheduler that all live calls share: what a free worker takes next. Pure, in the caller's time.

Three classes. *Finals* that are due go first, earliest deadline first; then *partials*, those of the call
that was served least recently first; then *early* finals: a call that asks faster than people speak (a
replay, an import, a flood) has its finals spread over the time they would have taken, fills idle workers with
them and delays nobody. A final that was early is due when its time has come, and from then on nothing asked
later goes before it, so none starves.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from koemori.audio.call import CallId
from koemori.models.errors import WorkerPoolBusyError
from koemori.models.jobs import (
    Batch,
    ChannelKey,
    FinalQueue,
    Job,
    SchedulerConfig,
    Submitted,
    alike,
    channel_of,
    length_of,
)
from koemori.models.load import LoadControl, Work
from koemori.models.ports import Effort, Load, LoadLevel, Purpose, TranscriptionRequest

__all__ = ["Batch", "Job", "Scheduler", "SchedulerConfig", "Submitted"]

INTERVAL_TOLERANCE: Final = 0.75
"""Part of the partial interval after which a channel's next partial is in time; packets come unevenly."""
FORGET_AFTER_MS: Final = 60_000
"""A call that asks for nothing is forgotten after this time."""


@dataclass(frozen=True, slots=True)
class _Run:
    work: Work
    began_ms: float


@dataclass(slots=True)
class _ChannelMemory:
    """When a channel's partials were served last, and which final it asked last."""

    service: int = 0
    served_ms: float = -math.inf
    final_id: int = -1


@dataclass(slots=True)
class _CallMemory:
    """What is remembered of a call.

    Attributes:
        seen_ms: When it asked last.
        paced_ms: Where its finals stand at the pace of speech; ahead of the clock when it asks faster.
        service: Number of the last batch that served one of its partials.
    """

    seen_ms: float
    paced_ms: float = -math.inf
    service: int = 0
    channels: defaultdict[int, _ChannelMemory] = field(default_factory=lambda: defaultdict(_ChannelMemory))


class Scheduler:
    """See the module. Times must not run backwards; an earlier one is taken for the latest seen.

    Kept: finals of one channel begin in the order in which they were asked; no partial begins while a final
    is due; at most one partial per channel waits; nothing accepted is lost: each job is in one batch that is
    finished, or is reported as dropped by `submit` or `expired`, or was cancelled.
    """

    def __init__(self, config: SchedulerConfig) -> None:
        self._config = config
        self._workers = config.workers
        self._control = LoadControl(config.load, config.workers, self._late_since)
        self._now_ms = -math.inf
        self._jobs = 0
        self._services = 0
        self._finals = FinalQueue()
        self._partials: dict[ChannelKey, Job] = {}
        self._calls: dict[CallId, _CallMemory] = {}
        self._running: dict[Batch, _Run] = {}
        self._unwanted: set[int] = set()
        self._expired: list[Job] = []
        self._swept_ms = -math.inf

    @property
    def waiting(self) -> int:
        """Jobs not yet begun."""
        return len(self._finals) + len(self._partials)

    @property
    def running(self) -> int:
        """Batches that workers have."""
        return len(self._running)

    def load(self, now_ms: float) -> Load:
        """How busy the workers are."""
        self._advance(now_ms)
        return Load(self._control.level, self._control.partial_interval_ms, self.waiting)

    def resize(self, workers: int, now_ms: float) -> None:
        """Note that there are more or fewer workers, as while one is started again."""
        self._advance(now_ms)
        self._workers = workers
        self._control.resize(workers)

    def submit(self, request: TranscriptionRequest, now_ms: float) -> Submitted:
        """Accept a request.

        Raises:
            WorkerPoolBusyError: There is no room for it, or (a partial) it comes too soon.
        """
        self._advance(now_ms)
        call = self._call(request.segment.channel.call_id)
        call.seen_ms = self._now_ms
        if request.purpose is Purpose.PARTIAL:
            return self._submit_partial(request, call)
        return self._submit_final(request, call)

    def take(self, now_ms: float) -> Batch | None:
        """Choose what a free worker does next.

        Returns:
            Its batch, which must come back by `finish` or `give_back`; None when nothing waits, or when
            late comers are waited for (see `held_until`).
        """
        self._advance(now_ms)
        found = self._candidates()
        if found is None or self._hold_ms(*found) is not None:
            return None
        work, jobs = found
        if work is Work.PARTIAL:
            self._take_partials(jobs)
        else:
            for job in jobs:
                self._finals.remove(job)
        batch = Batch(jobs, self._effort(work, len(jobs)))
        self._running[batch] = _Run(work, self._now_ms)
        self._control.began(work, (max(0.0, self._now_ms - job.release_ms) for job in jobs), self._now_ms)
        return batch

    def expired(self) -> tuple[Job, ...]:
        """Partials too late to matter, found by whatever was asked since this was last asked, each once."""
        expired, self._expired = tuple(self._expired), []
        return expired

    def held_until(self, now_ms: float) -> float | None:
        """When `take` will give a batch that it holds for late comers now; None when it holds none."""
        self._advance(now_ms)
        found = self._candidates()
        return None if found is None else self._hold_ms(*found)

    def finish(self, batch: Batch, now_ms: float) -> None:
        """Note that a worker has done a batch, well or not.

        Raises:
            ValueError: No worker has it.
        """
        self._advance(now_ms)
        run = self._leave(batch)
        self._control.ended(run.work, len(batch.jobs), self._now_ms - run.began_ms)
        self._unwanted.difference_update(job.job_id for job in batch.jobs)

    def give_back(self, batch: Batch, now_ms: float) -> None:
        """Put back a batch whose worker died: finals first of all and in order, each by itself then.

        A window may have killed its worker; alone it takes no other with it. A partial comes back as one of
        many, unless its channel has asked anew, and cancelled jobs do not come back.

        Raises:
            ValueError: No worker has it.
        """
        self._advance(now_ms)
        run = self._leave(batch)
        self._control.ended(run.work, len(batch.jobs), None)
        for job in batch.jobs:
            if job.job_id in self._unwanted:
                self._unwanted.discard(job.job_id)
            elif run.work is not Work.PARTIAL:
                self._finals.put(job, given_back=True)
            elif self._wants_back(job):
                self._partials[job.channel] = job
            else:
                self._expired.append(job)

    def cancel(self, job: Job) -> bool:
        """Drop a job that has not begun; one that has is not given back.

        Returns:
            Whether it was still waiting.
        """
        if job in self._finals:
            self._finals.remove(job)
            return True
        channel = job.channel
        if self._partials.get(channel) is job:
            del self._partials[channel]
            return True
        if any(job in batch.jobs for batch in self._running):
            self._unwanted.add(job.job_id)
        return False

    def _advance(self, now_ms: float) -> None:
        self._now_ms = max(self._now_ms, now_ms)
        self._control.advance(self._now_ms)
        self._drop_stale_partials()
        if self._now_ms - self._swept_ms < FORGET_AFTER_MS:
            return
        self._swept_ms = self._now_ms
        asking = {job.channel[0] for job in self._partials.values()}
        for call_id, call in list(self._calls.items()):
            last_ms = max(call.seen_ms, call.paced_ms)
            if (
                not self._finals.of_call(call_id)
                and call_id not in asking
                and self._now_ms - last_ms >= FORGET_AFTER_MS
            ):
                del self._calls[call_id]

    def _call(self, call_id: CallId) -> _CallMemory:
        call = self._calls.get(call_id)
        if call is None:
            call = self._calls[call_id] = _CallMemory(self._now_ms)
        return call

    def _job(self, request: TranscriptionRequest, release_ms: float, budget_ms: float) -> Job:
        self._jobs += 1
        return Job(self._jobs, request, self._now_ms, release_ms, release_ms + budget_ms)

    # Partials

    def _submit_partial(self, request: TranscriptionRequest, call: _CallMemory) -> Submitted:
        channel = channel_of(request)
        replaced = self._partials.get(channel)
        if self._control.level >= LoadLevel.PARTIALS_OFF or self._too_soon(call.channels[channel[1]]):
            raise WorkerPoolBusyError(self.waiting)
        dropped = () if replaced is None else (replaced,)
        if replaced is None and len(self._partials) >= self._config.most_partials:
            last = self._by_service(self._partials.values())[-1]
            served_last = self._call(last.channel[0])
            if served_last.service <= call.service:
                raise WorkerPoolBusyError(self.waiting)
            del self._partials[last.channel]
            dropped = (last,)
        job = self._job(request, self._now_ms, self._config.partial_budget_ms)
        self._partials[channel] = job
        return Submitted(job, dropped)

    def _too_soon(self, channel: _ChannelMemory) -> bool:
        interval_ms = INTERVAL_TOLERANCE * self._control.partial_interval_ms
        reduced = self._control.level is LoadLevel.PARTIALS_REDUCED
        return reduced and self._now_ms - channel.served_ms < interval_ms

    def _by_service(self, jobs: Iterable[Job]) -> list[Job]:
        """Partials of the calls served least recently first; a call's second channel after all first ones."""

        def service(job: Job) -> tuple[int, int, int]:
            call_id, index = job.channel
            call = self._call(call_id)
            return call.service, call.channels[index].service, job.job_id

        before: Counter[CallId] = Counter()
        rounds: list[tuple[int, Job]] = []
        for job in sorted(jobs, key=service):
            call_id = job.channel[0]
            rounds.append((before[call_id], job))
            before[call_id] += 1
        return [job for _, job in sorted(rounds, key=lambda entry: entry[0])]

    def _drop_stale_partials(self) -> None:
        off = self._control.level >= LoadLevel.PARTIALS_OFF
        stale = [key for key, job in self._partials.items() if off or job.deadline_ms < self._now_ms]
        self._expired.extend(self._partials.pop(key) for key in stale)

    def _take_partials(self, jobs: tuple[Job, ...]) -> None:
        self._services += 1
        for job in jobs:
            call_id, index = job.channel
            call = self._call(call_id)
            call.service = call.channels[index].service = self._services
            call.channels[index].served_ms = self._now_ms
            del self._partials[call_id, index]

    def _wants_back(self, job: Job) -> bool:
        call_id, index = channel = job.channel
        asked_since = self._call(call_id).channels[index].final_id > job.job_id
        return channel not in self._partials and not asked_since

    # Finals

    def _submit_final(self, request: TranscriptionRequest, call: _CallMemory) -> Submitted:
        channel = channel_of(request)
        length_ms = length_of(request)
        self._control.asked(length_ms)
        if request.purpose is Purpose.ADVANCE and (self.waiting or self.running >= self._workers):
            raise WorkerPoolBusyError(self.waiting)
        self._check_room(channel[0])
        call.paced_ms = max(self._now_ms, call.paced_ms + self._config.pace * length_ms)
        release_ms = max(self._now_ms, call.paced_ms - self._config.burst_ms)
        job = self._job(request, release_ms, self._config.final_budget_ms)
        call.channels[channel[1]].final_id = job.job_id
        self._finals.put(job)
        partial = self._partials.pop(channel, None)
        return Submitted(job, () if partial is None else (partial,))

    def _check_room(self, call_id: CallId) -> None:
        """Refuse the calls with most finals waiting first: one may hold as many as there are places left."""
        if self._finals.of_call(call_id) >= self._config.most_finals - len(self._finals):
            raise WorkerPoolBusyError(self.waiting)
        if self._control.level < LoadLevel.SHEDDING:
            return
        if self._finals.of_call(call_id) >= self._control.most_waiting - self._due():
            self._control.refused(self._now_ms)
            raise WorkerPoolBusyError(self.waiting)

    def _due(self) -> int:
        """Finals at the front of the queue that should have begun by now."""
        return self._finals.until(self._now_ms + self._config.final_budget_ms)

    def _late_since(self, now_ms: float) -> Iterator[float]:
        return (job.release_ms for job in self._finals if job.release_ms <= now_ms)

    # Batches

    def _candidates(self) -> tuple[Work, tuple[Job, ...]] | None:
        config, due = self._config, self._due()
        if due:
            return Work.FINAL, self._together(islice(self._finals, due), due, config.batch_size)
        if self._partials:
            partials = self._by_service(self._partials.values())
            return Work.PARTIAL, self._together(partials, len(partials), config.batch_size)
        if self._finals:
            return Work.EARLY, self._together(self._finals, len(self._finals), config.full_batch)
        return None

    def _together(self, jobs: Iterable[Job], waiting: int, most: int) -> tuple[Job, ...]:
        """What one worker takes of the jobs that wait; other free workers get their part."""
        free_workers = max(1, self._workers - self.running)
        return alike(jobs, min(most, math.ceil(waiting / free_workers)), self._config, self._finals)

    def _hold_ms(self, work: Work, jobs: tuple[Job, ...]) -> float | None:
        """Until when a batch is held for late comers; None when it can go."""
        config = self._config
        more = self._due() if work is Work.FINAL else len(self._partials)
        if work is Work.EARLY or len(jobs) >= config.batch_size or more > len(jobs):
            return None
        if self._finals.given_back(jobs[0]):
            return None
        until_ms = min(min(job.submitted_ms + config.batch_wait_ms, job.deadline_ms) for job in jobs)
        if until_ms <= self._now_ms:
            return None
        next_due = next(islice(self._finals, self._due(), None), None)
        return until_ms if next_due is None else min(until_ms, next_due.release_ms)

    def _effort(self, work: Work, size: int) -> Effort:
        """Full effort for finals while nothing else is due; call it after the batch has left the queue."""
        if work is Work.PARTIAL or size > self._config.full_batch:
            return Effort.FAST
        behind = self._due() or self._control.level >= LoadLevel.LARGE_WINDOWS
        return Effort.FAST if behind and work is Work.FINAL else Effort.FULL

    def _leave(self, batch: Batch) -> _Run:
        run = self._running.pop(batch, None)
        if run is None:
            raise ValueError("batch: expected one that a worker has; it was finished or given back before")
        return run

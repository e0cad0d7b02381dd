"""A worker pool and its calls in virtual time: the real scheduler, workers that only take time."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.errors import WorkerPoolBusyError
from koemori.models.ports import Effort, Load, LoadLevel, Purpose, TranscriptionRequest
from koemori.models.scheduler import Batch, Job, Scheduler, SchedulerConfig
from koemori.models.types import SpeechSegment

Action = Callable[[], None]
ROLES = (ChannelRole.AGENT, ChannelRole.CUSTOMER)
PAUSE_MS, ENDPOINT_MS, VAD_MS = 288, 576, 96
LONGEST_MS = 12_800


def window(call: str, channel: int, length_ms: int, purpose: Purpose = Purpose.FINAL) -> TranscriptionRequest:
    """A request whose audio takes no memory."""
    owner = Channel(CallId(call), LegId(str(channel)), channel, ROLES[channel % 2], "test")
    samples = np.broadcast_to(np.float32(0), (length_ms * 16,))
    return TranscriptionRequest(SpeechSegment(owner, 0, length_ms, samples), purpose)


def service_ms(batch: Batch) -> float:
    """What a one-thread worker was measured to take, padding to the longest window included.

    A final of 4.5 s takes .35 s with full effort, .33 s greedily and .24 s each in a greedy batch of four; a
    partial .13 s.
    """
    count = len(batch.jobs)
    if batch.jobs[0].request.purpose is Purpose.PARTIAL:
        return 130 * count * (0.64 + 0.36 / count)
    longest_ms = max(job.length_ms for job in batch.jobs)
    alone_ms = 100 + 250 * longest_ms / 4500
    if batch.effort is Effort.FULL:
        return alone_ms * count
    return alone_ms * 0.94 * count * (0.64 + 0.36 / count)


@dataclass(frozen=True, slots=True)
class Begun:
    """A batch that a worker began."""

    at_ms: float
    batch: Batch
    load: Load
    finals_due: int
    """Finals that were due just before."""


@dataclass(slots=True)
class VirtualPool:
    """Workers in virtual time. `at` plans an action, `run` lets time pass; everything is written down."""

    config: SchedulerConfig
    service: Callable[[Batch], float] = service_ms
    now_ms: float = 0.0
    begun: list[Begun] = field(default_factory=list)
    finished: list[Job] = field(default_factory=list)
    dropped: list[Job] = field(default_factory=list)
    cancelled: list[Job] = field(default_factory=list)
    accepted: list[Job] = field(default_factory=list)
    refused: list[TranscriptionRequest] = field(default_factory=list)
    levels: list[tuple[float, LoadLevel]] = field(default_factory=list)
    loads: dict[int, Load] = field(default_factory=dict)
    scheduler: Scheduler = field(init=False)
    _events: list[tuple[float, int, Action]] = field(default_factory=list)
    _planned: int = 0
    _busy: dict[int, Batch] = field(default_factory=dict)
    _answers: dict[int, Callable[[bool], None]] = field(default_factory=dict)
    _waiting: dict[int, Job] = field(default_factory=dict)
    _held_ms: float | None = None

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.config)

    @property
    def load(self) -> Load:
        load = self.scheduler.load(self.now_ms)
        self._drop(self.scheduler.expired())
        return load

    @property
    def waiting_jobs(self) -> list[Job]:
        return list(self._waiting.values())

    def at(self, when_ms: float, action: Action) -> None:
        self._planned += 1
        heapq.heappush(self._events, (when_ms, self._planned, action))

    def after(self, delay_ms: float, action: Action) -> None:
        self.at(self.now_ms + delay_ms, action)

    def ask(
        self, request: TranscriptionRequest, answered: Callable[[bool], None] | None = None
    ) -> Job | None:
        """Submit; `answered` is called with True for a hypothesis and False for an error, never at once."""
        load = self.load
        try:
            submitted = self.scheduler.submit(request, self.now_ms)
        except WorkerPoolBusyError:
            self.refused.append(request)
            return None
        job = submitted.job
        self.accepted.append(job)
        self.loads[job.job_id] = load
        self._waiting[job.job_id] = job
        if answered is not None:
            self._answers[job.job_id] = answered
        self._drop(submitted.dropped)
        return job

    def cancel(self, job: Job) -> None:
        self._answers.pop(job.job_id, None)
        if self.scheduler.cancel(job):
            self.cancelled.append(job)
            del self._waiting[job.job_id]
        elif job not in self.cancelled and any(job in batch.jobs for batch in self._busy.values()):
            self.cancelled.append(job)

    def kill(self, worker: int) -> None:
        """The worker dies and is there again at once."""
        batch = self._busy.pop(worker, None)
        if batch is None:
            return
        self.scheduler.give_back(batch, self.now_ms)
        self._waiting.update({job.job_id: job for job in batch.jobs if job not in self.cancelled})
        self._drop(self.scheduler.expired())

    def run(self, until_ms: float) -> None:
        while self._events and self._events[0][0] <= until_ms:
            self.now_ms, _, action = heapq.heappop(self._events)
            action()
            self._serve()
            level = self.load.level
            if not self.levels or self.levels[-1][1] is not level:
                self.levels.append((self.now_ms, level))
        self.now_ms = until_ms

    def finals_due(self) -> int:
        return sum(job.request.final and job.release_ms <= self.now_ms for job in self._waiting.values())

    def _serve(self) -> None:
        for worker in range(self.config.workers):
            if worker in self._busy:
                continue
            due, load = self.finals_due(), self.load
            batch = self.scheduler.take(self.now_ms)
            self._drop(self.scheduler.expired())
            if batch is None:
                self._wait_for_late_comers()
                return
            for job in batch.jobs:
                del self._waiting[job.job_id]
            self._busy[worker] = batch
            self.begun.append(Begun(self.now_ms, batch, load, due))
            self.after(self.service(batch), lambda worker=worker, batch=batch: self._done(worker, batch))

    def _wait_for_late_comers(self) -> None:
        held_ms = self.scheduler.held_until(self.now_ms)
        if held_ms is not None and held_ms != self._held_ms:
            self._held_ms = held_ms
            self.at(held_ms, lambda: None)

    def _done(self, worker: int, batch: Batch) -> None:
        if self._busy.get(worker) is not batch:
            return
        del self._busy[worker]
        self.scheduler.finish(batch, self.now_ms)
        for job in batch.jobs:
            if job not in self.cancelled:
                self.finished.append(job)
            self._answer(job, True)

    def _drop(self, jobs: tuple[Job, ...]) -> None:
        for job in jobs:
            self.dropped.append(job)
            self._waiting.pop(job.job_id, None)
            self._answer(job, False)

    def _answer(self, job: Job, good: bool) -> None:
        if (answered := self._answers.pop(job.job_id, None)) is not None:
            answered(good)


@dataclass(slots=True)
class VirtualCall:
    """Two people who take turns, and the questions that a listener asks about them.

    Utterances last 0.6 to 12 s, 4.5 s on average; partials every `load.partial_interval_ms`, a final in
    advance at each pause when nothing waits, of which one in five is in vain. With large windows two
    utterances become one.
    """

    pool: VirtualPool
    name: str
    until_ms: float
    seed: int
    partials: bool = True
    finals_asked: int = 0
    finals_refused: int = 0
    partial_times: dict[int, list[float]] = field(default_factory=dict)
    random: random.Random = field(init=False)
    _outstanding: Job | None = None
    _asked_ms: float = 0.0
    _channel: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 (no secret)

    def start(self) -> None:
        self.pool.at(self.random.uniform(0, 6000), self._speak)

    def _speak(self) -> None:
        pool = self.pool
        if pool.now_ms >= self.until_ms:
            return
        self._channel = 1 - self._channel
        length_ms = self._length_ms()
        if pool.load.level >= LoadLevel.LARGE_WINDOWS:
            length_ms = min(LONGEST_MS, length_ms + self._length_ms())
        began_ms, ended_ms = pool.now_ms, pool.now_ms + length_ms
        self._asked_ms, self._outstanding = began_ms, None
        if self.partials:
            pool.after(VAD_MS, lambda: self._partial(began_ms, ended_ms, self._channel))
        pool.at(ended_ms + PAUSE_MS, lambda channel=self._channel: self._pause(channel, length_ms))
        pool.at(ended_ms + self.random.uniform(100, 1400), self._speak)

    def _length_ms(self) -> int:
        return int(min(12_000, max(600, self.random.lognormvariate(8.2, 0.65))))

    def _partial(self, began_ms: float, ended_ms: float, channel: int) -> None:
        pool, now_ms = self.pool, self.pool.now_ms
        if now_ms >= ended_ms or channel != self._channel:
            return
        pool.after(VAD_MS, lambda: self._partial(began_ms, ended_ms, channel))
        load = pool.load
        if load.level >= LoadLevel.PARTIALS_OFF or self._outstanding is not None:
            return
        if now_ms - self._asked_ms < load.partial_interval_ms:
            return
        self._asked_ms = now_ms
        request = window(self.name, channel, int(now_ms - began_ms), Purpose.PARTIAL)
        self._outstanding = pool.ask(request, self._partial_answered)

    def _partial_answered(self, good: bool) -> None:
        self._outstanding = None
        if good:
            self.partial_times.setdefault(self._channel, []).append(self.pool.now_ms)

    def _pause(self, channel: int, length_ms: int) -> None:
        pool = self.pool
        advance = None
        if not pool.load.waiting:
            advance = pool.ask(window(self.name, channel, length_ms, Purpose.ADVANCE))
        in_vain = self.random.random() < 0.2
        pool.after(ENDPOINT_MS - PAUSE_MS, lambda: self._end(channel, length_ms, advance, in_vain))

    def _end(self, channel: int, length_ms: int, advance: Job | None, in_vain: bool) -> None:
        self.finals_asked += 1
        if advance is not None and not in_vain:
            return
        if advance is not None and advance not in self.pool.finished:
            self.pool.cancel(advance)
        if self.pool.ask(window(self.name, channel, length_ms)) is None:
            self.finals_refused += 1


def quantile(values: list[float], part: float) -> float:
    """The value that `part` of the values do not exceed; 0 of none."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))] if values else 0.0


def final_delays(pool: VirtualPool, from_ms: float = 0, call: str = "") -> list[float]:
    """How long each final that began after `from_ms` waited, from being asked to its first worker."""
    first: dict[int, float] = {}
    for begun in pool.begun:
        for job in begun.batch.jobs:
            if job.request.final and job.channel[0].startswith(call):
                first.setdefault(job.job_id, begun.at_ms - job.submitted_ms)
    began = {job.job_id: job.submitted_ms for job in pool.accepted}
    return [delay for job_id, delay in first.items() if began[job_id] >= from_ms]

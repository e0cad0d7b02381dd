"""Worker processes behind the `WorkerPool` port: a model each, one scheduler for all, replaced when they die.

A window whose worker dies is asked again, by itself; one that has killed three workers is answered with an
error, so that it cannot take the service with it. Workers are started again at once, and ever more slowly
while they die without having answered anything. While none can be started, requests are answered with an
error rather than kept waiting.

On CPU a worker has one thread and one window at a time, one worker per core. On CUDA there is one worker per
GPU, and batches.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import Final

from koemori.models.errors import ModelError, TranscriptionError, WorkerPoolBusyError, WorkerPoolClosedError
from koemori.models.ports import Load, LoadLevel, TranscriptionRequest
from koemori.models.scheduler import Batch, Job, Scheduler, SchedulerConfig
from koemori.models.types import Hypothesis
from koemori.models.worker_process import WORKER_COMMAND, WorkerCallbacks, WorkerProcess
from koemori.models.worker_protocol import (
    MOST_TEXT_CHARACTERS,
    MOST_WINDOW_SAMPLES,
    Answers,
    Failure,
    Work,
)
from koemori.models.worker_spec import WorkerLimits, WorkerSpec

log = logging.getLogger(__name__)

MOST_DEATHS: Final = 3
"""Workers that a window may take with it before it is given up."""
DOWN_AFTER_FALSE_STARTS: Final = 5
"""A worker that could not be started, or died before it was asked anything, so often counts as lost."""
_SAMPLES_PER_S: Final = 16_000


@dataclass(slots=True, eq=False)
class _Asked:
    job: Job
    answer: asyncio.Future[Hypothesis]
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class _Flight:
    number: int
    batch: Batch
    deadline: asyncio.TimerHandle


@dataclass(slots=True, eq=False)
class _Place:
    """A worker's place in the pool, whoever holds it now."""

    index: int
    worker: WorkerProcess | None = None
    flight: _Flight | None = None
    ready_ms: float = 0.0
    failures: int = 0
    """Deaths and failed starts since the last answer; decides the pause before the next start."""
    false_starts: int = 0
    """Those of them that no window can be to blame for."""

    def count_death(self, settled_ms: float) -> None:
        """Note that the worker died, before its flight is taken away."""
        if _now_ms() - self.ready_ms >= settled_ms:
            self.failures = self.false_starts = 0
        self.failures += 1
        self.false_starts += self.flight is None


class ProcessWorkerPool:
    """A `WorkerPool` of processes; make it with `open`.

    Attributes:
        restarts: Workers that were started in place of a dead one.
        batches: Batches answered.
        windows: Windows answered, failures included.
        busy_ms: Time that workers spent on them, all workers together.
        cpu_ms: Processor time of it.
    """

    def __init__(
        self,
        spec: WorkerSpec,
        workers: int,
        scheduler: SchedulerConfig | None,
        limits: WorkerLimits,
        command: tuple[str, ...],
    ) -> None:
        config = scheduler or SchedulerConfig(workers=workers)
        self.model_id = ""
        self.capacity = workers * spec.batch_size
        self.restarts = self.batches = self.windows = 0
        self.busy_ms = self.cpu_ms = 0.0
        self._spec = spec
        self._limits = limits
        self._command = command
        self._scheduler = Scheduler(
            replace(config, workers=workers, batch_size=spec.batch_size, batch_wait_ms=spec.batch_wait_ms)
        )
        self._places = [_Place(index) for index in range(workers)]
        self._asked: dict[int, _Asked] = {}
        self._numbers = 0
        self._held: asyncio.TimerHandle | None = None
        self._restarting: set[asyncio.Task[None]] = set()
        self._closing = self._closed = False
        self._drained = asyncio.Event()

    @classmethod
    async def open(
        cls,
        spec: WorkerSpec,
        workers: int = 1,
        *,
        scheduler: SchedulerConfig | None = None,
        limits: WorkerLimits | None = None,
        command: tuple[str, ...] = WORKER_COMMAND,
    ) -> ProcessWorkerPool:
        """Start the workers side by side and wait until all have loaded the model.

        Args:
            spec: What each loads.
            workers: How many; one per core, or one per GPU.
            scheduler: Budgets; its numbers of workers and windows are taken from the others.
            limits: How long workers may take.
            command: The worker's program.

        Raises:
            TranscriptionError: The folder holds no model that can be loaded.
            WorkerFailedError: A worker cannot be started; says what it lacks.
        """
        pool = cls(spec, workers, scheduler, limits or WorkerLimits(), command)
        try:
            starts = [pool._start(place) for place in pool._places]
            for failure in await asyncio.gather(*starts, return_exceptions=True):
                if failure is not None:
                    raise failure
        except BaseException:
            await pool.aclose()
            raise
        return pool

    @property
    def load(self) -> Load:
        """How busy the pool is; see `WorkerPool`."""
        load = self._scheduler.load(_now_ms())
        return replace(load, level=LoadLevel.SHEDDING) if self._is_down else load

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that are there now."""
        return tuple(place.worker.pid for place in self._places if place.worker is not None)

    @property
    def resident_bytes(self) -> int:
        """Memory of the workers that are there now, each as it was when its model was loaded."""
        return sum(place.worker.resident_bytes for place in self._places if place.worker is not None)

    async def transcribe(self, request: TranscriptionRequest) -> Hypothesis:
        """Wait for a worker and its answer; see `WorkerPool`."""
        if self._closing:
            raise WorkerPoolClosedError
        _check_size(request)
        if self._is_down:
            raise _no_worker()
        submitted = self._scheduler.submit(request, _now_ms())
        asked = _Asked(submitted.job, asyncio.get_running_loop().create_future())
        self._asked[submitted.job.job_id] = asked
        self._refuse(submitted.dropped)
        self._dispatch()
        try:
            return await asked.answer
        finally:
            if self._asked.pop(asked.job.job_id, None) is not None:
                self._scheduler.cancel(asked.job)
                self._note_drained()

    async def aclose(self) -> None:
        """Finish what was accepted, or refuse it when cancelled meanwhile; then end the workers."""
        self._closing = True
        self._note_drained()
        try:
            await self._drained.wait()
        finally:
            self._closed = True
            self._give_up_unfinished()
            if self._held is not None:
                self._held.cancel()
            for task in self._restarting:
                task.cancel()
            await asyncio.gather(*self._restarting, return_exceptions=True)
            workers = [place.worker for place in self._places if place.worker is not None]
            await asyncio.gather(*(worker.close(self._limits.close_s) for worker in workers))
            for place in self._places:
                place.worker = None

    def _give_up_unfinished(self) -> None:
        for asked in list(self._asked.values()):
            self._scheduler.cancel(asked.job)
            self._answer(asked.job, WorkerPoolClosedError())
        for place in self._places:
            if place.flight is not None:
                place.flight.deadline.cancel()
                place.flight = None
        self._drained.set()

    # Batches.

    def _dispatch(self) -> None:
        """Give every free worker something to do, in this turn of the loop."""
        self._refuse(self._scheduler.expired())
        for place in self._places:
            if place.worker is None or place.flight is not None:
                continue
            batch = self._scheduler.take(_now_ms())
            self._refuse(self._scheduler.expired())
            if batch is None:
                self._wait_for_late_comers()
                return
            self._send(place, place.worker, batch)

    def _wait_for_late_comers(self) -> None:
        if self._held is not None:
            self._held.cancel()
            self._held = None
        now_ms = _now_ms()
        until_ms = self._scheduler.held_until(now_ms)
        if until_ms is not None:
            # A timer may fire a little early; a millisecond on top makes sure that the time has come.
            wait_s = max(0.0, until_ms - now_ms + 1) / 1000
            self._held = asyncio.get_running_loop().call_later(wait_s, self._dispatch)

    def _send(self, place: _Place, worker: WorkerProcess, batch: Batch) -> None:
        self._numbers += 1
        requests = tuple(job.request for job in batch.jobs)
        audio_s = sum(len(request.segment.samples) for request in requests) / _SAMPLES_PER_S
        limit_s = self._limits.answer_s + audio_s * self._limits.answer_s_per_audio_s
        deadline = asyncio.get_running_loop().call_later(limit_s, self._kill_hanging, place, worker)
        place.flight = _Flight(self._numbers, batch, deadline)
        worker.send(Work(self._numbers, batch.effort, requests))

    def _take_answers(self, place: _Place, worker: WorkerProcess, came: Answers) -> None:
        flight = place.flight
        if flight is None or (came.number, len(came.answers)) != (flight.number, len(flight.batch.jobs)):
            log.error("a speech worker answered another question", extra={"pid": worker.pid})
            worker.kill()
            return
        flight.deadline.cancel()
        place.flight, place.failures, place.false_starts = None, 0, 0
        self.batches += 1
        self.windows += len(came.answers)
        self.busy_ms += came.work_us / 1000
        self.cpu_ms += came.cpu_us / 1000
        self._scheduler.finish(flight.batch, _now_ms())
        for job, answer in zip(flight.batch.jobs, came.answers, strict=True):
            self._answer(job, TranscriptionError(answer.reason) if isinstance(answer, Failure) else answer)
        self._dispatch()
        self._note_drained()

    def _answer(self, job: Job, outcome: Hypothesis | ModelError) -> None:
        asked = self._asked.pop(job.job_id, None)
        if asked is None or asked.answer.done():
            return
        if isinstance(outcome, Hypothesis):
            asked.answer.set_result(outcome)
        else:
            asked.answer.set_exception(outcome)

    def _refuse(self, jobs: tuple[Job, ...]) -> None:
        for job in jobs:
            self._answer(job, WorkerPoolBusyError(self._scheduler.waiting))
        if jobs:
            self._note_drained()

    def _note_drained(self) -> None:
        if self._closing and not self._asked and all(place.flight is None for place in self._places):
            self._drained.set()

    # Workers.

    async def _start(self, place: _Place) -> None:
        callbacks = WorkerCallbacks(
            answered=lambda worker, came: self._take_answers(place, worker, came),
            died=lambda worker: self._replace_dead(place, worker),
        )
        load = self._spec.load_model(place.index)
        worker = await WorkerProcess.start(self._command, load, callbacks, self._limits.start_s)
        self.model_id = worker.model_id
        place.worker, place.ready_ms = worker, _now_ms()
        self._resize()
        log.info(
            "a speech worker is ready",
            extra={
                "pid": worker.pid,
                "model_id": worker.model_id,
                "resident_bytes": worker.resident_bytes,
            },
        )

    def _kill_hanging(self, place: _Place, worker: WorkerProcess) -> None:
        log.error("a speech worker does not answer and is killed", extra={"pid": worker.pid})
        worker.kill()

    def _replace_dead(self, place: _Place, worker: WorkerProcess) -> None:
        place.worker = None
        place.count_death(self._limits.settled_s * 1000)
        flight, place.flight = place.flight, None
        log.error(
            "a speech worker died and is started again",
            extra={"pid": worker.pid, "windows": 0 if flight is None else len(flight.batch.jobs)},
        )
        if flight is not None:
            flight.deadline.cancel()
            self._ask_again(flight.batch)
        self._resize()
        restarting = asyncio.ensure_future(self._restart(place))
        self._restarting.add(restarting)
        restarting.add_done_callback(self._restarting.discard)
        self._give_up_when_down()
        self._dispatch()
        self._note_drained()

    def _ask_again(self, batch: Batch) -> None:
        for job in batch.jobs:
            asked = self._asked.get(job.job_id)
            if asked is None:
                continue
            asked.deaths += 1
            if asked.deaths >= MOST_DEATHS:
                self._scheduler.cancel(job)
                self._answer(job, TranscriptionError(f"expected a hypothesis; {asked.deaths} workers died"))
        self._scheduler.give_back(batch, _now_ms())
        self._refuse(self._scheduler.expired())

    async def _restart(self, place: _Place) -> None:
        while not self._closed:
            if place.failures > 1:
                pause_s = self._limits.first_pause_s * 2 ** min(place.failures - 2, 20)
                await asyncio.sleep(min(self._limits.longest_pause_s, pause_s))
            try:
                await self._start(place)
            except Exception as failure:
                # The task's edge: whatever the system lacks now, the place must not stay empty for ever.
                place.failures += 1
                place.false_starts += 1
                reason = str(failure) if isinstance(failure, ModelError) else type(failure).__name__
                log.error("a speech worker could not be started again", extra={"error": reason})
                self._give_up_when_down()
                continue
            self.restarts += 1
            self._dispatch()
            return

    def _resize(self) -> None:
        self._scheduler.resize(max(1, len(self.pids)), _now_ms())

    @property
    def _is_down(self) -> bool:
        return all(
            place.worker is None and place.false_starts >= DOWN_AFTER_FALSE_STARTS for place in self._places
        )

    def _give_up_when_down(self) -> None:
        """Answer what waits when no worker can be had: nothing is kept waiting for a repair."""
        if not self._is_down:
            return
        for asked in list(self._asked.values()):
            self._scheduler.cancel(asked.job)
            self._answer(asked.job, _no_worker())
        self._note_drained()


def _check_size(request: TranscriptionRequest) -> None:
    for what, most, came in (
        ("samples", MOST_WINDOW_SAMPLES, len(request.segment.samples)),
        ("characters of context", MOST_TEXT_CHARACTERS, len(request.prompt)),
    ):
        if came > most:
            raise TranscriptionError(f"expected a window of at most {most} {what}; got {came}")


def _no_worker() -> TranscriptionError:
    return TranscriptionError("expected a running speech worker; none can be started, see the log")


def _now_ms() -> float:
    return time.monotonic_ns() / 1e6

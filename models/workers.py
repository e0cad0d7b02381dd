"""Worker threads behind the `WorkerPool` port: bounded, finals before partials, drained on closing."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from queue import SimpleQueue

from koemori.models.errors import WorkerPoolBusyError, WorkerPoolClosedError
from koemori.models.ports import Transcriber, TranscriptionRequest
from koemori.models.types import Hypothesis


@dataclass(order=True, slots=True)
class _Waiting:
    rank: tuple[int, int]
    request: TranscriptionRequest = field(compare=False)
    answer: asyncio.Future[Hypothesis] = field(compare=False)


class ThreadWorkerPool:
    """A `WorkerPool` of threads, for recognisers that release the interpreter's lock while they work.

    Belongs to one event loop. Finals go before partials, older before newer. A partial is refused as soon as
    anything waits, since a newer one will follow; a final only when `most_waiting` finals wait already.

    Args:
        make_transcriber: Called once per worker, here and now; return the same object each time when it may
            be used from several threads.
        workers: Requests that run at once; one per core.
        most_waiting: Finals that may wait.
    """

    def __init__(
        self, make_transcriber: Callable[[], Transcriber], workers: int = 2, most_waiting: int = 64
    ) -> None:
        self.capacity = workers
        self._transcribers: SimpleQueue[Transcriber] = SimpleQueue()
        for _ in range(workers):
            transcriber = make_transcriber()
            self.model_id = transcriber.model_id
            self._transcribers.put(transcriber)
        self._executor = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="koemori-asr")
        self._most_waiting = most_waiting
        self._heap: list[_Waiting] = []
        self._order = 0
        self._running = 0
        self._closing = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def waiting(self) -> int:
        """Requests accepted and not yet begun."""
        return sum(not entry.answer.done() for entry in self._heap)

    async def transcribe(self, request: TranscriptionRequest) -> Hypothesis:
        """Wait for a worker and its answer; see `WorkerPool`."""
        if self._closing:
            raise WorkerPoolClosedError
        waiting = self.waiting
        if waiting >= (self._most_waiting if request.final else 1):
            raise WorkerPoolBusyError(waiting)
        self._order += 1
        answer: asyncio.Future[Hypothesis] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._heap, _Waiting((int(not request.final), self._order), request, answer))
        self._idle.clear()
        self._start_next()
        try:
            return await answer
        finally:
            # Cancelled while waiting: the entry is skipped when its turn comes, and the pool may be idle now.
            self._note_idle()

    async def aclose(self) -> None:
        """Finish what was accepted, then release the workers; see `WorkerPool`."""
        self._closing = True
        self._note_idle()
        await self._idle.wait()
        self._executor.shutdown(wait=False)

    def _start_next(self) -> None:
        while self._running < self.capacity and self._heap:
            entry = heapq.heappop(self._heap)
            if entry.answer.done():
                continue
            self._running += 1
            work = asyncio.get_running_loop().run_in_executor(self._executor, self._run, entry.request)
            work.add_done_callback(partial(self._finish, entry.answer))

    def _run(self, request: TranscriptionRequest) -> Hypothesis:
        transcriber = self._transcribers.get()
        try:
            return transcriber.transcribe(request)
        finally:
            self._transcribers.put(transcriber)

    def _finish(self, answer: asyncio.Future[Hypothesis], done: asyncio.Future[Hypothesis]) -> None:
        self._running -= 1
        failure = done.exception()
        if not answer.done():
            if failure is not None:
                answer.set_exception(failure)
            else:
                answer.set_result(done.result())
        self._start_next()
        self._note_idle()

    def _note_idle(self) -> None:
        if self._running == 0 and self.waiting == 0:
            self._idle.set()

"""Two models behind one `WorkerPool`: a small one for partials, a larger one for finals."""

from __future__ import annotations

import asyncio
from typing import Protocol

from koemori.models.errors import WorkerPoolClosedError
from koemori.models.ports import Load, LoadLevel, TranscriptionRequest, WorkerPool
from koemori.models.types import Hypothesis


class CountedPool(WorkerPool, Protocol):
    """A pool that counts what it does, as `ProcessWorkerPool` does."""

    @property
    def restarts(self) -> int: ...  # noqa: D102 (the class says it)
    @property
    def batches(self) -> int: ...  # noqa: D102
    @property
    def windows(self) -> int: ...  # noqa: D102
    @property
    def busy_ms(self) -> float: ...  # noqa: D102
    @property
    def cpu_ms(self) -> float: ...  # noqa: D102
    @property
    def resident_bytes(self) -> int: ...  # noqa: D102


class RoutedWorkerPool:
    """Sends partials to one pool, and finals, asked in advance or not, to another; owns both.

    Each pool keeps its own queue and its own load. Both may share the machine's cores, so what either is
    short of is shed for both: the level is the higher of the two, where partials alone count up to
    `PARTIALS_OFF`, since no final is refused for their sake.
    """

    def __init__(self, partials: CountedPool, finals: CountedPool) -> None:
        self.model_id = finals.model_id
        self.capacity = partials.capacity + finals.capacity
        self.partials = partials
        self.finals = finals
        self._closing = False

    @property
    def load(self) -> Load:
        """Of both together; see `WorkerPool`."""
        partials, finals = self.partials.load, self.finals.load
        return Load(
            level=max(min(partials.level, LoadLevel.PARTIALS_OFF), finals.level),
            partial_interval_ms=max(partials.partial_interval_ms, finals.partial_interval_ms),
            waiting=partials.waiting + finals.waiting,
        )

    @property
    def restarts(self) -> int:
        """Workers started in place of a dead one."""
        return self.partials.restarts + self.finals.restarts

    @property
    def batches(self) -> int:
        """Batches answered."""
        return self.partials.batches + self.finals.batches

    @property
    def windows(self) -> int:
        """Windows answered."""
        return self.partials.windows + self.finals.windows

    @property
    def busy_ms(self) -> float:
        """Time that workers spent on them."""
        return self.partials.busy_ms + self.finals.busy_ms

    @property
    def cpu_ms(self) -> float:
        """Processor time of it."""
        return self.partials.cpu_ms + self.finals.cpu_ms

    @property
    def resident_bytes(self) -> int:
        """Memory of the workers of both."""
        return self.partials.resident_bytes + self.finals.resident_bytes

    async def transcribe(self, request: TranscriptionRequest) -> Hypothesis:
        """Ask the pool for the request's purpose; see `WorkerPool`."""
        if self._closing:
            raise WorkerPoolClosedError
        return await (self.finals if request.final else self.partials).transcribe(request)

    async def aclose(self) -> None:
        """Close both; see `WorkerPool`."""
        self._closing = True
        await asyncio.gather(self.partials.aclose(), self.finals.aclose())

"""Writes calls and events to the store behind the live path: in order per call, again after errors.

The live path never waits for it. When the store fails, everything stays in memory and is tried again with a
growing pause; the recording does not depend on it (the journal and the sealed archive stand on their own).
Memory is bounded: when `MAX_WAITING` steps wait, further events are counted and not kept; a call's beginning,
its recording and its end always are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from koemori.audio.call import CallId, CallStarted
from koemori.audio.signals import CallUpdated
from koemori.server.calls.store import CallStore
from koemori.server.wire import CallEndedEvent, WireEvent

if TYPE_CHECKING:
    from koemori.server.archive.sealing import SealedRecording

logger = logging.getLogger(__name__)

BATCH_DELAY_S = 0.05
MAX_WAITING = 50_000
"""About twenty minutes of twenty busy calls."""
_LONGEST_PAUSE_S = 5.0


class OnStored(Protocol):
    """Told after events are stored; `last_seq` is the newest, `ended` means the call is complete."""

    def __call__(self, call_id: CallId, last_seq: int, *, ended: bool) -> None:
        """Note it."""
        ...


@dataclass(frozen=True, slots=True)
class _Sealed:
    call_id: CallId
    recording: SealedRecording


_Step = CallStarted | CallUpdated | _Sealed | WireEvent
_ALONE = (CallStarted, CallUpdated, _Sealed)
"""Steps that are written one at a time; the others, events, in runs."""


class StoreWriter:
    """One background task for all calls; begins with the first step, ends with `aclose`."""

    def __init__(self, store: CallStore, on_stored: OnStored, on_dropped: Callable[[], None]) -> None:
        self._store = store
        self._on_stored = on_stored
        self._on_dropped = on_dropped
        self._full = False
        self.waiting = 0
        self._steps: dict[CallId, list[_Step]] = {}
        self._settled: dict[CallId, asyncio.Event] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False

    def call_started(self, started: CallStarted) -> None:
        """Queue the call's first step."""
        self._push(started.call_id, started)

    def call_updated(self, update: CallUpdated) -> None:
        """Queue what became known of a call."""
        self._push(update.call_id, update)

    def append(self, event: WireEvent) -> bool:
        """Queue one event; `call_ended` also ends the call in the store. False when there is no room."""
        if self.waiting >= MAX_WAITING and not isinstance(event, CallEndedEvent):
            if not self._full:
                logger.error("events are dropped; the store takes none", extra={"steps": self.waiting})
            self._full = True
            self._on_dropped()
            return False
        self._full = False
        self._push(CallId(event.call_id), event)
        return True

    def sealed(self, call_id: CallId, recording: SealedRecording) -> None:
        """Queue the recording."""
        self._push(call_id, _Sealed(call_id, recording))

    async def settled(self, call_id: CallId, patience_s: float) -> bool:
        """Wait until nothing of the call is queued; False when something still is, after `patience_s`."""
        if call_id not in self._steps:
            return True
        done = self._settled.setdefault(call_id, asyncio.Event())
        try:
            await asyncio.wait_for(done.wait(), patience_s)
        except TimeoutError:
            return False
        return True

    async def aclose(self, patience_s: float = 10.0) -> None:
        """Write what is left, for at most `patience_s`, and stop."""
        self._closing = True
        self._wake.set()
        if self._task is None:
            return
        try:
            await asyncio.wait_for(self._task, patience_s)
        except TimeoutError:
            logger.error("events not stored at shutdown", extra={"steps": self.waiting})

    def _push(self, call_id: CallId, step: _Step) -> None:
        self._steps.setdefault(call_id, []).append(step)
        self.waiting += 1
        self._wake.set()
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="store-writer")

    async def _run(self) -> None:
        pause_s = BATCH_DELAY_S
        while True:
            await self._wake.wait()
            if not self._closing:
                await asyncio.sleep(BATCH_DELAY_S)
            self._wake.clear()
            failed = False
            for call_id in tuple(self._steps):
                failed = not await self._write(call_id) or failed
            if failed:
                self._wake.set()
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
                await asyncio.sleep(pause_s)
                continue
            pause_s = BATCH_DELAY_S
            if self._closing and not self._steps:
                return

    async def _write(self, call_id: CallId) -> bool:
        """Write all steps of one call; False when the store failed (what was not written stays queued)."""
        steps = self._steps[call_id]
        while steps:
            batch = _first_batch(steps)
            try:
                await self._write_batch(call_id, batch)
            except Exception as error:  # any database trouble: keep the steps and try again
                logger.error(
                    "store failed; events are kept in memory",
                    extra={"call_id": call_id, "error": type(error).__name__, "steps": len(steps)},
                )
                return False
            del steps[: len(batch)]
            self.waiting -= len(batch)
        del self._steps[call_id]
        if call_id in self._settled:
            self._settled.pop(call_id).set()
        return True

    async def _write_batch(self, call_id: CallId, batch: list[_Step]) -> None:
        match batch[0]:
            case CallStarted() as started:
                await self._store.call_started(started)
            case CallUpdated() as update:
                await self._store.call_updated(update)
            case _Sealed() as sealed:
                await self._store.sealed(sealed.call_id, sealed.recording)
            case _:
                events = [step for step in batch if not isinstance(step, _ALONE)]
                await self._store.append(call_id, events)
                last = events[-1]
                if isinstance(last, CallEndedEvent):
                    await self._store.ended(call_id, last)
                self._on_stored(call_id, last.seq, ended=isinstance(last, CallEndedEvent))


def _first_batch(steps: list[_Step]) -> list[_Step]:
    """The longest run of events at the front, or the one other step there."""
    if isinstance(steps[0], _ALONE):
        return steps[:1]
    run: list[_Step] = []
    for step in steps:
        if isinstance(step, _ALONE):
            break
        run.append(step)
    return run

"""One call, from its first sample to its sealed recording.

Each frame goes to the recorder before anything else, synchronously and in order; only then is it offered to
the assist lane, which may skip or fail without any effect on the recording. However the source ends (by
itself, by an error, by a shutdown), the call ends visibly: the case is closed, the recording is sealed, and
`call_ended` says why.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from koemori.assist.ladder import LadderStanding
from koemori.assist.types import Approval, CallFacts, LadderApproved
from koemori.audio.call import CallEnded, CallId, CallStarted
from koemori.audio.errors import JournalError, KoemoriError
from koemori.audio.frames import AudioFrame, Gap, GapCause, SourceEvent, samples_to_ms
from koemori.audio.signals import CallDocument, CallUpdated, KeyPressed
from koemori.server.bus import EventSink
from koemori.server.calls.assist_lane import AssistLane
from koemori.server.calls.emitter import Emitter
from koemori.server.calls.known import KnownOfCall
from koemori.server.calls.masking import CallMasking
from koemori.server.calls.masking_plan import MaskingPlan, MaskingStanding
from koemori.server.calls.ports import CallPorts, CallSource, Pace, Recorder, StoppableSource
from koemori.server.calls.recorded_only import RecordedOnly
from koemori.server.calls.sealed import ledger_of, recording_of, unsealed_ledger
from koemori.server.telemetry import Metrics
from koemori.server.wire import CallEndedEvent

if TYPE_CHECKING:
    from koemori.audio.recording import JournalHead
    from koemori.server.archive.sealing import SealedRecording

logger = logging.getLogger(__name__)


_JOURNAL_S = 30.0
_SETTLE_S = 60.0
_STOP_S = 1.0
Lane = AssistLane | RecordedOnly

_SEALING = ThreadPoolExecutor(2, "koemori-sealing")
"""When many calls end together, those that still run come first."""


class SourceProtocolError(KoemoriError):
    """A source that broke its promise: started once, then frames and gaps, ended once."""

    code = "source-protocol"

    def __init__(self, expected: str, came: str) -> None:
        super().__init__(f"call source: expected {expected}; got {came}")


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How long the assist side may lag and linger."""

    queue_ms: int = 4000
    drain_s: float = 20.0
    locale: str = "ja"
    masking: MaskingPlan = field(default_factory=MaskingPlan)


@dataclass(frozen=True, slots=True, eq=False)
class _Telling:
    """Who is told when more becomes known of a live call."""

    known: KnownOfCall
    recorder: Recorder
    emitter: Emitter
    lane: Lane
    masking: CallMasking
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class CallSession:
    """Runs one call. `run` once; `edit` and `stop` while it runs, from the same event loop.

    Attributes:
        ports: Makers of recorder, listener, engine and seal.
        sink: Where events go.
        metrics: What is counted.
        pace: How the source's time runs.
        limits: See `SessionLimits`.
    """

    ports: CallPorts
    sink: EventSink
    metrics: Metrics
    pace: Pace
    limits: SessionLimits = field(default_factory=SessionLimits)
    started: CallStarted | None = None
    _stop: asyncio.Future[str] | None = None
    _stop_early: str | None = None
    _lane: Lane | None = None
    _telling: _Telling | None = None
    _ends: dict[int, int] = field(default_factory=dict)
    """End sample per channel index."""

    async def run(self, source: CallSource) -> CallEndedEvent:
        """Run the call to its end and return its last event.

        Raises:
            SourceProtocolError: The source gave no `CallStarted`; nothing was recorded.
            KoemoriError: The source failed before the call began, or no journal could be opened.
        """
        events = source.events()
        started = await anext(events, None)
        if not isinstance(started, CallStarted):
            raise SourceProtocolError("a start of the call", type(started).__name__)
        recorder = self.ports.open_recorder(started)
        self.started = started
        self._stop = asyncio.get_running_loop().create_future()
        if self._stop_early is not None:
            self._stop.set_result(self._stop_early)
        await self.sink.call_started(started)
        emitter = Emitter(started, self.sink, self.metrics, live=self.pace is Pace.LIVE)
        await emitter.started()
        masking = CallMasking(started, self.limits.masking, recorder, emitter)
        self._lane = lane = self._make_lane(started, emitter, masking)
        self._telling = _Telling(KnownOfCall.of(started), recorder, emitter, lane, masking)
        self.metrics.calls_live.inc()
        lane_task = asyncio.create_task(lane.run(), name=f"assist-{started.call_id}")
        try:
            ended = await self._record(source, events, self._telling)
            await self._pass_on(masking.finish(), self._telling)
            return await self._end(ended, recorder, emitter, lane, lane_task)
        finally:
            self._lane = None
            lane_task.cancel()
            self.metrics.calls_live.dec()

    def _make_lane(self, started: CallStarted, emitter: Emitter, masking: CallMasking) -> Lane:
        if not self.ports.assisted:
            return RecordedOnly(started, emitter)
        facts = _facts(started, self.limits.locale)
        queue_ms = self.limits.queue_ms
        return AssistLane(started, self.ports, emitter, self.metrics, self.pace, queue_ms, facts, masking)

    async def edit(self, values: Mapping[str, str]) -> bool:
        """The agent changed fields of the case; False when the call is not live, or has no case."""
        if self._lane is None or not self.ports.assisted:
            return False
        await self._lane.edit(self.now_ms, values)
        return True

    async def update(self, update: CallUpdated) -> bool:
        """More became known of the call; told on as far as it is news. False when the call is not live."""
        telling = self._telling
        if telling is None:
            return False
        news = telling.known.news(update)
        if news is not None:
            telling.recorder.note(news)
            await self.sink.call_updated(news)
            await telling.emitter.updated(news)
            # A look-up of the caller takes its time; audio must not wait for it.
            task = asyncio.create_task(telling.lane.learn(news), name="call-learns")
            telling.tasks.add(task)
            task.add_done_callback(telling.tasks.discard)
        return True

    async def mask(self, reason: str, seconds: float | None) -> MaskingStanding | None:
        """Keep sound out from now on; None when the call is not live."""
        return None if self._telling is None else await self._telling.masking.start(reason, seconds)

    async def unmask(self) -> MaskingStanding | None:
        """Keep sound again; None when the call is not live."""
        return None if self._telling is None else await self._telling.masking.stop()

    @property
    def known(self) -> KnownOfCall | None:
        """What is known of the call; None before it began and after its end."""
        return None if self._telling is None else self._telling.known

    @property
    def ladder(self) -> LadderStanding | None:
        """Where the call stands on the warning ladder; None before anything called for it. Thread-safe."""
        lane = self._lane
        return None if lane is None else lane.ladder

    async def approve(self, user_name: str, display_name: str) -> Approval | None:
        """A supervisor approves that the agent may end the call; None when it does not stand there."""
        if self._lane is None:
            return None
        return await self._lane.approve(LadderApproved(self.now_ms, user_name, display_name))

    def stop(self, reason: str) -> None:
        """End the call from our side; what came so far is sealed."""
        if self._stop is None:
            self._stop_early = reason
        elif not self._stop.done():
            self._stop.set_result(reason)

    @property
    def now_ms(self) -> int:
        """Media time: the end of the newest audio."""
        if self.started is None:
            return 0
        return samples_to_ms(max(self._ends.values(), default=0), self.started.sample_rate_hz)

    async def _record(
        self,
        source: CallSource,
        events: AsyncIterator[SourceEvent],
        telling: _Telling,
    ) -> CallEnded:
        reader = asyncio.create_task(self._read(events, telling), name="call-reader")
        stop = self._stop
        if self.started is None or stop is None:
            raise SourceProtocolError("a call that has begun", "none")
        try:
            either: tuple[asyncio.Future[Any], ...] = (reader, stop)
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not reader.done() and isinstance(source, StoppableSource):
                source.stop(stop.result())
                await asyncio.wait({reader}, timeout=_STOP_S)
            if reader.done():
                return reader.result()
            return CallEnded(self.started.call_id, self.now_ms, stop.result())
        finally:
            reader.cancel()
            await asyncio.wait({reader})

    async def _read(self, events: AsyncIterator[SourceEvent], telling: _Telling) -> CallEnded:
        """Record until the source ends, in whatever way; never raises but for cancellation."""
        call_id = CallId("") if self.started is None else self.started.call_id
        try:
            async for event in events:
                match event:
                    case AudioFrame() | Gap() | KeyPressed():
                        await self._pass_on(telling.masking.push(event), telling)
                    case CallUpdated():
                        await self.update(event)
                    case CallDocument():
                        telling.recorder.note(event)
                    case CallEnded():
                        return event
                    case CallStarted():
                        raise SourceProtocolError("one start of the call", "another")
        except KoemoriError as error:
            logger.warning("call source failed", extra={"call_id": call_id}, exc_info=error)
            return CallEnded(call_id, self.now_ms, f"error:{error.code}")
        except Exception as error:  # the task's edge: the call ends visibly and is sealed
            logger.error("call source failed", extra={"call_id": call_id}, exc_info=error)
            return CallEnded(call_id, self.now_ms, "error:internal")
        return CallEnded(call_id, self.now_ms, "disconnected")

    async def _pass_on(self, recorded: list[AudioFrame | Gap], telling: _Telling) -> None:
        """Tell of what was recorded, and offer it to the assist side."""
        for event in recorded:
            index = event.channel.index
            self._ends[index] = max(self._ends.get(index, 0), event.end_sample)
            count = event.sample_count if isinstance(event, Gap) else len(event.samples)
            if isinstance(event, AudioFrame) or event.cause is GapCause.MASKED:
                telling.emitter.first_frame(samples_to_ms(count, event.sample_rate_hz))
        await telling.masking.tell()
        for event in recorded:
            await telling.lane.offer(event)

    async def _end(
        self,
        ended: CallEnded,
        recorder: Recorder,
        emitter: Emitter,
        lane: Lane,
        lane_task: asyncio.Task[None],
    ) -> CallEndedEvent:
        """Seal while the last words are being heard; then say how it ended."""
        started = self.started
        if started is None:
            raise SourceProtocolError("a call that has begun", "none")
        began_s = time.monotonic()
        end_ms = max(ended.end_ms, self.now_ms)
        self._telling = None
        head = _closed(recorder, ended)
        sealing = asyncio.create_task(self._seal(started, head), name="sealing")
        await lane.finish(lane_task, self.limits.drain_s, end_ms)
        try:
            recording = await sealing
        except Exception as error:  # the journal keeps every sample; `koemori recover` seals it
            logger.error(
                "sealing failed; the journal is kept", extra={"call_id": started.call_id}, exc_info=error
            )
            return await emitter.ended(
                end_ms, ended.reason, None, unsealed_ledger(started, end_ms, self._ends)
            )
        self.metrics.sealing_seconds.observe(time.monotonic() - began_s)
        await self.sink.sealed(started.call_id, recording)
        event = await emitter.ended(
            recording.duration_ms, ended.reason, recording_of(recording), ledger_of(recording)
        )
        await self._release(started.call_id)
        return event

    async def _seal(self, started: CallStarted, head: Future[JournalHead]) -> SealedRecording:
        """Wait for the journal without a thread: a disk that hangs must leave the threads to others."""
        durable = asyncio.wrap_future(head)
        done, _ = await asyncio.wait({durable}, timeout=_JOURNAL_S)
        if not done:
            raise JournalError("expected the call's last record to be durable; the disk does not take it")
        durable.exception()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_SEALING, self.ports.seal, started, head)

    async def _release(self, call_id: CallId) -> None:
        """Let go of the journal once the recording and the call's end are noted; else a restart finds it."""
        if not await self.sink.settled(call_id, _SETTLE_S):
            logger.error("the end of a call is not stored; its journal is kept", extra={"call_id": call_id})
            return
        try:
            await asyncio.to_thread(self.ports.release, call_id)
        except KoemoriError as error:
            logger.error("journal not released", extra={"call_id": call_id}, exc_info=error)


def _closed(recorder: Recorder, ended: CallEnded) -> Future[JournalHead]:
    """End the journal; what goes wrong is met where the call is sealed, so that its end is told anyhow."""
    try:
        return recorder.close(ended)
    except Exception as error:
        failed: Future[JournalHead] = Future()
        failed.set_exception(error)
        return failed


def _facts(started: CallStarted, locale: str) -> CallFacts:
    known = {} if started.customer_number is None else {"phone": started.customer_number}
    local = started.started_at.astimezone()
    return CallFacts(call_id=started.call_id, locale=locale, started_on=local.date().isoformat(), known=known)

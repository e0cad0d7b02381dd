"""The assist lane of one call: a bounded queue of audio → words → alerts, guidance, case.

It may skip and fail; whatever it does not hear becomes a `not_assisted` gap that people can see. It never
touches the recorder (masking does, told what was said), and nothing waits for it but a source that is held.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from koemori.assist.ladder import LadderStanding
from koemori.assist.types import (
    AgentEdit,
    Approval,
    AssistEvent,
    AssistInput,
    CallClosed,
    CallerKnown,
    CallFacts,
    Heard,
    LadderApproved,
    Tick,
)
from koemori.audio.call import CallStarted
from koemori.audio.concealment import Concealment
from koemori.audio.frames import AudioFrame, Gap, GapCause, ms_to_samples, samples_to_ms
from koemori.audio.resample import ChannelResampler
from koemori.audio.signals import CallUpdated
from koemori.models.types import LoadChanged, Partial, Timing, TranscriptEvent, VoiceChanged
from koemori.server.calls.callers import CallerFinder
from koemori.server.calls.consultation import Consultation
from koemori.server.calls.emitter import Emitter
from koemori.server.calls.heard import KnownRoles, voice_raised
from koemori.server.calls.lane_channel import LaneChannel
from koemori.server.calls.latency import Cause
from koemori.server.calls.masking import CallMasking
from koemori.server.calls.ordering import SpokenOrder
from koemori.server.calls.ports import CallPorts, Engine, Listener, Pace
from koemori.server.calls.who_speaks import WhoSpeaks
from koemori.server.telemetry import Metrics

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

ASSIST_RATE_HZ = 16_000
TICK_MS = 1000
HELD_BACKLOG_MS = 15_000
"""A held source waits while more speech than this is with the workers."""
MOST_QUESTIONS = 64
"""An engine further behind than this is not told of seconds any more; words it hears all the same."""
_LEAST_CLOSING_S = 5.0
_A_SECOND = Timing(0, 0, 0, 0, 0)
_Question = tuple[AssistInput, Cause | None]

_UNDERSTANDING = ThreadPoolExecutor(1, "koemori-understanding")
"""Where the engines of all calls work: a long thought must not keep the loop from recording."""


class AssistLane:
    """One call's best-effort side. `run` is its task; the others are called from the session's task.

    Args:
        started: The call.
        ports: Makers of listener and engine.
        emitter: Where events go.
        metrics: What is counted.
        pace: Whether a source may be held up.
        queue_ms: How far behind the lane may be, per channel, before audio is skipped.
        facts: What is known of the call.
        masking: Told when a card number is asked for or was said; holds the door of the words.
    """

    def __init__(
        self,
        started: CallStarted,
        ports: CallPorts,
        emitter: Emitter,
        metrics: Metrics,
        pace: Pace,
        queue_ms: int,
        facts: CallFacts,
        masking: CallMasking,
    ) -> None:
        self._started = started
        self._ports = ports
        self._emitter = emitter
        self._metrics = metrics
        self._pace = pace
        self._facts = facts
        self._queue: deque[AudioFrame | Gap] = deque()
        self._queue_limit_ms = queue_ms * len(started.channels)
        self._queued_ms = 0
        self._changed = asyncio.Condition()
        self._closing = False
        self._failed = False
        self._listener: Listener | None = None
        self._engine: Engine | None = None
        self._engine_turn = asyncio.Lock()
        self._finder = CallerFinder(started.call_id, ports.look_up)
        self._roles = KnownRoles()
        self._who = WhoSpeaks()
        self._consultation = Consultation(started.call_id, ports.adviser, metrics, self._feed)
        self._questions: asyncio.Queue[_Question | None] = asyncio.Queue()
        self._masking = masking
        self._cards = masking.cards
        self._saying = asyncio.Lock()
        self._order = SpokenOrder()
        self._order_turn = asyncio.Lock()
        self._next_tick_ms = TICK_MS
        rate_hz = started.sample_rate_hz
        self._channels = {
            channel.index: LaneChannel(
                channel, ChannelResampler(rate_hz, ASSIST_RATE_HZ), Concealment(rate_hz)
            )
            for channel in started.channels
        }

    async def offer(self, event: AudioFrame | Gap) -> None:
        """Hand over one event. Waits only for a held source; a live one skips what does not fit."""
        if isinstance(event, AudioFrame) and event.late:
            return
        state = self._channels[event.channel.index]
        start_ms = samples_to_ms(event.start_sample, event.sample_rate_hz)
        state.offered_ms = max(state.offered_ms, samples_to_ms(event.end_sample, event.sample_rate_hz))
        if self._pace is Pace.HELD:
            async with self._changed:
                await self._changed.wait_for(lambda: self._failed or self._queued_ms <= self._queue_limit_ms)
        if self._failed:
            return
        if self._queued_ms > self._queue_limit_ms:
            if state.skipped_from_ms is None:
                state.skipped_from_ms = start_ms
            return
        if state.skipped_from_ms is not None:
            await self._end_skip(state, start_ms)
        await self._enqueue(event)

    async def edit(self, at_ms: int, values: Mapping[str, str]) -> None:
        """The agent changed the case form."""
        await self._feed(AgentEdit(at_ms=at_ms, values=values))

    async def learn(self, update: CallUpdated) -> None:
        """More became known of the call: roles hold from now on, a number tells who calls."""
        self._roles.learn(update.roles)
        number = update.customer_number
        if number is None or self._closing:
            return
        if self._engine is None:
            self._facts = replace(self._facts, known={**self._facts.known, "phone": number})
        else:
            await self._greet(await self._finder.known(update.at_ms, {"phone": number}))

    @property
    def ladder(self) -> LadderStanding | None:
        """Where the call stands on the warning ladder; None before anything called for it. Thread-safe."""
        return None if self._engine is None else self._engine.ladder

    async def approve(self, approval: LadderApproved) -> Approval | None:
        """A supervisor approves that the agent may end the call; None where it is not due, or is over."""
        results = [] if self._closing else await self._feed(approval)
        return next((result for result in results if isinstance(result, Approval)), None)

    async def run(self) -> None:
        """Work until `finish`, or until something fails; raises nothing but cancellation."""
        try:
            self._engine = self._ports.make_engine(self._facts)
            self._listener = self._ports.make_listener(self._started)
            await self._greet(await self._finder.known(0, self._facts.known))
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(self._listener))
                tasks.create_task(self._understand(self._listener))
                tasks.create_task(self._answer())
        except Exception as error:  # the task's edge: the call goes on, recorded and not assisted
            await self._fail(error)

    async def finish(self, task: asyncio.Task[None], drain_s: float, end_ms: int) -> None:
        """No more audio: wait for the last words, at most `drain_s`, then close the case."""
        for state in self._channels.values():
            if state.skipped_from_ms is not None:
                await self._end_skip(state, state.offered_ms)
        async with self._changed:
            self._closing = True
            self._changed.notify_all()
        done, _ = await asyncio.wait({task}, timeout=drain_s)
        if not done:
            logger.warning("assist side did not finish in time", extra={"call_id": self._started.call_id})
            self._metrics.assist_failures.labels("DrainTimeout").inc()
            await self._say_not_assisted("deadline")
            task.cancel()
            await asyncio.wait({task})
        elif self._failed:
            await self._say_not_assisted("failed")
        await self._consultation.finish()
        try:
            async with asyncio.timeout(max(drain_s, _LEAST_CLOSING_S)):
                await self._feed(CallClosed(at_ms=end_ms))
        except TimeoutError:
            logger.error("assist engine hangs", extra={"call_id": self._started.call_id})
            self._metrics.assist_failures.labels("EngineTimeout").inc()
        self._count()
        self._channels.clear()

    def _count(self) -> None:
        if self._listener is not None:
            self._metrics.partials_dropped.inc(self._listener.counts.partials_dropped)
            self._metrics.voice_left_out.inc(self._listener.counts.voice_left_out_ms / 1000)
        if self._engine is not None:
            for part, times in self._engine.failures.items():
                self._metrics.assist_failures.labels(part).inc(times)

    async def _enqueue(self, event: AudioFrame | Gap) -> None:
        async with self._changed:
            self._queue.append(event)
            self._queued_ms += _duration_ms(event)
            self._changed.notify_all()

    async def _end_skip(self, state: LaneChannel, end_ms: int) -> None:
        start_ms, state.skipped_from_ms = state.skipped_from_ms or 0, None
        await self._emitter.not_assisted(state.channel.index, start_ms, end_ms, "overload")
        rate_hz = self._started.sample_rate_hz
        start = ms_to_samples(start_ms, rate_hz)
        count = ms_to_samples(end_ms, rate_hz) - start
        await self._enqueue(Gap(state.channel, start, count, GapCause.NOT_ASSISTED, rate_hz))

    async def _fail(self, error: Exception) -> None:
        cause = error.exceptions[0] if isinstance(error, ExceptionGroup) else error
        logger.error(
            "assist side failed; the call is recorded only",
            extra={"call_id": self._started.call_id},
            exc_info=cause,
        )
        self._metrics.assist_failures.labels(type(cause).__name__).inc()
        await self._say_not_assisted("failed")
        async with self._changed:
            self._failed = True
            self._queue.clear()
            self._changed.notify_all()

    async def _say_not_assisted(self, reason: str) -> None:
        """Say of each channel what was recorded and will not be heard, once."""
        backlog_ms = 0 if self._listener is None else self._listener.backlog_ms
        for state in self._channels.values():
            start_ms = max(state.settled_ms, state.heard_ms - backlog_ms)
            if start_ms < state.offered_ms:
                state.settled_ms = state.heard_ms = state.offered_ms
                await self._emitter.not_assisted(state.channel.index, start_ms, state.offered_ms, reason)

    async def _listen(self, listener: Listener) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._queue or self._closing)
                if not self._queue:
                    break
                event = self._queue.popleft()
                self._queued_ms -= _duration_ms(event)
                self._changed.notify_all()
            self._hear(listener, event)
            if self._pace is Pace.HELD:
                await self._advance(listener.finals_from_ms)
                await listener.drain_below(HELD_BACKLOG_MS)
            else:
                await self._tick(min(state.heard_ms for state in self._channels.values()))
            await asyncio.sleep(0)
        for state in self._channels.values():
            self._push(listener, state, state.resampler.flush())
        listener.finish()

    def _hear(self, listener: Listener, event: AudioFrame | Gap) -> None:
        state = self._channels[event.channel.index]
        start = event.start_sample * ASSIST_RATE_HZ // event.sample_rate_hz
        end = event.end_sample * ASSIST_RATE_HZ // event.sample_rate_hz
        sound = state.concealment.sound(event)
        if sound is None:
            self._push(listener, state, state.resampler.flush())
            start_ms, end_ms = (samples_to_ms(place, ASSIST_RATE_HZ) for place in (start, end))
            listener.gap(state.channel, start_ms, end_ms - start_ms)
            state.next_sample = end
        else:
            self._push(listener, state, state.resampler.push(sound))
        state.heard_ms = samples_to_ms(end, ASSIST_RATE_HZ)

    def _push(self, listener: Listener, state: LaneChannel, samples: NDArray[np.float32]) -> None:
        if len(samples):
            listener.push(state.channel, samples_to_ms(state.next_sample, ASSIST_RATE_HZ), samples)
            state.next_sample += len(samples)

    async def _understand(self, listener: Listener) -> None:
        async for event in listener.events():
            if self._pace is not Pace.HELD or isinstance(event, (Partial, LoadChanged)):
                await self._say(event)
            else:
                self._order.push(event)
                await self._advance(listener.finals_from_ms)
        await self._advance(None)
        async with self._saying:
            await self._pass_on(self._cards.finish())
        self._questions.put_nowait(None)

    async def _advance(self, until_ms: int | None) -> None:
        """Say a held call's finals, and tick, in the order of media time, as far as it is settled."""
        async with self._order_turn:
            for event in self._order.ready(until_ms):
                await self._tick(event.end_ms)
                await self._say(event)
            heard_ms = min(state.heard_ms for state in self._channels.values())
            await self._tick(heard_ms if until_ms is None else min(heard_ms, until_ms - 1))

    async def _say(self, event: TranscriptEvent) -> None:
        async with self._saying:
            await self._pass_on(self._cards.push(self._roles.applied(event)))

    async def _pass_on(self, events: list[TranscriptEvent]) -> None:
        for news in self._cards.take_news():
            await self._masking.heard(news)
        for event in events:
            await self._tell(event)

    async def _tell(self, event: TranscriptEvent) -> None:
        came_ms = self._emitter.now_ms()
        await self._emitter.transcript(event, came_ms)
        if isinstance(event, (Partial, LoadChanged)):
            return
        if isinstance(event, VoiceChanged):
            return await self._ask(voice_raised(event), None)
        state = self._channels[event.channel.index]
        state.settled_ms = max(state.settled_ms, event.end_ms)
        for told, timing in self._who.inputs(event):
            await self._ask(told, self._cause(event.end_ms, timing, came_ms))

    async def _tick(self, now_ms: int) -> None:
        """Tell the engine of each second that went by."""
        while now_ms >= self._next_tick_ms:
            at_ms, self._next_tick_ms = self._next_tick_ms, self._next_tick_ms + TICK_MS
            async with self._saying:
                finals_from_ms = 0 if self._listener is None else self._listener.finals_from_ms
                await self._pass_on(self._cards.tick(min(at_ms, finals_from_ms)))
            await self._ask(Tick(at_ms=at_ms), self._cause(at_ms, _A_SECOND, self._emitter.now_ms()))

    def _cause(self, since_ms: int, timing: Timing | None, came_ms: int | None) -> Cause | None:
        asked_ms = self._emitter.now_ms()
        if timing is None or came_ms is None or asked_ms is None:
            return None
        return Cause(since_ms, timing, came_ms, asked_ms)

    async def _ask(self, event: AssistInput, cause: Cause | None) -> None:
        """Have the engine told. Only a held source waits for it: thoughts must not delay the next words."""
        if self._pace is Pace.HELD:
            await self._feed(event, cause)
        elif not isinstance(event, Tick) or self._questions.qsize() < MOST_QUESTIONS:
            self._questions.put_nowait((event, cause))

    async def _answer(self) -> None:
        """Tell the engine, one after the other, what a call that is not held has queued for it."""
        while (question := await self._questions.get()) is not None:
            await self._feed(*question)

    async def _greet(self, known: CallerKnown | None) -> None:
        if known is not None:
            await self._feed(known)

    async def _feed(self, event: AssistInput, cause: Cause | None = None) -> list[AssistEvent]:
        """Tell the engine; what it answered, as it was said to everybody."""
        if self._engine is None:
            return []
        async with self._engine_turn:
            try:
                loop = asyncio.get_running_loop()
                results = await loop.run_in_executor(_UNDERSTANDING, self._engine.push, event)
            except Exception as error:  # one input that a rule cannot take must not cost the transcript
                logger.error(
                    "assist engine failed on one input",
                    extra={"call_id": self._started.call_id},
                    exc_info=error,
                )
                self._metrics.assist_failures.labels(type(error).__name__).inc()
                return []
            answered_ms = self._emitter.now_ms()
            if isinstance(event, Heard) and cause is not None and answered_ms is not None:
                taken_s = (answered_ms - cause.asked_ms) / 1000
                self._metrics.stage.labels("utterance", "understand").observe(taken_s)
            for result in results:
                await self._emitter.assist(result, cause, answered_ms)
            doubts = self._engine.take_doubts()
        if not isinstance(event, CallClosed):
            self._consultation.about(doubts)
            await self._greet(await self._finder.after(results))
        return results


def _duration_ms(event: AudioFrame | Gap) -> int:
    return samples_to_ms(event.end_sample - event.start_sample, event.sample_rate_hz)

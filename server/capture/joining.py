"""Joins the legs that a phone system sends on connections of their own into calls, and runs these.

A connection asks `Joining.enter` for a place, by the name under which its phone system joins legs, and gives
its audio to the `JoinedLeg` it gets. The calls run by themselves; a connection may be gone long before its
call is sealed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from koemori.audio.call import CallEnded, ChannelRole
from koemori.audio.frames import SourceEvent
from koemori.audio.ingest.counted import Samples
from koemori.audio.ingest.legs import JoinLimits, LegFacts, LegJoiner
from koemori.server.capture.running import run_call
from koemori.server.capture.trunk import TrunkContext

_TICK_S = 0.1


@dataclass(slots=True, eq=False)
class JoinedCall:
    """A `CallSource` that legs feed.

    Attributes:
        joiner: Places the legs' audio.
        context: The trunk's.
        done: Set when no leg can give anything more; connections close then.
    """

    joiner: LegJoiner
    context: TrunkContext
    clock_s: Callable[[], float]
    done: asyncio.Event = field(default_factory=asyncio.Event)
    _events: asyncio.Queue[SourceEvent | None] = field(default_factory=asyncio.Queue)
    _ticker: asyncio.TimerHandle | None = None

    async def events(self) -> AsyncIterator[SourceEvent]:
        """The call's events; ends after `CallEnded`, or at once when every leg left without audio."""
        self._tick()
        while (event := await self._events.get()) is not None:
            yield event
            if isinstance(event, CallEnded):
                return

    def stop(self, reason: str) -> None:
        """End the call from our side, after what has been received."""
        self.give(self.joiner.close(reason, self.clock_s()))

    def give(self, events: list[SourceEvent]) -> None:
        """Hand on what the joiner made of something."""
        for event in events:
            self._events.put_nowait(event)
        if self.joiner.ended and not self.done.is_set():
            self.done.set()
            self._events.put_nowait(None)
            if self._ticker is not None:
                self._ticker.cancel()

    def _tick(self) -> None:
        self.give(self.joiner.tick(self.clock_s()))
        if not self.joiner.ended:
            self._ticker = asyncio.get_running_loop().call_later(_TICK_S, self._tick)


@dataclass(frozen=True, slots=True)
class JoinedLeg:
    """One connection's place in a call."""

    call: JoinedCall
    handle: int

    def audio(self, samples: Samples, at_s: float | None = None) -> None:
        """Give samples, shape `(n,)`, at the rate of the leg's facts; `at_s` is when they came.

        That is now when it is left out; legs whose audio came in one message must be given one time.
        """
        at_s = self.call.clock_s() if at_s is None else at_s
        self.call.give(self.call.joiner.audio(self.handle, samples, at_s))

    def key(self, key: str) -> None:
        """A key was pressed, one of `0-9 * # A-D`."""
        self.call.give(self.call.joiner.key(self.handle, key, self.call.clock_s()))

    def document(self, name: str, media_type: str, content: bytes) -> None:
        """Keep what the phone system sent about the leg; `name` without a number, as `metadata.json`."""
        self.call.give(self.call.joiner.document(self.handle, name, media_type, content))

    def leave(self, reason: str = "disconnected") -> None:
        """The connection has ended; more than once does nothing."""
        self.call.give(self.call.joiner.leave(self.handle, self.call.clock_s(), reason))


class Joining:
    """The calls of one trunk that legs are joined into."""

    def __init__(
        self,
        context: TrunkContext,
        source: str,
        limits: JoinLimits | None = None,
        *,
        clock_s: Callable[[], float] | None = None,
    ) -> None:
        """Begin without calls.

        Args:
            context: The trunk's.
            source: Name of the ingest, for `Channel.source`.
            limits: How many legs make a call and how long they wait.
            clock_s: Monotonic time; the event loop's when left out.
        """
        self._context = context
        self._source = source
        self._limits = limits or JoinLimits()
        self._clock_s = clock_s
        self._by_key: dict[str, JoinedCall] = {}
        self._running: dict[asyncio.Task[None], JoinedCall] = {}

    def __len__(self) -> int:
        return len(self._running)

    def enter(self, facts: LegFacts, key: str | None) -> JoinedLeg:
        """A place for a leg: in the call that `key` names when it has one, else in a call of its own.

        A leg without a key is a mono call that starts at once. Call it in the event loop.
        """
        known = None if key is None else self._by_key.get(key)
        if known is None or not known.joiner.has_place(facts.role):
            known = self._begin(key)
        clock_s = known.clock_s()
        handle, events = known.joiner.enter(facts, clock_s)
        known.give(events)
        return JoinedLeg(known, handle)

    def has_place(self, key: str | None, role: ChannelRole) -> bool:
        """Whether a leg of this name and role would come into a call that is there already."""
        known = None if key is None else self._by_key.get(key)
        return known is not None and known.joiner.has_place(role)

    async def aclose(self) -> None:
        """End what still runs and wait for it; live calls have been sealed before."""
        for call in tuple(self._running.values()):
            call.stop("shutdown")
        if self._running:
            await asyncio.wait(self._running)

    def _begin(self, key: str | None) -> JoinedCall:
        limits = self._limits if key is not None else JoinLimits(legs=1, counted=self._limits.counted)
        clock_s = self._clock_s or asyncio.get_running_loop().time
        call = JoinedCall(LegJoiner(self._source, limits), self._context, clock_s)
        if key is not None:
            self._by_key[key] = call
        task = asyncio.create_task(self._run(call, key), name="joined-call")
        self._running[task] = call
        task.add_done_callback(self._running.pop)
        return call

    async def _run(self, call: JoinedCall, key: str | None) -> None:
        try:
            await run_call(self._context, call)
        finally:
            call.stop("disconnected")
            if key is not None and self._by_key.get(key) is call:
                del self._by_key[key]

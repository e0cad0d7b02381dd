"""The set of live calls: start them, edit them, and end them all at shutdown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from koemori.assist.ladder import LadderStanding
from koemori.assist.types import Approval
from koemori.audio.call import CallId
from koemori.audio.errors import KoemoriError
from koemori.audio.signals import CallUpdated
from koemori.server.bus import EventSink
from koemori.server.calls.known import KnownOfCall
from koemori.server.calls.masking_plan import MaskingStanding
from koemori.server.calls.ports import CallPorts, CallSource, Pace
from koemori.server.calls.session import CallSession, SessionLimits
from koemori.server.telemetry import Metrics
from koemori.server.wire import CallEndedEvent

logger = logging.getLogger(__name__)


class NoNewCallsError(KoemoriError):
    """The service is closing and takes no new calls."""

    code = "closing"

    def __init__(self) -> None:
        super().__init__("call: expected a service that takes calls; it is closing")


@dataclass(slots=True)
class LiveCalls:
    """Every call of this process that has not ended.

    Attributes:
        ports: What a session needs.
        sink: Where events go.
        metrics: What is counted.
        limits: See `SessionLimits`.
    """

    ports: CallPorts
    sink: EventSink
    metrics: Metrics
    limits: SessionLimits = field(default_factory=SessionLimits)
    _sessions: set[CallSession] = field(default_factory=set)
    _draining: str | None = None

    def __len__(self) -> int:
        return len(self._sessions)

    async def run(self, source: CallSource, pace: Pace = Pace.LIVE) -> CallEndedEvent:
        """Run one call to its end; see `CallSession.run`.

        Cancelling the caller (its socket died) ends the call, but the call itself goes on until it is sealed.

        Raises:
            NoNewCallsError: The service is closing.
        """
        if self._draining is not None:
            raise NoNewCallsError
        session = CallSession(self.ports, self.sink, self.metrics, pace, self.limits)
        self._sessions.add(session)
        task = asyncio.create_task(session.run(source), name="call")
        task.add_done_callback(lambda done: self._ended(session, done))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            session.stop("disconnected")
            raise

    def _ended(self, session: CallSession, task: asyncio.Task[CallEndedEvent]) -> None:
        self._sessions.discard(session)
        # Reading it marks a failure as seen when nobody waits for the call any more.
        if not task.cancelled() and task.exception() is not None:
            logger.debug("call ended by an error")

    def call_ids(self) -> tuple[CallId, ...]:
        """Calls that have begun and not ended, oldest first."""
        return tuple(sorted(one.started.call_id for one in self._sessions if one.started is not None))

    async def edit(self, call_id: str, values: Mapping[str, str]) -> bool:
        """Hand the agent's edit to the call's case; False when the call is not live."""
        session = self._session(call_id)
        return session is not None and await session.edit(values)

    async def approve(self, call_id: str, user_name: str, display_name: str) -> Approval | None:
        """Hand a supervisor's approval to the call; None when it is not live or does not stand there."""
        session = self._session(call_id)
        return None if session is None else await session.approve(user_name, display_name)

    async def mask(self, call_id: str, reason: str, seconds: float | None) -> MaskingStanding | None:
        """Keep a live call's sound out from now on; None when it is not live."""
        session = self._session(call_id)
        return None if session is None else await session.mask(reason, seconds)

    async def unmask(self, call_id: str) -> MaskingStanding | None:
        """Keep a live call's sound again; None when it is not live."""
        session = self._session(call_id)
        return None if session is None else await session.unmask()

    async def update(self, call_id: str, update: CallUpdated) -> bool:
        """Tell a live call what became known of it; False when it is not live."""
        session = self._session(call_id)
        if session is None:
            return False
        return await session.update(replace(update, at_ms=max(update.at_ms, session.now_ms)))

    def known(self) -> dict[CallId, KnownOfCall]:
        """What is known of each live call."""
        return {
            one.started.call_id: one.known
            for one in self._sessions
            if one.started is not None and one.known is not None
        }

    def ladder(self, call_id: str) -> LadderStanding | None:
        """Where a live call stands on the warning ladder; None before anything called for it. Thread-safe."""
        session = self._session(call_id)
        return None if session is None else session.ladder

    def _session(self, call_id: str) -> CallSession | None:
        sessions = tuple(self._sessions)  # at once: the loop may add one while another thread looks
        return next((one for one in sessions if one.started and one.started.call_id == call_id), None)

    async def drain(self, reason: str, patience_s: float = 60.0) -> None:
        """End every call, take no new ones, and wait until each is sealed."""
        self._draining = reason
        deadline = asyncio.get_running_loop().time() + patience_s
        while self._sessions and asyncio.get_running_loop().time() < deadline:
            for session in tuple(self._sessions):
                session.stop(reason)
            await asyncio.sleep(0.02)
        if self._sessions:
            logger.error("calls not sealed at shutdown; their journals are kept", extra={"calls": len(self)})

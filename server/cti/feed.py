"""Takes operational events in, and tells the live calls that they speak of.

Whichever comes first waits in the database for the other: an event is told to the live calls that have one
of its names; a call that begins, or gets another name, is told what events said of it before.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Protocol

from koemori.audio.call import CallId
from koemori.audio.signals import CallUpdated, UpdateKind
from koemori.server.bells import CALLS, Bells
from koemori.server.bus import EventBus, SlowReaderError
from koemori.server.calls.known import KnownOfCall
from koemori.server.calls.masking_plan import MaskingStanding
from koemori.server.cti import joining
from koemori.server.cti.joining import Standing
from koemori.server.cti.schema import EventType, OperationalEvent
from koemori.server.cti.signing import SignatureCheck
from koemori.server.db.engine import Database
from koemori.server.wire import CallStartedEvent, CallUpdatedEvent

logger = logging.getLogger(__name__)
PAYMENT = "payment"
"""Why a call is masked between two events of a payment page."""
_HOLDS = (EventType.CALL_HELD, EventType.CALL_RESUMED)


class LiveCalls(Protocol):
    """The calls that are going on."""

    def known(self) -> dict[CallId, KnownOfCall]:
        """What is known of each."""
        ...

    async def update(self, call_id: str, update: CallUpdated) -> bool:
        """Tell one what became known of it; False when it is not live."""
        ...

    async def mask(self, call_id: str, reason: str, seconds: float | None) -> MaskingStanding | None:
        """Keep a live call's sound out from now on; None when it is not live."""
        ...

    async def unmask(self, call_id: str) -> MaskingStanding | None:
        """Keep a live call's sound again; None when it is not live."""
        ...


class CtiFeed:
    """Everything that tells events gives them here: HTTP, a manager connection of a PBX.

    Args:
        database: Keeps every event.
        live: Is told what concerns it.
        bus: Says when calls begin.
        bells: Rung when lists may have changed.
        agents: The phone systems' names of agents → user names; others are taken as they are.
        signing_key: Of requests that bring events, if any.

    Attributes:
        signatures: Checks such requests; None without a key.
    """

    def __init__(
        self,
        database: Database,
        live: LiveCalls,
        bus: EventBus,
        bells: Bells,
        agents: Mapping[str, str],
        signing_key: str | None = None,
    ) -> None:
        self.signatures = None if signing_key is None else SignatureCheck(signing_key)
        self._database = database
        self._live = live
        self._bus = bus
        self._bells = bells
        self._agents = agents

    async def take(self, event: OperationalEvent) -> bool:
        """Keep an event and tell the calls it names; False when it was kept before."""
        if event.agent_id is not None and event.agent_id in self._agents:
            event = event.model_copy(update={"agent_id": self._agents[event.agent_id]})
        if not await asyncio.to_thread(joining.record, self._database, event):
            return False
        self._bells.ring(CALLS)
        for call_id, known in self._live.known().items():
            if event.names & {call_id, *known.external_ids.values()}:
                await self._mask(call_id, event.type)
                await self._tell(call_id, known, event)
        return True

    async def _mask(self, call_id: CallId, kind: EventType) -> None:
        if kind is EventType.PAYMENT_STARTED:
            await self._live.mask(call_id, PAYMENT, None)
        elif kind is EventType.PAYMENT_ENDED:
            await self._live.unmask(call_id)

    async def run(self) -> None:
        """Tell calls that begin, or get another name, what events said of them; until cancelled."""
        while True:
            try:
                async with self._bus.watch(frozenset({"call_started", "call_updated"})) as events:
                    async for event in events:
                        if isinstance(event, CallStartedEvent | CallUpdatedEvent) and event.external_ids:
                            await self._catch_up(CallId(event.call_id))
            except SlowReaderError:
                for call_id in self._live.known():
                    await self._catch_up(call_id)
                continue
            return

    async def _catch_up(self, call_id: CallId) -> None:
        known = self._live.known().get(call_id)
        if known is None:
            return
        try:
            await self._tell(call_id, known, None)
        except Exception as error:  # one call's look-up must not end it for all that follow
            logger.error("events of a call not read", extra={"call_id": call_id}, exc_info=error)

    async def _tell(self, call_id: CallId, known: KnownOfCall, event: OperationalEvent | None) -> None:
        names = {call_id, *known.external_ids.values()}
        standing = await asyncio.to_thread(self._read, names, known)
        update = CallUpdated(
            call_id=call_id,
            at_ms=0,
            kind=_kind(event, standing),
            facts=_facts(event),
            external_ids=standing.external_ids,
            agent_id=standing.agent_id,
            customer_number=None if known.customer_number else standing.customer_number,
            queue=standing.queue,
        )
        await self._live.update(call_id, update)

    def _read(self, names: set[str], known: KnownOfCall) -> Standing:
        with self._database.read() as session:
            return joining.standing_of(session, names, agent_id=known.agent_id, queue=known.queue)


def _kind(event: OperationalEvent | None, standing: Standing) -> UpdateKind:
    """A hold is told when an event speaks of one, or to a call that begins while it is held."""
    if event is not None and event.type is EventType.CALL_TRANSFERRED:
        return UpdateKind.TRANSFERRED
    if standing.held and (event is None or event.type in _HOLDS):
        return UpdateKind.HELD
    return UpdateKind.RESUMED if event is not None and event.type in _HOLDS else UpdateKind.FACTS


def _facts(event: OperationalEvent | None) -> dict[str, str | int]:
    if event is None or event.transfer is None:
        return {}
    return {"transfer": event.transfer}

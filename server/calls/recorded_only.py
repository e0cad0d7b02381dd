"""The assist side of a call where nobody listens (`[assist] enabled = false`): it says so, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from koemori.assist.ladder import LadderStanding
from koemori.assist.types import Approval, LadderApproved
from koemori.audio.call import CallStarted
from koemori.audio.frames import AudioFrame, Gap, samples_to_ms
from koemori.audio.signals import CallUpdated
from koemori.server.calls.emitter import Emitter

REASON = "off"


class RecordedOnly:
    """Stands in the place of an `AssistLane`; costs a look per frame.

    Each channel gets a `not_assisted` gap with its first audio, so that people see at once that no words will
    come, and one for the rest at the end.
    """

    def __init__(self, started: CallStarted, emitter: Emitter) -> None:
        """Begin; `emitter` is the call's."""
        self._rate_hz = started.sample_rate_hz
        self._emitter = emitter
        self._told_ms: dict[int, int] = {}
        self._ends: dict[int, int] = {}

    @property
    def ladder(self) -> LadderStanding | None:
        """Nothing calls for warnings here."""
        return None

    async def run(self) -> None:
        """There is no work."""

    async def offer(self, event: AudioFrame | Gap) -> None:
        """Note how far a channel has come."""
        index = event.channel.index
        self._ends[index] = max(self._ends.get(index, 0), event.end_sample)
        if index not in self._told_ms:
            self._told_ms[index] = 0
            await self._tell(index)

    async def edit(self, at_ms: int, values: Mapping[str, str]) -> None:
        """There is no case to edit."""

    async def learn(self, update: CallUpdated) -> None:
        """Nobody wants to know."""

    async def approve(self, approval: LadderApproved) -> Approval | None:
        """There is nothing to approve."""
        return None

    async def finish(self, task: asyncio.Task[None], drain_s: float, end_ms: int) -> None:
        """Tell of the rest."""
        for index in self._ends:
            await self._tell(index)

    async def _tell(self, index: int) -> None:
        start_ms, end_ms = self._told_ms[index], samples_to_ms(self._ends[index], self._rate_hz)
        if end_ms > start_ms:
            self._told_ms[index] = end_ms
            await self._emitter.not_assisted(index, start_ms, end_ms, REASON)

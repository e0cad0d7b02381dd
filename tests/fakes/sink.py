"""Sinks and stores that keep everything in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from koemori.audio.call import CallId, CallStarted
from koemori.audio.signals import CallUpdated
from koemori.server.wire import CallEndedEvent, WireEvent

if TYPE_CHECKING:
    from koemori.server.archive.sealing import SealedRecording


@dataclass
class ListSink:
    """An `EventSink` that keeps what comes."""

    calls: list[CallStarted] = field(default_factory=list)
    events: list[WireEvent] = field(default_factory=list)
    recordings: list[SealedRecording] = field(default_factory=list)
    updates: list[CallUpdated] = field(default_factory=list)

    async def call_started(self, started: CallStarted) -> None:
        self.calls.append(started)

    async def call_updated(self, update: CallUpdated) -> None:
        self.updates.append(update)

    async def publish(self, event: WireEvent) -> None:
        self.events.append(event)

    async def sealed(self, call_id: CallId, recording: SealedRecording) -> None:
        self.recordings.append(recording)

    async def settled(self, call_id: CallId, patience_s: float) -> bool:
        return True

    def of(self, kind: str) -> list[WireEvent]:
        """Events of one type, in order."""
        return [event for event in self.events if event.type == kind]


@dataclass
class MemoryStore:
    """A `CallStore` in memory that can be told to fail for a while."""

    failures: int = 0
    calls: list[CallId] = field(default_factory=list)
    events: dict[str, dict[int, WireEvent]] = field(default_factory=dict)
    recordings: dict[str, SealedRecording] = field(default_factory=dict)
    ends: dict[str, CallEndedEvent] = field(default_factory=dict)
    steps: list[str] = field(default_factory=list)

    def _step(self, name: str) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("database is locked")
        self.steps.append(name)

    async def call_started(self, started: CallStarted) -> None:
        self._step("started")
        self.calls.append(started.call_id)

    async def call_updated(self, update: CallUpdated) -> None:
        self._step("updated")

    async def append(self, call_id: CallId, events: Sequence[WireEvent]) -> None:
        self._step("append")
        self.events.setdefault(call_id, {}).update({event.seq: event for event in events})

    async def read(self, call_id: CallId, after_seq: int = 0, limit: int = 500) -> list[WireEvent]:
        kept = self.events.get(call_id, {})
        return [kept[seq] for seq in sorted(kept) if seq > after_seq][:limit]

    async def sealed(self, call_id: CallId, recording: SealedRecording) -> None:
        self._step("sealed")
        self.recordings[call_id] = recording

    async def ended(self, call_id: CallId, event: CallEndedEvent) -> None:
        self._step("ended")
        self.ends[call_id] = event

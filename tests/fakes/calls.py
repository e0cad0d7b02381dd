"""A scripted call and fakes for every port of a session; nothing here sleeps."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from koemori.assist.ladder import LadderStanding
from koemori.assist.third_opinion import Doubt
from koemori.assist.types import (
    AgentEdit,
    Alert,
    Approval,
    AssistEvent,
    AssistInput,
    CallClosed,
    CallFacts,
    CaseRevision,
    Category,
    EndState,
    FieldValue,
    Heard,
    LadderApproved,
    Severity,
)
from koemori.audio.call import CallEnded, CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.frames import AudioFrame, Gap, SourceEvent
from koemori.audio.recording import JournalHead
from koemori.audio.signals import CallDocument, CallUpdated
from koemori.models.questions import ListenerCounts
from koemori.models.types import LoadChanged, Timing, TranscriptEvent, Utterance
from koemori.server.archive.ledger import Ledger, channel_ledger
from koemori.server.archive.sealing import SealedRecording
from koemori.server.calls.ports import CallPorts, Engine, Listener
from numpy.typing import NDArray

CALL = CallId("01JDKQ0000000000000000CALL")
RATE_HZ = 8000
FRAME = 160
AGENT = Channel(CALL, LegId("a"), 0, ChannelRole.AGENT, "fake")
CUSTOMER = Channel(CALL, LegId("c"), 1, ChannelRole.CUSTOMER, "fake")
STARTED = CallStarted(CALL, datetime(2026, 11, 22, tzinfo=UTC), RATE_HZ, (AGENT, CUSTOMER))


def frame(channel: Channel, index: int, late: bool = False) -> AudioFrame:
    """The `index`-th 20 ms of a channel; samples tell where they are from."""
    samples = np.full(FRAME, index % 1000 + channel.index * 1000, dtype=np.int16)
    samples.setflags(write=False)
    return AudioFrame(channel, index * FRAME, RATE_HZ, samples, late)


def frames(count: int) -> list[SourceEvent]:
    """Both channels, 20 ms at a time."""
    return [frame(channel, index) for index in range(count) for channel in (AGENT, CUSTOMER)]


@dataclass
class ScriptedSource:
    """Yields what it was given; an exception in the list is raised, an event is waited for."""

    script: list[SourceEvent | Exception | asyncio.Event]

    async def events(self) -> AsyncIterator[SourceEvent]:
        for step in self.script:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, asyncio.Event):
                await step.wait()
                continue
            yield step


def call(*middle: SourceEvent | Exception | asyncio.Event, end_ms: int = 0) -> ScriptedSource:
    """A whole call around `middle`."""
    return ScriptedSource([STARTED, *middle, CallEnded(CALL, end_ms, "completed")])


@dataclass
class FakeRecorder:
    """Keeps what is pushed."""

    pushed: list[AudioFrame | Gap] = field(default_factory=list)
    noted: list[CallUpdated | CallDocument] = field(default_factory=list)
    masked: list[tuple[int, int, int]] = field(default_factory=list)
    marked: list[tuple[str, dict[str, str | int]]] = field(default_factory=list)
    ended: CallEnded | None = None

    def mask(self, channel: int, start_sample: int, sample_count: int) -> None:
        self.masked.append((channel, start_sample, sample_count))

    def mark(self, kind: str, facts: Mapping[str, str | int] | None = None) -> None:
        self.marked.append((kind, dict(facts or {})))

    def push(self, event: AudioFrame | Gap) -> None:
        self.pushed.append(event)

    def note(self, event: CallUpdated | CallDocument) -> None:
        self.noted.append(event)

    def close(self, ended: CallEnded) -> Future[JournalHead]:
        self.ended = ended
        done: Future[JournalHead] = Future()
        done.set_result(JournalHead(CALL, 1, len(self.pushed), b"", {}))
        return done


@dataclass
class FakeListener:
    """Says `text` once each `every_ms` of customer audio; may fail or hang instead."""

    text: str = "責任者を出せ"
    every_ms: int = 1000
    fail_at_ms: int | None = None
    hang: bool = False
    backlog_ms: int = 0
    timing: Timing | None = None
    load_changes: dict[int, LoadChanged] = field(default_factory=dict)
    """By the start of the utterance before which they are told."""
    counts: ListenerCounts = field(default_factory=ListenerCounts)
    heard: dict[int, int] = field(default_factory=dict)
    gaps: list[tuple[int, int, int]] = field(default_factory=list)
    _queue: asyncio.Queue[TranscriptEvent | None] = field(default_factory=asyncio.Queue)
    _undelivered: deque[int] = field(default_factory=deque)
    _said_ms: int = 0

    def push(self, channel: Channel, start_ms: int, samples: NDArray[np.float32]) -> None:
        end_ms = start_ms + len(samples) // 16
        self.heard[channel.index] = end_ms
        if self.fail_at_ms is not None and end_ms >= self.fail_at_ms:
            raise RuntimeError("the fake listener was told to fail")
        while channel.role is ChannelRole.CUSTOMER and end_ms + 1 >= self._said_ms + self.every_ms:
            start, self._said_ms = self._said_ms, self._said_ms + self.every_ms
            name = f"{channel.index}-{start}"
            self._undelivered.append(self._said_ms)
            if start in self.load_changes:
                self._queue.put_nowait(self.load_changes[start])
            self._queue.put_nowait(
                Utterance(channel, name, start, self._said_ms, self.text, (), "ja", "fake", self.timing)
            )

    def gap(self, channel: Channel, start_ms: int, duration_ms: int) -> None:
        self.gaps.append((channel.index, start_ms, duration_ms))

    @property
    def finals_from_ms(self) -> int:
        return self._undelivered[0] if self._undelivered else min(self.heard.values(), default=0)

    def finish(self) -> None:
        if not self.hang:
            self._queue.put_nowait(None)

    async def drain_below(self, backlog_ms: int) -> None:
        await asyncio.sleep(0)

    async def events(self) -> AsyncIterator[TranscriptEvent]:
        while (event := await self._queue.get()) is not None:
            if not isinstance(event, LoadChanged):
                self._undelivered.popleft()
            yield event


@dataclass
class FakeEngine:
    """Alerts at each utterance; answers edits and the end with a case. Fails at `fail_on`."""

    inputs: list[AssistInput] = field(default_factory=list)
    fail_on: type | None = None
    failures: Counter[str] = field(default_factory=Counter)
    fields: dict[str, FieldValue] = field(default_factory=dict)
    ladder: LadderStanding | None = None

    def push(self, event: AssistInput) -> list[AssistEvent]:
        self.inputs.append(event)
        if self.fail_on is not None and isinstance(event, self.fail_on):
            raise RuntimeError("the fake engine was told to fail")
        match event:
            case Heard():
                return [
                    Alert(
                        f"a-{event.utterance_id}",
                        Category.THREAT,
                        Severity.WARNING,
                        True,
                        "fake",
                        event.end_ms,
                        (event.utterance_id,),
                        event.text,
                        "fake",
                    )
                ]
            case AgentEdit():
                self.fields |= {
                    name: FieldValue(value, 1.0, (), True) for name, value in event.values.items()
                }
                return [self._case(event.at_ms)]
            case LadderApproved():
                if self.ladder is None or not self.ladder.awaits_approval:
                    return []
                self.ladder = replace(self.ladder, awaits_approval=False)
                return [Approval(event.at_ms, event.approved_by, event.approver_name, "ladder4")]
            case CallClosed():
                return [self._case(event.at_ms)]
            case _:
                return []

    def take_doubts(self) -> list[Doubt]:
        return []

    def _case(self, at_ms: int) -> CaseRevision:
        return CaseRevision(1, at_ms, dict(self.fields), EndState.OPEN, (), "unknown", "calm")


@dataclass
class FakeParts:
    """All fakes of one call, and the ports over them."""

    recorder: FakeRecorder = field(default_factory=FakeRecorder)
    listener: FakeListener = field(default_factory=FakeListener)
    engine: FakeEngine = field(default_factory=FakeEngine)
    seal_error: Exception | None = None
    listener_error: Exception | None = None
    released: list[CallId] = field(default_factory=list)

    def ports(self) -> CallPorts:
        return CallPorts(
            open_recorder=lambda _: self.recorder,
            seal=self._seal,
            release=self.released.append,
            make_listener=self._make_listener,
            make_engine=self._make_engine(),
        )

    def _make_engine(self) -> Callable[[CallFacts], Engine]:
        return lambda _: self.engine

    def _make_listener(self, started: CallStarted) -> Listener:
        if self.listener_error is not None:
            raise self.listener_error
        return self.listener

    def _seal(self, started: CallStarted, head: Future[JournalHead]) -> SealedRecording:
        if self.seal_error is not None:
            raise self.seal_error
        ends = {0: 0, 1: 0}
        for event in self.recorder.pushed:
            ends[event.channel.index] = max(ends[event.channel.index], event.end_sample)
        count = max(ends.values())
        rows = [
            channel_ledger(one.index, one.role.value, {"captured": end, "lost": count - end}, RATE_HZ)
            for one, end in zip(started.channels, ends.values(), strict=True)
        ]
        ledger = Ledger(tuple(rows))
        return SealedRecording(
            "rec-1", CALL, Path("archive/rec-1"), "0" * 64, "1" * 64, ledger, RATE_HZ, count, count // 8
        )

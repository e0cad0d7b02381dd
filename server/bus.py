"""Events from sessions to readers, within this process.

Per call, readers see events in order of `seq`, each once. A subscription from an earlier `seq` joins stored
and live events: the bus remembers what it has published and not yet stored, so nothing falls between the
two. A reader that does not keep up is cut off with a `SlowReaderError`; it slows nobody.

Partials are live only. A new reader gets the newest partial of each speaker whose utterance is still open.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from koemori.audio.call import CallId, CallStarted, ChannelRole
from koemori.audio.errors import KoemoriError
from koemori.audio.signals import CallUpdated
from koemori.server.calls.store import CallStore
from koemori.server.calls.writer import StoreWriter
from koemori.server.wire import (
    AssistanceEvent,
    AssistanceLevel,
    CallEndedEvent,
    PartialEvent,
    QuarantinedEvent,
    UtteranceEvent,
    WireEvent,
)

if TYPE_CHECKING:
    from koemori.server.archive.sealing import SealedRecording

QUEUE_LIMIT = 1000
_PAGE = 500


class SlowReaderError(KoemoriError):
    """A subscriber fell behind by more than its queue holds; it may subscribe again from its last `seq`."""

    code = "slow-reader"

    def __init__(self, queue_limit: int) -> None:
        super().__init__(
            f"event reader: expected to be at most {queue_limit} events behind; got further behind"
        )
        self.queue_limit = queue_limit


class EventSink(Protocol):
    """Where a session's events go. Nothing here waits for a reader or a database."""

    async def call_started(self, started: CallStarted) -> None:
        """A call began; comes before its first event."""
        ...

    async def call_updated(self, update: CallUpdated) -> None:
        """More became known of a call; comes before its `call_updated` event."""
        ...

    async def publish(self, event: WireEvent) -> None:
        """Hand on one event; `seq` rises by one per call; `call_ended` is the last."""
        ...

    async def sealed(self, call_id: CallId, recording: SealedRecording) -> None:
        """The call's recording is in the archive; comes before `call_ended`."""
        ...

    async def settled(self, call_id: CallId, patience_s: float) -> bool:
        """Wait until all of an ended call is kept; False when it is not, after `patience_s`."""
        ...


class Subscription(Protocol):
    """Events for one reader; close it when done (or use it as an async context manager)."""

    def __aiter__(self) -> AsyncIterator[WireEvent]: ...

    async def __anext__(self) -> WireEvent: ...

    def close(self) -> None:
        """Stop; a reader waiting for the next event sees the end."""
        ...

    async def __aenter__(self) -> Subscription: ...

    async def __aexit__(self, *exc: object) -> None: ...


class EventBus(EventSink, Protocol):
    """A sink that can be read."""

    def subscribe(self, call_id: CallId, after_seq: int = 0) -> Subscription:
        """Events of one call with `seq > after_seq`, stored first, then live; ends after `call_ended`.

        Iterating raises `SlowReaderError` when the reader fell behind; events up to there were delivered.
        """
        ...

    def watch(self, types: frozenset[str] | None = None) -> Subscription:
        """Events of every call from now on, of these types (all when None); ends when the bus closes."""
        ...

    def assistance(self, call_id: CallId) -> AssistanceLevel:
        """What the recogniser last said it sheds in a call; normal for one that is not live."""
        ...


@dataclass(slots=True, eq=False)
class _Reader:
    """One subscriber's bounded queue; None in it means the end."""

    types: frozenset[str] | None = None
    queue: asyncio.Queue[WireEvent | None] = field(default_factory=lambda: asyncio.Queue(QUEUE_LIMIT + 1))
    cut_off: bool = False
    closed: bool = False

    def offer(self, event: WireEvent) -> bool:
        """Queue an event; False when the reader is too far behind and now cut off."""
        if self.types is not None and event.type not in self.types:
            return True
        if self.queue.qsize() >= QUEUE_LIMIT:
            self.cut_off = True
            self.queue.put_nowait(None)
            return False
        self.queue.put_nowait(event)
        return True

    def close(self) -> None:
        if not self.closed and not self.cut_off:
            self.closed = True
            if not self.queue.full():
                self.queue.put_nowait(None)


@dataclass(slots=True)
class _Feed:
    """One live call: its readers, what is published and not yet stored, and the open partials."""

    readers: set[_Reader] = field(default_factory=set)
    unstored: deque[WireEvent] = field(default_factory=deque)
    partials: dict[ChannelRole, PartialEvent] = field(default_factory=dict)
    assistance: AssistanceLevel = AssistanceLevel.NORMAL

    def note(self, event: WireEvent, *, to_be_stored: bool) -> None:
        if isinstance(event, PartialEvent):
            self.partials[event.speaker] = event
        elif isinstance(event, (UtteranceEvent, QuarantinedEvent)):
            self.partials.pop(event.speaker, None)
        elif isinstance(event, AssistanceEvent):
            self.assistance = event.level
        if to_be_stored:
            self.unstored.append(event)

    def snapshot(self, after_seq: int) -> list[WireEvent]:
        """Published events a store may not have yet, and open partials, in order."""
        chosen = [event for event in (*self.unstored, *self.partials.values()) if event.seq > after_seq]
        return sorted(chosen, key=lambda event: event.seq)


class InProcessBus:
    """`EventBus` for one process; writes events to the store behind the readers' backs, in batches."""

    def __init__(self, store: CallStore, on_dropped: Callable[[], None] = lambda: None) -> None:
        """Keep events in `store`; `on_dropped` hears of each for which there is no room while it fails."""
        self._store = store
        self._feeds: dict[CallId, _Feed] = {}
        self._watchers: set[_Reader] = set()
        self._writer = StoreWriter(store, self._stored, on_dropped)

    async def call_started(self, started: CallStarted) -> None:
        """See `EventSink`."""
        self._feeds[started.call_id] = _Feed()
        self._writer.call_started(started)

    async def call_updated(self, update: CallUpdated) -> None:
        """See `EventSink`."""
        self._writer.call_updated(update)

    async def publish(self, event: WireEvent) -> None:
        """See `EventSink`."""
        call_id = CallId(event.call_id)
        feed = self._feeds.setdefault(call_id, _Feed())
        feed.note(event, to_be_stored=not isinstance(event, PartialEvent) and self._writer.append(event))
        for readers in (feed.readers, self._watchers):
            for reader in tuple(readers):
                if not reader.offer(event):
                    readers.discard(reader)

    async def sealed(self, call_id: CallId, recording: SealedRecording) -> None:
        """See `EventSink`."""
        self._writer.sealed(call_id, recording)

    async def settled(self, call_id: CallId, patience_s: float) -> bool:
        """See `EventSink`."""
        return await self._writer.settled(call_id, patience_s)

    def subscribe(self, call_id: CallId, after_seq: int = 0) -> Subscription:
        """See `EventBus`."""
        return _CallSubscription(self._store, self._feeds, call_id, after_seq)

    def watch(self, types: frozenset[str] | None = None) -> Subscription:
        """See `EventBus`."""
        reader = _Reader(types=types)
        self._watchers.add(reader)
        return _Watch(reader, self._watchers)

    def live_calls(self) -> tuple[CallId, ...]:
        """Calls that have begun and whose end is not stored yet."""
        return tuple(self._feeds)

    def assistance(self, call_id: CallId) -> AssistanceLevel:
        """See `EventBus`."""
        feed = self._feeds.get(call_id)
        return AssistanceLevel.NORMAL if feed is None else feed.assistance

    @property
    def waiting(self) -> int:
        """What is not stored yet, of all calls."""
        return self._writer.waiting

    async def aclose(self) -> None:
        """Store what is left, then end every reader."""
        await self._writer.aclose()
        for reader in self._watchers.union(*(feed.readers for feed in self._feeds.values())):
            reader.close()

    def _stored(self, call_id: CallId, last_seq: int, *, ended: bool) -> None:
        feed = self._feeds.get(call_id)
        if feed is None:
            return
        while feed.unstored and feed.unstored[0].seq <= last_seq:
            feed.unstored.popleft()
        if ended:
            del self._feeds[call_id]


class _Iterating(ABC):
    """The iterator half that both subscriptions share."""

    _reader: _Reader

    def __aiter__(self) -> AsyncIterator[WireEvent]:
        return self

    @abstractmethod
    async def __anext__(self) -> WireEvent: ...

    async def _next_live(self) -> WireEvent:
        if self._reader.closed and self._reader.queue.empty():
            raise StopAsyncIteration
        event = await self._reader.queue.get()
        if event is not None:
            return event
        if self._reader.cut_off:
            raise SlowReaderError(QUEUE_LIMIT)
        raise StopAsyncIteration

    async def __aenter__(self) -> Subscription:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._reader.close()


class _Watch(_Iterating):
    def __init__(self, reader: _Reader, watchers: set[_Reader]) -> None:
        self._reader = reader
        self._watchers = watchers

    async def __anext__(self) -> WireEvent:
        return await self._next_live()

    def close(self) -> None:
        self._watchers.discard(self._reader)
        super().close()


class _CallSubscription(_Iterating):
    """Registers for live events first, then reads the store, then joins the two by `seq`."""

    def __init__(self, store: CallStore, feeds: dict[CallId, _Feed], call_id: CallId, after_seq: int) -> None:
        self._store = store
        self._call_id = call_id
        self._last_seq = after_seq
        self._reader = _Reader()
        self._feed = feeds.get(call_id)
        self._waiting: deque[WireEvent] = deque()
        if self._feed is None:
            self._waiting_live: list[WireEvent] = []
        else:
            self._feed.readers.add(self._reader)
            self._waiting_live = self._feed.snapshot(after_seq)
        self._store_read = False
        self._over = False

    async def __anext__(self) -> WireEvent:
        while True:
            event = await self._next_candidate()
            self._over = isinstance(event, CallEndedEvent)
            if event.seq > self._last_seq:
                self._last_seq = event.seq
                return event

    async def _next_candidate(self) -> WireEvent:
        if self._over or (self._reader.closed and not self._reader.queue.qsize()):
            self.close()
            raise StopAsyncIteration
        if not self._waiting and not self._store_read:
            self._waiting.extend(await self._store.read(self._call_id, self._last_seq, _PAGE))
            if len(self._waiting) < _PAGE:
                self._store_read = True
                self._waiting.extend(self._waiting_live)
        if self._waiting:
            return self._waiting.popleft()
        if self._feed is None:
            raise StopAsyncIteration
        return await self._next_live()

    def close(self) -> None:
        if self._feed is not None:
            self._feed.readers.discard(self._reader)
        super().close()

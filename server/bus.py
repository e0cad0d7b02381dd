"""Events from sessions to readers, within this process.

Per call, readers see events in order of `seq`, each once. A subscription from an earlier `seq` joins stored
and live events: the bus remembers what it has published and not yet stored, so nothing falls between the
two. A reader that does not keep up is cut off with a `SlowReaderError`; it slows nobody.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from koemori.audio.call import CallId
from koemori.audio.errors import KoemoriError
from koemori.server.wire import WireEvent


class SlowReaderError(KoemoriError):
    """A subscriber fell behind by more than its queue holds; it may subscribe again from its last `seq`."""

    code = "slow-reader"

    def __init__(self, queue_limit: int) -> None:
        super().__init__(
            f"event reader: expected to be at most {queue_limit} events behind; got further behind"
        )
        self.queue_limit = queue_limit


class EventSink(Protocol):
    """Where a session's events go."""

    async def publish(self, event: WireEvent) -> None:
        """Hand on one event; `seq` rises by one per call. Never waits for a reader."""
        ...


class EventBus(EventSink, Protocol):
    """A sink that can be read."""

    def subscribe(self, call_id: CallId, after_seq: int = 0) -> AsyncIterator[WireEvent]:
        """Events of one call with `seq > after_seq`, stored first, then live; ends after `call_ended`.

        Raises:
            SlowReaderError: While iterating, when the reader fell behind; events up to there were delivered.
        """
        ...

    def watch(self, types: frozenset[str] | None = None) -> AsyncIterator[WireEvent]:
        """Events of every call from now on, of these types (all when None); never ends by itself.

        Raises:
            SlowReaderError: As for `subscribe`.
        """
        ...

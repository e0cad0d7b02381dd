"""Where a call and its events are kept: the port that sessions and the bus use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from koemori.audio.call import CallId, CallStarted
from koemori.audio.signals import CallUpdated
from koemori.server.wire import CallEndedEvent, WireEvent

if TYPE_CHECKING:
    from koemori.server.archive.sealing import SealedRecording


class CallStore(Protocol):
    """Calls, their events and their recordings; async, since implementations work in threads.

    For one call: `call_started` once, then `append` any number of times, `sealed` at most once, `ended` once
    (after the last `append`). Different calls interleave freely. `append` is idempotent on `(call_id, seq)`:
    after an error the same events may come again.
    """

    async def call_started(self, started: CallStarted) -> None:
        """A call began. Idempotent on `call_id`."""
        ...

    async def call_updated(self, update: CallUpdated) -> None:
        """More became known of a call: ids, people, queue, roles. Idempotent."""
        ...

    async def append(self, call_id: CallId, events: Sequence[WireEvent]) -> None:
        """Keep events, oldest first. Partials never come here: they are live only."""
        ...

    async def read(self, call_id: CallId, after_seq: int = 0, limit: int = 500) -> list[WireEvent]:
        """Kept events with `seq` above `after_seq`, oldest first, at most `limit`; empty when unknown."""
        ...

    async def sealed(self, call_id: CallId, recording: SealedRecording) -> None:
        """The call's recording is sealed and in the archive."""
        ...

    async def ended(self, call_id: CallId, event: CallEndedEvent) -> None:
        """The call is over; its last event says how."""
        ...

"""Events as JSON Lines on a text stream: the sink of `replay` and `analyze`."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TextIO

from koemori.audio.call import CallId, CallStarted
from koemori.audio.signals import CallUpdated
from koemori.server.wire import WireEvent, encode

if TYPE_CHECKING:
    from koemori.server.archive.sealing import SealedRecording


class JsonLinesSink:
    """An `EventSink` whose writing thread keeps a slow reader of the stream from holding up the call."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.broken = threading.Event()
        """Set once nobody reads the stream any more."""
        self._thread = threading.Thread(target=self._write, name="koemori-stdout", daemon=True)
        self._thread.start()

    async def call_started(self, started: CallStarted) -> None:
        """See `EventSink`; the event itself follows."""

    async def call_updated(self, update: CallUpdated) -> None:
        """See `EventSink`; the event itself follows."""

    async def publish(self, event: WireEvent) -> None:
        """See `EventSink`."""
        self._lines.put(encode(event))

    async def sealed(self, call_id: CallId, recording: SealedRecording) -> None:
        """See `EventSink`; `call_ended` tells of it."""

    async def settled(self, call_id: CallId, patience_s: float) -> bool:
        """See `EventSink`: what is on stdout is kept by nobody here, and the archive stands on its own."""
        return True

    def close(self) -> None:
        """Write what is left; returns when it is written or nobody reads."""
        self._lines.put(None)
        self._thread.join()

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(line + "\n")
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                self.broken.set()
                return

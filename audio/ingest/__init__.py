"""Ingest: where calls come from. Each source turns a wire or a file into the same events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from koemori.audio.frames import SourceEvent


class CallSource(Protocol):
    """One call: started once, then frames and gaps in order per channel (late frames apart), ended once."""

    def events(self) -> AsyncIterator[SourceEvent]:
        """Yield the call's events; the iterator ends after `CallEnded`."""
        ...

"""Wakes sockets when something they show has changed, from whatever thread it changed in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CALLS = "calls"
"""A call, a queue event or a request for help changed what boards and desks list."""


def session_ended(session_sha256: str) -> str:
    """The topic on which the end of one session is told."""
    return f"session-ended:{session_sha256}"


class Bells:
    """Topics that can be rung and listened to. Ringing is thread-safe and never blocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    def ring(self, topic: str) -> None:
        """Wake everyone who listens to a topic."""
        with self._lock:
            for loop, event in self._listeners.get(topic, ()):
                loop.call_soon_threadsafe(event.set)

    @contextmanager
    def listening(self, *topics: str) -> Iterator[asyncio.Event]:
        """An event that is set whenever one of the topics rings; the listener clears it."""
        entry = (asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            for topic in topics:
                self._listeners.setdefault(topic, []).append(entry)
        try:
            yield entry[1]
        finally:
            with self._lock:
                for topic in topics:
                    self._listeners[topic].remove(entry)
                    if not self._listeners[topic]:
                        del self._listeners[topic]

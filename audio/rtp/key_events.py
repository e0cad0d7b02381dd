"""Telephone events → pressed keys (RFC 4733): one key for all packets of one event.

Every packet of an event has the timestamp of its beginning; the last one is sent three times. An event longer
than its 16 bits of duration goes on under a new timestamp (§2.5.1.3). Flash and tones other than keys are
passed over.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final, NamedTuple

KEYS: Final = "0123456789*#ABCD"
_UNFINISHED_US: Final = 500_000
_REMEMBERED: Final = 64
_MOST_TICKS: Final = 0xFFFF
_LONG_PART_TICKS: Final = 0xE000


class Key(NamedTuple):
    """A key; ticks are those of its segment."""

    key: str
    start_ticks: int
    ticks: int


@dataclass(slots=True)
class _Event:
    code: int
    start_ticks: int
    part_ticks: int
    """Where the newest part of a long event begins."""
    ticks: int
    seen_us: int


class KeyEvents:
    """The events of one sender. An event is told when it ends, or when no more is heard of it."""

    def __init__(self) -> None:
        self._now: _Event | None = None
        self._told: deque[int] = deque(maxlen=_REMEMBERED)

    @property
    def open(self) -> bool:
        """Whether a key is held down."""
        return self._now is not None

    def push(self, arrival_us: int, ticks: int, payload: bytes) -> list[Key]:
        """Take a packet of type telephone-event; one that is too short is passed over."""
        if len(payload) < 4 or payload[0] >= len(KEYS):
            return []
        duration = int.from_bytes(payload[2:4], "big")
        return self._take(arrival_us, ticks, payload[0], duration, ended=bool(payload[1] & 0x80))

    def expire(self, now_us: int) -> list[Key]:
        """End an event of which nothing has been heard for half a second."""
        if self._now is None or now_us - self._now.seen_us < _UNFINISHED_US:
            return []
        return self._end()

    def finish(self) -> list[Key]:
        """End an event that is open."""
        event, self._now = self._now, None
        if event is None:
            return []
        return [Key(KEYS[event.code], event.start_ticks, event.part_ticks - event.start_ticks + event.ticks)]

    def _take(self, arrival_us: int, ticks: int, code: int, duration: int, *, ended: bool) -> list[Key]:
        if ticks in self._told:
            return []
        keys: list[Key] = []
        event = self._now
        if event is not None and ticks < event.part_ticks:
            return []
        if event is not None and ticks > event.part_ticks and self._is_next_part(event, ticks, code):
            self._told.append(event.part_ticks)
            event.part_ticks, event.ticks = ticks, 0
        elif event is not None and (ticks, code) != (event.part_ticks, event.code):
            keys, event = self._end(), None
        if event is None:
            event = self._now = _Event(code, ticks, ticks, 0, arrival_us)
        event.ticks = max(event.ticks, duration)
        event.seen_us = arrival_us
        return keys + self._end() if ended else keys

    @staticmethod
    def _is_next_part(event: _Event, ticks: int, code: int) -> bool:
        """Whether this goes on where a part ended that was about as long as a part can be."""
        return (
            event.code == code
            and event.ticks >= _LONG_PART_TICKS
            and ticks - event.part_ticks <= _MOST_TICKS + 1
        )

    def _end(self) -> list[Key]:
        if self._now is not None:
            self._told.append(self._now.part_ticks)
        return self.finish()

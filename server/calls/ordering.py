"""Puts the final words of a held call in the order in which they were said.

Each channel's finals come in order, but one channel may be seconds ahead of the other when the source runs
faster than the models. What understands the call should hear it as it was spoken, and a replay should give
the same events each time.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field

from koemori.models.types import NotAssisted, Quarantined, SpeakersFound, Utterance, VoiceChanged

Final = Utterance | Quarantined | NotAssisted | SpeakersFound | VoiceChanged


@dataclass(slots=True)
class SpokenOrder:
    """Finals that wait for earlier ones; ties go to the lower channel."""

    _waiting: list[tuple[int, int, int, Final]] = field(default_factory=list)
    _count: int = 0

    def push(self, final: Final) -> None:
        """Add one final."""
        self._count += 1
        heapq.heappush(self._waiting, (final.end_ms, final.channel.index, self._count, final))

    def ready(self, until_ms: int | None) -> Iterator[Final]:
        """Take those that end before `until_ms` (all when None), oldest first."""
        while self._waiting and (until_ms is None or self._waiting[0][0] < until_ms):
            yield heapq.heappop(self._waiting)[-1]

"""Whether a peer counts its chunks per track or over all tracks, found out from the numbers themselves.

Providers' documents leave it open and their clients differ. Counted per track, the same number soon comes
on both tracks; counted over all tracks, it never does. Until that is clear, per track is assumed.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

_DECIDE_CHUNKS = 12
_DECIDE_PER_TRACK = 3
_UNDECIDED_CHUNKS = 200
_REMEMBERED = 5_000
_HOLES = 1.1
"""Lost chunks must not hide that two tracks share one count."""


class ChunkNumbers:
    """The numbers seen on all tracks of one stream.

    Attributes:
        shared: True once the tracks are known to share one count.
    """

    def __init__(self) -> None:
        self.shared = False
        self._decided = False
        self._owners: OrderedDict[int, str] = OrderedDict()
        self._tracks: set[str] = set()
        self._with_both: list[tuple[int, str]] = []
        """Numbers since a second track began, until it is decided."""

    def note(self, track: str, number: int) -> None:
        """Take in a chunk's number."""
        if self._decided and not self.shared:
            return
        known = number in self._owners
        if self._owners.setdefault(number, track) != track:
            self._decide(shared=False)
            return
        if len(self._owners) > _REMEMBERED:
            self._owners.popitem(last=False)
        self._tracks.add(track)
        if not self._decided and not known and len(self._tracks) > 1:
            self._with_both.append((number, track))
            self._judge()

    def elsewhere(self, track: str, number: int) -> bool:
        """Whether another track has used up this number."""
        return self.shared and self._owners.get(number, track) != track

    def _judge(self) -> None:
        seen = self._with_both
        if len(seen) < _DECIDE_CHUNKS:
            return
        numbers = [number for number, _ in seen]
        per_track = Counter(track for _, track in seen)
        without_holes = max(numbers) - min(numbers) < len(seen) * _HOLES
        if without_holes and min(per_track[track] for track in self._tracks) >= _DECIDE_PER_TRACK:
            self._decide(shared=True)
        elif len(seen) >= _UNDECIDED_CHUNKS:
            self._decide(shared=False)

    def _decide(self, *, shared: bool) -> None:
        self._decided, self.shared = True, shared
        self._with_both.clear()
        if not shared:
            self._owners.clear()

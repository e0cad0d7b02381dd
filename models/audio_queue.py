"""Audio of one channel on its way to the detector: a bounded queue on the channel's timeline. Pure.

Samples go in as they come; windows of fixed length come out. A short gap is filled with silence, because a
lost packet does not end a word; a longer one, and audio left out because the queue was full, come out as
jumps.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLES_PER_MS = 16
_TOLERANCE_MS = 40


@dataclass(slots=True)
class Jump:
    """The timeline goes on at `position_ms`; `left_out_ms` is (start, end) of audio that was dropped."""

    position_ms: int
    left_out_ms: tuple[int, int] | None = None


class AudioQueue:
    """One channel's audio between arrival and detection; see the module.

    Args:
        window_samples: Length of the windows that come out.
        most_ms: Audio that may wait; more is left out and reported as a jump.
        fill_gap_ms: Longest gap that is filled with silence.
    """

    def __init__(self, window_samples: int, most_ms: int, fill_gap_ms: int) -> None:
        self._window_samples = window_samples
        self._most_ms = most_ms
        self._fill_gap_ms = fill_gap_ms
        self._items: deque[NDArray[np.float32] | Jump] = deque()
        self._samples = 0
        self._start_ms = 0
        self._since_start = 0

    @property
    def end_ms(self) -> int:
        """Media time just after the newest sample."""
        return self._start_ms + self._since_start // SAMPLES_PER_MS

    @property
    def waiting_ms(self) -> int:
        """Audio that waits."""
        return self._samples // SAMPLES_PER_MS

    def put(self, start_ms: int, samples: NDArray[np.float32]) -> None:
        """Add audio; what overlaps audio already there is ignored, what leaves a hole makes a gap."""
        ahead_ms = start_ms - self.end_ms
        if ahead_ms > _TOLERANCE_MS:
            self.put_gap(self.end_ms, ahead_ms)
        elif ahead_ms < -_TOLERANCE_MS:
            samples = samples[-ahead_ms * SAMPLES_PER_MS :]
        if not len(samples):
            return
        if self.waiting_ms >= self._most_ms:
            self._leave_out(len(samples))
            return
        self._append(samples)

    def put_gap(self, start_ms: int, duration_ms: int) -> None:
        """Note that no audio came for a while."""
        duration_ms -= self.end_ms - start_ms
        if duration_ms <= 0:
            return
        if duration_ms <= self._fill_gap_ms and self.waiting_ms < self._most_ms:
            self._append(np.zeros(duration_ms * SAMPLES_PER_MS, dtype=np.float32))
            return
        self._restart(self.end_ms + duration_ms)
        self._items.append(Jump(self._start_ms))

    def close(self) -> None:
        """Fill the last window with silence; no more audio comes."""
        self._complete_window()

    def take(self) -> NDArray[np.float32] | Jump | None:
        """Return the next whole window or jump; None when there is neither."""
        if not self._items:
            return None
        first = self._items[0]
        if isinstance(first, Jump):
            self._items.popleft()
            return first
        return self._take_window()

    def _take_window(self) -> NDArray[np.float32] | None:
        parts: list[NDArray[np.float32]] = []
        missing = self._window_samples
        for item in self._items:
            if isinstance(item, Jump):
                break
            parts.append(item[:missing])
            missing -= len(parts[-1])
            if missing == 0:
                break
        if missing:
            return None
        for part in parts:
            item = self._items.popleft()
            if not isinstance(item, Jump) and len(part) < len(item):
                self._items.appendleft(item[len(part) :])
        self._samples -= self._window_samples
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _append(self, samples: NDArray[np.float32]) -> None:
        self._items.append(samples)
        self._samples += len(samples)
        self._since_start += len(samples)

    def _leave_out(self, count: int) -> None:
        start_ms = self.end_ms
        last = self._items[-1] if self._items else None
        if isinstance(last, Jump) and last.left_out_ms is not None and last.position_ms == start_ms:
            self._since_start += count
            last.position_ms = self.end_ms
            last.left_out_ms = (last.left_out_ms[0], self.end_ms)
            return
        self._restart(start_ms)
        self._since_start = count
        self._items.append(Jump(self.end_ms, (start_ms, self.end_ms)))

    def _restart(self, position_ms: int) -> None:
        self._complete_window()
        self._start_ms = position_ms
        self._since_start = 0

    def _complete_window(self) -> None:
        missing = -self._samples % self._window_samples
        if missing:
            self._items.append(np.zeros(missing, dtype=np.float32))
            self._samples += missing

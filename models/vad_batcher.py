"""Joins the windows of many channels and calls into one run of the detector."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from koemori.models.ports import VoiceActivityDetector
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    keys: tuple[str, ...]
    windows: NDArray[np.float32]
    answer: asyncio.Future[NDArray[np.float32]]


class VadBatcher:
    """One detector shared by every call of the process; belongs to one event loop.

    Whatever is asked in the same turn of the loop is judged in one run; with many channels, whatever
    is asked within `wait_ms` or until all of them have asked, since a run of the network costs much the same
    for one channel as for ten. Each key may have one question open at a time, so its windows are judged in
    order.

    Args:
        vad: The detector.
        wait_ms: How long to collect questions when there are many channels.
        many: From how many channels on.
    """

    def __init__(self, vad: VoiceActivityDetector, wait_ms: int = 16, many: int = 8) -> None:
        self._vad = vad
        self._wait_s = wait_ms / 1000
        self._many = many
        self._keys: set[str] = set()
        self._due: asyncio.Handle | None = None
        self._waiting: list[_Waiting] = []
        self.window_samples = vad.window_samples
        self.runs = 0
        """Runs of the network so far."""

    async def probabilities(self, keys: tuple[str, ...], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Judge one window per key; shapes as in `VoiceActivityDetector.probabilities`."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[NDArray[np.float32]] = loop.create_future()
        self._waiting.append(_Waiting(keys, windows, answer))
        self._keys.update(keys)
        everyone = sum(len(entry.keys) for entry in self._waiting) >= len(self._keys)
        if everyone or len(self._keys) < self._many or not self._wait_s:
            self._run_at(loop.call_soon(self._run))
        elif self._due is None:
            self._run_at(loop.call_later(self._wait_s, self._run))
        return await answer

    def _run_at(self, due: asyncio.Handle) -> None:
        if self._due is not None:
            self._due.cancel()
        self._due = due

    def forget(self, key: str) -> None:
        """Drop a channel's state; its call has ended or jumped."""
        self._keys.discard(key)
        self._vad.forget(key)

    def _run(self) -> None:
        self._due = None
        asked, self._waiting = [entry for entry in self._waiting if not entry.answer.done()], []
        if not asked:
            return
        keys = tuple(key for entry in asked for key in entry.keys)
        self.runs += 1
        try:
            judged = self._vad.probabilities(keys, np.concatenate([entry.windows for entry in asked]))
        except Exception as failure:
            for entry in asked:
                entry.answer.set_exception(failure)
            return
        start = 0
        for entry in asked:
            entry.answer.set_result(judged[start : start + len(entry.keys)])
            start += len(entry.keys)

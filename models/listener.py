"""One call's ears: 16 kHz audio of its channels in, transcript events out.

Audio is queued per channel, judged by the shared detector, cut by the segmenter and sent to the worker pool;
the answers come out as partials while someone speaks and as one utterance when they have finished. Rules:

* Nothing here blocks or delays the recorder: `push` only queues, and the queue is bounded.
* Finals of a channel come out in order and are never dropped silently: each ends as an `Utterance`, a
  `Quarantined` or a `NotAssisted`; one without words, of which nothing was shown, gives no event. A partial
  is dropped whenever something newer or more important needs the worker.
* What is asked for, and when, is decided by the channel's streaming policy and by the pool's load; when the
  load changes what callers should do, that is an event of the call.
* A model that fails costs one utterance, never the call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from koemori.models.channel_listener import ChannelListener
from koemori.models.ports import LoadLevel
from koemori.models.questions import ListenerConfig, ListenerCounts
from koemori.models.types import LoadChanged
from koemori.models.vad_batcher import VadBatcher

if TYPE_CHECKING:
    from koemori.audio.call import Channel
    from koemori.models.ports import VoiceActivityDetector, WorkerPool
    from koemori.models.types import TranscriptEvent
    from numpy.typing import NDArray

__all__ = ["CallListener", "ListenerConfig", "ListenerCounts"]

log = logging.getLogger(__name__)


class CallListener:
    """Listens to one call; everything runs in the event loop that iterates `events`.

    Push audio as it comes, call `finish` when the call has ended, and iterate `events` from one task until it
    ends by itself. A source that is faster than the models waits with `drain_below` instead of having audio
    left out.

    Args:
        channels: The call's channels.
        vad: The detector, or a batcher that calls share.
        pool: Where windows are transcribed; shared by calls.
        config: Endpoints, guard, language, bounds.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        vad: VadBatcher | VoiceActivityDetector,
        pool: WorkerPool,
        config: ListenerConfig | None = None,
    ) -> None:
        self.counts = ListenerCounts()
        self._config = config or ListenerConfig()
        self._vad = vad if isinstance(vad, VadBatcher) else VadBatcher(vad)
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._ears = {
            channel.index: ChannelListener(channel, pool, self._config, self.counts, self._wake.set)
            for channel in channels
        }
        self._pool = pool
        self._level = LoadLevel.NORMAL
        self._finished = False
        self._closed = False

    @property
    def backlog_ms(self) -> int:
        """Audio that waits for the detector or for its final, over all channels."""
        return sum(ears.queue.waiting_ms + ears.policy.pending_ms for ears in self._ears.values())

    @property
    def finals_from_ms(self) -> int:
        """Media time before which nothing that is still to come ends, partials apart, over all channels."""
        return min(ears.finals_from_ms for ears in self._ears.values())

    def push(self, channel: Channel, start_ms: int, samples: NDArray[np.float32]) -> None:
        """Add audio of one channel; never blocks.

        Args:
            channel: One of the call's channels.
            start_ms: Media time of the first sample. A hole before it counts as a gap; a small difference
                from where the channel stands, as a resampler makes it, does not matter.
            samples: float32 in [-1, 1], shape `(n,)`, 16 kHz; not changed and not copied.
        """
        self._ears[channel.index].queue.put(start_ms, samples)
        self._wake.set()

    def gap(self, channel: Channel, start_ms: int, duration_ms: int) -> None:
        """Note that a channel has no audio for a while; never blocks."""
        self._ears[channel.index].queue.put_gap(start_ms, duration_ms)
        self._wake.set()

    def finish(self) -> None:
        """No more audio comes; `events` ends when the last final is out."""
        for ears in self._ears.values():
            ears.queue.close()
        self._finished = True
        self._wake.set()

    async def drain_below(self, backlog_ms: int) -> None:
        """Wait until less than `backlog_ms` of audio is waiting; `events` must be running meanwhile."""
        while self.backlog_ms >= backlog_ms and not self._closed:
            self._progress.clear()
            await self._progress.wait()

    async def events(self) -> AsyncIterator[TranscriptEvent]:
        """Yield transcript events until the call has finished; iterate once, and close it to leave early.

        Events of a channel come in order of their utterances; a partial never follows its utterance.
        """
        try:
            ended = False
            while True:
                self._wake.clear()
                for ears in self._ears.values():
                    for event in ears.collect():
                        yield event
                if (changed := self._load_changed()) is not None:
                    yield changed
                self._progress.set()
                if await self._listen():
                    continue
                if self._finished and not ended and not self._overfull():
                    ended = True
                    for ears in self._ears.values():
                        ears.end()
                    continue
                if ended and all(ears.settled for ears in self._ears.values()):
                    return
                await self._wake.wait()
        finally:
            self._closed = True
            self._progress.set()
            for ears in self._ears.values():
                ears.cancel()
                self._vad.forget(ears.key)

    def _load_changed(self) -> LoadChanged | None:
        load = self._pool.load
        if load.level is self._level:
            return None
        self._level = load.level
        at_ms = max(ears.policy.position_ms for ears in self._ears.values())
        return LoadChanged(at_ms, load.level.name.lower(), load.partial_interval_ms)

    def _overfull(self) -> bool:
        pending_ms = sum(ears.policy.pending_ms for ears in self._ears.values())
        return pending_ms >= self._config.most_pending_ms

    async def _listen(self) -> bool:
        """Judge the next window of every channel; False when there is none, or finals must come first."""
        if self._overfull():
            return False
        taken = [
            (ears, window)
            for ears in self._ears.values()
            if (window := ears.take_window(self._vad.forget)) is not None
        ]
        if not taken:
            return False
        keys = tuple(ears.key for ears, _ in taken)
        try:
            probabilities = await self._vad.probabilities(keys, np.array([window for _, window in taken]))
        except Exception as failure:
            log.error("the speech detector failed", extra={"error": type(failure).__name__})
            for ears, _ in taken:
                ears.feed_unjudged()
            return True
        for (ears, window), probability in zip(taken, probabilities, strict=True):
            ears.feed(window, float(probability))
        return True

"""One channel of a listened call: its audio queue, its streaming policy, and the questions under way.

It creates one task per question and cancels those that are no longer wanted; it never waits. `CallListener`
drives it from its event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from koemori.audio.call import ChannelRole
from koemori.models.audio_queue import AudioQueue, Jump
from koemori.models.ports import TranscriptionRequest
from koemori.models.questions import ListenerConfig, ListenerCounts, Question
from koemori.models.segmenter import WINDOW_SAMPLES
from koemori.models.streaming import StreamingPolicy
from koemori.models.types import Hypothesis, TranscriptEvent
from koemori.models.voice_watch import VoiceWatch

if TYPE_CHECKING:
    import numpy as np
    from koemori.audio.call import Channel
    from koemori.models.ports import WorkerPool
    from numpy.typing import NDArray


class ChannelListener:
    """See the module.

    Args:
        channel: The channel.
        pool: Where windows are transcribed.
        config: How.
        counts: The call's counters.
        wake: Called when an answer has come.
    """

    def __init__(
        self,
        channel: Channel,
        pool: WorkerPool,
        config: ListenerConfig,
        counts: ListenerCounts,
        wake: Callable[[], None],
    ) -> None:
        self.channel = channel
        self.key = f"{channel.call_id}/{channel.index}"
        self.queue = AudioQueue(WINDOW_SAMPLES, config.most_queued_ms, config.fill_gap_ms)
        self.policy = StreamingPolicy(channel, config, counts)
        self._voice = VoiceWatch(channel, counts, wake) if channel.role is ChannelRole.CUSTOMER else None
        self._pool = pool
        self._language = config.language
        self._wake = wake
        self._under_way: dict[Question, asyncio.Task[Hypothesis]] = {}

    def take_window(self, forget: Callable[[str], None]) -> NDArray[np.float32] | None:
        """Return the next window for the detector; jumps on the way end what was being said."""
        while isinstance(item := self.queue.take(), Jump):
            forget(self.key)
            if self._voice is not None:
                self._voice.end()
            self.policy.jump(item.position_ms, item.left_out_ms, _now_ms())
            self._ask()
        return item

    def feed(self, window: NDArray[np.float32], probability: float) -> None:
        """Add a judged window."""
        if self._voice is not None:
            self._voice.hear(self.policy.position_ms, window, probability, self._pool.load.level)
        self.policy.hear(window, probability, self._pool.load, _now_ms())
        self._ask()

    def feed_unjudged(self) -> None:
        """Note a window that the detector failed on."""
        self.policy.hear_nothing(_now_ms())
        self._ask()

    def end(self) -> None:
        """No more audio comes: end what was being said."""
        if self._voice is not None:
            self._voice.end()
        self.policy.end(_now_ms())
        self._ask()

    @property
    def finals_from_ms(self) -> int:
        """Media time before which nothing that is still to come, or to be taken, ends; partials apart."""
        words_ms = self.policy.finals_from_ms
        voice_ms = None if self._voice is None else self._voice.from_ms
        return words_ms if voice_ms is None else min(words_ms, voice_ms)

    @property
    def settled(self) -> bool:
        """True when nothing is awaited and no event waits to be taken."""
        return self.policy.settled and (self._voice is None or self._voice.settled)

    def collect(self) -> Iterator[TranscriptEvent]:
        """Take the events that are ready, in order.

        Words wait, for a moment, until it is known how they were spoken; that comes before them.
        """
        if self._voice is not None:
            yield from self._voice.collect()
            if self._voice.measuring and self.policy.utterance_ready:
                return
        yield from self.policy.events()

    def cancel(self) -> None:
        """Drop every question; the listener is closing."""
        for answer in self._under_way.values():
            answer.cancel()
        self._under_way.clear()
        if self._voice is not None:
            self._voice.cancel()

    def _ask(self) -> None:
        for question in self.policy.questions():
            request = TranscriptionRequest(
                question.window.segment, question.purpose, self._language, question.prompt
            )
            answer = asyncio.ensure_future(self._pool.transcribe(request))
            self._under_way[question] = answer
            answer.add_done_callback(partial(self._answered, question))
        for question in self.policy.unwanted():
            if (dropped := self._under_way.pop(question, None)) is not None:
                dropped.cancel()

    def _answered(self, question: Question, done: asyncio.Task[Hypothesis]) -> None:
        # Reading it marks a failure as seen, also of an answer nobody waits for any more.
        failure = asyncio.CancelledError() if done.cancelled() else done.exception()
        if self._under_way.pop(question, None) is not None:
            self.policy.answer(question, failure or done.result(), _now_ms())
            self._ask()
        self._wake()


def _now_ms() -> float:
    return time.monotonic() * 1000

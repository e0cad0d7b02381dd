"""One channel of a listened call: which windows to ask for, and what their answers become.

Holds the state between the detector and the transcript: the segmenter, the utterance going on with its stable
prefix, the answers awaited. It creates one task per question and cancels those that are no longer wanted; it
never waits. `CallListener` drives it from its event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, assert_never

from koemori.models.audio_queue import AudioQueue, Jump
from koemori.models.errors import ModelError
from koemori.models.phantom import GuardConfig, PhantomGuard
from koemori.models.ports import TranscriptionRequest
from koemori.models.segmenter import (
    WINDOW_MS,
    WINDOW_SAMPLES,
    Segmenter,
    SegmenterConfig,
    SegmenterEvent,
    SpeechEnded,
    SpeechPaused,
    SpeechWindow,
)
from koemori.models.streaming import StablePrefix
from koemori.models.types import Hypothesis, NotAssisted, Partial, Quarantined, TranscriptEvent, Utterance

if TYPE_CHECKING:
    import numpy as np
    from koemori.audio.call import Channel
    from koemori.models.ports import WorkerPool
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

NO_TEXT = "no_text"
"""Reason of a `Quarantined` whose final held no words although partials had shown some."""


@dataclass(frozen=True, slots=True)
class ListenerConfig:
    """How a call is listened to.

    Attributes:
        segmenter: Endpoints and padding.
        guard: What is not believed.
        language: Language that the recogniser is held to.
        prompt: Words the recogniser is told to expect.
        partials: Whether text is shown while someone speaks.
        partial_interval_ms: New speech between two partials of an utterance.
        most_queued_ms: Audio per channel that may wait for the detector; more is left out and said so.
        most_pending_ms: Audio per call that may wait for its final before the detector waits too.
        fill_gap_ms: Longest gap that counts as silence within an utterance.
    """

    segmenter: SegmenterConfig = field(default_factory=SegmenterConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)
    language: str = "ja"
    prompt: str = ""
    partials: bool = True
    partial_interval_ms: int = 576
    most_queued_ms: int = 30_000
    most_pending_ms: int = 60_000
    fill_gap_ms: int = 320


@dataclass(slots=True)
class ListenerCounts:
    """What a call has asked for and left out so far."""

    partials_asked: int = 0
    partials_dropped: int = 0
    finals_asked: int = 0
    finals_in_advance: int = 0
    finals_in_advance_used: int = 0
    quarantined: int = 0
    not_assisted_ms: int = 0


@dataclass(slots=True, eq=False)
class _Asked:
    window: SpeechWindow
    answer: asyncio.Task[Hypothesis]
    shown: bool = False


@dataclass(slots=True, eq=False)
class _Spoken:
    """The utterance going on, from its first question."""

    utterance_id: str
    start_ms: int
    asked_until_ms: int
    prefix: StablePrefix = field(default_factory=StablePrefix)
    revision: int = 0


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
        self._pool = pool
        self._config = config
        self._counts = counts
        self._wake = wake
        self._guard = PhantomGuard(config.guard)
        self._segmenter = Segmenter(channel, config.segmenter)
        self._spoken: _Spoken | None = None
        self._partial: _Asked | None = None
        self._advance: _Asked | None = None
        self._finals: deque[tuple[_Asked, bool]] = deque()
        self._events: deque[TranscriptEvent] = deque()
        self._deaf_since_ms: int | None = None

    @property
    def pending_ms(self) -> int:
        """Speech whose final is awaited."""
        return sum(asked.window.segment.end_ms - asked.window.segment.start_ms for asked, _ in self._finals)

    @property
    def finals_from_ms(self) -> int:
        """Media time before which no final that is still to come ends."""
        if self._finals:
            return self._finals[0][0].window.speech_end_ms
        return self._segmenter.settled_ms

    @property
    def settled(self) -> bool:
        """True when nothing is awaited and no event waits to be taken."""
        return not self._finals and not self._events

    def take_window(self, forget: Callable[[str], None]) -> NDArray[np.float32] | None:
        """Return the next window for the detector; jumps on the way end what was being said."""
        while isinstance(item := self.queue.take(), Jump):
            forget(self.key)
            self._handle(self._segmenter.jump(item.position_ms))
            if item.left_out_ms is not None:
                self._leave_out(*item.left_out_ms, reason="overload")
        return item

    def feed(self, window: NDArray[np.float32], probability: float) -> None:
        """Add a judged window."""
        self._hear_again()
        self._handle(self._segmenter.push(window, probability))
        self._ask_partial_if_due()

    def feed_unjudged(self) -> None:
        """Note a window that the detector failed on."""
        if self._deaf_since_ms is None:
            self._deaf_since_ms = self._segmenter.position_ms
        self._handle(self._segmenter.jump(self._segmenter.position_ms + WINDOW_MS))

    def end(self) -> None:
        """No more audio comes: end what was being said."""
        self._hear_again()
        self._handle(self._segmenter.flush())

    def collect(self) -> Iterator[TranscriptEvent]:
        """Take the events that are ready, in order."""
        while self._finals and self._finals[0][0].answer.done():
            asked, had_partials = self._finals.popleft()
            self._events.extend(self._settle(asked, had_partials))
        self._show_partial()
        while self._events:
            yield self._events.popleft()

    def cancel(self) -> None:
        """Drop every question; the listener is closing."""
        for asked in [self._partial, self._advance, *(asked for asked, _ in self._finals)]:
            if asked is not None:
                asked.answer.cancel()
        self._finals.clear()
        self._partial = self._advance = None

    def _handle(self, events: list[SegmenterEvent]) -> None:
        for event in events:
            match event:
                case SpeechPaused(window):
                    self._ask_in_advance(window)
                case SpeechEnded(window):
                    self._ask_final(window)
                case _:
                    assert_never(event)

    def _ask(self, window: SpeechWindow, *, final: bool) -> _Asked:
        request = TranscriptionRequest(
            window.segment, final=final, language=self._config.language, prompt=self._config.prompt
        )
        answer = asyncio.ensure_future(self._pool.transcribe(request))
        answer.add_done_callback(self._answered)
        return _Asked(window, answer)

    def _answered(self, answer: asyncio.Task[Hypothesis]) -> None:
        if not answer.cancelled():
            # Reading it marks a failure as seen, also of an answer nobody waits for any more.
            answer.exception()
        self._wake()

    def _utterance(self, window: SpeechWindow) -> _Spoken:
        if self._spoken is None:
            self._spoken = _Spoken(
                utterance_id=f"{self.channel.index}-{window.speech_start_ms}",
                start_ms=window.speech_start_ms,
                asked_until_ms=window.speech_start_ms,
            )
        return self._spoken

    def _ask_partial_if_due(self) -> None:
        spoken_ms = self._segmenter.current_speech_end_ms
        if (
            not self._config.partials
            or spoken_ms is None
            or self._partial is not None
            or self._advance_runs()
        ):
            return
        interval_ms = self._config.partial_interval_ms
        if self._spoken is not None and spoken_ms - self._spoken.asked_until_ms < interval_ms:
            return
        window = self._segmenter.current()
        if window is None or spoken_ms - self._utterance(window).asked_until_ms < interval_ms:
            return
        self._utterance(window).asked_until_ms = spoken_ms
        self._counts.partials_asked += 1
        self._partial = self._ask(window, final=False)

    def _advance_runs(self) -> bool:
        return self._advance is not None and not self._advance.answer.done()

    def _ask_in_advance(self, window: SpeechWindow) -> None:
        if self._pool.waiting:
            return
        self._drop_partial()
        if self._advance is not None:
            self._advance.answer.cancel()
        self._utterance(window).asked_until_ms = window.speech_end_ms
        self._counts.finals_in_advance += 1
        self._advance = self._ask(window, final=True)

    def _ask_final(self, window: SpeechWindow) -> None:
        spoken = self._utterance(window)
        self._drop_partial()
        advance, self._advance = self._advance, None
        self._counts.finals_asked += 1
        if advance is not None and _answers(advance, window):
            self._counts.finals_in_advance_used += 1
            final = advance
        else:
            if advance is not None:
                advance.answer.cancel()
            final = self._ask(window, final=True)
        self._finals.append((final, spoken.revision > 0))
        self._spoken = None

    def _drop_partial(self) -> None:
        if self._partial is not None:
            self._partial.answer.cancel()
            self._partial = None
            self._counts.partials_dropped += 1

    def _show_partial(self) -> None:
        """Turn the newest answer for the utterance going on into a partial."""
        asked = self._partial
        if asked is not None and asked.answer.done():
            self._partial = None
        else:
            asked = self._advance
        if asked is None or asked.shown or not asked.answer.done() or self._spoken is None:
            return
        asked.shown = True
        if asked.answer.cancelled() or asked.answer.exception() is not None:
            self._counts.partials_dropped += 1
            return
        hypothesis = asked.answer.result()
        if not self._config.partials or not self._guard.believes_partial(hypothesis):
            return
        spoken = self._spoken
        text = spoken.prefix.push(hypothesis.text)
        spoken.revision += 1
        self._events.append(
            Partial(
                channel=self.channel,
                utterance_id=spoken.utterance_id,
                revision=spoken.revision,
                start_ms=spoken.start_ms,
                end_ms=asked.window.speech_end_ms,
                stable=text.stable,
                unstable=text.unstable,
            )
        )

    def _settle(self, asked: _Asked, had_partials: bool) -> Iterator[TranscriptEvent]:
        window = asked.window
        start_ms, end_ms = window.speech_start_ms, window.speech_end_ms
        utterance_id = f"{self.channel.index}-{start_ms}"
        hypothesis = _outcome(asked.answer)
        if not isinstance(hypothesis, Hypothesis):
            reason = hypothesis.code if isinstance(hypothesis, ModelError) else "error"
            log.error(
                "an utterance was not transcribed",
                extra={"call_id": self.channel.call_id, "reason": reason, "error": type(hypothesis).__name__},
            )
            self._counts.not_assisted_ms += end_ms - start_ms
            yield NotAssisted(self.channel, start_ms, end_ms, reason, utterance_id)
            return
        text = hypothesis.text.strip()
        doubt = self._guard.judge(window, hypothesis) if text else NO_TEXT
        if doubt is None:
            yield Utterance(
                channel=self.channel,
                utterance_id=utterance_id,
                start_ms=start_ms,
                end_ms=end_ms,
                text=text,
                words=hypothesis.words,
                language=hypothesis.language,
                model_id=hypothesis.model_id,
            )
        elif text or had_partials:
            self._counts.quarantined += 1
            yield Quarantined(self.channel, start_ms, end_ms, text, str(doubt), utterance_id)

    def _hear_again(self) -> None:
        if self._deaf_since_ms is not None:
            self._leave_out(self._deaf_since_ms, self._segmenter.position_ms, reason="vad")
            self._deaf_since_ms = None

    def _leave_out(self, start_ms: int, end_ms: int, reason: str) -> None:
        self._counts.not_assisted_ms += end_ms - start_ms
        self._events.append(NotAssisted(self.channel, start_ms, end_ms, reason))


def _outcome(answer: asyncio.Task[Hypothesis]) -> Hypothesis | BaseException:
    if answer.cancelled():
        return asyncio.CancelledError()
    return answer.exception() or answer.result()


def _answers(advance: _Asked, window: SpeechWindow) -> bool:
    """True when the final asked in advance covers the same speech and has not failed."""
    same = (
        advance.window.speech_start_ms == window.speech_start_ms
        and advance.window.speech_end_ms == window.speech_end_ms
    )
    if not same or not advance.answer.done():
        return same
    return not advance.answer.cancelled() and advance.answer.exception() is None

"""One channel's voice while a call goes on: judged windows in, changes of the voice out.

Speech is gathered until there is enough to measure, or until a pause. The measuring itself, about a
millisecond for half a second of speech, runs in one thread that all calls share, so that the event loop,
which records, never does it. Answers are taken in the order of the audio. Where the recogniser sheds
partials, or the thread is behind, stretches are left out and counted: nothing is said of the voice then, and
a rise that was said ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from koemori.models.ports import LoadLevel
from koemori.models.segmenter import WINDOW_MS
from koemori.models.types import VoiceChanged
from koemori.models.voice_features import VoiceMeasure, measure
from koemori.models.voice_meter import VoiceChange, VoiceMeter, VoiceWindow
from koemori.models.voice_thresholds import VoiceThresholds, voice_thresholds

if TYPE_CHECKING:
    from koemori.audio.call import Channel
    from koemori.models.questions import ListenerCounts
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

MOST_WAITING: Final = 60
"""Stretches of a channel that may wait to be measured; more are left out."""
PATIENCE_S: Final = 0.2
_SPEECH: Final = 0.5
_MEASURING = ThreadPoolExecutor(1, "koemori-voice")
_Measure = Callable[["NDArray[np.float32]"], VoiceMeasure | None]


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    start_ms: int
    end_ms: int
    speech_ms: int
    asked_s: float
    answer: asyncio.Future[VoiceMeasure | None]


class VoiceWatch:
    """See the module; belongs to one event loop.

    Args:
        channel: The caller's channel, of one person.
        counts: The call's counters.
        wake: Called when something was measured.
        measuring: What measures; runs in the thread.
        thresholds: By which figures.
    """

    def __init__(
        self,
        channel: Channel,
        counts: ListenerCounts,
        wake: Callable[[], None],
        measuring: _Measure = measure,
        thresholds: VoiceThresholds | None = None,
    ) -> None:
        self._channel = channel
        self._counts = counts
        self._wake = wake
        self._measuring = measuring
        self._limits = thresholds or voice_thresholds()
        self._meter = VoiceMeter(self._limits)
        self._speech: list[NDArray[np.float32]] = []
        self._start_ms = 0
        self._end_ms = 0
        self._asked: deque[_Asked] = deque()
        self._events: deque[VoiceChanged] = deque()

    @property
    def from_ms(self) -> int | None:
        """Media time before which no change that is still to come, or to be taken, ends; None without one."""
        ends = [event.end_ms for event in self._events] + [asked.end_ms for asked in self._asked]
        return min([*ends, self._end_ms] if self._speech else ends, default=None)

    @property
    def measuring(self) -> bool:
        """True while something is being measured, unless that takes too long for words to wait for it."""
        return bool(self._asked) and time.monotonic() - self._asked[0].asked_s < PATIENCE_S

    @property
    def settled(self) -> bool:
        """True when nothing is being measured and no change waits to be taken."""
        return not self._asked and not self._events

    def hear(self, start_ms: int, window: NDArray[np.float32], probability: float, level: LoadLevel) -> None:
        """Add a window of 512 samples at 16 kHz with its speech probability and the load of the pool."""
        end_ms = start_ms + WINDOW_MS
        if level >= LoadLevel.PARTIALS_OFF:
            self._leave_out(end_ms, WINDOW_MS if probability >= _SPEECH else 0)
        elif probability >= _SPEECH:
            if not self._speech:
                self._start_ms = start_ms
            self._speech.append(window)
            self._end_ms = end_ms
            if len(self._speech) * WINDOW_MS >= self._limits.window_speech_ms:
                self._ask()
        elif self._speech:
            if end_ms - self._end_ms >= self._limits.window_pause_ms:
                self._ask()
        elif not self._asked:
            self._note(self._meter.pass_time(end_ms))

    def end(self) -> None:
        """What comes next does not follow on what was heard: a gap, or the end of the call."""
        if self._speech:
            self._ask()

    def collect(self) -> Iterator[VoiceChanged]:
        """Take the changes that are ready, in order."""
        self._take_answers()
        while self._events:
            yield self._events.popleft()

    def cancel(self) -> None:
        """Drop everything; the listener is closing."""
        for asked in self._asked:
            asked.answer.cancel()
        self._asked.clear()
        self._speech.clear()

    def _ask(self) -> None:
        speech, self._speech = self._speech, []
        speech_ms = len(speech) * WINDOW_MS
        if speech_ms < self._limits.window_least_ms:
            return
        if len(self._asked) >= MOST_WAITING:
            self._leave_out(self._end_ms, speech_ms)
            return
        loop = asyncio.get_running_loop()
        answer = loop.run_in_executor(_MEASURING, self._measuring, np.concatenate(speech))
        answer.add_done_callback(self._answered)
        self._asked.append(_Asked(self._start_ms, self._end_ms, speech_ms, time.monotonic(), answer))

    def _answered(self, done: asyncio.Future[VoiceMeasure | None]) -> None:
        # Reading it marks a failure as seen, also of an answer that nobody takes any more.
        if not done.cancelled():
            done.exception()
        self._wake()

    def _leave_out(self, now_ms: int, speech_ms: int) -> None:
        self._counts.voice_left_out_ms += speech_ms + len(self._speech) * WINDOW_MS
        self._speech.clear()
        if not self._asked:
            self._note(self._meter.stop(now_ms))

    def _take_answers(self) -> None:
        while self._asked and self._asked[0].answer.done():
            asked = self._asked.popleft()
            if asked.answer.cancelled():
                continue
            if (failure := asked.answer.exception()) is not None:
                log.error("a voice was not measured", extra={"error": type(failure).__name__})
                self._counts.voice_left_out_ms += asked.speech_ms
            elif (found := asked.answer.result()) is not None:
                window = VoiceWindow(asked.start_ms, asked.end_ms, asked.speech_ms, found)
                self._note(self._meter.push(window))

    def _note(self, changes: list[VoiceChange]) -> None:
        self._events.extend(
            VoiceChanged(
                channel=self._channel,
                since_ms=change.since_ms,
                end_ms=change.at_ms,
                raised=change.raised,
                level_db=change.level_db,
                pitch_semitones=change.pitch_semitones,
            )
            for change in changes
        )

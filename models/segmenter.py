"""Speech probabilities → windows for the recogniser. Pure; one object per channel.

A stretch of speech begins when the probability reaches the upper threshold and goes on while it stays above
the lower one. It ends after a silence, whose length was chosen for Japanese telephone speech: clause-final
particles and politeness forms leave pauses of 200 to 400 ms in the middle of a thought, so a short silence is
reported as a *pause* (the recogniser may start on it, and its answer is used if the speech does not go on)
and only a longer one ends the utterance; a shorter one does when the caller knows that the sentence is
complete. A long monologue ends at a short silence, and one without any is cut at its quietest point between
two words, as far as the caller knows where words end. Under overload the caller asks for large windows:
pauses that would have parted two utterances no longer do.

Times are media time in milliseconds; a window is 512 samples at 16 kHz, which is exactly 32 ms.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from koemori.models.types import SpeechSegment

if TYPE_CHECKING:
    from koemori.audio.call import Channel
    from numpy.typing import NDArray

WINDOW_SAMPLES = 512
WINDOW_MS = 32


@dataclass(frozen=True, slots=True)
class SegmenterConfig:
    """Thresholds and lengths; milliseconds are rounded down to whole windows of 32 ms.

    Attributes:
        start_probability: Speech begins, or resumes after a pause, at this probability.
        end_probability: Speech goes on at this probability.
        pre_pad_ms: Audio kept before the first window of speech; soft onsets live there.
        post_pad_ms: Audio kept after the last; at most `pause_ms`.
        least_speech_ms: Windows of speech a stretch must have; はい has about 200 ms.
        pause_ms: Silence that is reported as a pause.
        complete_endpoint_ms: Silence that ends an utterance known to be complete.
        endpoint_ms: Silence that ends the utterance.
        large_endpoint_ms: The same with large windows; they are cut at `longest_ms` like all.
        long_ms: From this length on, `long_endpoint_ms` of silence ends it.
        long_endpoint_ms: See above.
        longest_ms: At this length it is cut.
        cut_search_ms: How far back the quietest point is looked for; it delays the final of a cut utterance.
    """

    start_probability: float = 0.5
    end_probability: float = 0.35
    pre_pad_ms: int = 256
    post_pad_ms: int = 192
    least_speech_ms: int = 128
    pause_ms: int = 192
    complete_endpoint_ms: int = 512
    endpoint_ms: int = 640
    large_endpoint_ms: int = 896
    long_ms: int = 8000
    long_endpoint_ms: int = 288
    longest_ms: int = 12_800
    cut_search_ms: int = 1600


@dataclass(frozen=True, slots=True, eq=False)
class SpeechWindow:
    """Audio of an utterance as far as it is known.

    Attributes:
        segment: Padded audio; its times are those of its first and last sample.
        speech_start_ms: Where speech began by the detector; names the utterance.
        speech_end_ms: Where the last speech ended by the detector.
        mean_probability: Mean speech probability of the windows judged as speech.
        speech_ms: Windows judged as speech.
    """

    segment: SpeechSegment
    speech_start_ms: int
    speech_end_ms: int
    mean_probability: float
    speech_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class SpeechPaused:
    """A short silence; `window` is what `SpeechEnded` will carry if the speech does not go on."""

    window: SpeechWindow


@dataclass(frozen=True, slots=True, eq=False)
class SpeechEnded:
    """An utterance is complete; `forced` when it was cut without a silence."""

    window: SpeechWindow
    forced: bool = False


SegmenterEvent = SpeechPaused | SpeechEnded


@dataclass(slots=True)
class _Stretch:
    """The stretch of speech going on: its windows from the pre-padding on."""

    start_ms: int
    first_speech: int
    windows: list[NDArray[np.float32]]
    probabilities: list[float]
    speech: list[bool]
    last_speech: int
    paused: bool = field(default=False)

    @property
    def silence_windows(self) -> int:
        return len(self.windows) - 1 - self.last_speech

    @property
    def speech_ms(self) -> int:
        return sum(self.speech) * WINDOW_MS


class Segmenter:
    """Turns one channel's windows and probabilities into utterances; see the module."""

    def __init__(self, channel: Channel, config: SegmenterConfig | None = None) -> None:
        self._channel = channel
        self._config = config or SegmenterConfig()
        self._position_ms = 0
        self._before: deque[tuple[NDArray[np.float32], float]] = deque(
            maxlen=max(1, self._config.pre_pad_ms // WINDOW_MS)
        )
        self._stretch: _Stretch | None = None
        self._word_ends_ms: tuple[int, ...] = ()
        self.large = False
        """Whether pauses up to `large_endpoint_ms` belong to the utterance."""

    @property
    def position_ms(self) -> int:
        """Media time just after the last window."""
        return self._position_ms

    @property
    def settled_ms(self) -> int:
        """Media time before which no utterance still to come can end."""
        return self._position_ms if self._stretch is None else self._stretch.start_ms

    def push(self, window: NDArray[np.float32], probability: float) -> list[SegmenterEvent]:
        """Add one window of 512 samples with its speech probability; return what it completes."""
        self._position_ms += WINDOW_MS
        if self._stretch is None:
            if probability >= self._config.start_probability:
                self._begin(window, probability)
            else:
                self._before.append((window, probability))
            return []
        return self._continue(self._stretch, window, probability)

    def jump(self, position_ms: int) -> list[SegmenterEvent]:
        """The timeline goes on at `position_ms` after a gap; what was being said ends before it."""
        events = self.flush()
        self._position_ms = position_ms
        self._before.clear()
        return events

    def flush(self) -> list[SegmenterEvent]:
        """End the utterance that is going on; the audio has ended."""
        stretch, self._stretch = self._stretch, None
        if stretch is None or stretch.speech_ms < self._config.least_speech_ms:
            return []
        return [SpeechEnded(self._window(stretch))]

    def current(self) -> SpeechWindow | None:
        """The utterance going on, up to the newest sample; None when there is none, or it is too short."""
        stretch = self._stretch
        if stretch is None or stretch.speech_ms < self._config.least_speech_ms:
            return None
        return self._window(stretch, end=len(stretch.windows))

    def complete(self, speech_end_ms: int) -> list[SegmenterEvent]:
        """Say that what was said up to `speech_end_ms` is complete: a short silence is then enough.

        Returns:
            The end of the utterance, when nothing was said since and the silence is long enough.
        """
        stretch = self._stretch
        if stretch is None or self.current_speech_end_ms != speech_end_ms or self.large:
            return []
        if stretch.silence_windows * WINDOW_MS < self._config.complete_endpoint_ms:
            return []
        return self._end(stretch)

    def note_word_ends(self, ends_ms: tuple[int, ...]) -> None:
        """Say where words end in the utterance going on, as far as that is known."""
        self._word_ends_ms = ends_ms

    @property
    def current_speech_end_ms(self) -> int | None:
        """Where the last speech of the utterance going on ended; None when there is none."""
        if self._stretch is None or self._stretch.speech_ms < self._config.least_speech_ms:
            return None
        return self._stretch.start_ms + (self._stretch.last_speech + 1) * WINDOW_MS

    def _begin(self, window: NDArray[np.float32], probability: float) -> None:
        padding = list(self._before)
        self._before.clear()
        self._stretch = _Stretch(
            start_ms=self._position_ms - (len(padding) + 1) * WINDOW_MS,
            first_speech=len(padding),
            windows=[audio for audio, _ in padding] + [window],
            probabilities=[value for _, value in padding] + [probability],
            speech=[False] * len(padding) + [True],
            last_speech=len(padding),
        )

    def _continue(
        self, stretch: _Stretch, window: NDArray[np.float32], probability: float
    ) -> list[SegmenterEvent]:
        config = self._config
        needed = config.end_probability if stretch.silence_windows == 0 else config.start_probability
        speaking = probability >= needed
        stretch.windows.append(window)
        stretch.probabilities.append(probability)
        stretch.speech.append(speaking)
        if speaking:
            stretch.last_speech = len(stretch.windows) - 1
            stretch.paused = False
            return self._cut_if_too_long(stretch)
        return self._end_or_pause(stretch)

    def _end_or_pause(self, stretch: _Stretch) -> list[SegmenterEvent]:
        config = self._config
        silence_ms = stretch.silence_windows * WINDOW_MS
        spoken_ms = (stretch.last_speech + 1 - stretch.first_speech) * WINDOW_MS
        enough = stretch.speech_ms >= config.least_speech_ms
        if silence_ms >= self._endpoint_ms(spoken_ms):
            return self._end(stretch)
        if silence_ms >= config.pause_ms and enough and not stretch.paused:
            stretch.paused = True
            return [SpeechPaused(self._window(stretch))]
        return []

    def _endpoint_ms(self, spoken_ms: int) -> int:
        config = self._config
        if spoken_ms >= config.long_ms:
            return config.long_endpoint_ms
        return config.large_endpoint_ms if self.large else config.endpoint_ms

    def _end(self, stretch: _Stretch) -> list[SegmenterEvent]:
        self._stretch = None
        kept = stretch.last_speech + 1 + self._config.post_pad_ms // WINDOW_MS
        self._before.extend(zip(stretch.windows[kept:], stretch.probabilities[kept:], strict=True))
        if stretch.speech_ms < self._config.least_speech_ms:
            return []
        return [SpeechEnded(self._window(stretch))]

    def _cut_if_too_long(self, stretch: _Stretch) -> list[SegmenterEvent]:
        config = self._config
        if len(stretch.windows) * WINDOW_MS < config.longest_ms:
            return []
        cut = self._quietest(stretch)
        head = _Stretch(
            start_ms=stretch.start_ms,
            first_speech=stretch.first_speech,
            windows=stretch.windows[:cut],
            probabilities=stretch.probabilities[:cut],
            speech=stretch.speech[:cut],
            last_speech=max(index for index in range(cut) if stretch.speech[index]),
        )
        tail_speech = stretch.speech[cut:]
        self._stretch = _Stretch(
            start_ms=stretch.start_ms + cut * WINDOW_MS,
            first_speech=tail_speech.index(True),
            windows=stretch.windows[cut:],
            probabilities=stretch.probabilities[cut:],
            speech=tail_speech,
            last_speech=stretch.last_speech - cut,
        )
        return [SpeechEnded(self._window(head, end=cut), forced=True)]

    def _quietest(self, stretch: _Stretch) -> int:
        """Index of the quietest window of the last `cut_search_ms`, each judged with its neighbours.

        As much speech follows it as a stretch must have: the speaker may stop now, and no word is lost then.
        """
        earliest, last = stretch.first_speech + 2, len(stretch.windows) - 2
        while last > earliest and sum(stretch.speech[last:]) * WINDOW_MS < self._config.least_speech_ms:
            last -= 1
        first = max(earliest, last - self._config.cut_search_ms // WINDOW_MS)
        energy = [float(np.mean(np.square(window))) for window in stretch.windows[first - 1 : last + 2]]
        smooth = np.convolve(energy, np.ones(3) / 3, mode="valid")
        between = {(end_ms - stretch.start_ms) // WINDOW_MS for end_ms in self._word_ends_ms}
        near = [
            place for place in range(first, last + 1) if between & {place - 1, place, place + 1, place + 2}
        ]
        return min(near or range(first, last + 1), key=lambda place: smooth[place - first])

    def _window(self, stretch: _Stretch, end: int | None = None) -> SpeechWindow:
        if end is None:
            end = min(len(stretch.windows), stretch.last_speech + 1 + self._config.post_pad_ms // WINDOW_MS)
        spoken = [
            value for value, speech in zip(stretch.probabilities, stretch.speech, strict=True) if speech
        ]
        return SpeechWindow(
            segment=SpeechSegment(
                channel=self._channel,
                start_ms=stretch.start_ms,
                end_ms=stretch.start_ms + end * WINDOW_MS,
                samples=np.concatenate(stretch.windows[:end]),
            ),
            speech_start_ms=stretch.start_ms + stretch.first_speech * WINDOW_MS,
            speech_end_ms=stretch.start_ms + (stretch.last_speech + 1) * WINDOW_MS,
            mean_probability=float(np.mean(spoken)),
            speech_ms=stretch.speech_ms,
        )

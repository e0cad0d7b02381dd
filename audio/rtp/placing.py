"""Where samples go on a leg's timeline: frames and gaps in order, and frames behind them marked late."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from koemori.audio.call import Channel
from koemori.audio.frames import AudioFrame, Gap, GapCause
from koemori.audio.rtp.payload import PayloadType
from koemori.audio.rtp.voice import Voice
from numpy.typing import NDArray

_QUIET_PEAK = 400
"""About -38 dBFS: a few milliseconds more of it are not heard."""


class Placing:
    """The timeline of one channel as far as it has been told.

    Attributes:
        position: The next sample to be told, by a frame or a gap.
        content_end: Just after the last sample that came.
        events: What has been told and not yet been taken.
    """

    def __init__(self, channel: Channel, rate_hz: int) -> None:
        self.channel = channel
        self.rate_hz = rate_hz
        self.position = 0
        self.content_end = 0
        self.events: list[AudioFrame | Gap] = []
        self.voice = Voice(rate_hz)
        self._run: list[bytes] = []
        self._run_start = 0
        self._run_end = 0
        self._spoken_to = 0
        """Up to where the run's samples have left the resampler."""
        self._newest: NDArray[np.int16] | None = None

    def audio(self, kind: PayloadType, payload: bytes, start: int, end: int) -> None:
        """Add a payload that covers the samples from `start` to `end`."""
        if kind != self.voice.kind or start != self._run_end:
            self.end_run()
            self.voice.use(kind)
            self._run_start = self._spoken_to = start
        self._run.append(payload)
        self._run_end = end

    def audios(self, kind: PayloadType, payloads: Sequence[bytes], start: int, end: int) -> None:
        """Add payloads that follow each other."""
        self.audio(kind, payloads[0], start, end)
        self._run.extend(payloads[1:])

    def speak(self) -> None:
        """Tell what has been added; the run goes on."""
        if not self._run:
            return
        samples = self.voice.decode(self._run)
        self._run.clear()
        self._tell(samples[: self._run_end - self._spoken_to])

    def end_run(self) -> None:
        """Tell what has been added, to its last sample."""
        self.speak()
        missing = self._run_end - self._spoken_to
        rest = self.voice.rest()[: max(missing, 0)]
        if len(rest):
            self._tell(rest)
        if self._run_end > self._spoken_to:
            # A payload that could not be decoded still covers its time.
            self._tell(np.zeros(self._run_end - self._spoken_to, dtype=np.int16))

    def late(self, kind: PayloadType, before: Sequence[bytes], payload: bytes, start: int, end: int) -> None:
        """Tell a payload whose place has been told as a gap; only what lies in `start` to `end` is kept."""
        samples = self.voice.late(kind, before, payload)
        self.behind(samples[: max(end - start, 0)], start)

    def behind(self, samples: NDArray[np.int16], start: int) -> None:
        """Tell samples at their place; those before `position` as late ones."""
        if start < 0:
            samples, start = samples[-start:], 0
        told = min(max(self.position - start, 0), len(samples))
        if told:
            self._frame(samples[:told], start, late=True)
        if told < len(samples):
            self._gap(start + told, GapCause.LOST)
            self._frame(samples[told:], start + told, late=False)

    def gap_to(self, end: int, cause: GapCause) -> None:
        """Tell what has been added, and that nothing comes before `end`, unless that has been told."""
        self.end_run()
        self._gap(end, cause)

    def _gap(self, end: int, cause: GapCause) -> None:
        count = end - self.position
        if count > 0:
            self.events.append(Gap(self.channel, self.position, count, cause, self.rate_hz))
            self.position = end

    def silence(self, start: int, end: int) -> None:
        """Tell that the sender was silent from `start` to `end`: samples of zero, at most a second each."""
        self.end_run()
        while start < end:
            count = min(end - start, self.rate_hz)
            self.behind(np.zeros(count, dtype=np.int16), start)
            start += count

    def take(self) -> list[AudioFrame | Gap]:
        """What has been told since."""
        events, self.events = self.events, []
        return events

    @property
    def open_end(self) -> int:
        """Where the timeline stands once everything added has been told."""
        return max(self.position, self._run_end)

    @property
    def quiet(self) -> bool:
        """Whether the newest samples are so low that a short gap is not heard."""
        newest = self._newest
        return (
            newest is None
            or not len(newest)
            or int(np.abs(newest[-160:].astype(np.int32)).max()) < _QUIET_PEAK
        )

    def _tell(self, samples: NDArray[np.int16]) -> None:
        if len(samples):
            self.behind(samples, self._spoken_to)
            self._spoken_to += len(samples)

    def _frame(self, samples: NDArray[np.int16], start: int, *, late: bool) -> None:
        samples.flags.writeable = False
        self.events.append(AudioFrame(self.channel, start, self.rate_hz, samples, late))
        self.content_end = max(self.content_end, start + len(samples))
        if not late:
            self.position = start + len(samples)
            self._newest = samples

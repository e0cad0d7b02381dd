"""A leg whose audio has no timestamps: its place is the count of its samples, checked by when they come.

The transport loses nothing and keeps the order (TCP), so samples follow each other. Only the sender can leave
audio out, and only the arrival tells: a chunk that comes much later than its count says is held for a moment.
When the rest catches up, the line was only slow and nothing is missing; when it does not, the sender was
silent, and a `clock` gap stands for the time. A gap that was told too early is filled with late frames.

Times are of a monotonic clock, in seconds; nothing here asks for the time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from koemori.audio.call import Channel
from koemori.audio.frames import AudioFrame, Gap, GapCause, ms_to_samples
from koemori.audio.resample import ChannelResampler
from numpy.typing import NDArray

Samples = NDArray[np.int16]
_WINDOW_S = 10
_QUIET = 600
"""Peak of a chunk below which a few milliseconds put in before it are not heard, in int16 units."""


@dataclass(frozen=True, slots=True)
class CountedLimits:
    """How a counted leg is judged.

    Attributes:
        stall_ms: A chunk later than this against its count may follow on a silence.
        settle_ms: How long such a chunk waits for the rest to catch up.
        silent_ms: When nothing came for this long, the time is told as a gap.
        telling_ms: And again each time that much more has passed.
        step_ms: Most that is put in at once against a slow clock.
        skew_ms: Distance to the fastest leg that is corrected at once; half of it waits for a pause.
    """

    stall_ms: int = 300
    settle_ms: int = 400
    silent_ms: int = 2_000
    telling_ms: int = 1_000
    step_ms: int = 10
    skew_ms: int = 20


@dataclass(slots=True)
class CountedTrack:
    """One leg on its channel.

    Attributes:
        channel: Where it goes.
        from_hz: Rate of what comes.
        to_hz: Rate of the call.
        origin_s: When sample 0 of the call was.
        position: Where the next sample goes, in samples of the call.
        limits: See `CountedLimits`.
    """

    channel: Channel
    from_hz: int
    to_hz: int
    origin_s: float
    position: int = 0
    limits: CountedLimits = field(default_factory=CountedLimits)
    _told: int = 0
    """End of what has been told, as frame or gap; `position` is behind it after a gap told too early."""
    _heard_at_s: float = 0.0
    _held: list[Samples] = field(default_factory=list)
    _held_since_s: float = 0.0
    _least_lag: int = 0
    _lags: deque[tuple[int, int]] = field(default_factory=deque)
    """(second, least lag in it) of the last seconds: how late this leg is when the line is not."""
    _resampler: ChannelResampler | None = None
    _taken: int = 0
    """Samples the resampler was given since it began anew, and those it has returned."""
    _returned: int = 0
    _due: int = 0
    """Samples to put in before the next chunk."""

    def __post_init__(self) -> None:
        """Make the resampler, where the call's rate is another."""
        self._told = self.position
        self._heard_at_s = self.origin_s + self.position / self.to_hz
        if self.from_hz != self.to_hz:
            self._resampler = ChannelResampler(self.from_hz, self.to_hz)

    def begin_at(self, start_sample: int) -> list[AudioFrame | Gap]:
        """Say where the leg's first sample goes; what lies before is a gap."""
        self.position = max(self.position, start_sample)
        return self._tell_gap(self.position)

    def push(self, samples: Samples, at_s: float) -> list[AudioFrame | Gap]:
        """Take a chunk, shape `(n,)`, whose last sample came at `at_s`; return what can be placed."""
        self._heard_at_s = at_s
        lag = self._lag(at_s, len(samples))
        usual = self._usual_lag()
        if self._held:
            self._held.append(samples)
            self._least_lag = min(self._least_lag, lag)
            if self._least_lag - usual <= self._samples(self.limits.stall_ms):
                self._note_lag(self._least_lag, at_s)
                return self._release(0)
            return self.expire(at_s)
        if self._lags and lag - usual > self._samples(self.limits.stall_ms):
            self._held, self._held_since_s, self._least_lag = [samples], at_s, lag
            return []
        self._note_lag(lag, at_s)
        return [*self._put_in(samples), *self._place(samples)]

    def expire(self, at_s: float) -> list[AudioFrame | Gap]:
        """What the passing of time settles: held chunks that nothing caught up with, and long silence."""
        if self._held and at_s - self._held_since_s >= self.limits.settle_ms / 1000:
            return self._release(self._least_lag - self._usual_lag())
        if self._held:
            return []
        quiet_s = at_s - self._heard_at_s
        if quiet_s < self.limits.silent_ms / 1000:
            return []
        until = self._at(at_s) - self._usual_lag() - self._samples(self.limits.stall_ms)
        return self._tell_gap(until) if until - self.end >= self._samples(self.limits.telling_ms) else []

    def finish(self, at_sample: int | None = None) -> list[AudioFrame | Gap]:
        """Place what is held, and tell the rest up to the call's end."""
        events = self._release(0) if self._held else []
        events += self._flush()
        return events if at_sample is None else events + self._tell_gap(at_sample)

    @property
    def end(self) -> int:
        """End of what has been told."""
        return max(self._told, self.position)

    def usual_lag(self) -> int | None:
        """Samples by which this leg's audio usually comes after its time; None before that is known."""
        return self._usual_lag() if len(self._lags) >= _WINDOW_S // 2 else None

    def keep_up(self, behind: int) -> None:
        """Put this many samples in before the next chunk, or a part of them: this leg's clock is slower."""
        if behind >= self._samples(self.limits.skew_ms) // 2:
            self._due = behind

    def _put_in(self, samples: Samples) -> list[AudioFrame | Gap]:
        quiet = not len(samples) or int(np.abs(samples.astype(np.int32)).max()) < _QUIET
        if not self._due or not (quiet or self._due >= self._samples(self.limits.skew_ms)):
            return []
        count, self._due = min(self._due, self._samples(self.limits.step_ms)), 0
        self._lags.clear()
        return self._insert(count)

    def _insert(self, count: int) -> list[AudioFrame | Gap]:
        events = self._flush()
        self.position += count
        return events + self._tell_gap(self.position)

    def _release(self, silence: int) -> list[AudioFrame | Gap]:
        held, self._held = self._held, []
        events = self._insert(silence) if silence > 0 else []
        for samples in held:
            events += self._place(samples)
        return events

    def _place(self, samples: Samples) -> list[AudioFrame | Gap]:
        self._taken += len(samples)
        if self._resampler is None:
            return self._emit(samples)
        ready = _to_int16(self._resampler.push(samples))
        self._returned += len(ready)
        return self._emit(ready)

    def _flush(self) -> list[AudioFrame | Gap]:
        if self._resampler is None or not self._taken:
            return []
        due = self._taken * self.to_hz // self.from_hz - self._returned
        rest = _to_int16(self._resampler.flush())[: max(due, 0)]
        self._taken = self._returned = 0
        return self._emit(np.pad(rest, (0, max(0, due - len(rest)))))

    def _emit(self, samples: Samples) -> list[AudioFrame | Gap]:
        start, self.position = self.position, self.position + len(samples)
        events: list[AudioFrame | Gap] = []
        late = min(max(0, self._told - start), len(samples))
        for part, at, is_late in ((samples[:late], start, True), (samples[late:], start + late, False)):
            if len(part):
                part = np.array(part, dtype=np.int16)
                part.setflags(write=False)
                events.append(AudioFrame(self.channel, at, self.to_hz, part, is_late))
        self._told = max(self._told, self.position)
        return events

    def _tell_gap(self, until: int) -> list[AudioFrame | Gap]:
        if until <= self._told:
            return []
        gap = Gap(self.channel, self._told, until - self._told, GapCause.CLOCK, self.to_hz)
        self._told = until
        return [gap]

    def _lag(self, at_s: float, coming: int) -> int:
        waiting = sum(map(len, self._held)) + coming + self._taken
        return self._at(at_s) - (self.position - self._returned_now() + waiting * self.to_hz // self.from_hz)

    def _returned_now(self) -> int:
        return self._returned if self._resampler is not None else self._taken

    def _at(self, at_s: float) -> int:
        return round((at_s - self.origin_s) * self.to_hz)

    def _note_lag(self, lag: int, at_s: float) -> None:
        second = int(at_s)
        if self._lags and self._lags[-1][0] == second:
            self._lags[-1] = (second, min(self._lags[-1][1], lag))
        else:
            self._lags.append((second, lag))
        while self._lags[0][0] <= second - _WINDOW_S:
            self._lags.popleft()

    def _usual_lag(self) -> int:
        return min((lag for _, lag in self._lags), default=0)

    def _samples(self, duration_ms: int) -> int:
        return ms_to_samples(duration_ms, self.to_hz)


def _to_int16(samples: NDArray[np.float32]) -> Samples:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)

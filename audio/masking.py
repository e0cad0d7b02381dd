"""What must not be kept is taken out of a call's audio before anybody else gets it.

The lane stands between a source and all that is behind it, recorder and recogniser alike. While masking is
on, every frame becomes a `masked` gap of its length at its place, on both channels; a recorder that is to
leave out a card number must not rely on the sender to stop. Tones of keys are always taken out, whether
masking is on or not: a frame passes at once unless a tone may have begun in it; then it waits, some 80 ms at
most, until the tone is a key (and is masked) or is none (and passes unchanged). Which keys were pressed stays
in here, in memory, for as long as a pattern can need it.

Pure: samples are the only clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from koemori.audio.call import CallStarted, Channel
from koemori.audio.frames import AudioFrame, Gap, GapCause, ms_to_samples
from koemori.audio.masked_spans import MaskedSpans
from koemori.audio.masking_keys import DeafEar, KeyEar
from koemori.audio.signals import KeyCarrier, KeyPressed

_SAME_PRESS_MS = 150
_MOST_AHEAD_MS = 10_000
"""A key whose event claims to end further from what has come masks no further than this."""


@dataclass(frozen=True, slots=True)
class MaskingLimits:
    """When keys mask, and how wide.

    Attributes:
        start_keys: Pressed in this order, masking goes on; empty: never.
        stop_keys: As above, off.
        run_keys: So many keys within `run_s` switch masking on by themselves; 0 never.
        run_s: Time within which they come.
        linger_s: Masking by a run goes on for so long after its last key.
        longest_s: No masking goes on for longer without being asked for again.
        before_ms: Masked before a key's tone.
        after_ms: Masked after a key's tone.
        hold_ms: Longest wait for a tone in doubt.
    """

    start_keys: str = ""
    stop_keys: str = ""
    run_keys: int = 4
    run_s: float = 10.0
    linger_s: float = 10.0
    longest_s: float = 600.0
    before_ms: int = 100
    after_ms: int = 300
    hold_ms: int = 80


@dataclass(frozen=True, slots=True)
class MaskingChanged:
    """Masking went on, off, or goes on longer; `until_sample` is where it ends by itself."""

    masked: bool
    at_sample: int
    reason: str
    until_sample: int | None = None


@dataclass(frozen=True, slots=True)
class MaskedBefore:
    """Samples that were passed on and should not have been; nobody may keep them."""

    channel: Channel
    start_sample: int
    sample_count: int


Passed = AudioFrame | Gap | MaskingChanged | MaskedBefore


@dataclass(slots=True)
class _Line:
    """What is known of one channel; positions are samples of its timeline."""

    channel: Channel
    ear: KeyEar | DeafEar
    position: int = 0
    """End of what has come, late frames apart."""
    passed: int = 0
    """End of what has been passed on."""
    held: deque[AudioFrame] = field(default_factory=deque)
    spans: MaskedSpans = field(default_factory=MaskedSpans)
    """Masked stretches, for the frames to come and for late ones."""


class Masking:
    """See the module. One for a call; not thread-safe."""

    def __init__(self, started: CallStarted, limits: MaskingLimits) -> None:
        self.reason: str | None = None
        """Why masking is on, a code; None while it is off."""
        self._limits = limits
        self._rate_hz = started.sample_rate_hz
        self._lines = {
            channel.index: _Line(channel, KeyEar(started.sample_rate_hz)) for channel in started.channels
        }
        self._keys: deque[tuple[int, str, KeyCarrier]] = deque(maxlen=32)
        """End, key and carrier of the latest presses, whichever channel; they never leave this object."""
        self._until = 0
        """Where masking ends by itself."""

    @property
    def masked(self) -> bool:
        """Whether nothing passes now."""
        return self.reason is not None

    @property
    def position(self) -> int:
        """End of the newest audio."""
        return max(line.position for line in self._lines.values())

    def start(
        self,
        reason: str,
        seconds: float | None = None,
        *,
        since_sample: int | None = None,
        exactly: bool = False,
    ) -> list[Passed]:
        """Mask from now on, what is held included.

        Args:
            reason: A code, never words or digits.
            seconds: How long; None, and whatever is longer, for the longest time of the limits.
            since_sample: What was passed on from here on is masked after the fact.
            exactly: May shorten masking that is on; otherwise the later end counts.
        """
        at = self.position
        length_s = min(seconds or self._limits.longest_s, self._limits.longest_s)
        until = at + round(length_s * self._rate_hz)
        passed = [] if since_sample is None else self.mask_since(since_sample)
        if self.masked and not exactly and self._until >= until:
            return passed
        self.reason, self._until = self.reason if self.masked and not exactly else reason, until
        return [*passed, MaskingChanged(True, at, self.reason or reason, until)]

    def mask_since(self, sample: int) -> list[Passed]:
        """Mask what has come from this sample on, on all channels."""
        lines = self._lines.values()
        return [passed for line in lines for passed in self._mask(line, sample, line.position)]

    def stop(self) -> list[Passed]:
        """Let audio pass again."""
        return self._stopped(self.position)

    def push(self, event: AudioFrame | Gap | KeyPressed) -> list[Passed]:
        """Take what the source gives; return what may be kept, and what changed, in order."""
        line = self._lines.get(event.channel.index)
        if line is None:
            return [] if isinstance(event, KeyPressed) else [event]
        if isinstance(event, KeyPressed):
            return self._pressed(line, event)
        if isinstance(event, AudioFrame):
            return self._late(line, event) if event.late else self._frame(line, event)
        passed = self._ended_keys(line)
        passed += self._release(line, None)
        if self.masked:
            line.spans.add(event.start_sample, event.end_sample)
        line.position = line.passed = max(line.position, event.end_sample)
        return [*passed, event, *self._expired()]

    def stop_hearing(self) -> None:
        """Hear no more keys in this call, for hearing has failed; all else goes on, `masked` as it was."""
        for line in self._lines.values():
            line.ear = DeafEar()

    def finish(self) -> list[Passed]:
        """Give what is held; the call has ended."""
        passed: list[Passed] = []
        for line in self._lines.values():
            passed += self._ended_keys(line)
            passed += self._release(line, None)
        return [*passed, *self.stop()]

    def _frame(self, line: _Line, frame: AudioFrame) -> list[Passed]:
        passed: list[Passed] = []
        if frame.start_sample != line.position:
            passed += self._ended_keys(line)
            passed += self._release(line, None)
        for key in line.ear.push(frame.start_sample, frame.samples):
            passed += self._heard(line, key.start_sample, key.end_sample, key.key)
        line.position = max(line.position, frame.end_sample)
        sounding = line.ear.sounding
        if sounding is not None:
            passed += self._mask(line, sounding - self._samples(self._limits.before_ms), line.position)
        line.held.append(frame)
        passed += self._release(line, None if sounding is not None else self._safe(line))
        return passed + self._expired()

    def _safe(self, line: _Line) -> int | None:
        """Up to where held audio may pass; None: all of it."""
        suspect = line.ear.suspect
        if suspect is None or self.masked:
            return None
        waited = line.position - line.held[0].start_sample
        return None if waited > self._samples(self._limits.hold_ms) else suspect

    def _late(self, line: _Line, frame: AudioFrame) -> list[Passed]:
        """A late frame's place is a declared gap; what must not pass leaves it so."""
        if self.masked or line.ear.may_hold(frame.samples):
            return []
        return [part for part in _cut(frame, line.spans) if isinstance(part, AudioFrame)]

    def _pressed(self, line: _Line, event: KeyPressed) -> list[Passed]:
        start = event.start_sample - self._samples(self._limits.before_ms)
        end = min(event.start_sample + event.sample_count, line.position + self._samples(_MOST_AHEAD_MS))
        passed = self._mask(line, start, max(end, line.position) + self._samples(self._limits.after_ms))
        return passed + self._matched(end, event.key, event.carried_by)

    def _heard(self, line: _Line, start: int, end: int, key: str) -> list[Passed]:
        passed = self._mask(
            line,
            start - self._samples(self._limits.before_ms),
            end + self._samples(self._limits.after_ms),
        )
        return passed + self._matched(end, key, KeyCarrier.IN_BAND)

    def _ended_keys(self, line: _Line) -> list[Passed]:
        return [
            passed
            for key in line.ear.finish()
            for passed in self._heard(line, key.start_sample, key.end_sample, key.key)
        ]

    def _mask(self, line: _Line, start: int, end: int) -> list[Passed]:
        """Mask a stretch; what of it has been passed on is told."""
        start = max(0, start)
        before = line.spans.uncovered(start, min(end, line.passed))
        line.spans.add(start, end)
        return [MaskedBefore(line.channel, begin, stop - begin) for begin, stop in before]

    def _matched(self, at: int, key: str, carrier: KeyCarrier) -> list[Passed]:
        """What a key changes; one that came both as a tone and as an event counts once."""
        if self._keys:
            last_at, last_key, last_carrier = self._keys[-1]
            near = abs(at - last_at) < self._samples(_SAME_PRESS_MS)
            if near and last_key == key and last_carrier is not carrier:
                return []
        self._keys.append((at, key, carrier))
        pressed = "".join(one for _, one, _ in self._keys)
        limits = self._limits
        if limits.stop_keys and pressed.endswith(limits.stop_keys):
            self._keys.clear()
            return self._stopped(at)
        if limits.start_keys and pressed.endswith(limits.start_keys):
            self._keys.clear()
            return self.start("keys")
        since = at - round(limits.run_s * self._rate_hz)
        recent = sum(when >= since for when, _, _ in self._keys)
        if limits.run_keys and recent >= limits.run_keys:
            return self.start("key-run", limits.linger_s)
        return []

    def _expired(self) -> list[Passed]:
        return self._stopped(self._until) if self.masked and self.position >= self._until else []

    def _stopped(self, at: int) -> list[Passed]:
        reason, self.reason = self.reason, None
        return [] if reason is None else [MaskingChanged(False, at, reason)]

    def _release(self, line: _Line, safe: int | None) -> list[Passed]:
        """Held audio up to `safe`, all of it when None, without what is masked."""
        passed: list[Passed] = []
        while line.held and (safe is None or line.held[0].start_sample < safe):
            frame = line.held.popleft()
            if safe is not None and frame.end_sample > safe:
                line.held.appendleft(_part(frame, safe, frame.end_sample))
                frame = _part(frame, frame.start_sample, safe)
            line.passed = frame.end_sample
            if self.masked:
                line.spans.add(frame.start_sample, frame.end_sample)
            passed += _cut(frame, line.spans)
        return passed

    def _samples(self, duration_ms: int) -> int:
        return ms_to_samples(duration_ms, self._rate_hz)


def _cut(frame: AudioFrame, spans: MaskedSpans) -> Iterator[AudioFrame | Gap]:
    """A frame without its masked stretches, which become gaps."""
    at = frame.start_sample
    for start, end in spans.within(at, frame.end_sample):
        if start > at:
            yield _part(frame, at, start)
        yield Gap(frame.channel, start, end - start, GapCause.MASKED, frame.sample_rate_hz)
        at = end
    if at == frame.start_sample:
        yield frame
    elif at < frame.end_sample:
        yield _part(frame, at, frame.end_sample)


def _part(frame: AudioFrame, start: int, end: int) -> AudioFrame:
    samples = frame.samples[start - frame.start_sample : end - frame.start_sample]
    return AudioFrame(frame.channel, start, frame.sample_rate_hz, samples, frame.late)

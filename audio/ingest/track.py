"""One track of a media stream: numbered, time-stamped chunks in any order → frames and gaps in order.

Position comes from the chunk numbers first and from the timestamps second:

* numbers follow each other: the samples follow each other, and a timestamp that is a little off is jitter;
* a number is missing, and time as well: later chunks wait until the missing one comes or the hold is over,
then it is a `lost` gap; a
  chunk that comes after that keeps its place and is marked late;
* a timestamp jumps ahead although no number is missing: a `clock` gap; a jump backwards moves nothing;
* the same number with the same content is a duplicate and is dropped; any other content under a used number
  means that the peer counts anew, and its samples are appended.

No received sample is dropped but those of duplicates. Nothing here knows the time: the hold is measured in
audio received since, on this track or another, which a wrong timestamp cannot upset.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from koemori.audio.call import Channel
from koemori.audio.frames import AudioFrame, Gap, GapCause, ms_to_samples, samples_to_ms
from koemori.audio.ingest.numbering import ChunkNumbers
from numpy.typing import NDArray

_REMEMBERED_CHUNKS = 3_000
_REMEMBERED_LOSSES = 10_000
_MAX_HELD = 1_000


@dataclass(frozen=True, slots=True)
class TrackLimits:
    """How much disorder a track puts up with."""

    hold_ms: int = 200
    """How much audio may come in while later chunks wait for a missing one."""
    jitter_ms: int = 100
    """A timestamp this far off its chunk's place is ignored."""
    jump_ms: int = 3_600_000
    """A timestamp further ahead than this is not believed."""
    missing_chunks: int = 180_000
    """A chunk number further ahead than this is not believed."""


@dataclass(slots=True)
class TrackCounters:
    """What happened on a track."""

    received: int = 0
    duplicated: int = 0
    late: int = 0
    lost: int = 0
    renumbered: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """One media message of a track; `digest` tells equal content.

    Where the codec has a state, `samples` only has the length, and `coded` is decoded in its place.
    """

    number: int
    timestamp_ms: int
    samples: NDArray[np.int16]
    digest: int
    coded: bytes = b""


@dataclass(frozen=True, slots=True)
class _Loss:
    first_number: int
    count: int
    start_sample: int
    sample_count: int
    chunk_samples: int
    offset: int
    filled: set[int] = field(default_factory=set)
    """Slots that a late chunk has taken."""


@dataclass(frozen=True, slots=True, eq=False)
class _Held:
    chunk: Chunk
    own_ms: int
    stream_ms: int


@dataclass(slots=True)
class Track:
    """State of one track. `position` is where the next sample goes on the call's timeline."""

    channel: Channel
    sample_rate_hz: int
    next_number: int
    limits: TrackLimits
    numbers: ChunkNumbers
    decode: Callable[[bytes], NDArray[np.int16]] | None = None
    """Decodes what has a state, in the order of the numbers; a late chunk is decoded out of turn."""
    position: int = 0
    horizon: int = 1 << 62
    """Where a gap may end at most; a peer that claims more is not believed."""
    started: bool = False
    received_samples: int = 0
    counters: TrackCounters = field(default_factory=TrackCounters)
    _offset: int = 0
    """Samples by which this track stands later than its timestamps say."""
    _chunk_samples: int = 0
    _held: dict[int, _Held] = field(default_factory=dict)
    _seen: OrderedDict[int, tuple[int, int]] = field(default_factory=OrderedDict)
    _losses: list[_Loss] = field(default_factory=list)

    def received_ms(self) -> int:
        """Audio received, without duplicates."""
        return samples_to_ms(self.received_samples, self.sample_rate_hz)

    def push(self, chunk: Chunk, stream_ms: int) -> list[AudioFrame | Gap]:
        """Take a chunk; return what can be placed. `stream_ms` is the most audio received on any track."""
        self.counters.received += 1
        known = self._seen.get(chunk.number)
        if known == (chunk.timestamp_ms, chunk.digest):
            self.counters.duplicated += 1
            return []
        self.received_samples += len(chunk.samples)
        self._remember(chunk)
        if known is not None or chunk.number - self.next_number > self.limits.missing_chunks:
            return self._renumbered(chunk)
        if chunk.number < self.next_number:
            return self._late(chunk)
        self._held[chunk.number] = _Held(chunk, self.received_ms(), stream_ms)
        return self.release()

    def expire(self, stream_ms: int) -> list[AudioFrame | Gap]:
        """Give up waiting for chunks that hold others up for longer than the limit."""
        events: list[AudioFrame | Gap] = []
        while self._held:
            oldest = self._held[min(self._held)]
            waited_ms = max(self.received_ms() - oldest.own_ms, stream_ms - oldest.stream_ms)
            if waited_ms <= self.limits.hold_ms and len(self._held) <= _MAX_HELD:
                break
            events += self._skip_to(oldest.chunk)
            events += self.release()
        return events

    def finish(self) -> list[AudioFrame | Gap]:
        """Place everything that is still held."""
        events: list[AudioFrame | Gap] = []
        while self._held:
            events += self._skip_to(self._held[min(self._held)].chunk)
            events += self.release()
        return events

    def pad_to(self, end_sample: int) -> list[AudioFrame | Gap]:
        """Return the gap up to the call's end, if the track is shorter."""
        missing = end_sample - self.position
        if missing <= 0:
            return []
        return [self._gap(missing, GapCause.LOST)]

    def release(self) -> list[AudioFrame | Gap]:
        """Place what follows on without a missing number."""
        events: list[AudioFrame | Gap] = []
        while self._held:
            held = self._held.pop(self.next_number, None)
            if held is not None:
                events += self._place(held.chunk)
            elif not self.numbers.elsewhere(self.channel.leg_id, self.next_number):
                break
            self.next_number += 1
        return events

    def _place(self, chunk: Chunk) -> list[AudioFrame | Gap]:
        """Put a chunk behind what is there, with a clock gap before it when its timestamp jumps ahead."""
        events: list[AudioFrame | Gap] = []
        due = ms_to_samples(chunk.timestamp_ms, self.sample_rate_hz) + self._offset
        ahead = due - self.position
        tolerance = self._samples(self.limits.jitter_ms) if self.started else 0
        self.started = True
        most = min(self._samples(self.limits.jump_ms), self.horizon - self.position)
        if ahead < -tolerance or ahead > most:
            self._offset -= ahead
        elif ahead > tolerance:
            events.append(self._gap(ahead, GapCause.CLOCK))
        if len(chunk.samples):
            self._chunk_samples = len(chunk.samples)
            events.append(self._frame(chunk, self.position, late=False))
            self.position += len(chunk.samples)
        return events

    def _skip_to(self, chunk: Chunk) -> list[AudioFrame | Gap]:
        """Declare the chunks before this one lost."""
        first, self.next_number = self.next_number, chunk.number
        leg, size = self.channel.leg_id, self._chunk_samples or len(chunk.samples)
        count = sum(not self.numbers.elsewhere(leg, number) for number in range(first, chunk.number))
        lost = min(self._lost_samples(chunk, count, size), self.horizon - self.position)
        if lost <= 0:
            return []
        self.counters.lost += round(lost / size)
        self._losses.append(_Loss(first, chunk.number - first, self.position, lost, size, self._offset))
        del self._losses[:-_REMEMBERED_LOSSES]
        self.started = True
        return [self._gap(lost, GapCause.LOST)]

    def _lost_samples(self, chunk: Chunk, count: int, size: int) -> int:
        """Return how much is missing before a chunk: by numbers, unless the timestamps say it is less."""
        ahead = ms_to_samples(chunk.timestamp_ms, self.sample_rate_hz) + self._offset - self.position
        if not size or ahead <= size // 2:
            return 0
        if self.numbers.shared:
            return min(count, round(ahead / size)) * size
        lost = count * size
        return ahead if ahead < lost - self._samples(self.limits.jitter_ms) else lost

    def _late(self, chunk: Chunk) -> list[AudioFrame | Gap]:
        """Place a chunk whose number has passed: into its gap, or behind everything when it has none."""
        at = bisect_right(self._losses, chunk.number, key=lambda loss: loss.first_number) - 1
        if at < 0 or chunk.number >= self._losses[at].first_number + self._losses[at].count:
            return self._renumbered(chunk)
        loss = self._losses[at]
        due = ms_to_samples(chunk.timestamp_ms, self.sample_rate_hz) + loss.offset - loss.start_sample
        by_time = round(due / loss.chunk_samples)
        slot = by_time if self.numbers.shared else chunk.number - loss.first_number
        start = slot * loss.chunk_samples
        fits = start >= 0 and start + len(chunk.samples) <= min(loss.sample_count, start + loss.chunk_samples)
        if not fits or slot in loss.filled or abs(due - start) > self._samples(2 * self.limits.jitter_ms):
            return self._renumbered(chunk)
        loss.filled.add(slot)
        start += loss.start_sample
        self.counters.late += 1
        self.counters.lost -= 1
        return [self._frame(chunk, start, late=True)] if len(chunk.samples) else []

    def _renumbered(self, chunk: Chunk) -> list[AudioFrame | Gap]:
        """Append a chunk whose number means nothing here."""
        self.counters.renumbered += 1
        events = self.finish()
        return events + self._place(chunk)

    def _remember(self, chunk: Chunk) -> None:
        self._seen[chunk.number] = (chunk.timestamp_ms, chunk.digest)
        if len(self._seen) > _REMEMBERED_CHUNKS:
            self._seen.popitem(last=False)

    def _samples(self, duration_ms: int) -> int:
        return ms_to_samples(duration_ms, self.sample_rate_hz)

    def _frame(self, chunk: Chunk, start_sample: int, *, late: bool) -> AudioFrame:
        samples = chunk.samples
        if self.decode is not None:
            samples = np.zeros(len(chunk.samples), dtype=np.int16)
            decoded = self.decode(chunk.coded)[: len(samples)]
            samples[: len(decoded)] = decoded
            samples.setflags(write=False)
        return AudioFrame(self.channel, start_sample, self.sample_rate_hz, samples, late)

    def _gap(self, sample_count: int, cause: GapCause) -> Gap:
        gap = Gap(self.channel, self.position, sample_count, cause, self.sample_rate_hz)
        self.position += sample_count
        return gap

"""The recorder lane of one call: frames and gaps → journal records.

`push` never waits and never loses a sample without a trace: when the journal's memory bound is hit (a disk
that has stopped taking data), the samples become a `lost` gap that is written as soon as there is room.
Order does not matter here. Whatever comes is written as it comes; the archive sorts it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from koemori.audio.call import CallEnded, CallId, CallStarted
from koemori.audio.errors import JournalError
from koemori.audio.frames import AudioFrame, Gap, GapCause
from koemori.audio.journal_format import FLAG_LATE, RecordType, close_body, to_json
from koemori.audio.signals import CallDocument, CallUpdated

_CLOCK_INTERVAL_S = 60
MASKED_BEFORE = "masked-before"
"""Kind of the marker that says which samples, written before, must not be kept."""
MAX_UPDATES = 2_000
MAX_DOCUMENTS = 64
MAX_DOCUMENT_BYTES = 256 * 1024
MAX_DOCUMENTS_BYTES = 2 * 1024 * 1024
"""Of one call together: a phone system that never stops telling must not fill memory or disk."""


@dataclass(frozen=True, slots=True)
class JournalHead:
    """Where a call's chain stands once its close record is durable; `samples` is the end per channel."""

    call_id: CallId
    part: int
    record_count: int
    chain: bytes
    samples: Mapping[int, int]


class RecordSink(Protocol):
    """What a recorder needs of the journal; both methods return at once."""

    def offer(
        self, kind: RecordType, channel: int, flags: int, first_sample: int, payload: bytes, *, force: bool
    ) -> bool:
        """Queue a record; False when the memory bound is hit and `force` is not set."""
        ...

    def finish(self, payload: bytes) -> Future[JournalHead]:
        """Queue the close record; the future completes once it is durable."""
        ...


@dataclass(slots=True)
class _Overflow:
    start_sample: int
    sample_count: int = 0


@dataclass(slots=True)
class CallRecorder:
    """Writes one call to the journal. Not thread-safe: one task pushes."""

    started: CallStarted
    recording_id: str
    sink: RecordSink
    on_overflow: Callable[[int], None]
    overflow_samples: int = 0
    _ends: dict[int, int] = field(default_factory=dict)
    _overflows: dict[int, _Overflow] = field(default_factory=dict)
    _pause_reason: str | None = None
    _next_clock_sample: int = 0
    _closed: Future[JournalHead] | None = None
    _updates: int = 0
    _documents: int = 0
    _document_bytes: int = 0

    @property
    def call_id(self) -> CallId:
        """The call that is recorded."""
        return self.started.call_id

    def push(self, event: AudioFrame | Gap) -> None:
        """Record a frame or a gap; returns at once.

        A gap of cause `not_assisted` is no gap in the recording and is passed over. While paused, a frame's
        samples are kept out and a `paused` gap is written in their place.

        Raises:
            JournalError: The event is of another call, rate or channel, or the recorder is closed.
        """
        self._check(event)
        index = event.channel.index
        self._ends[index] = max(self._ends.get(index, 0), event.end_sample)
        if isinstance(event, Gap):
            if event.cause is not GapCause.NOT_ASSISTED and event.sample_count:
                self._offer_gap(index, event.start_sample, event.sample_count, event.cause)
            return
        if not len(event.samples):
            return
        if self._pause_reason is not None:
            self._offer_gap(index, event.start_sample, len(event.samples), GapCause.PAUSED)
            return
        self._clock(event)
        self._offer_audio(event)

    def pause(self, reason: str) -> None:
        """Keep samples out from now on; `reason` is a code such as `card-number`, never spoken words."""
        if self._pause_reason is None:
            self._pause_reason = reason
            self._offer_fact(RecordType.PAUSE, {"paused": True, "reason": reason})

    def resume(self) -> None:
        """Record samples again."""
        if self._pause_reason is not None:
            self._offer_fact(RecordType.PAUSE, {"paused": False, "reason": self._pause_reason})
            self._pause_reason = None

    def mark(self, kind: str, facts: Mapping[str, str | int] | None = None) -> None:
        """Write a marker: something about this recording that a later reader should know."""
        self._offer_fact(RecordType.MARKER, {"kind": kind, **(facts or {})})

    def mask(self, channel: int, start_sample: int, sample_count: int) -> None:
        """Say that samples which were pushed must not be kept: the archive has a `masked` gap there."""
        facts = {"channel": channel, "start_sample": start_sample, "sample_count": sample_count}
        self.mark(MASKED_BEFORE, facts)

    def note(self, event: CallUpdated | CallDocument) -> None:
        """Write what the phone system said, as a marker; a document with its bytes in base64.

        Never raises. What goes beyond the limits of a call is left out; that it was is written, once for
        updates and by size for each document.
        """
        if isinstance(event, CallUpdated):
            self._updates += 1
            if self._updates <= MAX_UPDATES:
                self._offer_fact(RecordType.MARKER, update_body(event))
            elif self._updates == MAX_UPDATES + 1:
                self.mark("updates-left-out", {"at_ms": event.at_ms, "most": MAX_UPDATES})
            return
        size = len(event.content)
        fits = size <= MAX_DOCUMENT_BYTES and self._document_bytes + size <= MAX_DOCUMENTS_BYTES
        self._documents += 1
        if fits and self._documents <= MAX_DOCUMENTS:
            self._document_bytes += size
            self._offer_fact(RecordType.MARKER, document_body(event))
        elif self._documents <= 2 * MAX_DOCUMENTS:
            self.mark("document-left-out", {"at_ms": event.at_ms, "size_bytes": size})

    def close(self, ended: CallEnded) -> Future[JournalHead]:
        """End the call's journal.

        Returns:
            Completes with the head once the close record is durable; await it with
            `asyncio.wrap_future`. Calling again returns the same future.
        """
        if self._closed is None:
            for index in list(self._overflows):
                self._write_overflow(index, force=True)
            facts = {"overflow_samples": self.overflow_samples} if self.overflow_samples else {}
            self._closed = self.sink.finish(close_body(ended, facts))
        return self._closed

    def _check(self, event: AudioFrame | Gap) -> None:
        if self._closed is not None:
            raise JournalError("expected an open recorder; the call's journal is closed")
        channels = self.started.channels
        if event.sample_rate_hz != self.started.sample_rate_hz:
            raise JournalError(
                f"expected {self.started.sample_rate_hz} Hz as at the call's start; "
                f"got {event.sample_rate_hz} Hz"
            )
        if event.channel.index >= len(channels) or event.start_sample < 0:
            raise JournalError(
                f"expected channel 0 to {len(channels) - 1} at sample 0 or later; "
                f"got channel {event.channel.index} at {event.start_sample}"
            )

    def _offer_audio(self, frame: AudioFrame) -> None:
        index = frame.channel.index
        if index in self._overflows and not self._write_overflow(index, force=False):
            self._overflow(index, frame)
            return
        flags = FLAG_LATE if frame.late else 0
        payload = frame.samples.astype("<i2", copy=False).tobytes()
        if not self.sink.offer(RecordType.AUDIO, index, flags, frame.start_sample, payload, force=False):
            self._overflow(index, frame)

    def _overflow(self, index: int, frame: AudioFrame) -> None:
        span = self._overflows.get(index)
        if span is not None and span.start_sample + span.sample_count != frame.start_sample:
            self._write_overflow(index, force=True)
            span = None
        if span is None:
            span = self._overflows[index] = _Overflow(frame.start_sample)
        span.sample_count += len(frame.samples)
        self.overflow_samples += len(frame.samples)
        self.on_overflow(len(frame.samples))

    def _write_overflow(self, index: int, *, force: bool) -> bool:
        span = self._overflows[index]
        payload = to_json({"cause": GapCause.LOST.value, "sample_count": span.sample_count})
        if not self.sink.offer(RecordType.GAP, index, 0, span.start_sample, payload, force=force):
            return False
        del self._overflows[index]
        return True

    def _offer_gap(self, index: int, start_sample: int, sample_count: int, cause: GapCause) -> None:
        payload = to_json({"cause": cause.value, "sample_count": sample_count})
        self.sink.offer(RecordType.GAP, index, 0, start_sample, payload, force=True)

    def _offer_fact(self, kind: RecordType, body: Mapping[str, object]) -> None:
        position = max(self._ends.values(), default=0)
        self.sink.offer(kind, 0, 0, position, to_json(body), force=True)

    def _clock(self, frame: AudioFrame) -> None:
        """Note once a minute which sample belongs to the wall and monotonic time in the header."""
        if frame.channel.index == 0 and frame.start_sample >= self._next_clock_sample:
            self._next_clock_sample = frame.start_sample + _CLOCK_INTERVAL_S * frame.sample_rate_hz
            self._offer_fact(RecordType.CLOCK, {"sample": frame.start_sample})


def update_body(event: CallUpdated) -> dict[str, object]:
    """Body of a marker that tells what changed in a call; only what was said."""
    body: dict[str, object] = {"kind": "call-updated", "at_ms": event.at_ms, "what": event.kind.value}
    if event.facts:
        body["facts"] = dict(event.facts)
    if event.external_ids:
        body["external_ids"] = dict(event.external_ids)
    if event.roles:
        body["roles"] = {str(index): role.value for index, role in event.roles.items()}
    people = {
        "agent_id": event.agent_id,
        "customer_number": event.customer_number,
        "queue": event.queue,
    }
    return body | {key: known for key, known in people.items() if known is not None}


def document_body(event: CallDocument) -> dict[str, object]:
    """Body of a marker that carries a document."""
    return {
        "kind": "document",
        "at_ms": event.at_ms,
        "name": event.name,
        "media_type": event.media_type,
        "base64": base64.b64encode(event.content).decode(),
    }

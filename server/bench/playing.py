"""One call through the whole pipeline, as the service runs it, with everything kept that figures need."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from koemori.audio.call import CallId, CallStarted
from koemori.audio.signals import CallUpdated
from koemori.server.archive.sealing import SealedRecording
from koemori.server.bench.tapes import Tape, TapeSource
from koemori.server.calls.ports import CallPorts, Pace
from koemori.server.calls.session import CallSession, SessionLimits
from koemori.server.config import Settings
from koemori.server.telemetry import Metrics
from koemori.server.wire import WireEvent, decode, encode


@dataclass(frozen=True, slots=True)
class Said:
    """An event and when it came: milliseconds of wall time since the call's first sample was due."""

    event: WireEvent
    said_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """A call that has been played.

    Attributes:
        tape: What was played.
        speed: How fast; None as fast as the models went, where no latency means anything.
        said: Every event, in order.
        recording: What was sealed; None when sealing failed.
        wall_s: From the first sample to the sealed recording.
    """

    tape: Tape
    speed: float | None
    said: tuple[Said, ...]
    recording: SealedRecording | None
    wall_s: float

    @property
    def events(self) -> list[WireEvent]:
        """Without their times."""
        return [said.event for said in self.said]

    def behind_ms(self, said: Said, media_ms: int) -> int:
        """How long after the moment `media_ms` of the call an event came, in wall time."""
        return said.said_ms - round(media_ms / (self.speed or 1.0))

    @property
    def exact(self) -> bool:
        """Whether the recording holds every sample that was played, and no other."""
        return self.recording is not None and self.recording.pcm_sha256 == self.tape.digest


def _spool() -> IO[bytes]:
    return tempfile.TemporaryFile()


@dataclass(slots=True)
class KeepingSink:
    """An `EventSink` that keeps every event with the time at which it came.

    Events lie in an unnamed file until they are asked for: the memory that a benchmark reports must be the
    service's, and an hour's events held as objects are tens of MiB that no service holds.
    """

    recording: SealedRecording | None = None
    _kept: IO[bytes] = field(default_factory=_spool)

    async def call_started(self, started: CallStarted) -> None:
        """See `EventSink`."""

    async def call_updated(self, update: CallUpdated) -> None:
        """See `EventSink`."""

    async def publish(self, event: WireEvent) -> None:
        """See `EventSink`."""
        self._kept.write(f"{time.monotonic()!r} {encode(event)}\n".encode())

    async def sealed(self, call_id: CallId, recording: SealedRecording) -> None:
        """See `EventSink`."""
        self.recording = recording

    async def settled(self, call_id: CallId, patience_s: float) -> bool:
        """See `EventSink`."""
        return True

    def take(self) -> Iterator[tuple[float, WireEvent]]:
        """Every event and the monotonic seconds at which it came, in order; may be called once."""
        with self._kept as kept:
            kept.seek(0)
            for line in kept:
                came_s, _, event = line.partition(b" ")
                yield float(came_s), decode(event)


async def play(
    tape: Tape, speed: float | None, ports: CallPorts, metrics: Metrics, settings: Settings
) -> Played:
    """Play a tape as a call and wait until it is sealed."""
    sink = KeepingSink()
    source = TapeSource(tape, speed)
    assist = settings.assist
    limits = SessionLimits(assist.queue_ms, assist.drain_s, assist.locale, settings.masking.plan())
    await CallSession(ports, sink, metrics, pace_of(speed), limits).run(source)
    began_s = source.began_s or 0.0
    # Not `emitted_ms`: that clock begins when the first frame comes, and a busy machine takes it late.
    said = tuple(Said(event, round((came_s - began_s) * 1000)) for came_s, event in sink.take())
    return Played(tape, speed, said, sink.recording, time.monotonic() - began_s)


def pace_of(speed: float | None) -> Pace:
    """How a source of this speed is treated."""
    if speed is None:
        return Pace.HELD
    return Pace.LIVE if speed == 1 else Pace.SCALED

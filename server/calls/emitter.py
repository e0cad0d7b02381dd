"""What a call's parts say → numbered wire events, counted and handed to the sink."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import assert_never

from koemori.assist.types import Alert, AssistEvent
from koemori.audio.call import CallStarted
from koemori.audio.frames import Gap, GapCause, samples_to_ms
from koemori.models.types import NotAssisted, Partial, Quarantined, TranscriptEvent, Utterance
from koemori.server.bus import EventSink
from koemori.server.calls.conversion import EventHead, assist_to_wire
from koemori.server.calls.latency import LatencyLog
from koemori.server.telemetry import Metrics
from koemori.server.wire import (
    CallEndedEvent,
    CallStartedEvent,
    GapEvent,
    PartialEvent,
    QuarantinedEvent,
    UtteranceEvent,
    WireChannel,
    WireEvent,
    WireLedger,
    WireRecording,
    WireWord,
)


class Emitter:
    """Gives each event of one call its `seq` and, when live, its `emitted_ms`.

    Args:
        started: The call.
        sink: Where events go.
        metrics: What is counted.
        live: True when media time runs like the clock, so that latency means something.
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        started: CallStarted,
        sink: EventSink,
        metrics: Metrics,
        *,
        live: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._started = started
        self._sink = sink
        self._metrics = metrics
        self._live = live
        self._monotonic = monotonic
        self._origin_s: float | None = None
        self._seq = 0
        self.latency = LatencyLog()

    def first_frame(self, duration_ms: int) -> None:
        """The first frame came: its first sample was due one frame earlier."""
        if self._origin_s is None:
            self._origin_s = self._monotonic() - duration_ms / 1000

    async def started(self) -> None:
        """Emit `call_started`."""
        call = self._started
        await self._emit(
            CallStartedEvent(
                **self._head(0),
                started_at=call.started_at,
                channels=tuple(
                    WireChannel(index=channel.index, role=channel.role, source=channel.source)
                    for channel in call.channels
                ),
                external_ids=dict(call.external_ids),
            )
        )

    async def gap(self, gap: Gap) -> None:
        """Emit a `gap` for missing audio."""
        start_ms = samples_to_ms(gap.start_sample, gap.sample_rate_hz)
        end_ms = samples_to_ms(gap.end_sample, gap.sample_rate_hz)
        self._metrics.gaps.labels(gap.cause.value).inc((end_ms - start_ms) / 1000)
        await self._gap(gap.channel.index, start_ms, end_ms, gap.cause)

    async def not_assisted(self, channel: int, start_ms: int, end_ms: int, reason: str) -> None:
        """Emit a `gap` for audio that is recorded and was not listened to."""
        self._metrics.not_assisted.labels(reason).inc((end_ms - start_ms) / 1000)
        await self._gap(channel, start_ms, end_ms, GapCause.NOT_ASSISTED)

    async def transcript(self, event: TranscriptEvent) -> None:
        """Emit what was heard."""
        match event:
            case Partial():
                await self._emit(
                    PartialEvent(
                        **self._head(event.end_ms),
                        speaker=event.channel.role,
                        utterance_id=event.utterance_id,
                        revision=event.revision,
                        stable=event.stable,
                        unstable=event.unstable,
                    )
                )
            case Utterance():
                await self._emit(self._utterance(event))
            case Quarantined():
                self._metrics.quarantined.labels(event.reason).inc()
                await self._emit(
                    QuarantinedEvent(
                        **self._head(event.end_ms),
                        speaker=event.channel.role,
                        utterance_id=event.utterance_id or None,
                        start_ms=event.start_ms,
                        end_ms=event.end_ms,
                        text=event.text,
                        reason=event.reason,
                    )
                )
            case NotAssisted():
                await self.not_assisted(event.channel.index, event.start_ms, event.end_ms, event.reason)
            case _:
                assert_never(event)

    async def assist(self, event: AssistEvent) -> None:
        """Emit what follows from the words."""
        if isinstance(event, Alert):
            self._metrics.alerts.labels(event.category.value, str(int(event.severity))).inc()
        await self._emit(assist_to_wire(event, self._head(event.at_ms)))

    async def ended(
        self, end_ms: int, reason: str, recording: WireRecording | None, ledger: WireLedger
    ) -> CallEndedEvent:
        """Emit `call_ended`, the last event."""
        event = CallEndedEvent(
            **self._head(end_ms),
            duration_ms=end_ms,
            reason=reason,
            recording=recording,
            ledger=ledger,
            latency=self.latency.report(),
        )
        self._metrics.calls_ended.labels(reason.split(":")[0]).inc()
        await self._emit(event)
        return event

    def _utterance(self, event: Utterance) -> UtteranceEvent:
        return UtteranceEvent(
            **self._head(event.end_ms),
            speaker=event.channel.role,
            utterance_id=event.utterance_id,
            start_ms=event.start_ms,
            end_ms=event.end_ms,
            text=event.text,
            words=tuple(
                WireWord(
                    text=word.text,
                    start_ms=word.start_ms,
                    end_ms=word.end_ms,
                    probability=round(word.probability, 3),
                )
                for word in event.words
            ),
            model_id=event.model_id,
        )

    async def _gap(self, channel: int, start_ms: int, end_ms: int, cause: GapCause) -> None:
        await self._emit(
            GapEvent(
                **self._head(end_ms),
                channel=channel,
                start_ms=start_ms,
                duration_ms=end_ms - start_ms,
                cause=cause,
            )
        )

    def _head(self, at_ms: int) -> EventHead:
        self._seq += 1
        emitted_ms = None
        if self._live and self._origin_s is not None:
            emitted_ms = round((self._monotonic() - self._origin_s) * 1000)
        return {
            "call_id": self._started.call_id,
            "seq": self._seq,
            "at_ms": at_ms,
            "emitted_ms": emitted_ms,
        }

    async def _emit(self, event: WireEvent) -> None:
        if event.emitted_ms is not None:
            latency_ms = event.emitted_ms - event.at_ms
            self.latency.note(event.type, latency_ms)
            self._metrics.stage_latency.labels(event.type).observe(max(0, latency_ms) / 1000)
        await self._sink.publish(event)

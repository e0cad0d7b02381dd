"""What a call's parts say → numbered wire events, counted and handed to the sink."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import assert_never

from koemori.assist.types import Alert, AssistEvent
from koemori.audio.call import CallStarted
from koemori.audio.frames import Gap, GapCause, samples_to_ms
from koemori.audio.signals import CallUpdated
from koemori.models.speakers import speaker_runs
from koemori.models.types import (
    LoadChanged,
    NotAssisted,
    Partial,
    Quarantined,
    SpeakersFound,
    Timing,
    TranscriptEvent,
    Utterance,
    VoiceChanged,
)
from koemori.server.bus import EventSink
from koemori.server.calls.conversion import EventHead, assist_to_wire
from koemori.server.calls.latency import Cause, LatencyLog, by_stage, stages_of_answer, stages_of_words
from koemori.server.telemetry import Metrics
from koemori.server.wire import (
    AlertEvent,
    AssistanceEvent,
    AssistanceLevel,
    CallEndedEvent,
    CallStartedEvent,
    CallUpdatedEvent,
    GapEvent,
    GuidanceEvent,
    MaskingEvent,
    PartialEvent,
    QuarantinedEvent,
    SpeakersEvent,
    UtteranceEvent,
    VoiceEvent,
    WireChannel,
    WireEvent,
    WireLedger,
    WireRecording,
    WireSpeakerRun,
    WireStages,
    WireWord,
)

_WITHOUT_PARTIALS = (
    AssistanceLevel.PARTIALS_OFF,
    AssistanceLevel.LARGE_WINDOWS,
    AssistanceLevel.SHEDDING,
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

    async def updated(self, update: CallUpdated) -> None:
        """Emit `call_updated`."""
        await self._emit(
            CallUpdatedEvent(
                **self._head(update.at_ms),
                kind=update.kind,
                external_ids=dict(update.external_ids),
                agent_id=update.agent_id,
                queue=update.queue,
                customer_known=True if update.customer_number else None,
                roles=dict(update.roles),
                facts=dict(update.facts),
            )
        )

    async def gap(self, gap: Gap) -> None:
        """Emit a `gap` for missing audio."""
        start_ms = samples_to_ms(gap.start_sample, gap.sample_rate_hz)
        end_ms = samples_to_ms(gap.end_sample, gap.sample_rate_hz)
        self._metrics.gaps.labels(gap.cause.value).inc((end_ms - start_ms) / 1000)
        await self._gap(gap.channel.index, start_ms, end_ms, gap.cause)

    async def masking(self, masked: bool, reason: str, at_ms: int, until_ms: int | None) -> None:
        """Emit `masking`: from here on nothing is kept, or everything again."""
        head = self._head(at_ms)
        await self._emit(MaskingEvent(**head, masked=masked, reason=reason, until_ms=until_ms))

    async def not_assisted(self, channel: int, start_ms: int, end_ms: int, reason: str) -> None:
        """Emit a `gap` for audio that is recorded and was not listened to."""
        self._metrics.not_assisted.labels(reason).inc((end_ms - start_ms) / 1000)
        await self._gap(channel, start_ms, end_ms, GapCause.NOT_ASSISTED)

    def now_ms(self) -> int | None:
        """The call's clock: monotonic milliseconds since its first sample was due; None when not live."""
        if not self._live or self._origin_s is None:
            return None
        return round((self._monotonic() - self._origin_s) * 1000)

    async def transcript(self, event: TranscriptEvent, came_ms: int | None = None) -> None:
        """Emit what was heard; `came_ms` is when it left the listener, on the call's clock."""
        match event:
            case Partial():
                await self._emit(self._partial(event, came_ms))
            case Utterance():
                await self._emit(self._utterance(event, came_ms))
            case SpeakersFound():
                await self._emit(self._speakers(event))
            case Quarantined():
                self._metrics.quarantined.labels(event.reason).inc()
                await self._emit(self._quarantined(event, came_ms))
            case NotAssisted():
                await self.not_assisted(event.channel.index, event.start_ms, event.end_ms, event.reason)
            case LoadChanged():
                level = AssistanceLevel(event.level)
                interval_ms = None if level in _WITHOUT_PARTIALS else event.partial_interval_ms
                head = self._head(event.at_ms)
                await self._emit(AssistanceEvent(**head, level=level, partial_interval_ms=interval_ms))
            case VoiceChanged():
                await self._emit(self._voice(event))
            case _:
                assert_never(event)

    async def assist(
        self, event: AssistEvent, cause: Cause | None = None, answered_ms: int | None = None
    ) -> None:
        """Emit what follows from the words; the engine answered at `answered_ms` of the call's clock."""
        if isinstance(event, Alert):
            self._metrics.alerts.labels(event.category.value, str(int(event.severity))).inc()
        head = self._head(event.at_ms)
        latency = None
        if cause is not None and answered_ms is not None and head["emitted_ms"] is not None:
            latency = stages_of_answer(cause, answered_ms, head["emitted_ms"])
        await self._emit(assist_to_wire(event, head, latency))

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

    def _partial(self, event: Partial, came_ms: int | None) -> PartialEvent:
        head = self._head(event.end_ms)
        return PartialEvent(
            **head,
            latency=_latency(head, event.timing, came_ms),
            speaker=event.channel.role,
            utterance_id=event.utterance_id,
            revision=event.revision,
            stable=event.stable,
            unstable=event.unstable,
        )

    def _utterance(self, event: Utterance, came_ms: int | None) -> UtteranceEvent:
        head = self._head(event.end_ms)
        return UtteranceEvent(
            **head,
            latency=_latency(head, event.timing, came_ms),
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
                    speaker=word.speaker or None,
                    heard=word.heard or None,
                )
                for word in event.words
            ),
            model_id=event.model_id,
        )

    def _speakers(self, event: SpeakersFound) -> SpeakersEvent:
        runs = tuple(
            WireSpeakerRun(speaker=run.speaker, start_ms=run.start_ms, end_ms=run.end_ms, text=run.text)
            for run in speaker_runs(event.words)
        )
        return SpeakersEvent(**self._head(event.end_ms), utterance_id=event.utterance_id, runs=runs)

    def _voice(self, event: VoiceChanged) -> VoiceEvent:
        pitch = event.pitch_semitones
        return VoiceEvent(
            **self._head(event.end_ms),
            speaker=event.channel.role,
            raised=event.raised,
            since_ms=event.since_ms,
            level_db=round(event.level_db, 1),
            pitch_semitones=None if pitch is None else round(pitch, 1),
        )

    def _quarantined(self, event: Quarantined, came_ms: int | None) -> QuarantinedEvent:
        head = self._head(event.end_ms)
        return QuarantinedEvent(
            **head,
            latency=_latency(head, event.timing, came_ms),
            speaker=event.channel.role,
            utterance_id=event.utterance_id or None,
            start_ms=event.start_ms,
            end_ms=event.end_ms,
            text=event.text,
            reason=event.reason,
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
        return {
            "call_id": self._started.call_id,
            "seq": self._seq,
            "at_ms": at_ms,
            "emitted_ms": self.now_ms(),
        }

    async def _emit(self, event: WireEvent) -> None:
        if event.emitted_ms is not None:
            latency_ms = event.emitted_ms - event.at_ms
            stages = _stages_of(event)
            self.latency.note(event.type, latency_ms, stages)
            self._metrics.stage_latency.labels(event.type).observe(max(0, latency_ms) / 1000)
            if stages is not None:
                self._observe(event, stages)
        await self._sink.publish(event)

    def _observe(self, event: WireEvent, stages: WireStages) -> None:
        for stage, value_ms in by_stage(stages).items():
            if stage != "understand" or isinstance(event, (AlertEvent, GuidanceEvent)):
                self._metrics.stage.labels(event.type, stage).observe(max(0, value_ms) / 1000)


def _latency(head: EventHead, timing: Timing | None, came_ms: int | None) -> WireStages | None:
    emitted_ms = head["emitted_ms"]
    if emitted_ms is None or timing is None:
        return None
    return stages_of_words(head["at_ms"], timing, emitted_ms if came_ms is None else came_ms, emitted_ms)


def _stages_of(event: WireEvent) -> WireStages | None:
    match event:
        case PartialEvent() | UtteranceEvent() | QuarantinedEvent() | AlertEvent() | GuidanceEvent():
            return event.latency
        case _:
            return None

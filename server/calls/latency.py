"""Latency of a call's events: where each event's time went, and percentiles by nearest rank, per kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from koemori.models.types import Timing
from koemori.server.wire import STAGES, Percentiles, WireLatency, WireStages

KINDS = ("partial", "utterance", "alert")


@dataclass(frozen=True, slots=True)
class Cause:
    """What the engine was asked about, so that the time of its answers can be accounted for.

    Attributes:
        since_ms: Media time of the end of the words, or of the second that went by.
        timing: Where the words' time went; zeros for a second.
        came_ms: When the words left the listener, on the call's clock.
        asked_ms: When the engine was asked, on the call's clock.
    """

    since_ms: int
    timing: Timing
    came_ms: int
    asked_ms: int


def stages_of_words(end_ms: int, timing: Timing, came_ms: int, emitted_ms: int) -> WireStages:
    """Account for an event of words: media end, and when they left the listener and the emitter."""
    return _stages(end_ms, timing, emitted_ms - came_ms, 0, emitted_ms)


def stages_of_answer(cause: Cause, answered_ms: int, emitted_ms: int) -> WireStages:
    """Account for what the engine found in `cause`; it answered and the event left on the call's clock."""
    delivery_ms = (cause.asked_ms - cause.came_ms) + (emitted_ms - answered_ms)
    return _stages(cause.since_ms, cause.timing, delivery_ms, answered_ms - cause.asked_ms, emitted_ms)


def _stages(
    since_ms: int, timing: Timing, deliver_ms: int, understand_ms: int, emitted_ms: int
) -> WireStages:
    work_ms = timing.vad_ms + timing.queue_ms + timing.encode_ms + timing.decode_ms + timing.merge_ms
    total_ms = emitted_ms - since_ms
    return WireStages(
        arrive_ms=total_ms - work_ms - deliver_ms - understand_ms,
        vad_ms=timing.vad_ms,
        queue_ms=timing.queue_ms,
        encode_ms=timing.encode_ms,
        decode_ms=timing.decode_ms,
        merge_ms=timing.merge_ms,
        deliver_ms=deliver_ms,
        understand_ms=understand_ms,
        total_ms=total_ms,
    )


def by_stage(stages: WireStages) -> dict[str, int]:
    """Milliseconds by the name of the stage, in order of the work."""
    return {stage: getattr(stages, f"{stage}_ms") for stage in STAGES}


def percentiles(values_ms: Iterable[int]) -> Percentiles:
    """p50, p95 and p99 by nearest rank; all null when there is nothing to rank."""
    ranked = sorted(values_ms)
    if not ranked:
        return Percentiles()

    def at(percent: int) -> int:
        return ranked[max(0, -(-percent * len(ranked) // 100) - 1)]

    return Percentiles(p50=at(50), p95=at(95), p99=at(99), count=len(ranked))


@dataclass(slots=True)
class LatencyLog:
    """Latencies of one call's events, in milliseconds."""

    _values: dict[str, list[int]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    _stages: dict[str, list[int]] = field(default_factory=dict)

    def note(self, kind: str, latency_ms: int, stages: WireStages | None = None) -> None:
        """Keep one latency, and of an utterance its stages; kinds that are not reported are passed over."""
        if kind in self._values:
            self._values[kind].append(latency_ms)
        if kind == "utterance" and stages is not None:
            for stage, value_ms in by_stage(stages).items():
                if stage != "understand":
                    self._stages.setdefault(stage, []).append(value_ms)

    def report(self) -> WireLatency:
        """Percentiles per kind, and per stage of utterances."""
        return WireLatency(
            partial=percentiles(self._values["partial"]),
            utterance=percentiles(self._values["utterance"]),
            alert=percentiles(self._values["alert"]),
            stages={stage: percentiles(values) for stage, values in self._stages.items()},
        )

"""Latency of a live call: from the end of words to their events, at the speed of a phone line.

Two measures. `emitted`: `emitted_ms - at_ms` of each event, the contract's own. `spoken`: where a script lies
beside the audio (`<name>.json` with `turns` of speaker, start, end in seconds), from the script's end of the
turn's words to the last utterance that covers it; this one also counts what the detector adds or cuts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from koemori.audio.call import CallId, CallStarted
from koemori.server.archive.sealing import SealedRecording
from koemori.server.calls.latency import percentiles
from koemori.server.calls.pipeline import Pipeline
from koemori.server.calls.ports import Pace
from koemori.server.calls.session import CallSession, SessionLimits
from koemori.server.config import Settings
from koemori.server.telemetry import Metrics
from koemori.server.wire import AlertEvent, GapEvent, PartialEvent, UtteranceEvent, WireEvent

_SLACK_MS = 400
"""How far an utterance may begin or end outside its turn and still belong to it."""


@dataclass(slots=True)
class KeepingSink:
    """An `EventSink` that keeps every event."""

    events: list[WireEvent] = field(default_factory=list)

    async def call_started(self, started: CallStarted) -> None:
        """See `EventSink`."""

    async def publish(self, event: WireEvent) -> None:
        """See `EventSink`."""
        self.events.append(event)

    async def sealed(self, call_id: CallId, recording: SealedRecording) -> None:
        """See `EventSink`."""

    async def settled(self, call_id: CallId, patience_s: float) -> bool:
        """See `EventSink`."""
        return True


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a script, in milliseconds."""

    speaker: str
    start_ms: int
    end_ms: int


async def measure(files: list[Path], settings: Settings) -> dict[str, object]:
    """Play each file at speed 1 and measure; one after the other."""
    from koemori.audio.ingest.replay import ReplaySource

    metrics = Metrics()
    pipeline = await Pipeline.open(settings, metrics)
    limits = SessionLimits(settings.assist.queue_ms, settings.assist.drain_s, settings.assist.locale)
    calls: list[dict[str, object]] = []
    pooled: dict[str, list[int]] = {}
    try:
        for path in files:
            sink = KeepingSink()
            session = CallSession(pipeline.ports, sink, metrics, Pace.LIVE, limits)
            await session.run(ReplaySource(path, None, 1.0))
            values = emitted(sink.events) | spoken(sink.events, read_turns(path))
            for name, latencies in values.items():
                pooled.setdefault(name, []).extend(latencies)
            calls.append(
                {"file": path.name, "not_assisted_ms": _not_assisted_ms(sink.events), **_ranked(values)}
            )
    finally:
        await pipeline.aclose()
    return {"unit": "ms", "speed": 1, "overall": _ranked(pooled), "calls": calls}


def emitted(events: list[WireEvent]) -> dict[str, list[int]]:
    """`emitted_ms - at_ms` per kind."""
    found: dict[str, list[int]] = {"partial": [], "utterance": [], "alert": []}
    for event in events:
        if event.type in found and event.emitted_ms is not None:
            found[event.type].append(event.emitted_ms - event.at_ms)
    return found


def spoken(events: list[WireEvent], turns: list[Turn]) -> dict[str, list[int]]:
    """From the script's end of words to utterance and alert; from a turn's start to its first partial."""
    if not turns:
        return {}
    found: dict[str, list[int]] = {
        "utterance_after_words": [],
        "alert_after_words": [],
        "first_partial_after_start": [],
    }
    ends: dict[str, Turn] = {}
    for turn in turns:
        covered = [event for event in events if isinstance(event, UtteranceEvent) and _covers(event, turn)]
        if covered and covered[-1].emitted_ms is not None:
            found["utterance_after_words"].append(covered[-1].emitted_ms - turn.end_ms)
            ends[covered[-1].utterance_id] = turn
        partials = [
            event.emitted_ms - turn.start_ms
            for event in events
            if isinstance(event, PartialEvent)
            and event.speaker.value == turn.speaker
            and event.emitted_ms is not None
            and turn.start_ms <= event.at_ms <= turn.end_ms + _SLACK_MS
        ]
        if partials:
            found["first_partial_after_start"].append(min(partials))
    for event in events:
        if isinstance(event, AlertEvent) and event.emitted_ms is not None and event.utterance_ids:
            turn_of = ends.get(event.utterance_ids[-1])
            if turn_of is not None:
                found["alert_after_words"].append(event.emitted_ms - turn_of.end_ms)
    return found


def read_turns(audio: Path) -> list[Turn]:
    """The script beside an audio file; empty when there is none."""
    path = audio.with_suffix(".json")
    if not path.is_file():
        return []
    rows = json.loads(path.read_text(encoding="utf-8")).get("turns", [])
    return [Turn(row["speaker"], round(row["start"] * 1000), round(row["end"] * 1000)) for row in rows]


def _covers(event: UtteranceEvent, turn: Turn) -> bool:
    middle_ms = (event.start_ms + event.end_ms) // 2
    return (
        event.speaker.value == turn.speaker
        and turn.start_ms - _SLACK_MS <= middle_ms <= turn.end_ms + _SLACK_MS
    )


def _not_assisted_ms(events: list[WireEvent]) -> int:
    return sum(
        event.duration_ms for event in events if isinstance(event, GapEvent) and event.cause == "not_assisted"
    )


def _ranked(values: dict[str, list[int]]) -> dict[str, object]:
    return {name: percentiles(latencies).model_dump() for name, latencies in values.items()}

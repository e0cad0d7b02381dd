"""Parts of events: where time and audio went, what is shed, what has to be kept.

`koemori.server.wire` gives them on beside the events; docs/contract.md fixes them.
"""

from __future__ import annotations

from enum import StrEnum

from koemori.audio.call import ChannelRole
from pydantic import BaseModel, ConfigDict, Field


def is_none(value: object) -> bool:
    """Whether an optional key is left out."""
    return value is None


def is_empty(value: object) -> bool:
    """Whether an optional list or table is left out."""
    return not value


class Wire(BaseModel):
    """What every part of the contract is."""

    model_config = ConfigDict(frozen=True, extra="ignore")


STAGES = ("arrive", "vad", "queue", "encode", "decode", "merge", "deliver", "understand")
"""Where the time between the end of words and their event goes, in order of the work."""


class WireStages(Wire):
    """Where the time went between the end of the words and the event; the stages sum to `total_ms`.

    `total_ms` is `emitted_ms - at_ms` where `at_ms` is the end of the words. An event that speaks of a later
    moment (guidance, a call that lasts too long) counts from the words, or the second, that caused it.
    """

    arrive_ms: int
    """Audio on its way to the detector, and what no other stage explains; negative by as much as the
    first sample came late, since that is when the call's clock begins."""
    vad_ms: int
    """Audio heard after the words before they were sent to the recogniser: detector and endpoint."""
    queue_ms: int
    """Waiting for a worker."""
    encode_ms: int
    """Spectrogram and encoder."""
    decode_ms: int
    """Decoder, alignment and rescoring."""
    merge_ms: int
    """From the recogniser's answer to the text: endpoint, earlier utterances, guard, agreement."""
    deliver_ms: int
    """From the listener, and from the engine, to the event."""
    understand_ms: int = 0
    """Alerts and guidance: the engine, waiting for it included."""
    total_ms: int


class WireRecording(Wire):
    """The sealed recording; `path` is the directory that holds master and manifest."""

    id: str
    manifest_sha256: str
    path: str


class LedgerChannel(Wire):
    """Where one channel's milliseconds went; the causes sum to `duration_ms`."""

    index: int
    role: ChannelRole
    duration_ms: int
    captured_ms: int = 0
    lost_ms: int = 0
    late_ms: int = 0
    paused_ms: int = 0
    masked_ms: int = 0
    clock_ms: int = 0
    crash_ms: int = 0


class WireLedger(Wire):
    """One entry per channel, by index."""

    channels: tuple[LedgerChannel, ...]


class Percentiles(Wire):
    """Latency `emitted_ms - at_ms` in milliseconds, nearest rank; null when the call was not live."""

    p50: int | None = None
    p95: int | None = None
    p99: int | None = None
    count: int = 0


class WireLatency(Wire):
    """Latency per kind of event."""

    partial: Percentiles = Percentiles()
    utterance: Percentiles = Percentiles()
    alert: Percentiles = Percentiles()
    stages: dict[str, Percentiles] = Field(default_factory=dict)
    """Of utterances, by stage (`vad`, `queue` …); empty when none was measured."""


class AssistanceLevel(StrEnum):
    """What the recogniser sheds, in the order in which it goes; the recording never notices."""

    NORMAL = "normal"
    PARTIALS_REDUCED = "partials_reduced"
    PARTIALS_OFF = "partials_off"
    LARGE_WINDOWS = "large_windows"
    SHEDDING = "shedding"


class WireRecordKeeping(Wire):
    """Whether a record of the call has to be kept, by which criterion and why."""

    required: bool
    rule_id: str
    reason: str
    utterance_ids: tuple[str, ...]

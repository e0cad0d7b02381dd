"""What the API takes and gives. The web's types are generated from these, so names are part of the contract.

`*_at` is UTC wall time (RFC 3339), `*_ms` media time from the call's first sample, `*_s` seconds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from koemori.assist.types import CASE_FIELDS, Category, EndState
from koemori.audio.call import ChannelRole
from koemori.audio.frames import GapCause
from koemori.server.api.ladder import LadderState
from koemori.server.auth.permissions import Role
from koemori.server.wire import (
    AlertReviewEvent,
    AssistanceLevel,
    WireChannel,
    WireEvent,
    WireFieldValue,
    WireLedger,
    WireRecordKeeping,
    WireTag,
    WireWord,
)
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

MAX_FIELD_CHARACTERS = 2_000

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""One line typed by a person, such as a purpose."""


class _Given(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class SignIn(_Given):
    """Who signs in."""

    username: Annotated[str, StringConstraints(max_length=64)]
    password: Annotated[str, StringConstraints(max_length=256)]


class User(_Answer):
    """The signed-in person."""

    user_id: str
    username: str
    display_name: str
    role: Role
    locale: str


class Agent(_Answer):
    """A person who answers calls; `username` is what `agent_id` of a call holds."""

    user_id: str
    username: str
    display_name: str
    live_call_ids: list[str]


class AgentList(_Answer):
    """Every agent who may sign in."""

    items: list[Agent]


class WsTicket(_Answer):
    """Opens one WebSocket, once, soon."""

    ticket: str
    expires_in_s: int


class LastAlert(_Answer):
    """One alert of a call, in short."""

    category: Category
    severity: int
    quote: str
    at_ms: int


class CallSummary(_Answer):
    """A call as lists show it."""

    call_id: str
    state: Literal["live", "ended"]
    started_at: datetime
    ended_at: datetime | None
    duration_ms: int | None
    agent_id: str | None = Field(description="User name of the agent on the line.")
    agent_name: str | None
    queue: str | None
    customer_number: str | None
    customer_name: str | None
    severity: int = Field(description="Highest so far: 0 none, 1 notice, 2 warning, 3 danger.")
    harassment_categories: list[Category]
    last_alert: LastAlert | None = Field(description="The newest alert.")
    gravest_alert: LastAlert | None = Field(description="The newest of the gravest alerts.")
    help_requested_at: datetime | None
    recording_id: str | None
    assistance: AssistanceLevel | None = Field(None, description="What the recogniser sheds; else null.")
    ladder: LadderState | None = Field(
        default=None, description="Of a live call; null before anything called for the warning ladder."
    )


class CallPage(_Answer):
    """Calls, newest first."""

    items: list[CallSummary]
    next_cursor: str | None


class CallDetail(CallSummary):
    """A call with its tracks and the names other systems have for it."""

    channels: list[WireChannel]
    external_ids: dict[str, str]
    end_reason: str | None
    last_seq: int


class EventPage(_Answer):
    """Stored events of a call in order; `next_after_seq` is null on the last page."""

    items: list[WireEvent]
    next_after_seq: int | None


class TranscriptUtterance(_Answer):
    """Final text of one stretch of speech."""

    utterance_id: str
    speaker: ChannelRole
    start_ms: int
    end_ms: int
    text: str
    words: list[WireWord]


class TranscriptGap(_Answer):
    """Audio that is missing, or was not listened to."""

    channel: int
    start_ms: int
    duration_ms: int
    cause: GapCause


class RaisedVoice(_Answer):
    """Where the caller spoke louder than at the beginning of the call; says nothing of why."""

    start_ms: int
    end_ms: int
    level_db: float = Field(description="Most that was told of the level above the caller's first speech.")
    pitch_semitones: float | None = Field(description="Pitch above it; null where it could not be told.")


class TranscriptAlert(_Answer):
    """A detector's finding and the words behind it."""

    alert_id: str
    at_ms: int
    category: Category
    severity: int
    harassment: bool
    rule_id: str
    utterance_ids: list[str]
    quote: str
    explanation: str
    rule_version: int | None = None
    playbook_version: str | None = None
    review: AlertReviewEvent | None = None
    """What a third opinion thinks of it, if it was in doubt."""


class Transcript(_Answer):
    """Everything said in a call, in order."""

    call_id: str
    utterances: list[TranscriptUtterance]
    gaps: list[TranscriptGap]
    alerts: list[TranscriptAlert]


class Case(_Answer):
    """The record of a call; revision 0 is the empty case of a call in which nothing was found yet."""

    call_id: str
    revision: int
    updated_at: datetime | None
    fields: dict[str, WireFieldValue]
    end_state: EndState
    harassment_categories: list[Category]
    demand_validity: str
    manner: str
    summary: dict[str, WireFieldValue] = Field(default_factory=dict)
    tags: list[WireTag] = Field(default_factory=list)
    record_keeping: WireRecordKeeping | None = None


class CaseEdit(_Given):
    """Values an agent typed; each becomes confirmed and is never overwritten. An empty value clears one."""

    values: dict[
        str, Annotated[str, StringConstraints(strip_whitespace=True, max_length=MAX_FIELD_CHARACTERS)]
    ]

    @field_validator("values")
    @classmethod
    def _known_fields(cls, values: dict[str, str]) -> dict[str, str]:
        if not values or set(values) - set(CASE_FIELDS):
            raise ValueError("expected at least one field, each of " + ", ".join(CASE_FIELDS))
        return values


class LastCheck(_Answer):
    """How the newest integrity check of a recording came out."""

    ok: bool
    checked_at: datetime


class SearchHit(_Answer):
    """An utterance in which the searched words were said."""

    utterance_id: str
    start_ms: int
    end_ms: int
    text: str
    speaker: ChannelRole


class RecordingSummary(_Answer):
    """A sealed recording as lists show it; `hits` is empty unless words were searched."""

    recording_id: str
    call_id: str
    started_at: datetime
    duration_ms: int
    agent_name: str | None
    customer_name: str | None
    customer_number: str | None
    queue: str | None
    severity: int
    harassment_categories: list[Category]
    sealed: Literal[True]
    last_check: LastCheck | None
    hits: list[SearchHit]


class RecordingPage(_Answer):
    """Recordings, newest first."""

    items: list[RecordingSummary]
    next_cursor: str | None


class Access(_Answer):
    """A custody entry: who did what with the recording, and why."""

    access_id: str
    at: datetime
    user: str = Field(description="Display name.")
    purpose: str
    action: Literal["play", "verify", "reuse", "look_up"]
    reads: int = Field(description="Byte ranges served under this entry, each with an entry of its own.")


class RecordingDetail(RecordingSummary):
    """A recording with what is known of its audio, its transcript and its custody."""

    sealed_at: datetime
    manifest_sha256: str
    pcm_sha256: str
    sample_rate_hz: int
    channels: list[WireChannel]
    sample_count: int
    ledger: WireLedger
    transcript: list[TranscriptUtterance]
    alerts: list[TranscriptAlert]
    gaps: list[TranscriptGap]
    raised_voice: list[RaisedVoice]
    accesses: list[Access]


class AccessRequest(_Given):
    """Why a recording is to be heard."""

    purpose: Line
    action: Literal["play"] = "play"


class AccessGrant(_Answer):
    """Permission to hear a recording, for this person, for some hours."""

    access_id: str
    audio_url: str


class Waveform(_Answer):
    """Loudness for drawing: per channel `points` pairs of lowest and highest sample, each in [-1, 1]."""

    duration_ms: int
    points: int
    channels: list[list[float]] = Field(description="min, max, min, max, … one list per channel")


class VerifyRequest(_Given):
    """Why a recording is checked."""

    purpose: Line


class IntegrityCheck(_Answer):
    """One thing that was compared."""

    name: str
    ok: bool
    expected: str
    came: str
    file: str


class VerifyAnswer(_Answer):
    """What the check found; also kept with the recording."""

    ok: bool
    checks: list[IntegrityCheck]
    checked_at: datetime


class EventReceipt(_Answer):
    """What became of an operational event."""

    accepted: bool
    duplicate: bool = Field(description="This source sent this event_id before; nothing was stored.")


class MappedReceipt(_Answer):
    """What became of events in a phone system's own words; both 0 when they say nothing that is kept."""

    accepted: int
    duplicates: int


class QueueFigures(_Answer):
    """How one queue is doing; a share is null while it has nothing to divide by."""

    queue: str
    waiting: int
    longest_wait_s: float | None
    service_level: float | None
    service_level_threshold_s: int
    answered: int
    abandoned: int
    short_abandoned: int
    left_otherwise: int
    incomplete: int
    asa_s: float | None
    abandon_rate: float | None


class Formula(_Answer):
    """How a figure is computed, and after whom."""

    formula: str
    source: str


class Wallboard(_Answer):
    """Queues and live calls, worst first."""

    at: datetime
    since: datetime
    queues: list[QueueFigures]
    calls: list[CallSummary]
    formulas: dict[str, Formula]


class Health(_Answer):
    """Whether the service can do its work."""

    status: Literal["ok", "failing"]
    version: str
    database: Literal["ok", "failing"]
    live_calls: int
    playbook_version: str | None = Field(description="In force for new calls; null before the first.")
    playbook_problem: str | None = Field(
        description="Why the files that lie there now are not in force: place and kind of the first problem."
    )

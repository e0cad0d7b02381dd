"""Events as the outside sees them: one pydantic model per event of the public contract, version 1.

`WireEvent` is the union, told apart by `type`. A reader ignores keys it does not know; a writer leaves out an
optional key that has no value. Names, units and meaning are fixed by docs/contract.md and by golden tests.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from koemori.assist.types import Category, EndState, MatchedBy, Verdict
from koemori.audio.call import ChannelRole
from koemori.audio.frames import GapCause
from koemori.audio.signals import UpdateKind
from koemori.server.wire_figures import STAGES as STAGES
from koemori.server.wire_figures import AssistanceLevel as AssistanceLevel
from koemori.server.wire_figures import LedgerChannel as LedgerChannel
from koemori.server.wire_figures import Percentiles as Percentiles
from koemori.server.wire_figures import Wire, is_empty, is_none
from koemori.server.wire_figures import WireLatency as WireLatency
from koemori.server.wire_figures import WireLedger as WireLedger
from koemori.server.wire_figures import WireRecording as WireRecording
from koemori.server.wire_figures import WireRecordKeeping as WireRecordKeeping
from koemori.server.wire_figures import WireStages as WireStages
from pydantic import Field, TypeAdapter

WIRE_VERSION: Literal[1] = 1


class _Event(Wire):
    """What every event has; `at_ms` is the media time it speaks of: for text, the end of its audio."""

    v: Literal[1] = WIRE_VERSION
    call_id: str
    seq: int = Field(ge=1)
    """Per call, from 1. Partials are live only, so a reader of stored events sees `seq` jump over them."""
    at_ms: int
    emitted_ms: int | None = Field(default=None, exclude_if=is_none)
    """Monotonic milliseconds since the call's first sample was due; present where the call is live."""


class _Timed(_Event):
    """An event that words caused; `latency` is present where the call is live and it was measured."""

    latency: WireStages | None = Field(default=None, exclude_if=is_none)


class WireChannel(Wire):
    """One audio track of the call."""

    index: int
    role: ChannelRole
    source: str


class CallStartedEvent(_Event):
    """The call began; always `seq` 1."""

    type: Literal["call_started"] = "call_started"
    started_at: datetime
    channels: tuple[WireChannel, ...]
    external_ids: dict[str, str] = Field(default_factory=dict)


class CallUpdatedEvent(_Event):
    """The phone system said more about the call; what is absent stays as it was."""

    type: Literal["call_updated"] = "call_updated"
    kind: UpdateKind
    external_ids: dict[str, str] = Field(default_factory=dict, exclude_if=is_empty)
    """Names that other systems have for the call, added to those known."""
    agent_id: str | None = Field(default=None, exclude_if=is_none)
    """User name of the agent from now on."""
    queue: str | None = Field(default=None, exclude_if=is_none)
    customer_known: bool | None = Field(default=None, exclude_if=is_none)
    """The customer's number became known, or is another; the call's summary has it."""
    roles: dict[int, ChannelRole] = Field(default_factory=dict, exclude_if=is_empty)
    """Channel index → whose voice it carries, where that became known."""
    facts: dict[str, str | int] = Field(default_factory=dict, exclude_if=is_empty)
    """Stable codes and numbers: `channel`, `codec`, `packets`."""


class PartialEvent(_Timed):
    """Text of speech still going on; `stable` only ever grows."""

    type: Literal["partial"] = "partial"
    speaker: ChannelRole
    utterance_id: str
    revision: int
    stable: str
    unstable: str


class WireWord(Wire):
    """One token group of the recogniser with its media time."""

    text: str
    start_ms: int
    end_ms: int
    probability: float
    speaker: str | None = Field(default=None, exclude_if=is_none)
    """On a channel of several people: a voice of this call (S1, S2 …), or `unknown`."""
    heard: str | None = Field(default=None, exclude_if=is_none)
    """What the recogniser wrote, where a word of the vocabulary took its place."""


class UtteranceEvent(_Timed):
    """Final text of one stretch of speech; immutable."""

    type: Literal["utterance"] = "utterance"
    speaker: ChannelRole
    utterance_id: str
    start_ms: int
    end_ms: int
    text: str
    words: tuple[WireWord, ...] = ()
    model_id: str


class WireSpeakerRun(Wire):
    """Words of one voice in a row; the texts of an utterance's runs are the texts of its words."""

    speaker: str
    start_ms: int
    end_ms: int
    text: str


class SpeakersEvent(_Event):
    """Who said which part of an utterance on a channel of several people; a later one replaces it."""

    type: Literal["speakers"] = "speakers"
    utterance_id: str
    runs: tuple[WireSpeakerRun, ...]


class QuarantinedEvent(_Timed):
    """Text the model gave and nobody should believe."""

    type: Literal["quarantined"] = "quarantined"
    speaker: ChannelRole
    utterance_id: str | None = Field(default=None, exclude_if=is_none)
    """Of the partials that were shown before, if any; they are void."""
    start_ms: int
    end_ms: int
    text: str
    reason: str


class AlertEvent(_Timed):
    """A detector's finding; `severity` 1 notice, 2 warning, 3 danger."""

    type: Literal["alert"] = "alert"
    alert_id: str
    category: Category
    severity: int = Field(ge=1, le=3)
    harassment: bool
    rule_id: str
    utterance_ids: tuple[str, ...]
    quote: str
    explanation: str
    rule_version: int | None = Field(default=None, exclude_if=is_none)
    """Of the rule in its playbook; absent when the playbook has no word in what was looked for."""
    playbook_version: str | None = Field(default=None, exclude_if=is_none)


class WireEarlierCall(Wire):
    """An earlier call of the same person and what it came to; `matched_by` a name alone is a guess."""

    call_id: str
    started_on: str
    matched_by: MatchedBy
    demand: str
    end_state: EndState
    harassment_categories: tuple[Category, ...]
    promises: str


class HistoryEvent(_Event):
    """Earlier calls of the person on the line, newest first; a later one replaces it."""

    type: Literal["history"] = "history"
    earlier_calls: tuple[WireEarlierCall, ...]


class RepetitionEvent(_Event):
    """The same demand again; `count` mentions in this call, and the earlier calls that held it."""

    type: Literal["repetition"] = "repetition"
    cluster_id: str
    count: int
    utterance_ids: tuple[str, ...]
    demand: str
    earlier_call_ids: tuple[str, ...] = ()


class GuidanceEvent(_Timed):
    """One thing for the agent to say, and why."""

    type: Literal["guidance"] = "guidance"
    guidance_id: str
    alert_id: str | None = Field(default=None, exclude_if=is_none)
    stage: str
    say: str
    why: str
    source: str
    playbook_version: str
    expires_ms: int


class ChecklistEvent(_Event):
    """An item of the checklist was heard, or re-opened."""

    type: Literal["checklist"] = "checklist"
    item: str
    done: bool
    utterance_id: str | None = Field(default=None, exclude_if=is_none)


class ApprovalEvent(_Event):
    """A supervisor approved that the agent may end the call."""

    type: Literal["approval"] = "approval"
    approved_by: str
    """User name."""
    approver_name: str
    """As people know them."""
    step: str
    """The step of the ladder that it fulfils."""


class AlertReviewEvent(_Event):
    """What a language model thinks of an alert that was in doubt; an estimate, and the alert stands."""

    type: Literal["alert_review"] = "alert_review"
    alert_id: str
    verdict: Verdict
    """`harassment` supports the alert, `not_harassment` asks for a second look; never `unsure`."""
    reason: str
    """One line as the model gave it; may be empty."""
    model: str
    """Its name in the settings."""


class WireFieldValue(Wire):
    """One field of the case with its provenance."""

    value: str
    confidence: float
    utterance_ids: tuple[str, ...] = ()
    confirmed: bool = False


class WireTag(Wire):
    """A tag of a case: `kind` is demand_type, cause, product_group or ministry."""

    kind: str
    id: str
    label: str
    utterance_ids: tuple[str, ...]


class CaseEvent(_Event):
    """The whole case as it stands; summary, tags and record_keeping come with the last one of a call."""

    type: Literal["case"] = "case"
    revision: int
    fields: dict[str, WireFieldValue]
    end_state: EndState
    harassment_categories: tuple[Category, ...] = ()
    demand_validity: str
    manner: str
    summary: dict[str, WireFieldValue] = Field(default_factory=dict, exclude_if=is_empty)
    """The call in short: matter, course, demand, response, promises, as far as there are words for them."""
    tags: tuple[WireTag, ...] = Field(default_factory=tuple, exclude_if=is_empty)
    record_keeping: WireRecordKeeping | None = Field(default=None, exclude_if=is_none)
    """Absent where no criterion decides."""


class GapEvent(_Event):
    """Audio that is missing, or (`not_assisted`) recorded and not listened to; `at_ms` is where it ends."""

    type: Literal["gap"] = "gap"
    channel: int
    start_ms: int
    duration_ms: int
    cause: GapCause


class MaskingEvent(_Event):
    """From here on sound is kept out of recording and recognition, for longer than was said, or no more."""

    type: Literal["masking"] = "masking"
    masked: bool
    reason: str
    """A code: `button`, `payment`, `keys`, `key-run`, `card-asked`, `card-spoken`, or the caller's own."""
    until_ms: int | None = Field(default=None, exclude_if=is_none)
    """Media time at which it ends by itself."""


class AssistanceEvent(_Event):
    """The recogniser sheds more, or less, than before; all of the call is recorded whatever it says."""

    type: Literal["assistance"] = "assistance"
    level: AssistanceLevel
    partial_interval_ms: int | None = Field(default=None, exclude_if=is_none)
    """New speech between two partials of an utterance; absent where there are none."""


class VoiceEvent(_Event):
    """A caller speaks louder than at the beginning of the call, or no longer does; says nothing of why."""

    type: Literal["voice"] = "voice"
    speaker: ChannelRole
    raised: bool
    since_ms: int
    """Where the rise began."""
    level_db: float
    """Level above that of the speaker's first 30 seconds of speech."""
    pitch_semitones: float | None
    """Pitch above it; null where it could not be told."""


class CallEndedEvent(_Event):
    """The call is over; `recording` is null only when sealing failed (then `koemori recover` finishes it)."""

    type: Literal["call_ended"] = "call_ended"
    duration_ms: int
    reason: str
    recording: WireRecording | None
    ledger: WireLedger
    latency: WireLatency


WireEvent = Annotated[
    CallStartedEvent
    | CallUpdatedEvent
    | PartialEvent
    | UtteranceEvent
    | SpeakersEvent
    | QuarantinedEvent
    | AlertEvent
    | RepetitionEvent
    | HistoryEvent
    | GuidanceEvent
    | ChecklistEvent
    | ApprovalEvent
    | AlertReviewEvent
    | CaseEvent
    | GapEvent
    | MaskingEvent
    | AssistanceEvent
    | VoiceEvent
    | CallEndedEvent,
    Field(discriminator="type"),
]

EVENT_TYPES = (
    "call_started",
    "call_updated",
    "partial",
    "utterance",
    "speakers",
    "quarantined",
    "alert",
    "repetition",
    "history",
    "guidance",
    "checklist",
    "approval",
    "alert_review",
    "case",
    "gap",
    "masking",
    "assistance",
    "voice",
    "call_ended",
)

_ADAPTER: TypeAdapter[WireEvent] = TypeAdapter(WireEvent)


def encode(event: WireEvent) -> str:
    """One line of JSON, UTF-8 text, without a line end."""
    return event.model_dump_json()


def decode(text: str | bytes) -> WireEvent:
    """Read what `encode` wrote; unknown keys are ignored.

    Raises:
        pydantic.ValidationError: Not an event of this version.
    """
    return _ADAPTER.validate_json(text)

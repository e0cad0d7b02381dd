"""What a phone system says about a call besides its audio: keys, facts that change, documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from koemori.audio.call import CallId, Channel, ChannelRole


class KeyCarrier(StrEnum):
    """How the press of a key came."""

    EVENT = "event"
    """RTP telephone events (RFC 4733); the audio may carry the tone as well."""
    IN_BAND = "in_band"
    """Heard as a tone in the audio."""
    SIGNALLING = "signalling"
    """SIP INFO, a message of a WebSocket stream, AudioSocket type 3; its place in the audio is a guess."""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A key of a telephone was pressed.

    Attributes:
        channel: Whose key.
        start_sample: Where it began on the channel's timeline.
        sample_count: How long it was held; 0 when unknown.
        sample_rate_hz: Rate of both.
        key: One of `0-9 * # A-D`. Never printed: keys may be a card number.
        carried_by: How it came.
    """

    channel: Channel
    start_sample: int
    sample_count: int
    sample_rate_hz: int
    key: str = field(repr=False)
    carried_by: KeyCarrier


class UpdateKind(StrEnum):
    """What changed in a call."""

    FACTS = "facts"
    """Ids, people or queue became known, or others."""
    HELD = "held"
    RESUMED = "resumed"
    TRANSFERRED = "transferred"
    """Another person is on a channel from now on."""
    MEDIA = "media"
    """Codec, sender (SSRC, address) or direction of a channel changed; its timeline goes on."""


@dataclass(frozen=True, slots=True)
class CallUpdated:
    """The phone system said more about a call that has begun.

    Attributes:
        call_id: Which call.
        at_ms: Media time.
        kind: What changed.
        facts: Stable codes and numbers, no personal data: `{"channel": 1, "codec": "PCMA"}`.
        external_ids: Names that other systems have for the call, added to those known.
        agent_id: User name of the agent from now on; None leaves it.
        customer_number: As the agent.
        queue: As the agent.
        roles: Channel index → role, where it was unknown or guessed.
    """

    call_id: CallId
    at_ms: int
    kind: UpdateKind
    facts: Mapping[str, str | int] = field(default_factory=dict)
    external_ids: Mapping[str, str] = field(default_factory=dict)
    agent_id: str | None = None
    customer_number: str | None = field(default=None, repr=False)
    queue: str | None = None
    roles: Mapping[int, ChannelRole] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallDocument:
    """Something the phone system sent about a call, kept with the recording as it came.

    Attributes:
        call_id: Which call.
        at_ms: Media time at which it came.
        name: File name within the recording, `[a-z0-9.-]+`: `invite-1.sdp`, `metadata-2.xml`.
        media_type: As the sender called it, or ours.
        content: The bytes, at most 256 KiB.
    """

    call_id: CallId
    at_ms: int
    name: str
    media_type: str
    content: bytes = field(repr=False)

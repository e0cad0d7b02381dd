"""Calls, legs and channels: who is on the line and how their audio arrives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

CallId = NewType("CallId", str)
"""A ULID as text (26 characters, sortable by start time)."""

LegId = NewType("LegId", str)


class ChannelRole(StrEnum):
    """Whose voice a channel carries."""

    AGENT = "agent"
    CUSTOMER = "customer"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Channel:
    """One mono audio track of a call; `index` is its place in the archived master (0 = agent when known)."""

    call_id: CallId
    leg_id: LegId
    index: int
    role: ChannelRole
    source: str
    """Ingest that carries it: `replay`, `media`, …"""


@dataclass(frozen=True, slots=True)
class CallStarted:
    """A call began; the first event of every source."""

    call_id: CallId
    started_at: datetime
    """UTC wall time of sample 0."""
    sample_rate_hz: int
    """Rate of every channel's frames, 8000 to 48000."""
    channels: tuple[Channel, ...]
    external_ids: Mapping[str, str] = field(default_factory=dict)
    """Names other systems have for this call (`call_sid`, `stream_sid`, `file`)."""
    agent_id: str | None = None
    """User name of the agent on the line, when the phone system said so."""
    customer_number: str | None = None
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class CallEnded:
    """A call ended; the last event of every source."""

    call_id: CallId
    end_ms: int
    reason: str
    """`completed`, `stop`, `disconnected`, `error:<code>`, `recovered`."""

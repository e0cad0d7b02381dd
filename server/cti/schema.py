"""The neutral schema of operational events: what any phone system, CRM or dialler can say about a call."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator

MAX_FUTURE = timedelta(minutes=5)
"""Clocks of phone systems run ahead by seconds; more than this is a mistake."""
MAX_RAW_BYTES = 32 * 1024

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
Seconds = Annotated[float, Field(ge=0, le=7 * 24 * 3600, allow_inf_nan=False)]


class EventType(StrEnum):
    """What happened."""

    CALL_STARTED = "call.started"
    QUEUE_JOINED = "queue.joined"
    QUEUE_LEFT = "queue.left"
    QUEUE_ABANDONED = "queue.abandoned"
    AGENT_RINGING = "agent.ringing"
    AGENT_NO_ANSWER = "agent.no_answer"
    AGENT_CONNECTED = "agent.connected"
    CALL_HELD = "call.held"
    CALL_RESUMED = "call.resumed"
    CALL_TRANSFERRED = "call.transferred"
    CALLBACK_REQUESTED = "callback.requested"
    CALLBACK_ATTEMPTED = "callback.attempted"
    CALLBACK_COMPLETED = "callback.completed"
    AGENT_STATE = "agent.state"
    WRAPUP_STARTED = "wrapup.started"
    WRAPUP_ENDED = "wrapup.ended"
    CALL_ENDED = "call.ended"
    PAYMENT_STARTED = "payment.started"
    """Nothing of the call is kept until `PAYMENT_ENDED`, or until the longest time of `[masking]`."""
    PAYMENT_ENDED = "payment.ended"


class OperationalEvent(BaseModel):
    """One event of a phone system, in the neutral schema."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    source: Name = Field(description="Which system sends it; with event_id, the event's identity.")
    event_id: Name
    occurred_at: AwareDatetime
    type: EventType
    call_id: Name
    linked_id: Name | None = Field(default=None, description="Joins all channels of one call.")
    leg_id: Name | None = None
    queue: Name | None = None
    agent_id: Name | None = Field(default=None, description="User name of the agent.")
    from_: Name | None = Field(default=None, alias="from", description="Number of the caller.")
    to: Name | None = None
    position: Annotated[int, Field(ge=0, le=100_000)] | None = None
    wait_s: Seconds | None = None
    ring_s: Seconds | None = None
    talk_s: Seconds | None = None
    reason: Name | None = None
    related_call_id: Name | None = None
    transfer: Literal["blind", "attended", "conference"] | None = None
    raw: dict[str, Any] | None = Field(default=None, description="The event as the system sent it.")

    @field_validator("occurred_at")
    @classmethod
    def _not_far_ahead(cls, occurred_at: datetime) -> datetime:
        if occurred_at > datetime.now(UTC) + MAX_FUTURE:
            raise ValueError("expected a time that has come; the sender's clock is more than 5 minutes ahead")
        try:
            return occurred_at.astimezone(UTC)
        except OverflowError:
            raise ValueError("expected a time that can be told in UTC") from None

    @field_validator("raw")
    @classmethod
    def _not_too_long(cls, raw: dict[str, Any] | None) -> dict[str, Any] | None:
        if raw is not None and len(json.dumps(raw)) > MAX_RAW_BYTES:
            raise ValueError(f"expected at most {MAX_RAW_BYTES} bytes of the event as the system sent it")
        return raw

    @property
    def names(self) -> frozenset[str]:
        """Every identifier by which the call may be known."""
        return frozenset(name for name in (self.call_id, self.linked_id, self.leg_id) if name)

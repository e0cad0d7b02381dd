"""Operational events from phone systems: the neutral schema, and what they tell about calls.

Each (source, event_id) counts once, however often it is sent. Events may come late and in any order; whoever
reads them sorts by `occurred_at`. Where a recorded call has no queue, agent or number of its own, an event
that names the call (by our id, or by an id of the phone system that the call carries) supplies it.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

from koemori.server.calls.caller_keys import keys_of, phone_key
from koemori.server.db.engine import Database
from koemori.server.db.repositories import callers, queue_events
from koemori.server.db.tables import CallRow, QueueEventRow
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator
from sqlalchemy.orm import Session

MAX_FUTURE = timedelta(minutes=5)
"""Clocks of phone systems run ahead by seconds; more than this is a mistake."""

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
        return occurred_at.astimezone(UTC)


def record(database: Database, event: OperationalEvent) -> bool:
    """Keep an event and tell the calls it names; False when it was kept before."""
    with database.write() as session:
        if queue_events.known(session, event.source, event.event_id):
            return False
        session.add(
            QueueEventRow(
                source=event.source,
                event_id=event.event_id,
                occurred_at=event.occurred_at,
                received_at=datetime.now(UTC),
                type=event.type.value,
                call_id=event.call_id,
                linked_id=event.linked_id,
                queue=event.queue,
                agent_id=event.agent_id,
                wait_s=event.wait_s,
                body=event.model_dump(mode="json", by_alias=True, exclude_none=True),
            )
        )
        session.flush()
        fill_calls(session, {event.call_id, *([event.linked_id] if event.linked_id else [])})
    return True


def fill_calls(session: Session, names: Collection[str]) -> None:
    """Give the calls of these names the queue, agent and number that events know and they do not."""
    for call in queue_events.calls_named(session, names):
        if call.queue is None or call.agent_id is None or call.customer_number is None:
            known = {call.call_id, *names}
            _fill(session, call, queue_events.about(session, known))


def _fill(session: Session, call: CallRow, events: list[QueueEventRow]) -> None:
    for event in events:
        if call.queue is None:
            call.queue = event.queue
        if call.agent_id is None and event.type == EventType.AGENT_CONNECTED:
            call.agent_id = event.agent_id
        number = event.body.get("from")
        if call.customer_number is None and number:
            call.customer_number, call.customer_digits = number, phone_key(number)
            callers.note(session, call.call_id, keys_of({"phone": number}))

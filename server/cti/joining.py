"""Events and the calls they speak of: kept once, joined by any identifier, whichever came first.

Each (source, event_id) counts once, however often it is sent. Events may come late and in any order; whoever
reads them sorts by `occurred_at`. An event speaks of a call when its `call_id`, `linked_id` or `leg_id` is
our id of the call or an id of another system that the call carries. The event's other identifiers are then
the call's as well, so that what is told under them joins too.

What a call knows by itself stands. Where it knows nothing, or what it knows came from events, the newest
event says who the agent is and which queue the call came through.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from koemori.server.calls.caller_keys import keys_of, phone_key
from koemori.server.cti.schema import EventType, OperationalEvent
from koemori.server.db.engine import Database
from koemori.server.db.repositories import callers, queue_events
from koemori.server.db.tables import CallRow, ExternalIdRow, QueueEventRow
from sqlalchemy.orm import Session

_MOST_ROUNDS = 4
"""Identifiers lead to events, and these to more identifiers; a chain longer than this is no call."""
_MOST_NAMES = 64


@dataclass(frozen=True, slots=True)
class Standing:
    """What events say of a call, by the newest of them; None where they say nothing."""

    agent_id: str | None = None
    queue: str | None = None
    customer_number: str | None = field(default=None, repr=False)
    held: bool | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)


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
                leg_id=event.leg_id,
                queue=event.queue,
                agent_id=event.agent_id,
                wait_s=event.wait_s,
                body=event.model_dump(mode="json", by_alias=True, exclude_none=True),
            )
        )
        session.flush()
        fill_calls(session, event.names)
    return True


def fill_calls(session: Session, names: Collection[str]) -> None:
    """Give the calls of these names what events know of them."""
    for call in queue_events.calls_named(session, names):
        standing = standing_of(
            session,
            {call.call_id, *queue_events.external_ids(session, call.call_id).values()},
            agent_id=call.agent_id,
            queue=call.queue,
        )
        call.agent_id = standing.agent_id or call.agent_id
        call.queue = standing.queue or call.queue
        if call.customer_number is None and standing.customer_number:
            note_number(session, call, standing.customer_number)
        for name, value in standing.external_ids.items():
            session.merge(ExternalIdRow(call_id=call.call_id, name=name, value=value))


def note_number(session: Session, call: CallRow, number: str) -> None:
    """The customer's number of a call became known, or is another; whoever called before is found by it."""
    call.customer_number, call.customer_digits = number, phone_key(number)
    callers.note(session, call.call_id, keys_of({"phone": number}))


def standing_of(
    session: Session, names: Collection[str], *, agent_id: str | None, queue: str | None
) -> Standing:
    """What events say of a call.

    Args:
        session: Of the database.
        names: Every identifier the call has.
        agent_id: Who is its agent as far as the call knows.
        queue: As the agent.
    """
    known = set(names)
    events: list[QueueEventRow] = []
    for _ in range(_MOST_ROUNDS):
        events = queue_events.about(session, known)
        found = {name for event in events for name in (event.call_id, event.linked_id) if name} - known
        if not found or len(known) + len(found) > _MOST_NAMES:
            break
        known |= found
    return _standing(events, known - set(names), agent_id, queue)


def _standing(
    events: Sequence[QueueEventRow], joined: Collection[str], agent_id: str | None, queue: str | None
) -> Standing:
    agents = [one.agent_id for one in events if one.agent_id and one.type == EventType.AGENT_CONNECTED]
    queues = [one.queue for one in events if one.queue]
    numbers = [one.body["from"] for one in events if one.body.get("from")]
    holds = [one.type for one in events if one.type in (EventType.CALL_HELD, EventType.CALL_RESUMED)]
    return Standing(
        agent_id=agents[-1] if agents and (agent_id is None or agent_id in agents) else None,
        queue=queues[-1] if queues and (queue is None or queue in queues) else None,
        customer_number=numbers[0] if numbers else None,
        held=holds[-1] == EventType.CALL_HELD if holds else None,
        external_ids={f"event.{value}"[:128]: value for value in sorted(joined)},
    )

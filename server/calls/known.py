"""What is known of a live call: tells news from repetition, whoever brings it (phone system, CTI events)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from koemori.audio.call import CallStarted, ChannelRole
from koemori.audio.signals import CallUpdated, UpdateKind

MOST_EXTERNAL_IDS = 64
MOST_NEWS = 2_000
"""A phone system that changes its mind more often than this in one call is not followed any further."""


@dataclass(slots=True)
class KnownOfCall:
    """The standing facts of one call; `news` takes updates in the order in which they came."""

    agent_id: str | None
    customer_number: str | None = field(repr=False)
    queue: str | None
    external_ids: dict[str, str]
    roles: dict[int, ChannelRole]
    held: bool = False
    _facts: dict[tuple[str | int | None, str], str | int] = field(default_factory=dict)
    _told: int = 0

    @classmethod
    def of(cls, started: CallStarted) -> KnownOfCall:
        """What the call's start says."""
        return cls(
            agent_id=started.agent_id,
            customer_number=started.customer_number,
            queue=started.queue,
            external_ids=dict(started.external_ids),
            roles={channel.index: channel.role for channel in started.channels},
        )

    def news(self, update: CallUpdated) -> CallUpdated | None:
        """Only what the update adds to what is known; None when that is nothing."""
        if self._told >= MOST_NEWS:
            return None
        new = self._only_new(update)
        if not self._tells(new):
            return None
        self._told += 1
        self.agent_id = new.agent_id or self.agent_id
        self.customer_number = new.customer_number or self.customer_number
        self.queue = new.queue or self.queue
        self.external_ids |= new.external_ids
        self.roles |= new.roles
        self._facts |= _by_channel(new)
        if new.kind in (UpdateKind.HELD, UpdateKind.RESUMED):
            self.held = new.kind is UpdateKind.HELD
        return new

    def _only_new(self, update: CallUpdated) -> CallUpdated:
        room = MOST_EXTERNAL_IDS - len(self.external_ids)
        ids = [(name, value) for name, value in update.external_ids.items() if value]
        changed = {name: value for name, value in ids if self.external_ids.get(name, value) != value}
        added = [(name, value) for name, value in ids if name not in self.external_ids]
        return replace(
            update,
            external_ids=changed | dict(added[: max(0, room)]),
            agent_id=_changed(update.agent_id, self.agent_id),
            customer_number=_changed(update.customer_number, self.customer_number),
            queue=_changed(update.queue, self.queue),
            roles={
                index: role
                for index, role in update.roles.items()
                if index in self.roles and self.roles[index] is not role
            },
        )

    def _tells(self, new: CallUpdated) -> bool:
        people = new.agent_id or new.customer_number or new.queue
        if people or new.external_ids or new.roles:
            return True
        match new.kind:
            case UpdateKind.HELD:
                return not self.held
            case UpdateKind.RESUMED:
                return self.held
            case UpdateKind.TRANSFERRED:
                return True
            case _:
                return any(self._facts.get(place) != value for place, value in _by_channel(new).items())


def _changed(came: str | None, known: str | None) -> str | None:
    return came if came and came != known else None


def _by_channel(update: CallUpdated) -> dict[tuple[str | int | None, str], str | int]:
    """Facts of one channel are no news of another."""
    channel = update.facts.get("channel")
    return {(channel, name): value for name, value in update.facts.items() if name != "channel"}

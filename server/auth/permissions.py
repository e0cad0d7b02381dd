"""What a role may do: one table, one decision function, deny unless the table says otherwise.

Agents see what is theirs. Supervisors see every call, live or not. Legal sees calls that are over, and every
recording. Hearing a recording needs a purpose besides; that is the custody record's business, not this one's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import assert_never


class Role(StrEnum):
    """What a person works as."""

    AGENT = "agent"
    SUPERVISOR = "supervisor"
    LEGAL = "legal"


class Action(StrEnum):
    """Everything that can be asked of the service by a signed-in person."""

    SESSION_USE = "session.use"
    DESK_OPEN = "desk.open"
    CALL_LIST = "call.list"
    CALL_READ = "call.read"
    CALL_OFFER = "call.offer"
    CASE_READ = "case.read"
    CASE_EDIT = "case.edit"
    HELP_ASK = "help.ask"
    HELP_CLOSE = "help.close"
    LADDER_APPROVE = "ladder.approve"
    CALL_MASK = "call.mask"
    RECORDING_SEARCH = "recording.search"
    RECORDING_READ = "recording.read"
    RECORDING_PLAY = "recording.play"
    RECORDING_VERIFY = "recording.verify"
    RECORDING_REUSE = "recording.reuse"
    WALLBOARD_READ = "wallboard.read"
    AGENT_LIST = "agent.list"
    PLAYBOOK_READ = "playbook.read"
    PLAYBOOK_RELOAD = "playbook.reload"


class Reach(Enum):
    """How far a role's right goes."""

    ANY = auto()
    OWN = auto()
    """Calls on which this person is the agent."""
    ENDED = auto()
    """Calls that are over."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A signed-in person."""

    user_id: str
    username: str
    display_name: str
    role: Role
    locale: str


@dataclass(frozen=True, slots=True)
class CallResource:
    """What a decision needs to know of a call or of its recording."""

    agent_id: str | None
    live: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """Yes or no, and why not (`role`, `not-own`, `live`)."""

    allowed: bool
    reason: str | None = None


_ALLOW = Decision(True)

_RIGHTS: dict[Role, dict[Action, Reach]] = {
    Role.AGENT: {
        Action.SESSION_USE: Reach.ANY,
        Action.PLAYBOOK_READ: Reach.ANY,
        Action.DESK_OPEN: Reach.ANY,
        Action.CALL_LIST: Reach.OWN,
        Action.CALL_READ: Reach.OWN,
        Action.CALL_OFFER: Reach.OWN,
        Action.CASE_READ: Reach.OWN,
        Action.CASE_EDIT: Reach.OWN,
        Action.HELP_ASK: Reach.OWN,
        Action.HELP_CLOSE: Reach.OWN,
        Action.CALL_MASK: Reach.OWN,
        Action.RECORDING_SEARCH: Reach.OWN,
        Action.RECORDING_READ: Reach.OWN,
        Action.RECORDING_PLAY: Reach.OWN,
    },
    Role.SUPERVISOR: {
        Action.SESSION_USE: Reach.ANY,
        Action.PLAYBOOK_READ: Reach.ANY,
        Action.DESK_OPEN: Reach.ANY,
        Action.CALL_LIST: Reach.ANY,
        Action.CALL_READ: Reach.ANY,
        Action.CASE_READ: Reach.ANY,
        Action.CASE_EDIT: Reach.ANY,
        Action.HELP_CLOSE: Reach.ANY,
        Action.LADDER_APPROVE: Reach.ANY,
        Action.CALL_MASK: Reach.ANY,
        Action.RECORDING_SEARCH: Reach.ANY,
        Action.RECORDING_READ: Reach.ANY,
        Action.RECORDING_PLAY: Reach.ANY,
        Action.RECORDING_VERIFY: Reach.ANY,
        Action.RECORDING_REUSE: Reach.ENDED,
        Action.WALLBOARD_READ: Reach.ANY,
        Action.AGENT_LIST: Reach.ANY,
        Action.PLAYBOOK_RELOAD: Reach.ANY,
    },
    Role.LEGAL: {
        Action.SESSION_USE: Reach.ANY,
        Action.PLAYBOOK_READ: Reach.ANY,
        Action.CALL_LIST: Reach.ENDED,
        Action.CALL_READ: Reach.ENDED,
        Action.CASE_READ: Reach.ENDED,
        Action.RECORDING_SEARCH: Reach.ANY,
        Action.RECORDING_READ: Reach.ANY,
        Action.RECORDING_PLAY: Reach.ANY,
        Action.RECORDING_VERIFY: Reach.ANY,
        Action.RECORDING_REUSE: Reach.ENDED,
    },
}


def decide(who: Identity, action: Action, resource: CallResource | None = None) -> Decision:
    """May this person do this, to this?

    Args:
        who: The person.
        action: What is asked.
        resource: The call concerned. None asks whether the person may do it to anything at all; a listing
            then limits itself by `reach`.

    Returns:
        The decision; its reason is safe to show.
    """
    reach = _RIGHTS[who.role].get(action)
    if reach is None:
        return Decision(False, "role")
    if resource is None:
        return _ALLOW
    match reach:
        case Reach.ANY:
            return _ALLOW
        case Reach.OWN:
            return _ALLOW if resource.agent_id == who.username else Decision(False, "not-own")
        case Reach.ENDED:
            return Decision(False, "live") if resource.live else _ALLOW
    assert_never(reach)


def reach_of(who: Identity, action: Action) -> Reach | None:
    """How far the right goes, for queries that list; None: not at all."""
    return _RIGHTS[who.role].get(action)

"""Events of an Asterisk manager → the neutral schema.

`Linkedid` joins all channels of a call, so it is the call's id here, and a channel's `Uniqueid` the leg's.
`HoldTime` is seconds of waiting. A caller who gives up raises QueueCallerAbandon and then QueueCallerLeave:
leaving alone is no answer. What the dialplan knows comes with `UserEvent(KoemoriLeg, …)`: `Uuid` joins the
audio of an AudioSocket, `Agent`, `Queue`, `From` and `To` say what no other event does.

Source: docs.asterisk.org, AMI events; orders as observed.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from koemori.server.cti.ami import AmiMessage
from koemori.server.cti.schema import EventType, OperationalEvent
from pydantic import ValidationError

LEG_EVENT: Final = "koemorileg"
_INNER_CHANNELS: Final = (
    "local/",
    "snoop/",
    "audiosocket/",
    "unicastrtp/",
    "websocket/",
    "message/",
    "recorder/",
)
"""Channels that Asterisk makes for itself; their end is nobody's."""
_MOST_ABANDONED: Final = 1_000
_NOBODY: Final = frozenset({"", "<unknown>", "unknown", "anonymous", "n/a"})
_INTERFACE = re.compile(r"^(?:Local/)?(?:[A-Za-z0-9]+/)?(?P<name>[^@/]+?)(?:@.*|/.*|-[0-9a-f]{8}.*)?$")
_KEPT_RAW: Final = (
    "event",
    "queue",
    "interface",
    "membername",
    "position",
    "originalposition",
    "count",
    "reason",
)


@dataclass(slots=True)
class AmiEvents:
    """Of one Asterisk; remembers only which waiting callers have given up.

    Attributes:
        source: `source` of the events.
        now: Wall time, for a manager that does not stamp its events (`timestampevents = yes`).
    """

    source: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _abandoned: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def push(self, message: AmiMessage) -> OperationalEvent | None:
        """The event in the neutral schema; None for one that says nothing there."""
        make = _MAKERS.get(message.get("event", "").lower())
        if make is None:
            return None
        leg_id = _first(message, "uniqueid", "transfereruniqueid", "origtransfereruniqueid")
        if make is _left and leg_id is not None and leg_id in self._abandoned:
            del self._abandoned[leg_id]
            return None
        if make is _abandoned and leg_id is not None:
            self._abandoned[leg_id] = None
            while len(self._abandoned) > _MOST_ABANDONED:
                self._abandoned.popitem(last=False)
        values = make(message)
        call_id = _first(message, "linkedid", "transfererlinkedid", "origtransfererlinkedid") or leg_id
        if values is None or call_id is None:
            return None
        at = self._at(message)
        known = {key: value for key, value in values.items() if value is not None}
        try:
            return OperationalEvent.model_validate(
                {
                    "source": self.source,
                    "event_id": f"{message['event']}:{leg_id}:{at.timestamp():.6f}"[-128:],
                    "occurred_at": at,
                    "call_id": call_id,
                    "leg_id": leg_id,
                    "raw": {key: message[key][:128] for key in _KEPT_RAW if key in message},
                    **known,
                }
            )
        except ValidationError:
            return None

    def _at(self, message: AmiMessage) -> datetime:
        try:
            return datetime.fromtimestamp(float(message["timestamp"]), UTC)
        except (KeyError, ValueError, OverflowError, OSError):
            return self.now()


def _joined(message: AmiMessage) -> dict[str, Any]:
    return {
        "type": EventType.QUEUE_JOINED,
        "queue": message.get("queue"),
        "from": _number(message.get("calleridnum")),
        "position": _count(message.get("position")),
    }


def _left(message: AmiMessage) -> dict[str, Any]:
    return {"type": EventType.QUEUE_LEFT, "queue": message.get("queue")}


def _abandoned(message: AmiMessage) -> dict[str, Any]:
    return {
        "type": EventType.QUEUE_ABANDONED,
        "queue": message.get("queue"),
        "position": _count(message.get("position")),
        "wait_s": _count(message.get("holdtime")),
    }


def _ringing(message: AmiMessage) -> dict[str, Any]:
    return {
        "type": EventType.AGENT_RINGING,
        "queue": message.get("queue"),
        "agent_id": _agent(message),
        "from": _number(message.get("calleridnum")),
    }


def _no_answer(message: AmiMessage) -> dict[str, Any]:
    ring_ms = _count(message.get("ringtime"))
    return {
        "type": EventType.AGENT_NO_ANSWER,
        "queue": message.get("queue"),
        "agent_id": _agent(message),
        "ring_s": None if ring_ms is None else ring_ms / 1000,
    }


def _connected(message: AmiMessage) -> dict[str, Any]:
    return {
        "type": EventType.AGENT_CONNECTED,
        "queue": message.get("queue"),
        "agent_id": _agent(message),
        "from": _number(message.get("calleridnum")),
        "wait_s": _count(message.get("holdtime")),
        "ring_s": _count(message.get("ringtime")),
    }


def _completed(message: AmiMessage) -> dict[str, Any]:
    return {
        "type": EventType.WRAPUP_STARTED,
        "queue": message.get("queue"),
        "agent_id": _agent(message),
        "wait_s": _count(message.get("holdtime")),
        "talk_s": _count(message.get("talktime")),
        "reason": message.get("reason"),
    }


def _held(_message: AmiMessage) -> dict[str, Any]:
    return {"type": EventType.CALL_HELD}


def _resumed(_message: AmiMessage) -> dict[str, Any]:
    return {"type": EventType.CALL_RESUMED}


def _blind(message: AmiMessage) -> dict[str, Any] | None:
    if message.get("result", "").lower() != "success":
        return None
    return {
        "type": EventType.CALL_TRANSFERRED,
        "transfer": "blind",
        "to": message.get("extension") or None,
        "agent_id": None,
    }


def _attended(message: AmiMessage) -> dict[str, Any] | None:
    if message.get("result", "").lower() != "success":
        return None
    return {
        "type": EventType.CALL_TRANSFERRED,
        "transfer": "attended",
        "related_call_id": message.get("secondtransfererlinkedid") or None,
    }


def _hung_up(message: AmiMessage) -> dict[str, Any] | None:
    """Only the channel that the call began with ends it."""
    if message.get("uniqueid") != message.get("linkedid") or _is_inner(message):
        return None
    return {"type": EventType.CALL_ENDED, "reason": message.get("cause") or None}


def _new(message: AmiMessage) -> dict[str, Any] | None:
    if message.get("uniqueid") != message.get("linkedid") or _is_inner(message):
        return None
    return {"type": EventType.CALL_STARTED}


def _user(message: AmiMessage) -> dict[str, Any] | None:
    if message.get("userevent", "").lower() != LEG_EVENT:
        return None
    agent = message.get("agent") or None
    return {
        "type": EventType.CALL_STARTED if agent is None else EventType.AGENT_CONNECTED,
        "leg_id": message.get("uuid") or message.get("uniqueid"),
        "agent_id": agent,
        "queue": message.get("queue") or None,
        "from": _number(message.get("from")),
        "to": _number(message.get("to")),
    }


_MAKERS: Final[Mapping[str, Callable[[AmiMessage], dict[str, Any] | None]]] = {
    "newchannel": _new,
    "userevent": _user,
    "queuecallerjoin": _joined,
    "queuecallerleave": _left,
    "queuecallerabandon": _abandoned,
    "agentcalled": _ringing,
    "agentringnoanswer": _no_answer,
    "agentconnect": _connected,
    "agentcomplete": _completed,
    "hold": _held,
    "unhold": _resumed,
    "blindtransfer": _blind,
    "attendedtransfer": _attended,
    "hangup": _hung_up,
}


def _first(message: AmiMessage, *keys: str) -> str | None:
    return next((message[key] for key in keys if message.get(key)), None)


def _is_inner(message: AmiMessage) -> bool:
    return message.get("channel", "").lower().startswith(_INNER_CHANNELS)


def _agent(message: AmiMessage) -> str | None:
    """`PJSIP/1001`, `Local/1001@agents/n` → `1001`."""
    match = _INTERFACE.match(message.get("interface", "")[:256])
    return match.group("name") if match else message.get("membername") or None


def _number(text: str | None) -> str | None:
    return None if text is None or text.strip().lower() in _NOBODY else text.strip()[:128]


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None

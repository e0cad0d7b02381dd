"""Which side of a conversation a recording call carries, where each side comes by a SIP call of its own.

Source: Cisco Unified CM, From header of recording calls (built-in bridge): `x-nearend` or `x-farend`,
`x-refci` (the recorded party's call, equal on both), `x-nearendaddr`, `x-farendaddr`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from koemori.audio.call import ChannelRole
from koemori.audio.errors import SipError
from koemori.audio.sip.fields import parameters, parse_address, same_person
from koemori.audio.sip.mapping import Party
from koemori.audio.sip.message import Headers


@dataclass(frozen=True, slots=True)
class CallSide:
    """One side of a conversation.

    Attributes:
        conversation: The same for both sides.
        role: Near end: the phone that is recorded, the agent's.
        party: Who speaks.
    """

    conversation: str
    role: ChannelRole
    party: Party = field(repr=False)


def call_side(headers: Headers) -> CallSide | None:
    """Read it from the From header; None for everything else."""
    try:
        address = parse_address(headers.get("From") or "")
    except SipError:
        return None
    told = {**parameters(";" + address.uri.partition(";")[2]), **address.parameters}
    reference = told.get("x-refci", "")[:64]
    near, far = "x-nearend" in told, "x-farend" in told
    if not reference or near == far:
        return None
    person = told.get("x-nearendaddr" if near else "x-farendaddr", "")
    role = ChannelRole.AGENT if near else ChannelRole.CUSTOMER
    conversation = f"{reference}@{told.get('x-nearendclusterid', '')[:64]}"
    return CallSide(conversation, role, Party(same_person(person[:256])))

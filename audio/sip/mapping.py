"""Whose voice each stream of a recording session carries.

The metadata decides where it says so: SDP label → stream → participant that sends it. Only where labels or
associations do not fit is the order taken, and then it is called a guess. A label's text means nothing.

Source: RFC 7866 §7, RFC 7865 §6.6; deviations are listed with the vendor in docs/capture/.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from koemori.audio.call import ChannelRole
from koemori.audio.sip.fields import same_person, user_of
from koemori.audio.sip.metadata import Metadata, Participant


@dataclass(frozen=True, slots=True)
class Party:
    """Who is on one stream.

    Attributes:
        person: `user@host` in lower case; empty when unknown.
        display: Name as shown.
        began_call: True or False when the sender says so.
        guessed: Whether only the order of things says so.
    """

    person: str = field(default="", repr=False)
    display: str = field(default="", repr=False)
    began_call: bool | None = None
    guessed: bool = False

    @property
    def user(self) -> str:
        """Extension or telephone number."""
        return user_of(self.person)


@dataclass(frozen=True, slots=True)
class StreamMapping:
    """Parties per stream, in the streams' order; None where nobody is known.

    Attributes:
        parties: One for each stream.
        unmatched: Labels of the SDP that the metadata does not have.
    """

    parties: tuple[Party | None, ...]
    unmatched: int = 0


@dataclass(frozen=True, slots=True)
class RolePolicy:
    """How this installation tells agents from customers.

    Attributes:
        agents: Patterns of addresses, `*` and `?`: `sip:8*@*`, `8???`, `*@agents.example`; without `@` the
            user part alone is compared.
        agent_labels: Labels whose stream is the agent's, for systems whose labels have a fixed meaning.
        caller_is: Role of who began the call, when nothing better is known.
    """

    agents: tuple[str, ...] = ()
    agent_labels: frozenset[str] = frozenset()
    caller_is: ChannelRole = ChannelRole.UNKNOWN

    def is_agent(self, person: str) -> bool:
        """Whether this address is an agent's."""
        return bool(person) and any(_pattern(each).match(_compared(each, person)) for each in self.agents)


def map_streams(labels: Sequence[str | None], metadata: Metadata | None) -> StreamMapping:
    """Find the party of each stream by the metadata.

    Args:
        labels: Of the streams that we take, in the order of the media lines.
        metadata: All that was told so far; None when there is none.
    """
    if metadata is None or not metadata.participants:
        return StreamMapping((None,) * len(labels))
    by_label: dict[str, str] = {}
    for stream_id, label in metadata.labels.items():
        if label:
            by_label[label] = stream_id  # a later stream has taken the label over
    stream_ids = [by_label.get(label) if label is not None else None for label in labels]
    unmatched = sum(each is None for each in stream_ids) if metadata.labels else 0
    if metadata.associated:
        if unmatched == 0 and metadata.labels:
            return StreamMapping(tuple(_sender(metadata, each) for each in stream_ids))
        return StreamMapping(_by_order(labels, metadata, stream_ids), unmatched)
    return StreamMapping((None,) * len(labels), unmatched)


def guess_by_order(count: int, metadata: Metadata) -> tuple[Party | None, ...]:
    """Participants in their order, for a session that runs though nobody is said to send anything."""
    present = [each for each in metadata.participants.values() if not each.left]
    if len(present) != count:
        return (None,) * count
    return tuple(_party(each, guessed=True) for each in present)


def choose_roles(
    parties: Sequence[Party | None], labels: Sequence[str | None], policy: RolePolicy
) -> tuple[ChannelRole, ...]:
    """Role of each stream; all unknown where nothing tells the agent from the others."""
    agents = [each is not None and policy.is_agent(each.person) for each in parties]
    if len(parties) > 1 and any(agents) and not all(agents):
        # Of two sides the other one is the customer's; of more, only whose party is known.
        roles = _split(agents)
        unknown = ChannelRole.UNKNOWN
        sure = [len(parties) == 2 or each is not None for each in parties]
        return tuple(role if known else unknown for role, known in zip(roles, sure, strict=True))
    if not any(agents):
        marked = [label in policy.agent_labels for label in labels]
        if len(labels) > 1 and any(marked) and not all(marked):
            return _split(marked)
    began = [None if each is None else each.began_call for each in parties]
    if policy.caller_is is not ChannelRole.UNKNOWN and began.count(True) == 1 and len(parties) > 1:
        caller_is_agent = policy.caller_is is ChannelRole.AGENT
        return _split([bool(each) == caller_is_agent for each in began])
    return (ChannelRole.UNKNOWN,) * len(parties)


def channel_order(roles: Sequence[ChannelRole]) -> list[int]:
    """Streams in the order of their channels: agents first, the rest as they stand in the offer."""
    return sorted(range(len(roles)), key=lambda index: roles[index] is not ChannelRole.AGENT)


def parties_of_headers(rows: Sequence[str], count: int) -> tuple[Party | None, ...]:
    """Read CUBE's `X-Cisco-Recording-Participant: sip:user@host;media-index="N"`, one row per stream."""
    found: list[Party | None] = [None] * count
    for row in rows:
        index = re.search(r";\s*media-index\s*=\s*\"?([0-9]{1,2})", row, re.IGNORECASE)
        if index is not None and int(index[1]) < count:
            found[int(index[1])] = Party(same_person(row.partition(";")[0]))
    return tuple(found)


def _split(agents: Sequence[bool]) -> tuple[ChannelRole, ...]:
    return tuple(ChannelRole.AGENT if each else ChannelRole.CUSTOMER for each in agents)


def _sender(metadata: Metadata, stream_id: str | None) -> Party | None:
    senders = metadata.senders(stream_id) if stream_id is not None else ()
    return _party(senders[0], guessed=False) if len(senders) == 1 else None


def _by_order(
    labels: Sequence[str | None], metadata: Metadata, stream_ids: Sequence[str | None]
) -> tuple[Party | None, ...]:
    """Streams of the metadata that have a sender, in their order, for the labels that match none."""
    taken = {each for each in stream_ids if each is not None}
    sent = list(dict.fromkeys(sent for each in metadata.participants.values() for sent in each.sends))
    told = [each for each in metadata.labels if each in sent] or sent
    free = iter([each for each in told if each not in taken])
    parties: list[Party | None] = []
    for stream_id, _ in zip(stream_ids, labels, strict=True):
        if stream_id is not None:
            parties.append(_sender(metadata, stream_id))
            continue
        senders = metadata.senders(next(free, ""))
        parties.append(_party(senders[0], guessed=True) if len(senders) == 1 else None)
    return tuple(parties)


def _party(participant: Participant, *, guessed: bool) -> Party:
    return Party(participant.person, participant.display, participant.began_call, guessed)


def _compared(pattern: str, person: str) -> str:
    return person if "@" in pattern else person.partition("@")[0]


@cache
def _pattern(text: str) -> re.Pattern[str]:
    plain = re.sub(r"\A(sips?|tel):", "", text.strip().lower())
    return re.compile(fnmatch.translate(plain))

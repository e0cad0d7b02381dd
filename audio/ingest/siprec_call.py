"""One recorded call of a recording server: its legs, who is on them, and what is told about it; no I/O.

Channels are fixed when the call starts. That waits while nothing can come (a session that begins inactive)
or while a second SIP call of the same conversation is expected.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from koemori.audio.call import CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.rtp.payload import PayloadType, audio_rate_hz
from koemori.audio.signals import CallDocument, CallUpdated, KeyCarrier, KeyPressed, UpdateKind
from koemori.audio.sip.answer import LocalStream, Stream
from koemori.audio.sip.mapping import (
    Party,
    RolePolicy,
    channel_order,
    choose_roles,
    guess_by_order,
    map_streams,
)
from koemori.audio.sip.metadata import Metadata

SOURCE = "siprec"
_MAX_DOCUMENTS = 200
_KEYS = re.compile(rb"(inline:|(?:^|\n)[ \t]*k=|a=key-mgmt:)[^|\r\n]+", re.IGNORECASE)
_HIDDEN = frozenset({"", "anonymous", "restricted", "unavailable", "unknown", "private"})


class CallMedia(Protocol):
    """The media of one call. Legs are numbered in the order in which they are opened."""

    def open(self, leg: int, stream: Stream) -> LocalStream:
        """Bind a port for a leg; what comes before `start` is kept, unless the stream is held.

        Raises:
            KoemoriError: No port is free, or the stream's key cannot be used.
        """
        ...

    def change(self, leg: int, stream: Stream) -> LocalStream:
        """Take over another codec, key or address for a leg; its port stays where it can."""
        ...

    def start(self, started: CallStarted, legs: Sequence[int]) -> None:
        """Begin the call: channel `i` is leg `legs[i]`."""
        ...

    def hold(self, leg: int, held: bool) -> None:
        """The sender pauses or goes on."""
        ...

    def close(self, leg: int) -> None:
        """Nothing comes on this leg any more."""
        ...

    def tell(self, event: CallUpdated | CallDocument | KeyPressed) -> None:
        """Pass on, in order with the audio."""
        ...

    def end(self, reason: str) -> None:
        """End the call, after what has been received."""
        ...

    @property
    def now_sample(self) -> int:
        """How far the call has come."""
        ...

    def idle_s(self, leg: int) -> float | None:
        """Seconds since the last packet of a leg; None before the first."""
        ...


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """What an installation says about its calls.

    Attributes:
        roles: How agents are told from customers.
        agent_names: Extension → user name here, where they differ.
        queue: Of calls for which nothing else is known.
    """

    roles: RolePolicy = field(default_factory=RolePolicy)
    agent_names: Mapping[str, str] = field(default_factory=dict)
    queue: str | None = None


@dataclass(slots=True)
class Leg:
    """One stream of the call.

    Attributes:
        stream: As agreed.
        party: Who is on it by the headers; the metadata, where it knows better, comes first.
        role: Fixed by the protocol (near and far end); None leaves it to the policy.
        closed: Nothing comes on it any more.
    """

    stream: Stream
    party: Party | None = None
    role: ChannelRole | None = None
    closed: bool = False


@dataclass(slots=True, eq=False)
class RecordedCall:
    """One call.

    Attributes:
        call_id: Of it.
        media: Its media.
        policy: See `CallPolicy`.
        now_at: The wall clock.
        external_ids: Names that other systems have for it.
        metadata: All that was told.
        named: Who calls by the INVITE itself, for senders that have no metadata.
        legs: In the order in which they were opened.
        start_by_s: When to start at the latest; None starts as soon as a leg is not held.
    """

    call_id: CallId
    media: CallMedia
    policy: CallPolicy
    now_at: Callable[[], datetime]
    external_ids: dict[str, str] = field(default_factory=dict)
    metadata: Metadata | None = None
    named: tuple[Party, ...] = ()
    legs: list[Leg] = field(default_factory=list)
    start_by_s: float | None = None
    started: CallStarted | None = None
    ended: bool = False
    _channel_of: dict[int, int] = field(default_factory=dict)
    _parties: tuple[Party | None, ...] = ()
    _roles: tuple[ChannelRole, ...] = ()
    _early: list[CallDocument] = field(default_factory=list)
    _documents: dict[str, int] = field(default_factory=dict)

    def add(self, stream: Stream, party: Party | None = None, role: ChannelRole | None = None) -> LocalStream:
        """Open a leg, before the start.

        Raises:
            KoemoriError: As `CallMedia.open`.
        """
        local = self.media.open(len(self.legs), stream)
        self.legs.append(Leg(stream, party, role))
        return local

    def change(self, leg: int, stream: Stream) -> LocalStream:
        """Take over what a later offer says about a leg."""
        before, self.legs[leg].stream = self.legs[leg].stream, stream
        local = self.media.change(leg, stream)
        self.legs[leg].closed = False
        if self.started is not None and before.held != stream.held:
            self.media.hold(leg, stream.held)
            self._update(UpdateKind.HELD if stream.held else UpdateKind.RESUMED, leg)
        return local

    def close_leg(self, leg: int) -> None:
        """A leg's stream is over."""
        self.legs[leg].closed = True
        self.media.close(leg)

    def free_leg(self) -> int | None:
        """A leg whose party has left; who joins takes its channel."""
        return next((index for index, leg in enumerate(self.legs) if leg.closed), None)

    @property
    def held(self) -> bool:
        """Whether nothing is to come."""
        return all(leg.stream.held or leg.closed for leg in self.legs)

    def learn(self, newer: Metadata) -> None:
        """Take over what metadata says; tell what changed."""
        self.metadata = newer if self.metadata is None else self.metadata.merged(newer)
        fresh = {key: value for key, value in newer.keys.items() if self.external_ids.get(key) != value}
        self.external_ids |= fresh
        if self.started is not None:
            self._tell_people(fresh)

    def document(self, stem: str, suffix: str, media_type: str, content: bytes) -> None:
        """Keep what was sent as it came; keys for media are taken out."""
        number = self._documents[stem] = self._documents.get(stem, 0) + 1
        if sum(self._documents.values()) > _MAX_DOCUMENTS:
            return
        clean = _KEYS.sub(rb"\1-", content) if suffix == "sdp" else content
        document = CallDocument(self.call_id, self.now_ms, f"{stem}-{number}.{suffix}", media_type, clean)
        if self.started is None:
            self._early.append(document)
        else:
            self.media.tell(document)

    def pressed(self, key: str, held_ms: int) -> None:
        """A key came by signalling: the customer's, as far as anybody is known."""
        if self.started is None or not self.started.channels:
            return
        channels = self.started.channels
        role = ChannelRole.CUSTOMER
        channel = next((each for each in channels if each.role is role), channels[0])
        rate_hz = self.started.sample_rate_hz
        self.media.tell(
            KeyPressed(
                channel,
                self.media.now_sample,
                held_ms * rate_hz // 1000,
                rate_hz,
                key,
                KeyCarrier.SIGNALLING,
            )
        )

    @property
    def now_ms(self) -> int:
        """Media time."""
        if self.started is None:
            return 0
        return self.media.now_sample * 1000 // self.started.sample_rate_hz

    def start_when_due(self, now_s: float) -> bool:
        """Start if nothing has to be waited for; returns whether it started just now."""
        if self.started is not None or self.ended or not self.legs:
            return False
        waits = self.start_by_s is not None and now_s < self.start_by_s
        if waits or self.held:
            return False
        self._start()
        return True

    def end(self, reason: str) -> None:
        """End the call, however far it has come; what was heard while it waited to start is one, too."""
        if self.ended:
            return
        heard = (self.media.idle_s(leg) for leg, each in enumerate(self.legs) if not each.stream.held)
        if self.started is None and any(idle_s is not None for idle_s in heard):
            self._start()
        self.ended = True
        self.media.end(reason)

    def _start(self) -> None:
        self._parties = self._known_parties()
        self._roles = self._known_roles(self._parties)
        order = channel_order(self._roles)
        self._channel_of = {leg: index for index, leg in enumerate(order)}
        agent, customer = self._person(ChannelRole.AGENT), self._person(ChannelRole.CUSTOMER)
        rates = [audio_rate_hz(agreed_types(leg.stream)[leg.stream.speech.number]) for leg in self.legs]
        self.started = CallStarted(
            call_id=self.call_id,
            started_at=self.now_at(),
            sample_rate_hz=max(rates),
            channels=tuple(
                Channel(self.call_id, LegId(f"{SOURCE}-{leg}"), index, self._roles[leg], SOURCE)
                for index, leg in enumerate(order)
            ),
            external_ids=dict(self.external_ids),
            agent_id=self._agent_id(agent),
            customer_number=_number(customer),
            queue=self.policy.queue,
        )
        self.media.start(self.started, order)
        for document in self._early:
            self.media.tell(document)
        self._early.clear()
        self.media.tell(CallUpdated(self.call_id, 0, UpdateKind.FACTS, self._facts()))
        for leg, each in enumerate(self.legs):
            if each.stream.held:
                self.media.hold(leg, True)

    def _facts(self) -> dict[str, str | int]:
        known = [each for each in self._parties if each is not None]
        guessed = any(each.guessed for each in known)
        return {
            "streams": len(self.legs),
            "channel_separation": int(len(self.legs) > 1),
            "mapping": "guessed" if guessed else "told" if len(known) == len(self.legs) else "unknown",
        }

    def _known_parties(self) -> tuple[Party | None, ...]:
        labels = [leg.stream.label for leg in self.legs]
        told = map_streams(labels, self.metadata).parties
        if self.metadata is not None and not any(told) and not self.metadata.associated and not self.held:
            told = guess_by_order(len(self.legs), self.metadata)
        return tuple(
            leg.party if party is None else party for party, leg in zip(told, self.legs, strict=True)
        )

    def _known_roles(self, parties: Sequence[Party | None]) -> tuple[ChannelRole, ...]:
        labels = [leg.stream.label for leg in self.legs]
        chosen = choose_roles(parties, labels, self.policy.roles)
        return tuple(
            role if leg.role is None else leg.role for role, leg in zip(chosen, self.legs, strict=True)
        )

    def _tell_people(self, fresh: Mapping[str, str]) -> None:
        before, before_roles = self._parties, self._roles
        parties = self._known_parties()
        # Who was known stays known when a later document leaves the association out.
        self._parties = tuple(new or old for new, old in zip(parties, before, strict=True))
        roles = self._known_roles(self._parties)
        unknown = ChannelRole.UNKNOWN
        self._roles = tuple(
            old if new is unknown else new for new, old in zip(roles, before_roles, strict=True)
        )
        changed = [leg for leg in range(len(self.legs)) if _replaced(before[leg], self._parties[leg])]
        newly = {
            self._channel_of[leg]: role
            for leg, role in enumerate(self._roles)
            if role is not before_roles[leg] and leg in self._channel_of
        }
        if not (fresh or newly or changed or before != self._parties):
            return
        agent, customer = self._person(ChannelRole.AGENT), self._person(ChannelRole.CUSTOMER)
        facts = self._facts()
        if changed:
            facts["channel"] = self._channel_of[changed[0]]
        kind = UpdateKind.TRANSFERRED if changed else UpdateKind.FACTS
        self.media.tell(
            CallUpdated(
                self.call_id,
                self.now_ms,
                kind,
                facts,
                dict(fresh),
                self._agent_id(agent),
                _number(customer),
                None,
                newly,
            )
        )

    def _update(self, kind: UpdateKind, leg: int) -> None:
        facts = {"channel": self._channel_of.get(leg, leg)}
        self.media.tell(CallUpdated(self.call_id, self.now_ms, kind, facts))

    def _person(self, role: ChannelRole) -> Party | None:
        found = (each for each, its in zip(self._parties, self._roles, strict=True) if its is role)
        return next(found, None) or self._person_of_mixed(role)

    def _person_of_mixed(self, role: ChannelRole) -> Party | None:
        """Who is meant where no stream is theirs alone: the one agent of those named, and the one other."""
        told = self.metadata.participants.values() if self.metadata is not None else ()
        people = [Party(each.person) for each in told if not each.left] or list(self.named)
        agents = [each for each in people if self.policy.roles.is_agent(each.person)]
        others = [each for each in people if each not in agents]
        wanted = agents if role is ChannelRole.AGENT else others
        return wanted[0] if len(agents) == len(wanted) == 1 else None

    def _agent_id(self, agent: Party | None) -> str | None:
        if agent is None or agent.user in _HIDDEN:
            return None
        return self.policy.agent_names.get(agent.user, agent.user)


def agreed_types(stream: Stream) -> dict[int, PayloadType]:
    """Payload types of a stream as the receiver wants them."""
    return {
        codec.number: PayloadType(codec.number, codec.name, codec.clock_hz, codec.channels, codec.parameters)
        for codec in stream.payload_types
    }


def _number(customer: Party | None) -> str | None:
    return None if customer is None or customer.user in _HIDDEN else customer.user


def _replaced(before: Party | None, after: Party | None) -> bool:
    if before is None or after is None or not before.person or before.guessed:
        return False
    return before.person != after.person

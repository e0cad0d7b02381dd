"""Legs that come on connections of their own, each with one party's audio, joined into one call. No I/O.

A phone system that sends every leg by itself (AudioSocket, `chan_websocket`, one fork per channel) says by a
name which legs belong together. The first leg waits a moment for the other; what comes meanwhile is kept.
When both are there, or the wait is over, the call starts with as many channels as there are legs: a leg that
stays alone is a mono call. A leg that comes into a call which another has left takes its channel.

Audio is placed by count and arrival (`counted`); the leg whose clock runs ahead sets the call's time, and the
other is held to it by `clock` gaps of a few milliseconds. Times are of a monotonic clock, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from koemori.audio.call import CallEnded, CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.frames import SourceEvent, samples_to_ms
from koemori.audio.ids import new_call_id
from koemori.audio.ingest.counted import CountedLimits, CountedTrack, Samples
from koemori.audio.signals import CallDocument, CallUpdated, KeyCarrier, KeyPressed, UpdateKind

_MOST_DOCUMENTS = 50
_MOST_DOCUMENT_BYTES = 256 * 1024
_TOGETHER_S = 0.01
"""Legs that began within this time began together; arrivals tell no better."""
_MOST_WAITING_S = 30
"""Audio of one leg that is kept before the call starts; more is not believed and let go of."""


@dataclass(frozen=True, slots=True)
class LegFacts:
    """What is known of a leg when it comes.

    Attributes:
        leg_id: The phone system's name for it.
        sample_rate_hz: Rate of its audio, 8000 to 48000.
        role: Whose voice it carries.
        external_ids: Names that other systems have for the call.
        agent_id: User name of the agent, where this leg tells it.
        customer_number: As the agent.
        queue: As the agent.
    """

    leg_id: str
    sample_rate_hz: int
    role: ChannelRole = ChannelRole.UNKNOWN
    external_ids: Mapping[str, str] = field(default_factory=dict)
    agent_id: str | None = None
    customer_number: str | None = field(default=None, repr=False)
    queue: str | None = None


@dataclass(frozen=True, slots=True)
class JoinLimits:
    """How long legs wait for each other.

    Attributes:
        legs: How many make a call; 1 starts at once.
        wait_ms: How long the first waits for the others.
        settle_ms: How long the start waits once all are there, to see how their audio arrives.
        counted: How each leg is judged.
    """

    legs: int = 2
    wait_ms: int = 3_000
    settle_ms: int = 200
    counted: CountedLimits = field(default_factory=CountedLimits)


@dataclass(slots=True)
class _Leg:
    facts: LegFacts
    waiting: list[tuple[Samples, float]] = field(default_factory=list)
    keys: list[tuple[str, float]] = field(default_factory=list)
    documents: list[tuple[str, str, bytes]] = field(default_factory=list)
    received: int = 0
    began_s: float | None = None
    """When its first sample was said, as far as its arrivals tell."""
    track: CountedTrack | None = None
    left: bool = False


class LegJoiner:
    """The legs of one call."""

    def __init__(
        self,
        source: str,
        limits: JoinLimits | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Begin without legs.

        Args:
            source: Name of the ingest, for `Channel.source`.
            limits: See `JoinLimits`.
            now: Wall time.
        """
        self._source = source
        self._limits = limits or JoinLimits()
        self._now = now
        self._legs: dict[int, _Leg] = {}
        self._last = 0
        self._first_at_s = 0.0
        self._full_at_s: float | None = None
        self._ended = False
        self._documents = 0
        self.started: CallStarted | None = None

    @property
    def ended(self) -> bool:
        """Whether the call is over, or was before it began."""
        return self._ended

    def has_place(self, role: ChannelRole) -> bool:
        """Whether another leg has a place here: before the start any, after it one of the side that left."""
        if self._ended:
            return False
        if self.started is None:
            return len(self._legs) < self._limits.legs
        return self._left_behind(role) is not None

    def enter(self, facts: LegFacts, at_s: float) -> tuple[int, list[SourceEvent]]:
        """Take a leg in; return its handle and what follows. Ask `has_place` before.

        Raises:
            ValueError: There is no place for it.
        """
        if not self.has_place(facts.role):
            raise ValueError("leg: expected a call with a place for it; got one without")
        if not self._legs:
            self._first_at_s = at_s
        self._last += 1
        leg = self._legs[self._last] = _Leg(facts)
        if self.started is not None:
            return self._last, self._take_over(leg, at_s)
        if len(self._legs) == self._limits.legs:
            self._full_at_s = at_s
        return self._last, self.tick(at_s)

    def audio(self, handle: int, samples: Samples, at_s: float) -> list[SourceEvent]:
        """Take a leg's samples, shape `(n,)`, the last of which came at `at_s`."""
        leg = self._legs.get(handle)
        if leg is None or leg.left or self._ended or not len(samples):
            return []
        if leg.track is not None:
            return [*leg.track.push(samples, at_s)]
        if leg.received < _MOST_WAITING_S * leg.facts.sample_rate_hz:
            leg.received += len(samples)
            began_s = at_s - leg.received / leg.facts.sample_rate_hz
            leg.began_s = began_s if leg.began_s is None else min(leg.began_s, began_s)
            leg.waiting.append((samples, at_s))
        return self.tick(at_s)

    def key(self, handle: int, key: str, at_s: float) -> list[SourceEvent]:
        """A key was pressed on a leg; its place is where its audio stands."""
        leg = self._legs.get(handle)
        if leg is None or leg.left or self._ended:
            return []
        if leg.track is None:
            leg.keys.append((key, at_s))
            return []
        track = leg.track
        return [KeyPressed(track.channel, track.position, 0, track.to_hz, key, KeyCarrier.SIGNALLING)]

    def document(self, handle: int, name: str, media_type: str, content: bytes) -> list[SourceEvent]:
        """Keep what the phone system sent about a leg, byte for byte; beyond a few it is let go of.

        `name` is `[a-z0-9.-]+`; the number of the document in the call is put before its ending.
        """
        leg = self._legs.get(handle)
        if leg is None or self._ended or len(content) > _MOST_DOCUMENT_BYTES:
            return []
        if self._documents >= _MOST_DOCUMENTS:
            return []
        self._documents += 1
        stem, _, ending = name.rpartition(".")
        kept = (f"{stem}-{self._documents}.{ending}", media_type, content)
        if self.started is None or leg.track is None:
            leg.documents.append(kept)
            return []
        at_ms = samples_to_ms(leg.track.position, leg.track.to_hz)
        return [CallDocument(self.started.call_id, at_ms, *kept)]

    def leave(self, handle: int, at_s: float, reason: str = "disconnected") -> list[SourceEvent]:
        """A leg has ended; the last one ends the call."""
        leg = self._legs.get(handle)
        if leg is None or leg.left or self._ended:
            return []
        leg.left = True
        events: list[SourceEvent] = [] if leg.track is None else [*leg.track.finish()]
        return events + self.close(reason, at_s) if all(one.left for one in self._legs.values()) else events

    def tick(self, at_s: float) -> list[SourceEvent]:
        """What the passing of time settles; call it ten times a second."""
        if self._ended:
            return []
        if self.started is None:
            return self._start(at_s) if self._legs and self._is_time(at_s) else []
        self._keep_together()
        events: list[SourceEvent] = []
        for leg in self._legs.values():
            if leg.track is not None:
                events += leg.track.expire(at_s)
        return events

    def close(self, reason: str, at_s: float) -> list[SourceEvent]:
        """End the call: everything held is placed, and the channels end together. Empty without any audio."""
        if self._ended:
            return []
        events: list[SourceEvent] = []
        if self.started is None and any(leg.waiting for leg in self._legs.values()):
            events += self._start(at_s)
        self._ended = True
        if self.started is None:
            return []
        for leg in self._legs.values():
            if leg.track is not None and not leg.left:
                events += leg.track.finish()
        by_channel = {leg.track.channel.index: leg.track for leg in self._legs.values() if leg.track}
        end = max((track.end for track in by_channel.values()), default=0)
        for track in by_channel.values():
            events += track.finish(end)
        rate_hz = self.started.sample_rate_hz
        return [*events, CallEnded(self.started.call_id, samples_to_ms(end, rate_hz), reason)]

    def _is_time(self, at_s: float) -> bool:
        if self._full_at_s is not None and all(leg.waiting for leg in self._legs.values()):
            settle_s = self._limits.settle_ms / 1000 if self._limits.legs > 1 else 0.0
            return (
                at_s - max(self._full_at_s, *(leg.waiting[0][1] for leg in self._legs.values())) >= settle_s
            )
        return at_s - self._first_at_s >= self._limits.wait_ms / 1000

    def _start(self, at_s: float) -> list[SourceEvent]:
        # A leg that left before it said anything has no channel, unless nobody has one.
        self._legs = {n: leg for n, leg in self._legs.items() if leg.waiting or not leg.left} or self._legs
        origin_s = min((leg.began_s for leg in self._legs.values() if leg.began_s is not None), default=at_s)
        rate_hz = max(leg.facts.sample_rate_hz for leg in self._legs.values())
        started_at = self._now() - timedelta(seconds=at_s - origin_s)
        call_id = new_call_id(started_at)
        events: list[SourceEvent] = []
        for index, leg in enumerate(sorted(self._legs.values(), key=_agents_first)):
            role = leg.facts.role
            taken = [one.track.channel.role for one in self._legs.values() if one.track]
            role = ChannelRole.UNKNOWN if role in taken else role
            channel = Channel(call_id, LegId(leg.facts.leg_id), index, role, self._source)
            events += self._begin(leg, channel, rate_hz, origin_s)
        facts = [leg.facts for leg in self._legs.values()]
        self.started = CallStarted(
            call_id=call_id,
            started_at=started_at,
            sample_rate_hz=rate_hz,
            channels=tuple(
                sorted((leg.track.channel for leg in self._legs.values() if leg.track), key=_index)
            ),
            external_ids={key: value for one in facts for key, value in one.external_ids.items()},
            agent_id=next((one.agent_id for one in facts if one.agent_id), None),
            customer_number=next((one.customer_number for one in facts if one.customer_number), None),
            queue=next((one.queue for one in facts if one.queue), None),
        )
        return [self.started, *events]

    def _begin(self, leg: _Leg, channel: Channel, rate_hz: int, origin_s: float) -> list[SourceEvent]:
        """Give a leg its channel, and place what waited."""
        began_s = origin_s if leg.began_s is None else leg.began_s
        began_s = origin_s if began_s - origin_s < _TOGETHER_S else began_s
        track = CountedTrack(channel, leg.facts.sample_rate_hz, rate_hz, origin_s, 0, self._limits.counted)
        leg.track = track
        events: list[SourceEvent] = [*track.begin_at(round((began_s - origin_s) * rate_hz))]
        for samples, at_s in leg.waiting:
            events += track.push(samples, at_s)
        for key, _ in leg.keys:
            events.append(KeyPressed(channel, track.position, 0, rate_hz, key, KeyCarrier.SIGNALLING))
        for document in leg.documents:
            events.append(CallDocument(channel.call_id, 0, *document))
        leg.waiting, leg.keys, leg.documents = [], [], []
        return events

    def _take_over(self, leg: _Leg, at_s: float) -> list[SourceEvent]:
        """Somebody takes the channel of who has left; its time goes on."""
        former = self._left_behind(leg.facts.role)
        if self.started is None or former is None or former.track is None:
            return []
        last = former.track
        self._legs = {number: one for number, one in self._legs.items() if one is not former}
        track = CountedTrack(
            last.channel,
            leg.facts.sample_rate_hz,
            last.to_hz,
            last.origin_s,
            last.end,
            self._limits.counted,
        )
        leg.track = track
        here = round((at_s - last.origin_s) * last.to_hz)
        update = CallUpdated(
            call_id=CallId(self.started.call_id),
            at_ms=samples_to_ms(max(here, last.end), last.to_hz),
            kind=UpdateKind.TRANSFERRED,
            facts={"channel": last.channel.index},
            external_ids=leg.facts.external_ids,
            agent_id=leg.facts.agent_id,
            customer_number=leg.facts.customer_number,
            queue=leg.facts.queue,
        )
        return [*track.begin_at(here), update]

    def _left_behind(self, role: ChannelRole) -> _Leg | None:
        """The leg whose channel a new one takes: a customer's voice must not come to an agent's channel."""
        unknown = ChannelRole.UNKNOWN
        for leg in self._legs.values():
            if leg.left and leg.track is not None:
                its = leg.track.channel.role
                if its is role or unknown in (its, role):
                    return leg
        return None

    def _keep_together(self) -> None:
        """Hold the leg with the slower clock to the other one."""
        tracks = [leg.track for leg in self._legs.values() if leg.track is not None and not leg.left]
        lags = [track.usual_lag() for track in tracks]
        known = [lag for lag in lags if lag is not None]
        if len(known) < 2 or len(known) < len(tracks):
            return
        for track, lag in zip(tracks, known, strict=True):
            track.keep_up(lag - min(known))


def _agents_first(leg: _Leg) -> bool:
    return leg.facts.role is not ChannelRole.AGENT


def _index(channel: Channel) -> int:
    return channel.index

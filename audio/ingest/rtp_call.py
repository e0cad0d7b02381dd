"""A call whose legs come as plain RTP, without any signalling: it begins with the first packet; no I/O.

Nothing says when such a call ends but the sender's goodbye (RTCP BYE of every leg that sent) or silence. All
times are microseconds of one monotonic clock, as in `koemori.audio.rtp.legs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from koemori.audio.call import CallEnded, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.frames import AudioFrame, Gap, SourceEvent, samples_to_ms
from koemori.audio.ids import new_call_id
from koemori.audio.ingest.rtp_facts import change_told, packets_told
from koemori.audio.rtp.leg_types import LegEvent, MediaChanged
from koemori.audio.rtp.legs import RtpLegs
from koemori.audio.rtp.packet import is_rtp
from koemori.audio.rtp.payload import STATIC_PAYLOAD_TYPES, PayloadType, audio_rate_hz

_GOODBYE_US = 1_000_000
"""Packets may still come after an RTCP BYE, and another sender may follow."""


@dataclass(frozen=True, slots=True)
class RtpLegPlan:
    """One leg that is expected.

    Attributes:
        leg_id: The phone system's name for it, or ours.
        role: Whose voice it carries.
        codec: What it is sent in; static payload types are understood besides.
        events: Payload type of telephone events; None expects none.
    """

    leg_id: str
    role: ChannelRole
    codec: PayloadType
    events: int | None = 101

    @property
    def payload_types(self) -> dict[int, PayloadType]:
        """As they count for agreed."""
        kinds = [self.codec, STATIC_PAYLOAD_TYPES[13]]
        if self.events is not None:
            kinds.append(PayloadType(self.events, "TELEPHONE-EVENT", 8_000))
        return {kind.number: kind for kind in kinds}


@dataclass(frozen=True, slots=True)
class RtpCallPlan:
    """What is known of a call before its first packet; the agent's leg is channel 0."""

    legs: tuple[RtpLegPlan, ...]
    external_ids: Mapping[str, str] = field(default_factory=dict)
    agent_id: str | None = None
    customer_number: str | None = field(default=None, repr=False)
    queue: str | None = None


class RtpCall:
    """One call; feed it from the sockets' ticks."""

    def __init__(
        self,
        plan: RtpCallPlan,
        silence_us: int,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Begin before the first packet.

        Args:
            plan: What is known.
            silence_us: Without a packet on any leg for this long the call ends.
            now: Wall time.
        """
        self._plan = plan
        self._silence_us = silence_us
        self._now = now
        self._order = sorted(
            range(len(plan.legs)), key=lambda leg: plan.legs[leg].role is not ChannelRole.AGENT
        )
        self._index = {leg: index for index, leg in enumerate(self._order)}
        self._rtp: RtpLegs | None = None
        self._last_us = 0
        self._gone: dict[int, int] = {}
        """Channel → when its sender said goodbye."""
        self._spoke: set[int] = set()
        self._heard_to = 0
        self._silence: list[Gap] = []
        self.started: CallStarted | None = None
        self.ended = False

    def packets(self, leg: int, batch: Sequence[tuple[int, bytes]], now_us: int) -> list[SourceEvent]:
        """Take datagrams of a leg, as the sockets hand them over; never raises."""
        if self.ended or not batch:
            return []
        events: list[SourceEvent] = []
        if self._rtp is None:
            # Keep-alives and strays begin no call.
            batch = [item for item in batch if is_rtp(item[1])]
            if batch:
                events.append(self._start(batch[0][0], now_us))
        if self._rtp is None:
            return events
        channel = self._index[leg]
        events += self._silence
        self._silence = []
        told = self._told(self._rtp.push(channel, batch), now_us)
        idle_us = self._rtp.idle_us(channel, now_us)
        if idle_us is not None and now_us - idle_us > self._last_us:
            self._last_us = now_us - idle_us
            self._spoke.add(channel)
            self._gone.pop(channel, None)
        return events + told

    def control(self, leg: int, arrival_us: int, datagram: bytes) -> None:
        """Take an RTCP datagram of a leg; never raises."""
        if self._rtp is not None and not self.ended:
            self._rtp.control(self._index[leg], arrival_us, datagram)

    def advance(self, now_us: int) -> list[SourceEvent]:
        """What the passing of time settles; at last the end."""
        if self._rtp is None or self.ended:
            return []
        events = self._told(self._rtp.advance(now_us), now_us)
        if self._spoke and all(now_us - self._gone.get(one, now_us) >= _GOODBYE_US for one in self._spoke):
            return events + self.end("completed", now_us)
        if now_us - self._last_us >= self._silence_us:
            return events + self.end("idle", now_us)
        return self._without_silence(events, now_us)

    def report(self, leg: int, now_us: int) -> bytes | None:
        """The receiver report that is owed to a leg's sender."""
        if self._rtp is None or self.ended:
            return None
        return self._rtp.report(self._index[leg], now_us)

    def end(self, reason: str, now_us: int) -> list[SourceEvent]:
        """End the call: everything held is placed, and packets are accounted for. Empty before its start."""
        if self.ended:
            return []
        self.ended = True
        if self._rtp is None or self.started is None:
            return []
        events = self._told(self._rtp.finish(now_us), now_us)
        end_sample = self._rtp.end_sample
        if reason == "idle":
            events, end_sample = self._up_to_silence(events)
        else:
            events = [*self._silence, *events]
        end_ms = samples_to_ms(end_sample, self.started.sample_rate_hz)
        for channel in self.started.channels:
            counted = self._rtp.counters(channel.index)
            events.append(packets_told(self.started.call_id, end_ms, channel.index, counted))
        return [*events, CallEnded(self.started.call_id, end_ms, reason)]

    def _start(self, first_us: int, now_us: int) -> CallStarted:
        started_at = self._now() - timedelta(microseconds=max(0, now_us - first_us))
        call_id = new_call_id(started_at)
        plans = [self._plan.legs[leg] for leg in self._order]
        rate_hz = max(audio_rate_hz(plan.codec) for plan in plans)
        channels = tuple(
            Channel(call_id, LegId(plan.leg_id), index, plan.role, "rtp") for index, plan in enumerate(plans)
        )
        self._rtp = RtpLegs(channels, [plan.payload_types for plan in plans], rate_hz)
        self.started = CallStarted(
            call_id=call_id,
            started_at=started_at,
            sample_rate_hz=rate_hz,
            channels=channels,
            external_ids=dict(self._plan.external_ids),
            agent_id=self._plan.agent_id,
            customer_number=self._plan.customer_number,
            queue=self._plan.queue,
        )
        return self.started

    def _without_silence(self, events: list[SourceEvent], now_us: int) -> list[SourceEvent]:
        """Keep gaps back while nothing comes on any leg: whether they belong to the call shows later."""
        if now_us - self._last_us < _GOODBYE_US:
            return events
        self._silence += [event for event in events if isinstance(event, Gap)]
        return [event for event in events if not isinstance(event, Gap)]

    def _up_to_silence(self, events: list[SourceEvent]) -> tuple[list[SourceEvent], int]:
        """The call was over when the last leg fell silent; return what is left, and the last sample."""
        gaps = [*self._silence, *(event for event in events if isinstance(event, Gap))]
        others = [event for event in events if not isinstance(event, Gap)]
        heard = [event.end_sample for event in others if isinstance(event, AudioFrame)]
        end = max([self._heard_to, *heard])
        clipped = [
            replace(gap, sample_count=min(gap.end_sample, end) - gap.start_sample)
            for gap in gaps
            if gap.start_sample < end
        ]
        return [*others, *clipped], end

    def _told(self, events: Sequence[LegEvent], now_us: int) -> list[SourceEvent]:
        told: list[SourceEvent] = []
        for event in events:
            if isinstance(event, MediaChanged):
                if event.what == "ended":
                    self._gone[event.channel_index] = now_us
                if self.started is not None:
                    told.append(change_told(self.started.call_id, event))
            else:
                if isinstance(event, AudioFrame):
                    self._heard_to = max(self._heard_to, event.end_sample)
                told.append(event)
        return told

"""One leg's receiver: RTP datagrams with arrival times → frames, gaps, keys and facts; no I/O.

A batch that simply goes on (same sender, same payload type, next numbers, next timestamps) is decoded as one
frame. Anything else is looked at packet by packet:

* a number is missing: later packets wait (60 to 200 ms, by the jitter), then its place is a `lost` gap; if it
  comes after all, it becomes a late frame in its place;
* the timestamp jumps and no number is missing: the sender was silent (comfort noise, silence suppression, a
  key), and this silence counts as captured, for nothing was lost;
* a timestamp that contradicts the arrival, or numbers that begin anew: a new segment, placed by wall time;
* another sender (SSRC): a new segment as well, once the old one is silent and the new one has shown itself.

Time in which nothing came although no number is missing (before the first packet, between two segments, the
end) is a `clock` gap.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from koemori.audio.call import Channel
from koemori.audio.errors import RtpPacketError
from koemori.audio.frames import GapCause, ms_to_samples
from koemori.audio.rtp.admission import Admission
from koemori.audio.rtp.clock import CallClock
from koemori.audio.rtp.leg_types import LegCounters, LegEvent, MediaChanged, ReceiverLimits
from koemori.audio.rtp.packet import HEADER_BYTES, RtpPacket, parse_packet
from koemori.audio.rtp.payload import PayloadType, can_decode
from koemori.audio.rtp.placing import Placing
from koemori.audio.rtp.playout import Playout
from koemori.audio.rtp.rtcp import Compound
from koemori.audio.rtp.segment import Arrived, Place, Segment, Taken
from koemori.audio.rtp.senders import Senders

__all__ = ["LegCounters", "LegEvent", "LegReceiver", "MediaChanged", "ReceiverLimits"]

_HEADER: Final = struct.Struct("!BBHII")
_PLAIN: Final = 0x80
"""First byte of a packet without padding, extension and CSRCs."""
_SETTLED_PACKETS: Final = 5
_SETTLED_SPREAD_US: Final = 10_000
_ONE_BYTE_A_TICK: Final = frozenset({"PCMU", "PCMA", "G722"})
_MOST_UNSETTLED: Final = 250
_OUTAGE_STEP_MS: Final = 500


class LegReceiver:
    """State of one leg.

    Attributes:
        senders: The segments: who sends now, who may send next, who has sent.
        placing: The channel's timeline.
        last_arrival_us: When RTP last came, paused or not; None before the first packet.
    """

    def __init__(
        self,
        channel: Channel,
        payload_types: Mapping[int, PayloadType],
        clock: CallClock,
        limits: ReceiverLimits | None = None,
    ) -> None:
        """Begin before the first packet.

        Args:
            channel: Where the frames belong.
            payload_types: What was agreed on, by number.
            clock: Shared by the call's legs.
            limits: Bounds.
        """
        self.channel = channel
        self._limits = limits or ReceiverLimits()
        self._clock = clock
        self._counters = LegCounters()
        self.placing = Placing(channel, clock.rate_hz)
        self.senders = Senders()
        self._playout = Playout(self.placing, self._counters, self._limits)
        self._playout.agree(payload_types)
        self._facts: list[LegEvent] = []
        self._paused = False
        self.last_arrival_us: int | None = None
        self._codec = ""
        self._why = "started"
        self._admission = Admission(self._limits)

    def push(self, batch: Sequence[tuple[int, bytes]]) -> list[LegEvent]:
        """Take datagrams in order of arrival, each with its arrival time in µs; never raises."""
        done = self._go_on(batch)
        if done < len(batch):
            for arrival_us, datagram in batch[done:]:
                self._take(arrival_us, datagram)
            self._work(batch[-1][0])
        self.placing.speak()
        return self._told()

    def advance(self, now_us: int) -> list[LegEvent]:
        """Give up waiting for what is overdue, and go on through an outage."""
        segment = self.senders.current
        if segment is not None:
            self._playout.press(self._playout.keys.expire(now_us), segment)
        self._work(now_us)
        self._go_without(now_us)
        self.placing.speak()
        return self._told()

    def pause(self, now_us: int) -> list[LegEvent]:
        """From here nothing is taken; time becomes `paused`."""
        if not self._paused:
            self._end_segment(now_us)
            self.placing.gap_to(self._clock.sample(now_us), GapCause.CLOCK)
            self._paused = True
        return self._told()

    def resume(self, now_us: int) -> list[LegEvent]:
        """Take packets again; they go on where wall time says."""
        if self._paused:
            self.placing.gap_to(self._clock.sample(now_us), GapCause.PAUSED)
            self._paused = False
        return self._told()

    def agree(self, payload_types: Mapping[int, PayloadType]) -> None:
        """Take over what a new offer and answer agreed on."""
        self._playout.agree(payload_types)

    def flush(self, now_us: int) -> list[LegEvent]:
        """Place everything that is held; the call ends."""
        self._end_segment(now_us)
        if self.senders.shown:
            self._switch(now_us)
            self._end_segment(now_us)
        self._counters.foreign += self.senders.drop_candidate()
        return self._told()

    def finish(self, end_sample: int) -> list[LegEvent]:
        """After `flush`: fill up to the call's end."""
        missing = end_sample - self.placing.position
        outage = ms_to_samples(self._limits.outage_ms, self._clock.rate_hz)
        began = self.counters.received > 0
        cause = GapCause.LOST if began and missing >= outage else GapCause.CLOCK
        self.placing.gap_to(end_sample, GapCause.PAUSED if self._paused else cause)
        return self._told()

    def control(self, compound: Compound) -> None:
        """Take what RTCP said of this leg's sender."""
        segment = self.senders.current
        if segment is None:
            return
        for report in compound.sender_reports:
            if report.ssrc == segment.ssrc and report.ntp_us:
                segment.sender_clock = (report.ntp_us, segment.ticks(report.timestamp))
        if segment.ssrc in compound.goodbyes and not segment.gone:
            segment.gone = True
            self._tell("ended", self.placing.open_end)

    def shift(self, samples: int) -> None:
        """Put a `clock` gap before what comes next; nothing while packets are missing or held."""
        segment = self.senders.current
        if segment is None or segment.place is None:
            return
        if self.placing.open_end > segment.place.sample(segment.next_ticks):
            return
        self.placing.gap_to(self.placing.open_end + samples, GapCause.CLOCK)
        place = segment.place
        segment.place = Place(place.origin_sample + samples, place.rate_hz, place.clock_hz)

    @property
    def counters(self) -> LegCounters:
        """What happened so far; a copy."""
        return self.senders.count(self._counters)

    @property
    def paused(self) -> bool:
        """Whether packets are left out."""
        return self._paused

    def _go_on(self, batch: Sequence[tuple[int, bytes]]) -> int:
        """Place the packets that simply go on; return how many of the batch they are."""
        segment, kind = self.senders.current, self.placing.voice.kind
        if not batch or segment is None or segment.place is None or kind is None or segment.held:
            return 0
        if self._paused or self.senders.candidate is not None or kind.codec not in _ONE_BYTE_A_TICK:
            return 0
        start = segment.place.sample(segment.next_ticks)
        passed_us = batch[0][0] - segment.placed_arrival_us
        if self.placing.open_end != start or passed_us >= self._limits.outage_ms * 1_000:
            return 0
        number, ticks = segment.next_number & 0xFFFF, segment.next_ticks
        timestamp = (segment.origin_timestamp + ticks) & 0xFFFF_FFFF
        ssrc, type_number, clock_hz = segment.ssrc, kind.number, segment.clock_hz
        push_transit = segment.transit.push
        payloads: list[bytes] = []
        for arrival_us, datagram in batch:
            size = len(datagram) - HEADER_BYTES
            if size <= 0 or not self._admission.admits(arrival_us, len(datagram)):
                break
            first, second, came_number, came_timestamp, came_ssrc = _HEADER.unpack_from(datagram)
            if (
                came_number != number
                or came_timestamp != timestamp
                or came_ssrc != ssrc
                or first != _PLAIN
                or second & 0x7F != type_number
            ):
                self._admission.return_one()
                break
            payloads.append(datagram[HEADER_BYTES:])
            push_transit(arrival_us, ticks * 1_000_000 // clock_hz)
            number = (number + 1) & 0xFFFF
            timestamp = (timestamp + size) & 0xFFFF_FFFF
            ticks += size
        if not payloads:
            return 0
        self._counters.octets += ticks - segment.next_ticks
        if not self._playout.agreed:
            self._counters.unagreed += len(payloads)
        if self.placing.voice.stateful:
            segment.recent.extend(enumerate(payloads, segment.next_number))
        self.placing.audios(kind, payloads, start, segment.place.sample(ticks))
        self.last_arrival_us = batch[len(payloads) - 1][0]
        segment.goes_on(self.last_arrival_us, len(payloads), ticks, len(payloads[-1]))
        return len(payloads)

    def _take(self, arrival_us: int, datagram: bytes) -> None:
        """Take one datagram by the careful path."""
        if not self._admission.admits(arrival_us, len(datagram)):
            self._counters.refused += 1
            return
        try:
            packet = parse_packet(datagram)
        except RtpPacketError:
            self._counters.refused += 1
            return
        self.last_arrival_us = arrival_us
        if self._paused:
            self._counters.withheld += 1
            return
        senders = self.senders
        if senders.current is None:
            senders.current = Segment(arrival_us, packet, self._playout.clock_hz(packet.payload_type))
        if packet.ssrc == senders.current.ssrc:
            self._take_packet(senders.current, arrival_us, packet)
        elif (retired := senders.retired_of(arrival_us, packet)) is not None:
            taken, arrived, loss = retired.take(arrival_us, packet, jump_us=self._limits.jump_ms * 1_000)
            if loss is not None:
                self._playout.late(retired, arrived, loss)
            elif taken is Taken.HELD:
                self._playout.tail(retired)
        else:
            self._counters.foreign += senders.apply(
                arrival_us, packet, self._playout.clock_hz(packet.payload_type), self._limits.jump_ms * 1_000
            )

    def _take_packet(self, segment: Segment, arrival_us: int, packet: RtpPacket) -> None:
        taken, arrived, loss = segment.take(arrival_us, packet, jump_us=self._limits.jump_ms * 1_000)
        if loss is not None:
            self._playout.late(segment, arrived, loss)
        elif taken is Taken.RESTART:
            suspect = segment.suspect
            self._restart(arrival_us, [arrived] if suspect is None else [suspect, arrived])

    def _restart(self, now_us: int, packets: list[Arrived]) -> None:
        """Begin a new segment of the same sender with these packets."""
        self._end_segment(now_us)
        self._begin(packets)

    def _begin(self, packets: list[Arrived]) -> None:
        first = packets[0]
        clock_hz = self._playout.clock_hz(first.packet.payload_type)
        segment = self.senders.current = Segment(first.arrival_us, first.packet, clock_hz)
        for arrived in packets:
            segment.take(arrived.arrival_us, arrived.packet, jump_us=self._limits.jump_ms * 1_000)
        self._counters.restarts += 1
        self._why = "restarted"

    def _work(self, now_us: int) -> None:
        """Settle, switch senders, place what is ready, give up what is overdue."""
        senders = self.senders
        hold_us = self._hold_us()
        senders.forget(now_us, self._limits.late_ms * 1_000)
        self._counters.foreign += senders.drop_stale(now_us)
        if senders.may_switch(now_us, hold_us) and self._ready(senders.candidate, now_us):
            self._switch(now_us)
        segment = senders.current
        if segment is None or (segment.place is None and not self._settle(segment, now_us)):
            return
        self._play(segment)
        while self.senders.current is segment and segment.overdue(now_us, hold_us):
            self._playout.give_up(segment)
            self._play(segment)

    def _play(self, segment: Segment) -> None:
        """Play what follows; where a packet contradicts its segment, begin a new one."""
        contradicting = self._playout.follow(segment)
        if contradicting is not None:
            self._restart(contradicting.arrival_us, segment.cut(contradicting))

    def _switch(self, now_us: int) -> None:
        """Make the candidate the leg's sender."""
        self._end_segment(now_us)
        self.senders.current, self.senders.candidate = self.senders.candidate, None
        self._counters.ssrc_changes += 1
        self._why = "ssrc"

    def _end_segment(self, now_us: int) -> None:
        """Play all that the current segment holds, and retire it."""
        segment = self.senders.current
        if segment is None:
            return
        self._settle(segment, now_us, at_once=True)
        self._counters.restarts += self._playout.play_out(segment)
        self._playout.press(self._playout.keys.finish(), segment)
        self.placing.end_run()
        self.senders.retire(now_us)

    def _ready(self, segment: Segment | None, now_us: int) -> bool:
        """Whether a segment's place on the timeline is clear enough."""
        if segment is None or not segment.held:
            return False
        count = len(segment.held)
        steady = count >= _SETTLED_PACKETS and segment.transit.spread_us <= _SETTLED_SPREAD_US
        return (
            steady
            or count >= _MOST_UNSETTLED
            or now_us - segment.first_arrival_us >= self._limits.settle_ms * 1_000
        )

    def _settle(self, segment: Segment, now_us: int, *, at_once: bool = False) -> bool:
        """Fix where a segment stands, by wall time; False while it is too early."""
        if segment.place is not None or not segment.held:
            return segment.place is not None
        first = segment.held[min(segment.held)]
        begin_us = segment.transit.least_us + segment.us(first.ticks)
        if not at_once and not self._ready(segment, now_us):
            self._clock.expect(self.channel.index, begin_us)
            return False
        free_from = self.placing.content_end
        start = max(self._clock.sample(begin_us), free_from)
        segment.next_number, segment.next_ticks = first.number, first.ticks
        segment.placed_arrival_us = first.arrival_us
        rate_hz = self._clock.rate_hz
        place = Place(start - first.ticks * rate_hz // segment.clock_hz, rate_hz, segment.clock_hz)
        self.placing.gap_to(start, GapCause.CLOCK)
        segment.settle(place, free_from)
        kind = self._playout.kind(first.packet.payload_type)
        if kind is not None and can_decode(kind):
            self._codec = kind.codec
        self._tell(self._why, start)
        return True

    def _go_without(self, now_us: int) -> None:
        """Tell the time in which nothing comes, so that nobody waits for this leg."""
        if self._clock.zero_us is None:
            return
        segment = self.senders.current
        idle_us = self._limits.outage_ms * 1_000
        if segment is not None and (
            segment.place is None or segment.held or now_us - segment.last_arrival_us < idle_us
        ):
            return
        end = self._clock.sample(now_us - idle_us)
        if end - self.placing.open_end < ms_to_samples(_OUTAGE_STEP_MS, self._clock.rate_hz):
            return
        if segment is not None and segment.silences:
            self.placing.silence(self.placing.open_end, end)
        elif self._paused:
            self.placing.gap_to(end, GapCause.PAUSED)
        else:
            self.placing.gap_to(end, GapCause.CLOCK if segment is None else GapCause.LOST)

    def _hold_us(self) -> int:
        segment = self.senders.current
        jitter_us = 0 if segment is None else segment.transit.jitter_us
        limits = self._limits
        return min(max(3 * jitter_us, limits.least_hold_ms * 1_000), limits.most_hold_ms * 1_000)

    def _told(self) -> list[LegEvent]:
        """Everything told since the last time."""
        kind = self.placing.voice.kind
        if kind is not None and kind.codec != self._codec:
            self._codec = kind.codec
            self._tell("codec", self.placing.position)
        facts, self._facts = self._facts, []
        frames = self.placing.take()
        pressed, self._playout.pressed = self._playout.pressed, []
        return [*facts, *frames, *pressed]

    def _tell(self, what: str, start_sample: int) -> None:
        self._facts.append(
            MediaChanged(
                self.channel.index,
                start_sample,
                self._clock.rate_hz,
                what,
                self._codec,
                self._playout.agreed,
            )
        )

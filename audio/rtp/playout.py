"""Packets of a segment, in order or late → samples on the leg's timeline, and keys."""

from __future__ import annotations

from collections.abc import Mapping

from koemori.audio.frames import GapCause
from koemori.audio.rtp.key_events import Key, KeyEvents
from koemori.audio.rtp.leg_types import LegCounters, ReceiverLimits
from koemori.audio.rtp.payload import STATIC_PAYLOAD_TYPES, PayloadType, can_decode
from koemori.audio.rtp.placing import Placing
from koemori.audio.rtp.segment import Arrived, Loss, Place, Segment
from koemori.audio.rtp.voice import WARM_UP_PACKETS, packet_ticks
from koemori.audio.signals import KeyCarrier, KeyPressed

_EVENT = "TELEPHONE-EVENT"
_NOISE = "CN"
_MADE_GOOD_S = 10


class Playout:
    """Plays segments onto one leg's timeline.

    Attributes:
        placing: The timeline.
        keys: Telephone events of the sender that is playing.
        pressed: Keys that ended and have not yet been taken.
        agreed: Whether the newest audio had a payload type that was agreed on.
    """

    def __init__(self, placing: Placing, counters: LegCounters, limits: ReceiverLimits) -> None:
        self.placing = placing
        self.keys = KeyEvents()
        self.pressed: list[KeyPressed] = []
        self.agreed = True
        self._counters = counters
        self._jump_us = limits.jump_ms * 1_000
        self._outage_us = limits.outage_ms * 1_000
        self._kinds: dict[int, PayloadType | None] = {}
        self._unagreed: frozenset[int] = frozenset()

    def agree(self, payload_types: Mapping[int, PayloadType]) -> None:
        """Take over what was agreed. Types that RFC 3551 fixes are understood all the same."""
        kinds: dict[int, PayloadType] = {**STATIC_PAYLOAD_TYPES, **payload_types}
        self._unagreed = frozenset(STATIC_PAYLOAD_TYPES.keys() - payload_types.keys() - {13, 19})
        self._kinds = {
            number: kind if can_decode(kind) or kind.codec in (_EVENT, _NOISE) else None
            for number, kind in kinds.items()
        }

    def kind(self, number: int) -> PayloadType | None:
        """What a payload type stands for; None when nothing here can use it."""
        return self._kinds.get(number)

    def clock_hz(self, number: int) -> int:
        """Clock of a segment that begins with this payload type."""
        kind = self._kinds.get(number)
        return 8_000 if kind is None else kind.clock_hz

    def follow(self, segment: Segment) -> Arrived | None:
        """Play what follows without a hole; return a packet at which a new segment must begin."""
        while (arrived := segment.follow()) is not None:
            if not self._play(segment, arrived):
                return arrived
        return None

    def play_out(self, segment: Segment) -> int:
        """Play all that is held, as nothing more is waited for.

        Returns:
            How many packets did not fit to those before them; they stand behind what there was.
        """
        unfit = 0
        while segment.place is not None:
            arrived = self.follow(segment)
            if arrived is not None:
                unfit += 1
                self._go_on_behind(segment, segment.place, arrived)
                self._play(segment, arrived)
            elif segment.held:
                self.give_up(segment)
            else:
                break
        return unfit

    def give_up(self, segment: Segment) -> None:
        """Declare the hole before the first held packet lost."""
        place = segment.place
        if place is None:
            return
        first, count, behind = segment.give_up()
        missing = behind.ticks - segment.next_ticks
        if segment.packet_ticks:
            missing = min(missing, count * segment.packet_ticks)
        if self._contradicts(segment, behind):
            missing = 0
        start = end = place.sample(segment.next_ticks)
        if missing > 0:
            segment.next_ticks += missing
            segment.placed_arrival_us += segment.us(missing)
            end = place.sample(segment.next_ticks)
            self.placing.gap_to(end, GapCause.LOST)
        segment.remember(Loss(first, count, place, start, end))

    def late(self, segment: Segment, arrived: Arrived, loss: Loss) -> None:
        """Put a packet into the hole that was declared for it."""
        kind = self._count(segment, arrived)
        if kind is None:
            return
        start = loss.place.sample(arrived.ticks)
        if loss.start_sample <= start < loss.end_sample:
            end = loss.place.sample(arrived.ticks + packet_ticks(kind, arrived.packet.payload))
            self._late(segment, kind, arrived, start, min(end, loss.end_sample))

    def tail(self, segment: Segment) -> None:
        """Put what is held of a sender that has been replaced where it belongs; nothing waits for it."""
        while segment.held and segment.place is not None:
            first, count, _ = segment.give_up()
            arrived = segment.follow()
            if arrived is None:
                break
            if count:
                here = segment.place.sample(segment.next_ticks)
                there = max(here, segment.place.sample(arrived.ticks))
                segment.remember(Loss(first, count, segment.place, here, there))
            kind = self._count(segment, arrived)
            if kind is None or abs(segment.us(arrived.ticks - segment.next_ticks)) > self._jump_us:
                continue
            ticks = packet_ticks(kind, arrived.packet.payload)
            start, end = segment.place.sample(arrived.ticks), segment.place.sample(arrived.ticks + ticks)
            self._late(segment, kind, arrived, start, end)
            segment.next_ticks = arrived.ticks + ticks

    def _play(self, segment: Segment, arrived: Arrived) -> bool:
        """Play the next packet; False when it cannot belong to this segment."""
        place = segment.place
        if place is None:
            return False
        number = arrived.packet.payload_type
        kind = self._kinds.get(number)
        is_sound = kind is not None and kind.codec != _EVENT and kind.codec != _NOISE
        if kind is not None and is_sound and kind.clock_hz != segment.clock_hz:
            return False
        if kind is None or kind.codec != _EVENT:
            if self._contradicts(segment, arrived):
                return False
            if kind is not None and arrived.ticks != segment.next_ticks:
                place = self._skip(segment, place, arrived)
        if kind is None:
            segment.undecoded = True
        self._count(segment, arrived)
        if kind is None or not is_sound:
            return True
        payload = arrived.packet.payload
        ticks = packet_ticks(kind, payload)
        start, end = place.sample(arrived.ticks), place.sample(arrived.ticks + ticks)
        self.placing.audio(kind, payload, start, end)
        segment.next_ticks, segment.packet_ticks = arrived.ticks + ticks, ticks
        segment.placed_arrival_us = arrived.arrival_us
        segment.undecoded = False
        if self.placing.voice.stateful:
            segment.recent.append((arrived.number, payload))
        return True

    def _go_on_behind(self, segment: Segment, place: Place, arrived: Arrived) -> None:
        """Let the timeline go on with a packet, whatever its timestamp is."""
        segment.clock_hz = self.clock_hz(arrived.packet.payload_type)
        segment.next_ticks, segment.placed_arrival_us = arrived.ticks, arrived.arrival_us
        here = self.placing.open_end - arrived.ticks * place.rate_hz // segment.clock_hz
        segment.place = Place(here, place.rate_hz, segment.clock_hz)

    def _contradicts(self, segment: Segment, arrived: Arrived) -> bool:
        """Whether the timestamp cannot be true, or the sender's clock stood still while time went on."""
        moved_us = segment.us(arrived.ticks - segment.next_ticks)
        passed_us = arrived.arrival_us - segment.placed_arrival_us
        return (
            moved_us < -self._jump_us
            or moved_us - passed_us > self._jump_us
            or passed_us - moved_us > self._outage_us
        )

    def _skip(self, segment: Segment, place: Place, arrived: Arrived) -> Place:
        """Account for a timestamp that does not go on where the last packet ended; no number is missing.

        Returns:
            Where the segment stands from now on.
        """
        start, end = place.sample(segment.next_ticks), place.sample(arrived.ticks)
        if end < start:
            # Overlapping timestamps: no received sample is given up for them.
            place = segment.place = Place(place.origin_sample + start - end, place.rate_hz, place.clock_hz)
        elif segment.undecoded:
            self.placing.gap_to(end, GapCause.LOST)
        else:
            # What was told as lost meanwhile is made good, but a long wait must not become a flood of zeros.
            kept = self.placing.position - _MADE_GOOD_S * place.rate_hz
            self.placing.silence(max(start, kept), end)
            segment.silences = segment.silences or arrived.packet.marker
        segment.next_ticks = arrived.ticks
        return place

    def _count(self, segment: Segment, arrived: Arrived) -> PayloadType | None:
        """Count a packet by its type and take its key; return the type when it is sound."""
        number, counters = arrived.packet.payload_type, self._counters
        kind = self._kinds.get(number)
        counters.octets += len(arrived.packet.payload)
        if kind is None:
            counters.unknown += 1
            return None
        if kind.codec == _EVENT:
            counters.events += 1
            keys = self.keys.push(arrived.arrival_us, arrived.ticks, arrived.packet.payload)
            self.press(keys, segment)
            return None
        if kind.codec == _NOISE:
            counters.comfort_noise += 1
            segment.silences = True
            return None
        self.agreed = number not in self._unagreed
        counters.unagreed += not self.agreed
        return kind

    def press(self, keys: list[Key], segment: Segment) -> None:
        """Take keys that ended."""
        place = segment.place
        if place is None:
            return
        self.pressed += [
            KeyPressed(
                self.placing.channel,
                place.sample(key.start_ticks),
                key.ticks * place.rate_hz // place.clock_hz,
                place.rate_hz,
                key.key,
                KeyCarrier.EVENT,
            )
            for key in keys
        ]

    def _late(self, segment: Segment, kind: PayloadType, arrived: Arrived, start: int, end: int) -> None:
        before = [
            payload
            for number, payload in segment.recent
            if arrived.number - WARM_UP_PACKETS <= number < arrived.number
        ]
        self.placing.late(kind, before, arrived.packet.payload, start, end)

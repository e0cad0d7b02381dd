"""What a leg's receiver is told and what it tells."""

from __future__ import annotations

from dataclasses import dataclass

from koemori.audio.frames import AudioFrame, Gap
from koemori.audio.signals import KeyPressed


@dataclass(frozen=True, slots=True)
class MediaChanged:
    """The sender of a leg changed, or what it sends; the owner makes a `CallUpdated` of kind MEDIA of it.

    Attributes:
        channel_index: Whose.
        start_sample: From where on the channel's timeline.
        sample_rate_hz: Of `start_sample`.
        what: `started`; `codec` (at its first audio, too); `ssrc`: another sender; `restarted`: the sender
            counts anew; `ended`: it said goodbye by RTCP.
        codec: As `PayloadType.codec`; empty when nothing could be decoded yet.
        agreed: False when the payload type was never agreed on.
    """

    channel_index: int
    start_sample: int
    sample_rate_hz: int
    what: str
    codec: str
    agreed: bool


LegEvent = AudioFrame | Gap | KeyPressed | MediaChanged


@dataclass(frozen=True, slots=True)
class ReceiverLimits:
    """How much disorder a leg puts up with, and what a peer may send.

    Attributes:
        least_hold_ms: Shortest wait for a missing packet.
        most_hold_ms: Longest; between the two, three times the measured jitter.
        settle_ms: Longest wait for a leg's place on the call's timeline to become clear.
        outage_ms: After this long without a packet the leg goes on without audio.
        late_ms: How far back a late packet may come.
        jump_ms: A timestamp further from what arrival says is a restart.
        packets_per_s: More are dropped and counted.
        datagram_bytes: Larger ones are dropped and counted.
    """

    least_hold_ms: int = 60
    most_hold_ms: int = 200
    settle_ms: int = 500
    outage_ms: int = 1_000
    late_ms: int = 10_000
    jump_ms: int = 2_000
    packets_per_s: int = 400
    datagram_bytes: int = 2_048


@dataclass(slots=True)
class LegCounters:
    """What happened on a leg, in packets. expected = received + late + lost, exactly.

    Attributes:
        expected: By the sequence numbers of all segments.
        received: In time, without duplicates.
        late: After their place was declared lost; in the archive all the same.
        lost: Never came.
        duplicated: Came again, and were dropped.
        out_of_order: In time, but behind a later one.
        comfort_noise: Of payload type CN.
        events: Of payload type telephone-event.
        unagreed: Decoded although their payload type was never agreed on.
        unknown: Of a payload type that cannot be decoded.
        withheld: Came while paused.
        foreign: Of another sender (SSRC) than the one latched.
        refused: No RTP, too large, too many, or not verified.
        ssrc_changes: Senders after the first.
        restarts: Times a sender's numbers or timestamps began anew.
        octets: Of payload, received and late.
        jitter_us: Interarrival jitter as RFC 3550 §6.4.1 has it.
    """

    expected: int = 0
    received: int = 0
    late: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    comfort_noise: int = 0
    events: int = 0
    unagreed: int = 0
    unknown: int = 0
    withheld: int = 0
    foreign: int = 0
    refused: int = 0
    ssrc_changes: int = 0
    restarts: int = 0
    octets: int = 0
    jitter_us: int = 0

    @property
    def lost(self) -> int:
        """Never came."""
        return self.expected - self.received - self.late

"""What a call is told of its RTP legs: changes of sender or codec as they come, packets at the end."""

from __future__ import annotations

from koemori.audio.call import CallId
from koemori.audio.frames import samples_to_ms
from koemori.audio.rtp.leg_types import LegCounters, MediaChanged
from koemori.audio.signals import CallUpdated, UpdateKind


def change_told(call_id: CallId, change: MediaChanged) -> CallUpdated:
    """A change of what a leg sends."""
    facts: dict[str, str | int] = {
        "channel": change.channel_index,
        "what": change.what,
        "codec": change.codec,
        "agreed": int(change.agreed),
    }
    at_ms = samples_to_ms(change.start_sample, change.sample_rate_hz)
    return CallUpdated(call_id, at_ms, UpdateKind.MEDIA, facts)


def packets_told(
    call_id: CallId, at_ms: int, channel: int, counted: LegCounters, *, replayed: int = 0
) -> CallUpdated:
    """Packets of a leg at the end of its call; `replayed` are duplicates that SRTP kept from the leg."""
    facts: dict[str, str | int] = {
        "channel": channel,
        "packets_expected": counted.expected,
        "packets_received": counted.received,
        "packets_late": counted.late,
        "packets_lost": counted.lost,
        "packets_duplicated": counted.duplicated + replayed,
        "packets_unagreed": counted.unagreed,
        "packets_withheld": counted.withheld,
        "ssrc_changes": counted.ssrc_changes,
    }
    return CallUpdated(call_id, at_ms, UpdateKind.MEDIA, facts)

"""Where one channel of the assist lane stands."""

from __future__ import annotations

from dataclasses import dataclass

from koemori.audio.call import Channel
from koemori.audio.concealment import Concealment
from koemori.audio.resample import ChannelResampler


@dataclass(slots=True)
class LaneChannel:
    """Where one channel of the lane stands, in media milliseconds."""

    channel: Channel
    resampler: ChannelResampler
    concealment: Concealment
    next_sample: int = 0
    """Position, at the assist rate, of the next sample the resampler will give."""
    offered_ms: int = 0
    """End of what the source has given."""
    heard_ms: int = 0
    """End of what the listener has been given."""
    settled_ms: int = 0
    """End of the last final text; and of the last span said not to be assisted."""
    skipped_from_ms: int | None = None
    """Where the span begins that is being skipped now."""

"""Frames and gaps, and the arithmetic between samples and milliseconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from koemori.audio.call import CallEnded, CallStarted, Channel
from koemori.audio.signals import CallDocument, CallUpdated, KeyPressed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class GapCause(StrEnum):
    """Why samples of a channel are missing."""

    LOST = "lost"
    LATE = "late"
    PAUSED = "paused"
    MASKED = "masked"
    CLOCK = "clock"
    CRASH = "crash"
    NOT_ASSISTED = "not_assisted"
    """Recorded, but the assist side skipped it; never appears in a recording's ledger."""


@dataclass(frozen=True, slots=True, eq=False)
class AudioFrame:
    """A run of samples of one channel.

    Attributes:
        channel: Where it belongs.
        start_sample: Position on the channel's own timeline, from 0.
        sample_rate_hz: Rate of `samples`.
        samples: int16, shape `(n,)`, mono, read-only; the frame owns it.
        late: True when its place was already declared a gap. The recorder keeps such a frame, and the
            archive puts it where it belongs; the live side ignores it.
    """

    channel: Channel
    start_sample: int
    sample_rate_hz: int
    samples: NDArray[np.int16]
    late: bool = False

    @property
    def end_sample(self) -> int:
        """Position just after the last sample."""
        return self.start_sample + len(self.samples)


@dataclass(frozen=True, slots=True)
class Gap:
    """Samples of one channel that never came, or were kept out on purpose."""

    channel: Channel
    start_sample: int
    sample_count: int
    cause: GapCause
    sample_rate_hz: int

    @property
    def end_sample(self) -> int:
        """Position just after the gap."""
        return self.start_sample + self.sample_count


SourceEvent = CallStarted | AudioFrame | Gap | KeyPressed | CallUpdated | CallDocument | CallEnded
"""What an ingest yields: started once, then frames and gaps (monotonic, late ones apart) and what the phone
system says meanwhile, ended once."""


def samples_to_ms(samples: int, sample_rate_hz: int) -> int:
    """Milliseconds of a number of samples, rounded down."""
    return samples * 1000 // sample_rate_hz


def ms_to_samples(duration_ms: int, sample_rate_hz: int) -> int:
    """Samples in a number of milliseconds, rounded down."""
    return duration_ms * sample_rate_hz // 1000

"""The ledger of a recording: where every sample of every channel went.

Per channel: captured + late + lost + paused + masked + clock + crash = the call's duration, exactly, in
samples and in milliseconds. `captured` and `late` samples are in the master (`late` ones came after their
place had been declared a gap, so the live side never heard them); the other causes are silence in the
master.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from koemori.audio.frames import samples_to_ms

CAUSES = ("captured", "late", "lost", "paused", "masked", "clock", "crash")
"""Every sample belongs to one of these."""


@dataclass(frozen=True, slots=True)
class ChannelLedger:
    """One channel's account; `samples` and `ms` have a value for each of `CAUSES`."""

    index: int
    role: str
    duration_samples: int
    duration_ms: int
    samples: Mapping[str, int]
    ms: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return the form of the contract's `call_ended` event, in milliseconds."""
        return {
            "index": self.index,
            "role": self.role,
            "duration_ms": self.duration_ms,
            **{f"{cause}_ms": self.ms[cause] for cause in CAUSES},
        }

    def as_manifest(self) -> dict[str, Any]:
        """Return the form of the manifest: samples as well as milliseconds."""
        return {
            **self.as_json(),
            "duration_samples": self.duration_samples,
            **{f"{cause}_samples": self.samples[cause] for cause in CAUSES},
        }


@dataclass(frozen=True, slots=True)
class Ledger:
    """The ledger of one call."""

    channels: tuple[ChannelLedger, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the form of the contract's `call_ended` event."""
        return {"channels": [channel.as_json() for channel in self.channels]}


def channel_ledger(index: int, role: str, samples: Mapping[str, int], rate_hz: int) -> ChannelLedger:
    """Account for one channel; `samples` per cause, absent ones are 0.

    Milliseconds are apportioned by largest remainder, so that they sum to the duration although each cause
    alone would be rounded.
    """
    full = {cause: samples.get(cause, 0) for cause in CAUSES}
    total = sum(full.values())
    duration_ms = samples_to_ms(total, rate_hz)
    ms = {cause: samples_to_ms(count, rate_hz) for cause, count in full.items()}
    short = duration_ms - sum(ms.values())
    by_remainder = sorted(CAUSES, key=lambda cause: full[cause] * 1000 % rate_hz, reverse=True)
    for cause in by_remainder[:short]:
        ms[cause] += 1
    return ChannelLedger(index, role, total, duration_ms, full, ms)

"""How many calls a machine carries, reckoned from what one worker takes. Pure; an estimate, not a promise.

`koemori bench capacity` measures the same with calls; this takes seconds and needs none. What it assumes:
both sides of a call together speak 77 % of its time (ITU-T P.59: each side 38.5 %), and recognition fills at
most three quarters of the workers, which keeps waiting short and leaves the rest to recording and analysis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TALK_SHARE: Final = 0.77
"""Seconds of speech in a second of a two-sided call."""
USABLE_SHARE: Final = 0.75
"""How far workers are filled before answers begin to wait for each other."""
WORKER_OVERHEAD_BYTES: Final = 200 * 2**20
"""What a worker holds beside its weights: interpreter, libraries, buffers."""
SERVICE_BYTES: Final = 600 * 2**20
"""What the service itself holds: dictionary, sentence vectors, voice detector, web."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Two-sided calls at the same time.

    Attributes:
        usual_pace: With partials as often as when nothing is short.
        slowest_pace: With partials as rare as they get before they are dropped.
        finals_only: Without partials.
    """

    usual_pace: int
    slowest_pace: int
    finals_only: int


def estimate(
    final_load: float, partial_load: float, slowdown: float, workers: int, partial_workers: int = 0
) -> Capacity:
    """Reckon the calls.

    Args:
        final_load: Workers that finals take per channel of uninterrupted speech.
        partial_load: The same for partials at their usual pace; 0 when there are none.
        slowdown: How much rarer partials are at their slowest pace.
        workers: Workers for finals, and for partials unless those have their own.
        partial_workers: Workers for partials alone; 0 when both share.
    """
    if partial_workers:
        finals_only = calls_of(workers, final_load)
        return Capacity(
            usual_pace=min(finals_only, calls_of(partial_workers, partial_load)),
            slowest_pace=min(finals_only, calls_of(partial_workers, partial_load / slowdown)),
            finals_only=finals_only,
        )
    return Capacity(
        usual_pace=calls_of(workers, final_load + partial_load),
        slowest_pace=calls_of(workers, final_load + partial_load / slowdown),
        finals_only=calls_of(workers, final_load),
    )


def calls_of(workers: int, load: float) -> int:
    """Calls that workers carry when a channel of uninterrupted speech takes `load` of one."""
    if load <= 0:
        return 0
    return int(workers * USABLE_SHARE / (TALK_SHARE * load) + 1e-9)


def memory_needed_bytes(
    worker_bytes: int, workers: int, partial_bytes: int = 0, partial_workers: int = 0
) -> int:
    """Memory of the service with its workers, each of which loads its weights for itself."""
    return SERVICE_BYTES + workers * worker_bytes + partial_workers * partial_bytes

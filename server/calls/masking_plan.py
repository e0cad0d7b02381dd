"""What masks a call by itself, and how it stands."""

from __future__ import annotations

from dataclasses import dataclass, field

from koemori.audio.masking import MaskingLimits


@dataclass(frozen=True, slots=True)
class MaskingPlan:
    """What masks by itself in every call, beyond keys."""

    limits: MaskingLimits = field(default_factory=MaskingLimits)
    asked_s: float = 60.0
    """How long after an agent asked for a card; 0: not at all."""
    spoken_s: float = 30.0
    """How long after a card number was said that nobody asked for; 0: the number itself only."""


@dataclass(frozen=True, slots=True)
class MaskingStanding:
    """Whether a call is masked, why, and until which media time."""

    masked: bool
    reason: str | None = None
    until_ms: int | None = None

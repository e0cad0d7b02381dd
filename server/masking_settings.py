"""`[masking]`: when a call is masked by itself, and for how long at most."""

from __future__ import annotations

from typing import Annotated, Self

from koemori.audio.masking import MaskingLimits
from koemori.server.calls.masking_plan import MaskingPlan
from koemori.server.model_settings import Section, UnfitError
from pydantic import Field, StringConstraints, model_validator

Keys = Annotated[str, StringConstraints(pattern=r"^(?:[0-9A-D*#]{2,8})?$")]
"""Keys of a telephone in the order in which they are pressed; empty: none."""


class MaskingSettings(Section):
    """When what is said and keyed is kept out of recording and recognition."""

    start_keys: Keys = "*1"
    stop_keys: Keys = "*2"
    keys_run: int = Field(default=4, ge=0, le=16)
    """So many keys within 10 s mask until 10 s after the last; 0: keys alone never mask the voices."""
    asked_s: float = Field(default=60, ge=0, le=600)
    """Masked for so long when the agent asks for a card's number, code or expiry; 0: no."""
    spoken_s: float = Field(default=30, ge=0, le=600)
    """Masked for so long after a card number was said that nobody asked for; 0: not beyond the number."""
    longest_s: float = Field(default=600, ge=10, le=3600)
    """However masking was switched on, it ends after so long; the desk may extend it."""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.start_keys and self.start_keys == self.stop_keys:
            raise UnfitError("stop_keys other than start_keys", "the same")
        return self

    def plan(self) -> MaskingPlan:
        """As a call's session takes it."""
        limits = MaskingLimits(
            start_keys=self.start_keys,
            stop_keys=self.stop_keys,
            run_keys=self.keys_run,
            longest_s=self.longest_s,
        )
        return MaskingPlan(limits, self.asked_s, self.spoken_s)

"""What a check of the doctor has to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what came, and what to do when that is not good.

    Attributes:
        check: Its name.
        state: How it ended.
        came: What was found.
        advice: What to do; empty when there is nothing to do.
        figures: The same for programs.
    """

    check: str
    state: State
    came: str
    advice: str = ""
    figures: Mapping[str, object] = field(default_factory=dict)

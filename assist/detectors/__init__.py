"""The detector port and the table of detectors.

To add one: a file here with a class that has `name` and `observe`, one entry in `DETECTORS`, a test file,
a scenario. A detector keeps its own state per call (one instance per call) and knows no other detector.
"""

from __future__ import annotations

from typing import Protocol

from koemori.assist.context import CallView
from koemori.assist.types import Alert, Heard, Repetition, Tick

Finding = Alert | Repetition


class Detector(Protocol):
    """Watches one call for one kind of thing."""

    name: str

    def observe(self, event: Heard | Tick, call: CallView) -> list[Finding]:
        """Look at the newest input; return what was found, usually nothing."""
        ...

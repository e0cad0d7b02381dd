"""The detector port and the table of detectors.

To add one: a file here with a class that has `name`, is made from the call's facts and the lexicon, and
offers `observe`; one entry in `DETECTORS`; a test file; a scenario. A detector keeps its own state per call
(one instance per call) and knows no other detector.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from koemori.assist.context import CallView
from koemori.assist.detectors.across_calls import AcrossCallsDetector
from koemori.assist.detectors.agent_words import AgentWordsDetector
from koemori.assist.detectors.customer_words import CustomerWordsDetector
from koemori.assist.detectors.detention import DetentionDetector
from koemori.assist.detectors.repetition import RepetitionDetector
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.types import CallFacts, Finding, Heard, Tick


class Detector(Protocol):
    """Watches one call for one kind of thing."""

    name: str

    def observe(self, event: Heard | Tick, call: CallView) -> list[Finding]:
        """Look at the newest input; return what was found, usually nothing."""
        ...


MakeDetector = Callable[[CallFacts, Lexicon], Detector]

DETECTORS: tuple[MakeDetector, ...] = (
    CustomerWordsDetector,
    AgentWordsDetector,
    RepetitionDetector,
    AcrossCallsDetector,
    DetentionDetector,
)
"""Every detector that runs, in this order."""

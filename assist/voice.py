"""声量上昇: what a raised voice adds to what was said. Support for words, never a finding of its own.

Said with a raised voice, rough words at the person (topic `voice_at_person` of the lexicon) become a warning
where they would be a notice; other findings about the customer's manner mention the voice. Loudness without
words, or with words about the matter, changes nothing: a fair complaint may be shouted, and people are loud
for many reasons (a noisy place, poor hearing).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from koemori.assist.alerts import is_harassment
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.rules import utterance
from koemori.assist.types import (
    AGENT_SIDE,
    NOT_HARASSMENT,
    Alert,
    Category,
    Finding,
    Heard,
    Severity,
    VoiceRaised,
)
from koemori.audio.call import ChannelRole

TOPIC: Final = "voice_at_person"
_SUPPORTED: Final = frozenset({Category.VERBAL_ABUSE, Category.INTIMIDATION})
"""Categories in which a raised voice makes a warning of a notice."""
_LEAST_OVERLAP_MS: Final = 500
"""So much of an utterance, or half of a shorter one, must have been said with the raised voice."""


@dataclass(frozen=True, slots=True)
class RaisedVoice:
    """A stretch of the call in which the customer's voice was raised; `until_ms` is None while it is.

    Attributes:
        level_db: Level above that of the customer's first speech, as last told.
        pitch_semitones: Pitch above it; None where it could not be told.
    """

    since_ms: int
    until_ms: int | None
    level_db: float
    pitch_semitones: float | None


class VoiceLog:
    """When the customer's voice was raised in one call."""

    def __init__(self) -> None:
        self._spans: list[RaisedVoice] = []

    def note(self, event: VoiceRaised) -> None:
        """Take the next change of the voice."""
        last = self._spans[-1] if self._spans else None
        if event.ended:
            if last is not None and last.until_ms is None:
                self._spans[-1] = replace(last, until_ms=event.at_ms)
            return
        span = RaisedVoice(event.since_ms, None, event.level_db, event.pitch_semitones)
        if last is not None and last.until_ms is None:
            self._spans[-1] = replace(span, since_ms=last.since_ms)
        else:
            self._spans.append(span)

    def at(self, heard: Heard) -> RaisedVoice | None:
        """The raised voice with which a customer said this, or None."""
        if heard.speaker is not ChannelRole.CUSTOMER:
            return None
        least_ms = min(_LEAST_OVERLAP_MS, (heard.end_ms - heard.start_ms) / 2)
        for span in reversed(self._spans):
            end_ms = heard.end_ms if span.until_ms is None else min(heard.end_ms, span.until_ms)
            if end_ms - max(heard.start_ms, span.since_ms) >= max(1, least_ms):
                return span
        return None


def supported(
    findings: list[Finding], heard: Heard, voice: RaisedVoice | None, lexicon: Lexicon
) -> list[Finding]:
    """The findings in an utterance as the voice supports them; without a raised voice as they are."""
    if voice is None:
        return findings
    return [
        _supported(one, heard, voice, lexicon) if isinstance(one, Alert) and _is_about(one, heard) else one
        for one in findings
    ]


def _is_about(alert: Alert, heard: Heard) -> bool:
    """Whether the alert is about the manner of this utterance."""
    return heard.utterance_id in alert.utterance_ids and alert.category not in NOT_HARASSMENT | AGENT_SIDE


def _supported(alert: Alert, heard: Heard, voice: RaisedVoice, lexicon: Lexicon) -> Alert:
    said = f"声量上昇({voice.level_db:+.0f} dB)"
    if alert.severity is Severity.NOTICE:
        at_person = utterance(heard.text, lexicon).says(lexicon.topics.get(TOPIC, ())) is not None
        if alert.category not in _SUPPORTED or not at_person:
            return alert
        return replace(
            alert,
            severity=Severity.WARNING,
            harassment=is_harassment(alert.category, Severity.WARNING),
            explanation=f"{alert.explanation}。相手に向けた言葉で、{said}を伴うため警告",
        )
    return replace(alert, explanation=f"{alert.explanation}。{said}")

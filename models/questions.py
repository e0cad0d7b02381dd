"""What a channel asks the recogniser, and by which settings. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from koemori.models.phantom import GuardConfig
from koemori.models.ports import Purpose
from koemori.models.segmenter import SegmenterConfig, SpeechWindow
from koemori.models.types import Hypothesis, Timing


@dataclass(frozen=True, slots=True)
class ListenerConfig:
    """How a call is listened to.

    Attributes:
        segmenter: Endpoints and padding.
        guard: What is not believed.
        language: Language that the recogniser is held to; empty lets it find out.
        prompt: Words the recogniser is told to expect.
        partials: Whether text is shown while someone speaks.
        partial_interval_ms: New speech between two partials of an utterance, at least; the pool may ask for
            more.
        context_characters: Text before a forced cut that the rest is recognised with.
        most_queued_ms: Audio per channel that may wait for the detector; more is left out and said so.
        most_pending_ms: Audio per call that may wait for its final before the detector waits too.
        fill_gap_ms: Longest gap that counts as silence within an utterance.
    """

    segmenter: SegmenterConfig = field(default_factory=SegmenterConfig)
    guard: GuardConfig = field(default_factory=GuardConfig)
    language: str = "ja"
    prompt: str = ""
    partials: bool = True
    partial_interval_ms: int = 576
    context_characters: int = 40
    most_queued_ms: int = 30_000
    most_pending_ms: int = 60_000
    fill_gap_ms: int = 320


@dataclass(slots=True)
class ListenerCounts:
    """What a call has asked for and left out so far."""

    partials_asked: int = 0
    partials_dropped: int = 0
    finals_asked: int = 0
    finals_in_advance: int = 0
    finals_in_advance_used: int = 0
    quarantined: int = 0
    not_assisted_ms: int = 0
    voice_left_out_ms: int = 0
    """Speech of the caller whose loudness and pitch were not measured."""


@dataclass(slots=True, eq=False)
class Question:
    """One window for the recogniser, and its answer once that has come."""

    window: SpeechWindow
    purpose: Purpose
    prompt: str
    asked_ms: float
    waited_ms: int
    """Audio after the end of the speech that had been heard when it was asked."""
    answer: Hypothesis | BaseException | None = None
    answered_ms: float = 0.0
    shown: bool = False

    @property
    def answered(self) -> bool:
        """Whether the answer, or the reason why there is none, has come."""
        return self.answer is not None

    def timing(self, now_ms: float) -> Timing | None:
        """Where the time went until `now_ms`; None without a hypothesis."""
        if not isinstance(self.answer, Hypothesis):
            return None
        work = self.answer.work
        away_ms = round(self.answered_ms - self.asked_ms)
        return Timing(
            vad_ms=self.waited_ms,
            queue_ms=max(0, away_ms - work.encode_ms - work.decode_ms),
            encode_ms=work.encode_ms,
            decode_ms=work.decode_ms,
            merge_ms=max(0, round(now_ms - self.answered_ms)),
        )

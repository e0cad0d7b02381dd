"""Whether a caller speaks louder than at the beginning of the same call. Pure; one object per channel.

Measured stretches of speech go in, changes come out. The caller's own first 30 seconds of speech are what
the rest is compared with, so a microphone, a line or a loud person makes no difference; until then nothing is
said. A voice is raised when the level and, with it, pitch or tilt are above the baseline in most of the last
measurements: a gain that is turned up, or one high word, is no raised voice. It says nothing of anger.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from koemori.models.voice_thresholds import VoiceThresholds, voice_thresholds

if TYPE_CHECKING:
    from koemori.models.voice_features import VoiceMeasure


@dataclass(frozen=True, slots=True)
class VoiceWindow:
    """A measured stretch of one channel; `speech_ms` of it was speech. Times are media time."""

    start_ms: int
    end_ms: int
    speech_ms: int
    measure: VoiceMeasure


@dataclass(frozen=True, slots=True)
class VoiceBaseline:
    """How the caller spoke at first: medians, and `usual_level_db`, which few measurements exceeded."""

    level_db: float
    usual_level_db: float
    pitch_semitones: float
    tilt_db: float


@dataclass(frozen=True, slots=True)
class VoiceChange:
    """The voice is raised, is raised still further, or is raised no more.

    Attributes:
        at_ms: Media time of the end of the newest audio it speaks of.
        since_ms: Where the rise began.
        raised: False when it has ended.
        level_db: Level above the baseline.
        pitch_semitones: Pitch above the baseline; None where it could not be told.
    """

    at_ms: int
    since_ms: int
    raised: bool
    level_db: float
    pitch_semitones: float | None


@dataclass(frozen=True, slots=True)
class _Compared:
    """A window beside the baseline; None is what could not be told."""

    start_ms: int
    end_ms: int
    level_db: float
    pitch_semitones: float | None
    tilt_db: float | None


class VoiceMeter:
    """See the module. Windows must come in order of time.

    Args:
        thresholds: By which figures; those of `voice.toml` unless given.
    """

    def __init__(self, thresholds: VoiceThresholds | None = None) -> None:
        self._limits = thresholds or voice_thresholds()
        self._first: list[VoiceWindow] = []
        self._recent: deque[_Compared] = deque(maxlen=self._limits.compare_of)
        self._loud_db = 0.0
        self._said: VoiceChange | None = None
        """The last change, while the voice is raised."""
        self.baseline: VoiceBaseline | None = None
        """None until the caller has spoken for long enough."""

    @property
    def raised(self) -> bool:
        """Whether the voice is raised now."""
        return self._said is not None

    def push(self, window: VoiceWindow) -> list[VoiceChange]:
        """Add a measured stretch; return what changes by it, usually nothing."""
        if self.baseline is None:
            self._first.append(window)
            if sum(one.speech_ms for one in self._first) >= self._limits.baseline_speech_ms:
                self._settle(_baseline(self._first, self._limits))
            return []
        changes = self.pass_time(window.start_ms)
        self._recent.append(self._compare(window, self.baseline))
        changes += self._begin() if self._said is None else self._go_on(self._said)
        return changes

    def pass_time(self, now_ms: int) -> list[VoiceChange]:
        """Note that nothing was measured until `now_ms`; a long silence ends a rise and what led to one."""
        if not self._recent or now_ms - self._recent[-1].end_ms < self._limits.end_silence_ms:
            return []
        return self.stop(now_ms)

    def stop(self, now_ms: int) -> list[VoiceChange]:
        """End a rise, since how the caller speaks at `now_ms` is not known."""
        changes = [] if self._said is None else [self._end(self._said, now_ms)]
        self._recent.clear()
        return changes

    def _settle(self, baseline: VoiceBaseline) -> None:
        self.baseline = baseline
        self._loud_db = max(self._limits.rise_level_db, baseline.usual_level_db - baseline.level_db)
        self._first.clear()

    def _compare(self, window: VoiceWindow, baseline: VoiceBaseline) -> _Compared:
        limits, measure = self._limits, window.measure
        pitch = measure.pitch_semitones - baseline.pitch_semitones
        return _Compared(
            start_ms=window.start_ms,
            end_ms=window.end_ms,
            level_db=measure.level_db - baseline.level_db,
            pitch_semitones=pitch if abs(pitch) <= limits.compare_most_pitch_semitones else None,
            tilt_db=measure.tilt_db - baseline.tilt_db
            if measure.clipped <= limits.compare_most_clipped
            else None,
        )

    def _above(self, level_db: float, effort: float) -> list[_Compared] | None:
        """The loud ones of the last windows, if they are enough and say more than that they are loud."""
        loud = [one for one in self._recent if one.level_db >= level_db]
        if len(loud) < self._limits.compare_windows or self._effort(loud) < effort:
            return None
        return loud

    def _effort(self, loud: Sequence[_Compared]) -> float:
        pitch = _median([one.pitch_semitones for one in loud]) or 0.0
        tilt = _median([one.tilt_db for one in loud]) or 0.0
        return pitch / self._limits.compare_pitch_semitones + tilt / self._limits.compare_tilt_db

    def _begin(self) -> list[VoiceChange]:
        loud = self._above(self._loud_db, self._limits.rise_effort)
        if loud is None or loud[-1] is not self._recent[-1]:
            return []
        return [self._say(loud, loud[0].start_ms)]

    def _go_on(self, said: VoiceChange) -> list[VoiceChange]:
        if self._above(self._limits.end_level_db, self._limits.end_effort) is None:
            return [self._end(said, self._recent[-1].end_ms)]
        loud = self._above(self._loud_db, self._limits.rise_effort)
        if loud is not None and _level(loud) >= said.level_db + self._limits.compare_again_db:
            return [self._say(loud, said.since_ms)]
        return []

    def _say(self, loud: Sequence[_Compared], since_ms: int) -> VoiceChange:
        pitch = _median([one.pitch_semitones for one in loud])
        self._said = VoiceChange(self._recent[-1].end_ms, since_ms, True, _level(loud), pitch)
        return self._said

    def _end(self, said: VoiceChange, at_ms: int) -> VoiceChange:
        self._said = None
        pitch = _median([one.pitch_semitones for one in self._recent])
        return VoiceChange(at_ms, said.since_ms, False, _level(self._recent), pitch)


def _level(windows: Sequence[_Compared]) -> float:
    return float(np.median([one.level_db for one in windows]))


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else None


def _baseline(windows: Sequence[VoiceWindow], limits: VoiceThresholds) -> VoiceBaseline:
    levels = [one.measure.level_db for one in windows]
    return VoiceBaseline(
        level_db=float(np.median(levels)),
        usual_level_db=float(np.quantile(levels, limits.baseline_usual_share)),
        pitch_semitones=float(np.median([one.measure.pitch_semitones for one in windows])),
        tilt_db=float(np.median([one.measure.tilt_db for one in windows])),
    )

"""The figures by which a voice counts as raised: `voice.toml` as a dataclass."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class VoiceThresholds:
    """See the comments in `voice.toml`; `end` is below `rise`, so that a voice does not flicker."""

    window_speech_ms: int
    window_least_ms: int
    window_pause_ms: int
    baseline_speech_ms: int
    baseline_usual_share: float
    compare_of: int
    compare_windows: int
    compare_pitch_semitones: float
    compare_tilt_db: float
    compare_most_pitch_semitones: float
    compare_most_clipped: float
    compare_again_db: float
    rise_level_db: float
    rise_effort: float
    end_level_db: float
    end_effort: float
    end_silence_ms: int


@cache
def voice_thresholds() -> VoiceThresholds:
    """The figures this version ships."""
    table = tomllib.loads(resources.files(__package__).joinpath("voice.toml").read_text(encoding="utf-8"))
    return VoiceThresholds(
        **{
            f"{section}_{name}": value
            for section in ("window", "baseline", "compare", "rise", "end")
            for name, value in table[section].items()
        }
    )

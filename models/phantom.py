"""The phantom guard: text the model gave although nobody said it.

Whisper invents: farewells of video presenters over silence, short insults over noise, loops over anything.
Such text must never become evidence against a person, so every final passes here, and what fails is
quarantined with its reason. The guard would rather hold back a doubtful short utterance than believe it; the
recording keeps the audio.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from koemori.models.energy_vad import levels_dbfs
from koemori.models.text import normalize

if TYPE_CHECKING:
    from koemori.models.segmenter import SpeechWindow
    from koemori.models.types import Hypothesis


class PhantomReason(StrEnum):
    """Why a text was not believed."""

    ENERGY = "energy"
    NO_SPEECH = "no_speech"
    COMPRESSION = "compression"
    REPETITION = "repetition"
    TOKEN_RATE = "token_rate"  # noqa: S105 - a rate of tokens, no secret
    PHRASE = "phantom_phrase"
    LOW_PROBABILITY = "low_probability"


@dataclass(frozen=True, slots=True)
class GuardConfig:
    """Limits; each was set on the telephone corpus so that no true utterance is lost (benchmarks/README.md).

    Attributes:
        least_level_dbfs: The loudest 32 ms of a stretch must reach this.
        no_speech_probability: Model's own doubt that counts when the detector or the words are doubtful.
        some_doubt_probability: Model's own doubt that counts when the words are very doubtful.
        sure_vad_probability: Mean speech probability above which the detector does not doubt.
        compression_ratio: Above this the text is a loop.
        characters_per_second: Fastest speech believed, over the time judged as speech …
        characters_margin: … with this many characters on top, for short answers.
        least_log_probability: Mean token log probability below which nothing is believed.
        very_doubtful_log_probability: Below this words are very doubtful.
        doubtful_log_probability: Below this words are doubtful; phrases that are often invented fall.
    """

    least_level_dbfs: float = -52.0
    no_speech_probability: float = 0.6
    some_doubt_probability: float = 0.4
    sure_vad_probability: float = 0.85
    compression_ratio: float = 2.4
    characters_per_second: float = 15.0
    characters_margin: int = 5
    least_log_probability: float = -1.3
    very_doubtful_log_probability: float = -1.0
    doubtful_log_probability: float = -0.7


# A unit of up to twelve characters said at least seven times in a row, or one character at least twelve
# times.
_LOOP = re.compile(r"(.{2,12}?)\1{6,}|(.)\2{11,}")
_LOOP_SHARE = 0.5
# Speech cut in the middle of a word invites short loops; three times is enough to leave a partial out.
_SHORT_LOOP = re.compile(r"(.{3,20}?)\1{2,}")


@cache
def _phrases(kind: str) -> frozenset[str]:
    table = tomllib.loads(resources.files(__package__).joinpath("phantoms.toml").read_text(encoding="utf-8"))
    return frozenset(normalize(phrase) for phrase in table[kind])


class PhantomGuard:
    """Judges hypotheses; stateless."""

    def __init__(self, config: GuardConfig | None = None) -> None:
        self._config = config or GuardConfig()

    def believes_partial(self, hypothesis: Hypothesis) -> bool:
        """False for a partial that loops or that only phantoms say; it is left out, the final decides."""
        text = normalize(hypothesis.text)
        return bool(text) and not (
            hypothesis.compression_ratio > self._config.compression_ratio
            or hypothesis.mean_log_probability < self._config.least_log_probability
            or _loops(text)
            or _SHORT_LOOP.search(text)
            or text in _phrases("always")
        )

    def judge(self, window: SpeechWindow, hypothesis: Hypothesis) -> PhantomReason | None:
        """Return why a final is not believed, or None when it is."""
        config = self._config
        text = normalize(hypothesis.text)
        levels = levels_dbfs(window.segment.samples)
        sure = window.mean_probability >= config.sure_vad_probability
        if not levels.size or float(levels.max()) < config.least_level_dbfs:
            return PhantomReason.ENERGY
        if self._hears_no_speech(sure, hypothesis):
            return PhantomReason.NO_SPEECH
        if hypothesis.compression_ratio > config.compression_ratio:
            return PhantomReason.COMPRESSION
        if _loops(text):
            return PhantomReason.REPETITION
        if len(text) > config.characters_margin + config.characters_per_second * window.speech_ms / 1000:
            return PhantomReason.TOKEN_RATE
        if hypothesis.mean_log_probability < config.least_log_probability:
            return PhantomReason.LOW_PROBABILITY
        if text in _phrases("always") or (
            text in _phrases("when_doubtful") and self._doubtful(sure, hypothesis)
        ):
            return PhantomReason.PHRASE
        return None

    def _hears_no_speech(self, sure: bool, hypothesis: Hypothesis) -> bool:
        config = self._config
        doubt, words = hypothesis.no_speech_probability, hypothesis.mean_log_probability
        if doubt >= config.no_speech_probability:
            return not sure or words < config.doubtful_log_probability
        return doubt >= config.some_doubt_probability and words < config.very_doubtful_log_probability

    def _doubtful(self, sure: bool, hypothesis: Hypothesis) -> bool:
        return (
            not sure
            or hypothesis.no_speech_probability >= self._config.no_speech_probability
            or hypothesis.mean_log_probability < self._config.doubtful_log_probability
        )


def _loops(text: str) -> bool:
    return any(len(match.group()) >= _LOOP_SHARE * len(text) for match in _LOOP.finditer(text))

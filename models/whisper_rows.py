"""Windows on their way through Whisper: what is known of each so far, and which go through together. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from koemori.models.ports import TranscriptionRequest
from koemori.models.scored_words import HeardText
from koemori.models.types import Word
from koemori.models.whisper_words import TokenTimes

SAMPLE_RATE_HZ = 16_000
FRAME_SAMPLES = 160
FRAMES_PER_TOKEN_STEP = 2
MOST_FRAMES = 3000


@dataclass(slots=True, eq=False)
class Row:
    """One window on its way through the decoder."""

    request: TranscriptionRequest
    tokens: list[int] = field(default_factory=list)
    times: TokenTimes | None = None
    no_speech_probability: float = 0.0
    mean_log_probability: float = 0.0
    text: str = ""
    words: tuple[Word, ...] = ()

    @property
    def length_ms(self) -> int:
        """Length of the window's audio."""
        return len(self.request.segment.samples) * 1000 // SAMPLE_RATE_HZ

    @property
    def audio_frames(self) -> int:
        """The same in frames of the spectrogram, as many as the recogniser can hear."""
        frames = len(self.request.segment.samples) // FRAME_SAMPLES
        return min(max(FRAMES_PER_TOKEN_STEP, frames), MOST_FRAMES)

    @property
    def compression_ratio(self) -> float:
        """How well the text can be packed; that of a loop is high."""
        raw = self.text.encode()
        return len(raw) / len(zlib.compress(raw))

    @property
    def heard(self) -> HeardText | None:
        """What a vocabulary may be compared with; None for a partial, or a text that no words stand for."""
        written = "".join(word.text for word in self.words)
        if not written or not self.request.final or self.times is None or self.text.lstrip() != written:
            return None
        return HeardText(self.words, np.array(self.times.probabilities))


def decoded_together(batch: Sequence[TranscriptionRequest]) -> list[list[int]]:
    """Places of windows that can be decoded together: of one language, after one text.

    One whose language is to be found out is alone.
    """
    groups: dict[tuple[str, str] | int, list[int]] = {}
    for place, request in enumerate(batch):
        kind = (request.language, request.prompt) if request.language else place
        groups.setdefault(kind, []).append(place)
    return list(groups.values())

"""Words and the events that carry them.

Times are media time: milliseconds since the call's first sample.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from koemori.audio.call import Channel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class SpeechSegment:
    """Audio of one stretch of speech.

    Attributes:
        samples: float32 in [-1, 1], shape `(n,)`, 16 kHz; padding of the segmenter included.
    """

    channel: Channel
    start_ms: int
    end_ms: int
    samples: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Word:
    """One token group of the recogniser; Japanese has no spaces, so a word may be one character."""

    text: str
    start_ms: int
    end_ms: int
    probability: float


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a model heard in one window, with the measures that tell speech from invention."""

    words: tuple[Word, ...]
    text: str
    language: str
    audio_end_ms: int
    model_id: str
    no_speech_probability: float
    mean_log_probability: float
    compression_ratio: float


@dataclass(frozen=True, slots=True)
class Partial:
    """Revisable text of a stretch of speech still going on; `stable` is only ever extended."""

    channel: Channel
    utterance_id: str
    revision: int
    start_ms: int
    end_ms: int
    stable: str
    unstable: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """Final text of one stretch of speech; immutable."""

    channel: Channel
    utterance_id: str
    """`<channel index>-<start_ms>`, unique in its call and stable across replays."""
    start_ms: int
    end_ms: int
    text: str
    words: tuple[Word, ...]
    language: str
    model_id: str


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Text the model gave and we do not believe; never shown as said."""

    channel: Channel
    start_ms: int
    end_ms: int
    text: str
    reason: str
    utterance_id: str = ""
    """The utterance it would have been; a page takes back the partials it showed under this id."""


@dataclass(frozen=True, slots=True)
class NotAssisted:
    """A span that was recorded and not transcribed, because the assist side was overloaded or failed."""

    channel: Channel
    start_ms: int
    end_ms: int
    reason: str
    utterance_id: str = ""
    """As in `Quarantined`; empty when the span never reached the recogniser."""


TranscriptEvent = Partial | Utterance | Quarantined | NotAssisted

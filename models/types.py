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
    speaker: str = ""
    """On a channel of several people: who, `unknown` when that could not be told; empty otherwise."""
    heard: str = ""
    """What the model wrote, when a vocabulary word took its place; empty otherwise."""


@dataclass(frozen=True, slots=True)
class SpeakerTurn:
    """A stretch in which one person speaks; `speaker` is a label of this recording only (S1, S2 …)."""

    speaker: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class WorkTime:
    """Where a worker's time on one window went, in milliseconds; the rest was waiting and hand-over.

    Attributes:
        encode_ms: Spectrogram and encoder.
        decode_ms: Decoder, alignment and rescoring.
    """

    encode_ms: int = 0
    decode_ms: int = 0


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the time went between the end of the audio an event speaks of and the event, in milliseconds.

    Attributes:
        vad_ms: Audio that had to be heard after it before the question could be asked: detector and endpoint.
        queue_ms: Waiting for a worker.
        encode_ms: Spectrogram and encoder.
        decode_ms: Decoder, alignment and rescoring.
        merge_ms: From the answer to the event: waiting for the endpoint or for an earlier utterance, guard,
            agreement with what was shown before.
    """

    vad_ms: int
    queue_ms: int
    encode_ms: int
    decode_ms: int
    merge_ms: int


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
    work: WorkTime = WorkTime()


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
    timing: Timing | None = None


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
    timing: Timing | None = None


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
    timing: Timing | None = None


@dataclass(frozen=True, slots=True)
class NotAssisted:
    """A span that was recorded and not transcribed, because the assist side was overloaded or failed."""

    channel: Channel
    start_ms: int
    end_ms: int
    reason: str
    utterance_id: str = ""
    """As in `Quarantined`; empty when the span never reached the recogniser."""


@dataclass(frozen=True, slots=True)
class SpeakersFound:
    """Who said which words of an utterance already given; a later one of the same utterance replaces it.

    Attributes:
        words: All words of the utterance, `speaker` set; nothing else of them has changed.
    """

    channel: Channel
    utterance_id: str
    start_ms: int
    end_ms: int
    words: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class LoadChanged:
    """The recogniser sheds more, or less, than before; `level` is a name of `LoadLevel` in lower case."""

    at_ms: int
    level: str
    partial_interval_ms: int


@dataclass(frozen=True, slots=True)
class VoiceChanged:
    """A caller speaks louder than at the beginning of the call, or no longer does; says nothing of why.

    Attributes:
        since_ms: Where the rise began.
        end_ms: End of the newest audio it speaks of.
        raised: False when the rise has ended.
        level_db: Level above that of the caller's first speech.
        pitch_semitones: Pitch above it; None where it could not be told.
    """

    channel: Channel
    since_ms: int
    end_ms: int
    raised: bool
    level_db: float
    pitch_semitones: float | None


TranscriptEvent = Partial | Utterance | Quarantined | NotAssisted | SpeakersFound | LoadChanged | VoiceChanged

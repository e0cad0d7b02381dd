"""What a detector or extractor may know of a call: the words so far and media time, nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from koemori.assist.second_opinion.model import SecondOpinion
from koemori.assist.types import CallFacts, EarlierCall, Heard, Severity
from koemori.assist.voice import VoiceLog
from koemori.audio.call import ChannelRole


@dataclass(frozen=True, slots=True)
class Judged:
    """What the second opinion said of one utterance.

    Attributes:
        probability: That it deserves an alert.
        rules: The lexicon's rules that found something in it, by id, with their severity before the opinion.
    """

    utterance_id: str
    probability: float
    rules: Mapping[str, Severity]


@dataclass(slots=True)
class CallView:
    """The call so far. The engine appends; detectors and extractors only read, but for `judged`.

    Attributes:
        facts: What was known before the first word.
        heard: Every final utterance, oldest first, the one being observed included (last).
        now_ms: Media time of the newest input.
        voice: When the customer's voice was raised.
        earlier: Earlier calls of the same person, newest first, as far as they are known.
        opinion: Statistical judge of the customer's words beside the rules, if the engine was given one.
        judged: What it said last; noted by the detector that asked it.
    """

    facts: CallFacts
    heard: list[Heard] = field(default_factory=list)
    now_ms: int = 0
    voice: VoiceLog = field(default_factory=VoiceLog)
    earlier: tuple[EarlierCall, ...] = ()
    opinion: SecondOpinion | None = None
    judged: Judged | None = None

    def recent(self, count: int, speaker: ChannelRole | None = None) -> tuple[Heard, ...]:
        """The last `count` utterances (of one speaker), oldest first."""
        chosen = [item for item in self.heard if speaker is None or item.speaker == speaker]
        return tuple(chosen[-count:])

    def before(self, item: Heard) -> Iterator[Heard]:
        """Utterances before `item`, newest first."""
        for other in reversed(self.heard):
            if other.utterance_id != item.utterance_id:
                yield other

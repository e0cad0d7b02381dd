"""What a customer asks for, and whether two utterances ask for the same thing.

A demand is found by its words (topics `demand.*` and `demand` of the lexicon) or by a statistical reading of
all its words (`koemori.assist.demand_topics`). Demands that share a topic of the lexicon are the same; so are
demands whose readings agree well enough, in broad topics only if they also name the same thing. Outside the
known topics two demands are the same when they are near-verbatim, or when their embeddings are close and they
share a content word: embeddings alone are a weak judge (`koemori.assist.similarity`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from koemori.assist.demand_topics import DemandTopics, Reading
from koemori.assist.demand_topics.model import BROAD
from koemori.assist.matching import Pattern
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.rules import utterance
from koemori.assist.similarity import content_words, meaning, overlap

_TOPIC_PREFIX: Final = "demand."
_NEAR_VERBATIM: Final = 0.6
_PARAPHRASE: Final = 0.55
_MIN_CHARACTERS: Final = 6
_ASKS_FROM: Final = 0.5


@dataclass(frozen=True, slots=True)
class Demand:
    """An utterance as a demand.

    Attributes:
        in_words: Topics whose words of the lexicon it holds.
        reading: The statistical reading; None without a model, or without a word it knows.
        made: Whether anything is asked for.
    """

    text: str
    in_words: frozenset[str]
    reading: Reading | None
    made: bool

    @property
    def topics(self) -> frozenset[str]:
        """Everything known that is asked for."""
        return self.in_words if self.reading is None else self.in_words | self.reading.topics


class DemandReader:
    """Reads demands by the words of one lexicon and by a model, where there is one."""

    def __init__(self, lexicon: Lexicon, model: DemandTopics | None) -> None:
        self._lexicon = lexicon
        self._model = model
        self._topics: dict[str, tuple[Pattern, ...]] = {
            name.removeprefix(_TOPIC_PREFIX): patterns
            for name, patterns in lexicon.topics.items()
            if name.startswith(_TOPIC_PREFIX)
        }
        self._demand = lexicon.topics.get("demand", ())

    def read(self, text: str) -> Demand:
        """What `text` asks for."""
        said = utterance(text, self._lexicon)
        in_words = frozenset(name for name, found in self._topics.items() if said.says(found) is not None)
        reading = None if self._model is None else self._model.read(text)
        made = bool(in_words) or (
            len(text) >= _MIN_CHARACTERS
            and (said.says(self._demand) is not None or (reading is not None and reading.asks >= _ASKS_FROM))
        )
        return Demand(text, in_words, reading, made)

    def topics(self, text: str) -> frozenset[str]:
        """The known things that `text` asks for."""
        return self.read(text).topics

    def agree(self, first: Demand, second: Demand) -> bool:
        """Whether the statistical readings of both are close enough for one demand."""
        if self._model is None or first.reading is None or second.reading is None:
            return False
        same_thing = bool(content_words(first.text) & content_words(second.text))
        common = (first.in_words & second.reading.topics) | (first.reading.topics & second.in_words)
        if common - BROAD or (common and same_thing):
            return True
        return self._model.same(first.reading, second.reading, same_thing)

    def same(self, first: Demand, second: Demand) -> bool:
        """Whether both ask for the same, in the same or in other words."""
        return (
            self.same_in_words(first, second)
            or self.agree(first, second)
            or (not self._differ(first, second) and alike(first.text, second.text))
        )

    def same_in_words(self, first: Demand, second: Demand) -> bool:
        """Whether both hold words of one topic, and are not read as asking for different things."""
        if not first.in_words & second.in_words:
            return False
        sure = first.reading and second.reading and first.reading.topics and second.reading.topics
        return not sure or not self._differ(first, second)

    def _differ(self, first: Demand, second: Demand) -> bool:
        if self._model is None or first.reading is None or second.reading is None:
            return False
        return self._model.differ(first.reading, second.reading)


def alike(first: str, second: str) -> bool:
    """Whether two demands outside the known topics are the same, in the same or in other words."""
    if overlap(first, second) >= _NEAR_VERBATIM:
        return True
    if not content_words(first) & content_words(second):
        return False
    score = meaning(first, second)
    return score is not None and score >= _PARAPHRASE

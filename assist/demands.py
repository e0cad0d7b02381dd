"""What a customer asks for, and whether two utterances ask for the same thing.

A demand is found by its words (topics `demand.*` and `demand` of the lexicon); demands of one topic are the
same. Outside the known topics two demands are the same when they are near-verbatim, or when their embeddings
are close and they share a content word: embeddings alone are a weak judge (`koemori.assist.similarity`).
"""

from __future__ import annotations

from typing import Final

from koemori.assist.matching import Pattern
from koemori.assist.playbooks.lexicon import Lexicon
from koemori.assist.rules import utterance
from koemori.assist.similarity import content_words, meaning, overlap

_TOPIC_PREFIX: Final = "demand."
_NEAR_VERBATIM: Final = 0.6
_PARAPHRASE: Final = 0.55
_MIN_CHARACTERS: Final = 6


class DemandReader:
    """Reads demands by the words of one lexicon."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._topics: dict[str, tuple[Pattern, ...]] = {
            name.removeprefix(_TOPIC_PREFIX): patterns
            for name, patterns in lexicon.topics.items()
            if name.startswith(_TOPIC_PREFIX)
        }
        self._demand = lexicon.topics.get("demand", ())

    def topics(self, text: str) -> frozenset[str]:
        """The known things that `text` asks for."""
        said = utterance(text, self._lexicon)
        return frozenset(name for name, patterns in self._topics.items() if said.says(patterns) is not None)

    def is_demand(self, text: str, topics: frozenset[str]) -> bool:
        """Whether `text`, of these topics, asks for anything."""
        if topics:
            return True
        said = utterance(text, self._lexicon)
        return len(text) >= _MIN_CHARACTERS and said.says(self._demand) is not None


def alike(first: str, second: str) -> bool:
    """Whether two demands outside the known topics are the same, in the same or in other words."""
    if overlap(first, second) >= _NEAR_VERBATIM:
        return True
    if not content_words(first) & content_words(second):
        return False
    score = meaning(first, second)
    return score is not None and score >= _PARAPHRASE

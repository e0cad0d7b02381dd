"""Vocabulary words in the recogniser's windows: alternatives found, scored on the same audio, and chosen.

Pure apart from the scoring, which the recogniser brings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from koemori.models.rescoring import Candidate, Rescorer, ScoredCandidate
from koemori.models.types import Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST_PROBABILITY: Final = 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class HeardText:
    """What was heard in one window.

    Attributes:
        words: Their texts in a row are what was written.
        probabilities: Of the tokens of that text, shape `(tokens,)`.
    """

    words: tuple[Word, ...]
    probabilities: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TextScore:
    """How probable a text is on a window's audio.

    Attributes:
        probabilities: Of each token when the tokens before it are given, shape `(tokens,)`.
        token_bytes: UTF-8 bytes of each token, shape `(tokens,)`.
    """

    probabilities: NDArray[np.float64]
    token_bytes: NDArray[np.int64]


Score = Callable[[Sequence[tuple[int, str]]], Sequence[TextScore]]
"""Scores texts, each on the window of the given place."""


def with_vocabulary(rescorer: Rescorer, heard: Sequence[HeardText], score: Score) -> list[tuple[Word, ...]]:
    """Put vocabulary words where the audio agrees; `score` is called at most once, and not for nothing.

    Args:
        rescorer: Holds the vocabulary.
        heard: One per window.
        score: Scores the alternative texts of all windows.

    Returns:
        The words of each window, replaced ones with `heard` set.
    """
    texts = ["".join(word.text for word in each.words) for each in heard]
    asked = [
        (place, candidate)
        for place, each in enumerate(heard)
        for candidate in rescorer.candidates(texts[place], each.words)
    ]
    out = [each.words for each in heard]
    if not asked:
        return out
    scores = score([(place, candidate.text) for place, candidate in asked])
    judged: dict[int, list[ScoredCandidate]] = {}
    for (place, candidate), came in zip(asked, scores, strict=True):
        judged.setdefault(place, []).append(_scored(texts[place], candidate, came))
    for place, scored in judged.items():
        each = heard[place]
        out[place] = rescorer.choose(each.words, _log_probability(each.probabilities), scored)
    return out


def _scored(text: str, candidate: Candidate, score: TextScore) -> ScoredCandidate:
    """The word's own probability is the mean over the tokens that hold a byte of it."""
    ends = np.cumsum(score.token_bytes)
    # What the recogniser writes before the first word, such as a space, is in the score and not in the text.
    before = int(ends[-1]) - len(candidate.text.encode())
    first = before + len(text[: candidate.start].encode())
    own = (ends > first) & (ends - score.token_bytes < first + len(candidate.entry.text.encode()))
    mean = float(score.probabilities[own].mean())
    return ScoredCandidate(candidate, _log_probability(score.probabilities), mean)


def _log_probability(probabilities: NDArray[np.float64]) -> float:
    return float(np.log(np.maximum(probabilities, _LEAST_PROBABILITY)).sum())

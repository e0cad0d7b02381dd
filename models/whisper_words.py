"""Tokens of a decoded window → words with media times and probabilities. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from koemori.models.types import SpeechSegment, Word

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STEP_MS = 20


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """Start (milliseconds from the window's first sample) and probability of each token."""

    starts_ms: tuple[int, ...]
    probabilities: tuple[float, ...]


def aligned_times(found: Any) -> TokenTimes:
    """Times from an alignment: each token begins where the path first reaches it."""
    pairs: NDArray[np.int64] = np.array(found.alignments).reshape(-1, 2)
    first_of_token = np.diff(pairs[:, 0], prepend=-1).astype(bool)
    starts = pairs[first_of_token, 1][: len(found.text_token_probs)] * _STEP_MS
    probabilities = found.text_token_probs[: len(starts)]
    return TokenTimes(tuple(int(start) for start in starts), tuple(float(value) for value in probabilities))


def proportional_times(tokens: int, length_ms: int, probability: float) -> TokenTimes:
    """Times spread evenly over the window; good enough for a partial, which will be replaced."""
    starts = tuple(length_ms * number // max(1, tokens) for number in range(tokens))
    return TokenTimes(starts, (probability,) * tokens)


def words_of(
    texts: Sequence[str], group_sizes: Sequence[int], times: TokenTimes, segment: SpeechSegment
) -> tuple[Word, ...]:
    """Words from groups of tokens; a word lasts until the next one begins, at most to the segment's end."""
    length_ms = segment.end_ms - segment.start_ms
    borders = np.cumsum([0, *group_sizes]).tolist()
    starts = [*times.starts_ms, length_ms]
    words: list[Word] = []
    for text, begin, end in zip(texts, borders, borders[1:], strict=False):
        clean = text.replace("\ufffd", "")
        if not words:
            clean = clean.lstrip()
        if not clean:
            continue
        start_ms = min(starts[min(begin, len(starts) - 1)], length_ms)
        end_ms = min(max(start_ms, starts[min(end, len(starts) - 1)]), length_ms)
        probability = float(np.mean(times.probabilities[begin:end] or (0.0,)))
        words.append(
            Word(clean, segment.start_ms + start_ms, segment.start_ms + end_ms, round(probability, 3))
        )
    return tuple(words)

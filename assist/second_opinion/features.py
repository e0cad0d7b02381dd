"""What the statistical model sees of an utterance: hashed n-grams of characters, sounds and words.

Sounds bring recognition variants home (土下座, どげ座); dictionary words carry meaning across inflection.
Every n-gram knows the stretch of the utterance it covers, so that a judgement can be traced to the words
behind it. The same code serves training and calls; `VERSION` changes whenever an utterance's features do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final
from zlib import crc32

import numpy as np
from koemori.assist.language import Analysis, analyze
from numpy.typing import NDArray

VERSION: Final = 1
_BUCKETS: Final = {"characters": 1 << 14, "sounds": 1 << 14, "words": 1 << 13}
SIZE: Final = sum(_BUCKETS.values())
"""Hash buckets of all groups, side by side in one index space."""
_CHARACTER_GRAMS: Final = (1, 2, 3, 4)
_SOUND_GRAMS: Final = (2, 3, 4)
_MOST: Final = 600
"""N-grams kept of one group: what comes after about 150 characters is not looked at."""
_EDGES: Final = ("^", "$")
_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Features:
    """The n-grams of one utterance; arrays of shape `(n,)`.

    Attributes:
        analysis: The utterance they were read from.
        buckets: Places in the index space of `SIZE`; each at most once.
        values: Weights; those of a group have Euclidean length 1.
        starts: Offset in the surface at which the n-gram first begins.
        ends: Offset in the surface at which it ends there.
    """

    analysis: Analysis
    buckets: NDArray[np.int32]
    values: NDArray[np.float32]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]


def features_of(text: str) -> Features:
    """The n-grams of an utterance; none for one without a word character."""
    analysis = analyze(text)
    buckets: list[int] = []
    values: list[float] = []
    spans: list[_Span] = []
    offset = 0
    for (group, size), grams in zip(
        _BUCKETS.items(),
        (_character_grams(analysis), _sound_grams(analysis), _word_grams(analysis)),
        strict=True,
    ):
        places: dict[int, _Span] = {}
        for gram, span in grams:
            places.setdefault(offset + crc32(f"{group} {gram}".encode()) % size, span)
            if len(places) >= _MOST:
                break
        buckets.extend(places)
        values.extend([1 / sqrt(len(places))] * len(places) if places else [])
        spans.extend(places.values())
        offset += size
    edges = np.array(spans, dtype=np.int32).reshape(-1, 2)
    return Features(
        analysis,
        np.array(buckets, dtype=np.int32),
        np.array(values, dtype=np.float32),
        edges[:, 0],
        edges[:, 1],
    )


def _character_grams(analysis: Analysis) -> Iterator[tuple[str, _Span]]:
    return _windows(analysis.surface, _CHARACTER_GRAMS, range(len(analysis.surface)))


def _sound_grams(analysis: Analysis) -> Iterator[tuple[str, _Span]]:
    places: list[int] = []
    for start in analysis.reading_starts:
        places.append(start if start >= 0 or not places else places[-1])
    return _windows(analysis.reading, _SOUND_GRAMS, places)


def _windows(text: str, sizes: Sequence[int], surface_of: Sequence[int]) -> Iterator[tuple[str, _Span]]:
    """Windows over `^text$`, each with its stretch of the surface."""
    if not text:
        return
    framed = f"^{text}$"
    last = len(text) - 1
    for start in range(len(framed)):
        for size in sizes:
            stop = start + size
            if stop > len(framed):
                break
            if framed[start:stop] in _EDGES:
                continue
            first, final = min(max(start - 1, 0), last), min(max(stop - 2, 0), last)
            yield framed[start:stop], (surface_of[first], surface_of[final] + 1)


def _word_grams(analysis: Analysis) -> Iterator[tuple[str, _Span]]:
    before, begin = "^", 0
    for token in analysis.tokens:
        word = token.normalized_form
        yield word, (token.start, token.end)
        yield f"{before} {word}", (begin, token.end)
        before, begin = word, token.start

"""What the statistical model sees of an utterance: n-grams of characters, sounds and words, by their hashes.

Sounds bring recognition variants home (土下座, どげ座); dictionary words carry meaning across inflection.
Every n-gram knows the stretch of the utterance it covers, so that a judgement can be traced to the words
behind it. The same code serves training and calls; `VERSION` changes whenever an utterance's features do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from zlib import crc32

import numpy as np
from koemori.assist.language import Analysis, analyze
from numpy.typing import NDArray

VERSION: Final = 2
GROUPS: Final = ("characters", "sounds", "words")
_CHARACTER_GRAMS: Final = (1, 2, 3, 4)
_SOUND_GRAMS: Final = (2, 3, 4, 5)
_WORD_GRAMS: Final = (1, 2, 3)
_MOST: Final = 800
"""N-grams kept of one group: what comes after about 150 characters is not looked at."""
_EDGES: Final = ("^", "$")
_Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Features:
    """The n-grams of one utterance, each once; arrays of shape `(n,)`.

    Attributes:
        analysis: The utterance they were read from.
        grams: CRC-32 of group and n-gram, uint32.
        groups: Index into `GROUPS`, uint8.
        starts: Offset in the surface at which the n-gram first begins.
        ends: Offset in the surface at which it ends there.
    """

    analysis: Analysis
    grams: NDArray[np.uint32]
    groups: NDArray[np.uint8]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]


@lru_cache(maxsize=64)
def features_of(text: str) -> Features:
    """The n-grams of an utterance; none for one without a word character. The last results are cached."""
    analysis = analyze(text)
    grams: list[int] = []
    groups: list[int] = []
    spans: list[_Span] = []
    found = (_character_grams(analysis), _sound_grams(analysis), _word_grams(analysis))
    for number, (group, pieces) in enumerate(zip(GROUPS, found, strict=True)):
        places: dict[int, _Span] = {}
        for gram, span in pieces:
            places.setdefault(crc32(f"{group} {gram}".encode()), span)
            if len(places) >= _MOST:
                break
        grams.extend(places)
        groups.extend([number] * len(places))
        spans.extend(places.values())
    edges = np.array(spans, dtype=np.int32).reshape(-1, 2)
    return Features(
        analysis,
        np.array(grams, dtype=np.uint32),
        np.array(groups, dtype=np.uint8),
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
    if not analysis.tokens:
        return
    last = analysis.tokens[-1].end
    words = [("^", 0, 0), *((one.normalized_form, one.start, one.end) for one in analysis.tokens)]
    words.append(("$", last, last))
    for place in range(len(words)):
        for size in _WORD_GRAMS:
            window = words[place : place + size]
            if len(window) == size and (size > 1 or window[0][0] not in "^$"):
                yield " ".join(word for word, _, _ in window), (window[0][1], window[-1][2])

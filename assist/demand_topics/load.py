"""Reading the demand topics' card and weights; what does not fit is refused."""

from __future__ import annotations

import logging
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from koemori.assist.demand_topics.model import NOTHING, DemandTopics, Thresholds, Weights
from koemori.assist.errors import OpinionError
from koemori.assist.second_opinion.stored import (
    CARD,
    check_arrays,
    read_arrays,
    read_stored,
    read_thresholds,
)

_log = logging.getLogger(__name__)
BUILT_IN: Final = Path(__file__).parent
_DIMENSIONS: Final = 512
_KINDS: Final[dict[str, type[np.generic]]] = {
    "vocabulary": np.uint32,
    "rarity": np.float32,
    "ngrams": np.int8,
    "scale": np.float32,
    "bias": np.float32,
    "sentence": np.float32,
    "sentence_bias": np.float32,
    "shares": np.float32,
}


@lru_cache(maxsize=4)
def load_demand_topics(directory: Path = BUILT_IN) -> DemandTopics | None:
    """The model in `directory`, read once; None, with one line in the log, when there is none.

    Raises:
        OpinionError: The files do not fit together or were made for other features.
    """
    stored = read_stored(directory)
    if stored is None:
        _log.warning("no demand topics: their card or weights are missing; the lexicon reads demands alone")
        return None
    card, raw = stored
    topics = card.get("topics")
    if not isinstance(topics, list) or topics[-1:] != [NOTHING]:
        raise OpinionError(CARD, f"topics, {NOTHING} the last", repr(topics))
    thresholds = Thresholds(**read_thresholds(card, Thresholds.__slots__))
    return DemandTopics(str(card.get("version", "")), _weights(raw, tuple(topics)), thresholds)


def _weights(raw: bytes, topics: tuple[str, ...]) -> Weights:
    arrays = read_arrays(raw, _KINDS)
    known, width = len(arrays["vocabulary"]), len(topics)
    shapes: dict[str, tuple[int, ...]] = {
        "vocabulary": (known,),
        "rarity": (known,),
        "ngrams": (known, width),
        "scale": (width,),
        "bias": (width,),
        "sentence": (_DIMENSIONS, width),
        "sentence_bias": (width,),
        "shares": (3,),
    }
    check_arrays(arrays, _KINDS, shapes)
    return Weights(topics=topics, **arrays)

"""Reading the model: `card.toml` says what it is, `weights.npz` holds its numbers.

The card names the digest of the weights and the version of the features they were trained on; anything that
does not fit is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from koemori.assist.errors import OpinionError
from koemori.assist.second_opinion.model import (
    ALERT,
    COMPANY,
    DANGER,
    JOINED,
    SecondOpinion,
    Thresholds,
    Weights,
)
from koemori.assist.second_opinion.stored import (
    CARD,
    check_arrays,
    read_arrays,
    read_stored,
    read_thresholds,
)
from koemori.assist.types import Category

_log = logging.getLogger(__name__)
BUILT_IN: Final = Path(__file__).parent
_FEWEST_HEADS: Final = 4
_KINDS: Final[dict[str, type[np.generic]]] = {
    "vocabulary": np.uint32,
    "rarity": np.float32,
    "ngrams": np.int8,
    "scale": np.float32,
    "bias": np.float32,
    "joined": np.float32,
    "joined_bias": np.float32,
    "danger": np.float32,
    "company": np.float32,
    "company_bias": np.float32,
}


@lru_cache(maxsize=4)
def load_opinion(directory: Path = BUILT_IN) -> SecondOpinion | None:
    """The model in `directory`, read once; None, with one line in the log, when there is none.

    Raises:
        OpinionError: The files do not fit together or were made for other features.
    """
    stored = read_stored(directory)
    if stored is None:
        _log.warning("no second opinion: its card or its weights are missing; the rules judge alone")
        return None
    card, raw = stored
    thresholds = Thresholds(**read_thresholds(card, Thresholds.__slots__))
    return SecondOpinion(str(card.get("version", "")), _weights(raw, _heads(card)), thresholds)


def _heads(card: Mapping[str, Any]) -> tuple[str, ...]:
    heads = card.get("heads")
    codes = {category.value for category in Category}
    if (
        not isinstance(heads, list)
        or heads[:2] != [ALERT, DANGER]
        or not codes.issuperset(heads[2:])
        or len(heads) < _FEWEST_HEADS
    ):
        raise OpinionError(CARD, f"heads {ALERT}, {DANGER} and two category codes or more", repr(heads))
    return tuple(heads)


def _weights(raw: bytes, heads: tuple[str, ...]) -> Weights:
    arrays = read_arrays(raw, _KINDS)
    known, width = len(arrays["vocabulary"]), len(heads)
    shapes: dict[str, tuple[int, ...]] = {
        "vocabulary": (known,),
        "rarity": (known,),
        "ngrams": (known, width),
        "scale": (width,),
        "bias": (width,),
        "joined": (len(JOINED),),
        "joined_bias": (1,),
        "danger": (2,),
        "company": (len(COMPANY),),
        "company_bias": (1,),
    }
    check_arrays(arrays, _KINDS, shapes)
    joined_bias = float(arrays.pop("joined_bias")[0])
    company_bias = float(arrays.pop("company_bias")[0])
    return Weights(heads=heads, joined_bias=joined_bias, company_bias=company_bias, **arrays)

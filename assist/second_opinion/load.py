"""Reading the model: `card.toml` says what it is, `weights.npz` holds its numbers.

The card names the digest of the weights and the version of the features they were trained on; anything that
does not fit is refused. Arrays are read without pickle.
"""

from __future__ import annotations

import hashlib
import io
import logging
import tomllib
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from koemori.assist.errors import OpinionError
from koemori.assist.second_opinion.features import VERSION
from koemori.assist.second_opinion.model import (
    ALERT,
    DANGER,
    JOINED,
    SecondOpinion,
    Thresholds,
    Weights,
)
from koemori.assist.types import Category
from numpy.typing import NDArray

_log = logging.getLogger(__name__)
BUILT_IN: Final = Path(__file__).parent
CARD: Final = "card.toml"
WEIGHTS: Final = "weights.npz"
_KINDS: Final[dict[str, type[np.generic]]] = {
    "vocabulary": np.uint32,
    "rarity": np.float32,
    "ngrams": np.int8,
    "scale": np.float32,
    "bias": np.float32,
    "joined": np.float32,
    "joined_bias": np.float32,
    "danger": np.float32,
}


@lru_cache(maxsize=4)
def load_opinion(directory: Path = BUILT_IN) -> SecondOpinion | None:
    """The model in `directory`, read once; None, with one line in the log, when there is none.

    Raises:
        OpinionError: The files do not fit together or were made for other features.
    """
    card_file, weights_file = directory / CARD, directory / WEIGHTS
    if not card_file.is_file() or not weights_file.is_file():
        _log.warning("no second opinion: its card or its weights are missing; the rules judge alone")
        return None
    try:
        card = tomllib.loads(card_file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise OpinionError(CARD, "a TOML document", "something else") from None
    raw = weights_file.read_bytes()
    _expect(card, "features_version", VERSION)
    _expect(card, "sha256", hashlib.sha256(raw).hexdigest())
    heads = _heads(card)
    return SecondOpinion(str(card.get("version", "")), _weights(raw, heads), _thresholds(card))


def _expect(card: Mapping[str, Any], key: str, value: object) -> None:
    if card.get(key) != value:
        raise OpinionError(CARD, f"{key} {card.get(key)!r}, as the card says", repr(value))


def _heads(card: Mapping[str, Any]) -> tuple[str, ...]:
    heads = card.get("heads")
    codes = {category.value for category in Category}
    if not isinstance(heads, list) or heads[:2] != [ALERT, DANGER] or not codes.issuperset(heads[2:]):
        raise OpinionError(CARD, f"heads {ALERT}, {DANGER} and category codes", repr(heads))
    return tuple(heads)


def _thresholds(card: Mapping[str, Any]) -> Thresholds:
    table = card.get("thresholds")
    names = Thresholds.__slots__
    if not isinstance(table, dict) or not all(
        isinstance(table.get(name), float) and 0 <= table[name] <= 1 for name in names
    ):
        raise OpinionError(CARD, f"thresholds {', '.join(names)} between 0.0 and 1.0", repr(table))
    return Thresholds(**{name: table[name] for name in names})


def _weights(raw: bytes, heads: tuple[str, ...]) -> Weights:
    arrays = _arrays(raw)
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
    }
    for name, shape in shapes.items():
        kind = np.dtype(_KINDS[name])
        if arrays[name].shape != shape or arrays[name].dtype != kind:
            came = f"{arrays[name].dtype} {arrays[name].shape}"
            raise OpinionError(WEIGHTS, f"{name} {kind} {shape}", came)
    if not np.all(arrays["vocabulary"][1:] > arrays["vocabulary"][:-1]):
        raise OpinionError(WEIGHTS, "a vocabulary in ascending order", "another order")
    joined_bias = float(arrays.pop("joined_bias")[0])
    return Weights(heads=heads, joined_bias=joined_bias, **arrays)


def _arrays(raw: bytes) -> dict[str, NDArray[Any]]:
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
            return {name: stored[name] for name in _KINDS}
    except (KeyError, ValueError, OSError, zipfile.BadZipFile):
        raise OpinionError(WEIGHTS, f"arrays {', '.join(_KINDS)}", "something else") from None

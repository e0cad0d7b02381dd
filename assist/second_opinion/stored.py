"""Reading a model that training stored: a card (TOML) that names the digest of its weights, and the weights.

Whatever does not fit its card, or was trained on other features, is refused. Arrays are read without pickle.
"""

from __future__ import annotations

import hashlib
import io
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from koemori.assist.errors import OpinionError
from koemori.assist.second_opinion.features import VERSION
from numpy.typing import NDArray

CARD: Final = "card.toml"
WEIGHTS: Final = "weights.npz"
Arrays = dict[str, NDArray[Any]]


def read_stored(directory: Path) -> tuple[dict[str, Any], bytes] | None:
    """Card and weights that belong together; None where one of the files is missing.

    Raises:
        OpinionError: The card is no TOML, or names other weights or other features.
    """
    card_file, weights_file = directory / CARD, directory / WEIGHTS
    if not card_file.is_file() or not weights_file.is_file():
        return None
    try:
        card = tomllib.loads(card_file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise OpinionError(CARD, "a TOML document", "something else") from None
    raw = weights_file.read_bytes()
    _expect(card, "features_version", VERSION)
    _expect(card, "sha256", hashlib.sha256(raw).hexdigest())
    return card, raw


def read_thresholds(card: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, float]:
    """The card's probabilities of these names.

    Raises:
        OpinionError: One is missing, or no probability.
    """
    table = card.get("thresholds")
    if not isinstance(table, dict) or not all(
        isinstance(table.get(name), float) and 0 <= table[name] <= 1 for name in names
    ):
        raise OpinionError(CARD, f"thresholds {', '.join(names)} between 0.0 and 1.0", repr(table))
    return {name: table[name] for name in names}


def read_arrays(raw: bytes, kinds: Mapping[str, type[np.generic]]) -> Arrays:
    """The arrays of these names.

    Raises:
        OpinionError: One is missing, or the bytes are no such archive.
    """
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
            return {name: stored[name] for name in kinds}
    except (KeyError, ValueError, OSError, zipfile.BadZipFile):
        raise OpinionError(WEIGHTS, f"arrays {', '.join(kinds)}", "something else") from None


def check_arrays(
    arrays: Arrays, kinds: Mapping[str, type[np.generic]], shapes: Mapping[str, tuple[int, ...]]
) -> None:
    """Refuse arrays of another type or shape, and a vocabulary that is not in ascending order.

    Raises:
        OpinionError: As said.
    """
    for name, shape in shapes.items():
        kind = np.dtype(kinds[name])
        if arrays[name].shape != shape or arrays[name].dtype != kind:
            came = f"{arrays[name].dtype} {arrays[name].shape}"
            raise OpinionError(WEIGHTS, f"{name} {kind} {shape}", came)
    vocabulary = arrays["vocabulary"]
    if not np.all(vocabulary[1:] > vocabulary[:-1]):
        raise OpinionError(WEIGHTS, "a vocabulary in ascending order", "another order")


def _expect(card: Mapping[str, Any], key: str, value: object) -> None:
    if card.get(key) != value:
        raise OpinionError(CARD, f"{key} {card.get(key)!r}, as the card says", repr(value))

"""Writing the model: its weights and the card that says what it is, what it was fed and how well it did."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
from koemori.assist.second_opinion.features import VERSION
from koemori.assist.second_opinion.model import Thresholds, Weights
from koemori.assist.second_opinion.stored import CARD, WEIGHTS
from numpy.typing import NDArray

from benchmarks.training.corpus import Row

MODEL_VERSION: Final = "3.0.0"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_ABOUT: Final = {
    "purpose": (
        "A second opinion on single final utterances of a customer in Japanese, beside the rules of the "
        "lexicon: it raises an alert where no rule warned and makes a notice of a rule's likely false alarm. "
        "A person decides; an alert is never proof."
    ),
    "not_for": (
        "Judging people, agents' words, texts other than recognised speech, other languages, "
        "or any decision without a person."
    ),
    "method": (
        "Logistic regression over character, sound and word n-grams weighted by rarity: alert and danger "
        "against the rest, each category against everything else. A second logistic step joins the alert "
        "score and the best two categories' scores with the rules' findings, a third judges a further "
        "category; they and the thresholds are fitted on scores of authors whom the heads had not read. "
        "Deterministic; the same rows give the same weights."
    ),
    "limits": (
        "Written utterances, not recordings, of few authors; half of them deserve an alert, in calls few do, "
        "so its probabilities are those of such a mixture. It sees one utterance without the call. "
        "It has no idea of who is meant, so reports of another person's words are its commonest mistake."
    ),
    "figures_note": "each author's rows as judged by a model that never read this author",
    "data_licence": "written for this project, fictional, as the project",
}


def write_model(
    directory: Path,
    weights: Weights,
    thresholds: Thresholds,
    rows: Sequence[Row],
    figures: Mapping[str, Mapping[str, float]],
    playbook_version: str,
    made_on: date,
) -> None:
    """Write `weights.npz` and `card.toml` into `directory`, byte for byte the same for the same model."""
    arrays: dict[str, NDArray[Any]] = {
        "vocabulary": weights.vocabulary,
        "rarity": weights.rarity,
        "ngrams": weights.ngrams,
        "scale": weights.scale,
        "bias": weights.bias,
        "joined": weights.joined,
        "joined_bias": np.array([weights.joined_bias], dtype=np.float32),
        "danger": weights.danger,
        "company": weights.company,
        "company_bias": np.array([weights.company_bias], dtype=np.float32),
    }
    facts: dict[str, Any] = {
        "name": "koemori second opinion",
        "version": MODEL_VERSION,
        "made_on": made_on.isoformat(),
        "made_by": "python -m benchmarks.training train",
        **_ABOUT,
        "playbook_version": playbook_version,
        "heads": list(weights.heads),
    }
    tables = {
        "thresholds": {name: getattr(thresholds, name) for name in Thresholds.__slots__},
        "rows": dict(sorted(Counter(row.source for row in rows).items())),
        **{f"figures.{name}": values for name, values in figures.items()},
    }
    store(directory, arrays, facts, tables)


def store(
    directory: Path,
    arrays: Mapping[str, NDArray[Any]],
    facts: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, float]],
) -> None:
    """Write arrays as weights, and the card with their digest; tables `figures.*` are of left-out rows."""
    raw = packed(arrays)
    (directory / WEIGHTS).write_bytes(raw)
    fit = {
        "features_version": VERSION,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "size_bytes": len(raw),
    }
    lines = ["# The model's card. Written by training; the loader refuses weights that do not fit it.", ""]
    lines += [f"{key} = {_toml(value)}" for key, value in {**facts, **fit}.items()]
    for name, values in tables.items():
        lines += _table(name, values)
    (directory / CARD).write_text("\n".join(lines) + "\n", encoding="utf-8")


def packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays as a zip with fixed times, so that its digest depends on the numbers alone."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _EPOCH), content.getvalue(), zipfile.ZIP_DEFLATED)
    return target.getvalue()


def _table(name: str, values: Mapping[str, float]) -> list[str]:
    return ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)

"""How much of each kind this redactor found when it was last measured (`python -m benchmarks.redaction`)."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

FIGURES = "measured.toml"


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures on utterances that were kept apart while the rules were written.

    Attributes:
        redactor_version: What was measured.
        corpus_sha256: Of the labelled utterances.
        recall: Share found, by kind.
        labelled: Spans counted, by kind; few, so the share is uncertain.
    """

    redactor_version: str
    corpus_sha256: str
    recall: Mapping[str, float]
    labelled: Mapping[str, int]


@cache
def measured() -> Measured:
    """The figures, read once."""
    text = resources.files("koemori.assist.redaction").joinpath(FIGURES).read_text(encoding="utf-8")
    return Measured(**tomllib.loads(text))

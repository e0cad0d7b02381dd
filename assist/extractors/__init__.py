"""The extractor port and the table of extractors.

An extractor reads case fields from words. One instance per call; it knows no other extractor.
"""

from __future__ import annotations

from typing import Protocol

from koemori.assist.context import CallView
from koemori.assist.types import FieldProposal, Heard


class Extractor(Protocol):
    """Reads one kind of field from what was said."""

    name: str

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look at the newest utterance; return proposals for fields it speaks of."""
        ...

"""The extractor port and the table of extractors.

An extractor reads case fields from words. One instance per call; it knows no other extractor.
To add one: a file here with a class that has `name`, is made from the call's facts and the playbook, and offers `observe`; one entry
in `EXTRACTORS`; a test file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from koemori.assist.context import CallView
from koemori.assist.extractors.phones import PhoneExtractor
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import CallFacts, FieldProposal, Heard


class Extractor(Protocol):
    """Reads one kind of field from what was said."""

    name: str

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look at the newest utterance; return proposals for fields it speaks of."""
        ...


MakeExtractor = Callable[[CallFacts, Playbook], Extractor]

EXTRACTORS: tuple[MakeExtractor, ...] = (PhoneExtractor,)
"""Every extractor that runs, in this order."""

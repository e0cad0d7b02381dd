"""The extractor port and the table of extractors.

An extractor reads case fields from words. One instance per call; it knows no other extractor.
To add one: a file here with a class that has `name`, is made from the call's facts and the playbook, and
offers `observe`; one entry in `EXTRACTORS`; a test file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from koemori.assist.context import CallView
from koemori.assist.extractors.about import AboutExtractor
from koemori.assist.extractors.demand import DemandExtractor
from koemori.assist.extractors.names import NameExtractor
from koemori.assist.extractors.numbers import NumberExtractor
from koemori.assist.extractors.party import PartyExtractor
from koemori.assist.extractors.phones import PhoneExtractor
from koemori.assist.extractors.product import ProductExtractor
from koemori.assist.extractors.promises import PromiseExtractor
from koemori.assist.extractors.when import WhenExtractor
from koemori.assist.extractors.where import WhereExtractor
from koemori.assist.playbooks.schema import Playbook
from koemori.assist.types import CallFacts, FieldProposal, Heard


class Extractor(Protocol):
    """Reads one kind of field from what was said."""

    name: str

    def observe(self, heard: Heard, call: CallView) -> list[FieldProposal]:
        """Look at the newest utterance; return proposals for fields it speaks of."""
        ...


MakeExtractor = Callable[[CallFacts, Playbook], Extractor]

EXTRACTORS: tuple[MakeExtractor, ...] = (
    NameExtractor,
    PhoneExtractor,
    NumberExtractor,
    ProductExtractor,
    WhenExtractor,
    WhereExtractor,
    AboutExtractor,
    PartyExtractor,
    DemandExtractor,
    PromiseExtractor,
)
"""Every extractor that runs, in this order."""

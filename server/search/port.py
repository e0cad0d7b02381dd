"""The transcript index as the rest of the service sees it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from koemori.server.db.tables import UtteranceRow
from koemori.server.search.words import Searchable
from sqlalchemy import Select
from sqlalchemy.orm import Session


class TranscriptIndex(Protocol):
    """Where in which calls something was said."""

    def calls_with(self, term: Searchable) -> Select[str]:
        """A sub-query of the ids of calls in which the term was said, by spelling or by reading."""
        ...

    def hits(
        self, session: Session, terms: Collection[Searchable], call_ids: Collection[str], per_call: int
    ) -> Mapping[str, list[UtteranceRow]]:
        """The utterances of these calls in which any of the terms was said, in order, by call."""
        ...

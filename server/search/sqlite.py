"""The transcript index on SQLite: FTS5 over trigrams, and LIKE for words of one or two characters.

Trigrams hold every run of three characters, so text without spaces needs no word breaking at search time. A
shorter word has no trigram; it is looked for in each row, which a call centre's year of text still answers
in well under a second per hundred thousand utterances.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from koemori.server.db.tables import UtteranceRow
from koemori.server.search.words import Searchable
from sqlalchemy import ColumnElement, Select, bindparam, column, or_, select, text
from sqlalchemy.orm import Session

_SHORTEST_INDEXED = 3


class SqliteTranscriptIndex:
    """`TranscriptIndex` over the table `utterances_fts`."""

    def calls_with(self, term: Searchable) -> Select[str]:
        """See `TranscriptIndex`."""
        return select(UtteranceRow.call_id).where(_said(term))

    def hits(
        self, session: Session, terms: Collection[Searchable], call_ids: Collection[str], per_call: int
    ) -> Mapping[str, list[UtteranceRow]]:
        """See `TranscriptIndex`."""
        found: defaultdict[str, list[UtteranceRow]] = defaultdict(list)
        if not terms or not call_ids:
            return found
        query = (
            select(UtteranceRow)
            .where(UtteranceRow.call_id.in_(call_ids), or_(*(_said(term) for term in terms)))
            .order_by(UtteranceRow.call_id, UtteranceRow.start_ms)
        )
        for row in session.scalars(query):
            if len(found[row.call_id]) < per_call:
                found[row.call_id].append(row)
        return found


def _said(term: Searchable) -> ColumnElement[bool]:
    by_spelling = _in_column("normalized", term.surface)
    return or_(by_spelling, _in_column("reading", term.reading)) if term.reading else by_spelling


def _in_column(name: str, needle: str) -> ColumnElement[bool]:
    if len(needle) < _SHORTEST_INDEXED:
        return getattr(UtteranceRow, name).contains(needle, autoescape=True)  # type: ignore[no-any-return]
    # The needle is a bound parameter; only the column's name, one of two, is put into the statement.
    phrase = needle.replace('"', '""')
    matching = (
        text("SELECT rowid FROM utterances_fts WHERE utterances_fts MATCH :phrase")
        .bindparams(bindparam("phrase", f'{name} : "{phrase}"', unique=True))
        .columns(column("rowid"))
    )
    return UtteranceRow.id.in_(matching)

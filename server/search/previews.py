"""What a search shows of a call to somebody who may not hear it: the words, without personal data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from koemori.assist.redaction import Redactor, masked
from koemori.assist.types import Heard
from koemori.audio.call import ChannelRole
from koemori.server.db.tables import UtteranceRow
from sqlalchemy import select
from sqlalchemy.orm import Session

BEFORE: Final = 12
AFTER: Final = 4
"""Utterances around a hit that the redactor listens to: a question before it, a name's reading after it."""


def redacted_hits(
    session: Session, hits: Sequence[UtteranceRow], names: Collection[str], numbers: Collection[str]
) -> Mapping[str, str]:
    """The text of each hit without personal data, by utterance id.

    Args:
        session: A read transaction.
        hits: Utterances of one call.
        names: Persons of this call, as far as they are known.
        numbers: Their numbers.
    """
    if not hits:
        return {}
    redactor = Redactor(names, numbers)
    around = _around(session, hits)
    for row in around:
        speaker = ChannelRole(row.speaker)
        redactor.push(Heard(row.utterance_id, speaker, row.start_ms, row.end_ms, row.text))
    spans = redactor.spans()
    return {row.utterance_id: masked(row.text, spans[row.utterance_id]) for row in hits}


def _around(session: Session, hits: Sequence[UtteranceRow]) -> list[UtteranceRow]:
    """The hits with their neighbours, in order; ids of a call's utterances rise by more than one at times."""
    call = UtteranceRow.call_id == hits[0].call_id
    near: dict[int, UtteranceRow] = {}
    for hit in hits:
        before = select(UtteranceRow).where(call, UtteranceRow.id <= hit.id).order_by(UtteranceRow.id.desc())
        after = select(UtteranceRow).where(call, UtteranceRow.id > hit.id).order_by(UtteranceRow.id)
        rows = [*session.scalars(before.limit(BEFORE + 1)), *session.scalars(after.limit(AFTER))]
        near.update((row.id, row) for row in rows)
    first = select(UtteranceRow).where(call).order_by(UtteranceRow.id).limit(AFTER)
    near.update((row.id, row) for row in session.scalars(first))
    return sorted(near.values(), key=lambda row: (row.start_ms, row.end_ms, row.id))

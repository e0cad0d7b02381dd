"""Paging by position: a cursor names the last row shown, so rows added meanwhile shift nothing."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime

from koemori.audio.errors import KoemoriError
from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

_MAX_CURSOR_CHARACTERS = 200


class CursorError(KoemoriError):
    """A cursor that this service did not make."""

    code = "cursor-invalid"

    def __init__(self) -> None:
        super().__init__("cursor: expected one from next_cursor of a page; got another text")


@dataclass(frozen=True, slots=True)
class Position:
    """A row's place in a list ordered by time, newest first, and identifier."""

    at: datetime
    identifier: str

    def cursor(self) -> str:
        """The text a client sends back."""
        parts = json.dumps([self.at.isoformat(), self.identifier])
        return base64.urlsafe_b64encode(parts.encode()).decode().rstrip("=")


def read_cursor(text: str | None) -> Position | None:
    """The position a cursor names.

    Raises:
        CursorError: Not a cursor of this service.
    """
    if text is None:
        return None
    if len(text) > _MAX_CURSOR_CHARACTERS:
        raise CursorError
    try:
        at, identifier = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        when = datetime.fromisoformat(at)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise CursorError from None
    if when.tzinfo is None or not isinstance(identifier, str):
        raise CursorError
    return Position(when, identifier)


def after(
    position: Position, at: InstrumentedAttribute[datetime], identifier: InstrumentedAttribute[str]
) -> ColumnElement[bool]:
    """The condition that keeps the rows behind a position, newest first."""
    return or_(at < position.at, and_(at == position.at, identifier < position.identifier))

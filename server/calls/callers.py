"""Looking up who calls: from the number the phone system gave, then from what the case says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from koemori.assist.types import AssistEvent, CallerKnown, CaseRevision, EarlierCall, MatchedBy
from koemori.server.calls.caller_keys import cleared, keys_of
from koemori.server.calls.ports import LookUp

if TYPE_CHECKING:
    from koemori.server.db.engine import Database

_log = logging.getLogger(__name__)
_PATIENCE_S: Final = 2.0
MOST_LOOK_UPS: Final = 20
"""Of one call: a form is no way to leaf through everybody's calls."""
_LOOKING_UP = ThreadPoolExecutor(2, "koemori-callers")
"""Threads of their own: a look-up that hangs must leave the others' to storing and sealing."""


class CallerFinder:
    """Follows one call's case; asks again whenever it says something new about who calls.

    Best effort: a database that is slow or gone costs the history, never a word of the call.
    """

    def __init__(self, call_id: str, look_up: LookUp) -> None:
        self._call_id = call_id
        self._look_up = look_up
        self._asked: dict[MatchedBy, str] = {}
        self._look_ups = 0

    async def known(self, at_ms: int, fields: Mapping[str, str]) -> CallerKnown | None:
        """What follows for the engine from these fields; None when they tell nothing new."""
        gone = cleared(fields)
        keys = {kind: key for kind, key in self._asked.items() if kind not in gone} | keys_of(fields)
        if keys == self._asked or self._look_ups >= MOST_LOOK_UPS:
            return None
        self._asked = keys
        self._look_ups += 1
        try:
            async with asyncio.timeout(_PATIENCE_S):
                calls = await self._look_up(self._call_id, keys)
        except Exception as error:
            _log.warning(
                "earlier calls not found out",
                extra={"call_id": self._call_id, "error": type(error).__name__},
            )
            return None
        # Another question was asked meanwhile: its answer is the newer one.
        return CallerKnown(at_ms, calls) if keys is self._asked else None

    async def after(self, results: Iterable[AssistEvent]) -> CallerKnown | None:
        """As `known`, from the newest case among what the engine just said."""
        revisions = [result for result in results if isinstance(result, CaseRevision)]
        if not revisions:
            return None
        fields = {name: field.value for name, field in revisions[-1].fields.items()}
        return await self.known(revisions[-1].at_ms, fields)


def in_database(database: Database, days: int) -> LookUp:
    """Look up among the calls of the last `days`."""
    from koemori.server.db.repositories import callers

    def read(call_id: str, keys: Mapping[MatchedBy, str]) -> tuple[EarlierCall, ...]:
        with database.read() as session:
            return callers.earlier(session, call_id, keys, datetime.now(UTC) - timedelta(days=days))

    async def look_up(call_id: str, keys: Mapping[MatchedBy, str]) -> tuple[EarlierCall, ...]:
        return await asyncio.get_running_loop().run_in_executor(_LOOKING_UP, read, call_id, keys)

    return look_up

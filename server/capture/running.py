"""Runs one call of a trunk, and keeps the trunk's standing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from koemori.audio.call import CallStarted
from koemori.audio.errors import KoemoriError
from koemori.audio.frames import AudioFrame, SourceEvent
from koemori.server.calls.live import NoNewCallsError
from koemori.server.calls.ports import CallSource, StoppableSource
from koemori.server.calls.session import SourceProtocolError
from koemori.server.capture.trunk import TrunkContext, TrunkStatus
from koemori.server.wire import CallEndedEvent

logger = logging.getLogger(__name__)
NO_CALL = "no-call"


async def run_call(context: TrunkContext, source: CallSource) -> CallEndedEvent | None:
    """Run a call to its sealed end; None when it never began, which is counted and told in the log."""
    context.status.calls_live += 1
    try:
        return await context.live.run(_Observed(source, context.status))
    except SourceProtocolError:
        context.refuse(NO_CALL)
    except NoNewCallsError as error:
        context.refuse(error.code)
    except KoemoriError as error:
        logger.error("call refused", extra={"trunk": context.name}, exc_info=error)
        context.refuse(error.code)
    finally:
        context.status.calls_live -= 1
    return None


@dataclass(frozen=True, slots=True)
class _Observed:
    """A source whose start and audio are noted in the trunk's standing as they pass."""

    source: CallSource
    status: TrunkStatus

    async def events(self) -> AsyncIterator[SourceEvent]:
        async for event in self.source.events():
            if isinstance(event, AudioFrame):
                self.status.last_media_at = datetime.now(UTC)
            elif isinstance(event, CallStarted):
                self.status.calls_taken += 1
                self.status.last_call_at = datetime.now(UTC)
            yield event

    def stop(self, reason: str) -> None:
        if isinstance(self.source, StoppableSource):
            self.source.stop(reason)

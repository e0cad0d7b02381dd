"""Runs one call of a trunk, and keeps the trunk's standing."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from koemori.audio.call import CallEnded, CallStarted
from koemori.audio.errors import KoemoriError
from koemori.audio.frames import AudioFrame, SourceEvent
from koemori.server.calls.live import NoNewCallsError
from koemori.server.calls.ports import CallSource, StoppableSource
from koemori.server.calls.session import SourceProtocolError
from koemori.server.capture.call_watch import CallWatch
from koemori.server.capture.trunk import TrunkContext
from koemori.server.wire import CallEndedEvent

logger = logging.getLogger(__name__)
NO_CALL = "no-call"


async def run_call(context: TrunkContext, source: CallSource) -> CallEndedEvent | None:
    """Run a call to its sealed end; None when it never began, which is counted and told in the log."""
    context.status.calls_live += 1
    try:
        return await context.live.run(observed(context, source))
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


def observed(context: TrunkContext, source: CallSource, told: Collection[str] = ()) -> CallSource:
    """A source whose start, audio and faults are noted in the trunk's standing as they pass.

    Args:
        context: The trunk's.
        source: Of the call.
        told: Problems that the kind of trunk counts by itself.
    """
    return _Observed(source, context, frozenset(told))


@dataclass(frozen=True, slots=True)
class _Observed:
    source: CallSource
    context: TrunkContext
    told: frozenset[str]
    watch: CallWatch = field(default_factory=CallWatch)

    async def events(self) -> AsyncIterator[SourceEvent]:
        status = self.context.status
        async for event in self.source.events():
            if isinstance(event, AudioFrame):
                status.last_media_at = datetime.now(UTC)
            elif isinstance(event, CallStarted):
                status.calls_taken += 1
                status.last_call_at = datetime.now(UTC)
            self.watch.push(event)
            if isinstance(event, CallEnded):
                for code in self.watch.problems - self.told:
                    self.context.problem(code)
            yield event

    def stop(self, reason: str) -> None:
        if isinstance(self.source, StoppableSource):
            self.source.stop(reason)

"""Runs one call of a trunk, and keeps the trunk's standing."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from koemori.audio.errors import KoemoriError
from koemori.server.calls.live import NoNewCallsError
from koemori.server.calls.ports import CallSource
from koemori.server.calls.session import SourceProtocolError
from koemori.server.capture.trunk import TrunkContext
from koemori.server.wire import CallEndedEvent

logger = logging.getLogger(__name__)
NO_CALL = "no-call"


async def run_call(context: TrunkContext, source: CallSource) -> CallEndedEvent | None:
    """Run a call to its sealed end; None when it never began, which is counted and told in the log."""
    status = context.status
    status.calls_live += 1
    try:
        ended = await context.live.run(source)
    except SourceProtocolError:
        context.refuse(NO_CALL)
    except NoNewCallsError as error:
        context.refuse(error.code)
    except KoemoriError as error:
        logger.error("call refused", extra={"trunk": context.name}, exc_info=error)
        context.refuse(error.code)
    else:
        status.calls_taken += 1
        status.last_call_at = datetime.now(UTC)
        return ended
    finally:
        status.calls_live -= 1
    return None

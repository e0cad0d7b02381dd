"""The calls of a WHIP trunk; each offer is one. Its routes are in `koemori.server.capture.whip_routes`."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
from dataclasses import dataclass, field

from koemori.audio.ingest.webrtc import CallerFacts, WebRtcCall, WebRtcLimits
from koemori.server.capture.running import run_call
from koemori.server.capture.trunk import TrunkContext
from koemori.server.capture.whip_routes import Offerer
from koemori.server.capture.whip_settings import WhipTrunk
from koemori.server.config import read_secret

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class WhipListener:
    """The calls of one trunk."""

    context: TrunkContext
    settings: WhipTrunk
    _token: str | None = None
    _calls: dict[str, WebRtcCall] = field(default_factory=dict)
    _answering: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self) -> None:
        """Read the secret; the HTTP port is open already."""
        self._token = read_secret(
            f"trunks.{self.context.name}", "token", self.settings.token, self.settings.token_file
        )

    async def aclose(self) -> None:
        """Close what is still open."""
        for call in self._calls.values():
            call.stop("shutdown")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=5)

    def knows(self, token: str) -> bool:
        """Whether this is the trunk's own token."""
        return self._token is not None and hmac.compare_digest(token.encode(), self._token.encode())

    @property
    def full(self) -> bool:
        """Whether no further call is taken."""
        return len(self._calls) + self._answering >= self.settings.max_calls

    async def take(self, offer_sdp: str, offerer: Offerer) -> tuple[str, str]:
        """See `OfferTrunk`."""
        settings = self.settings
        facts = CallerFacts(
            settings.roles,
            offerer.agent_id,
            offerer.customer_number,
            offerer.queue or settings.queue,
            dict(offerer.external_ids),
        )
        limits = WebRtcLimits(self.settings.connect_s, self.settings.silence_s)
        self._answering += 1
        try:
            call = await WebRtcCall.answer(offer_sdp, facts, limits)
        finally:
            self._answering -= 1
        name = secrets.token_urlsafe(16)
        self._calls[name] = call
        task = asyncio.create_task(self._run(name, call), name="whip-call")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return name, call.answer_sdp

    def end(self, name: str) -> bool:
        """The peer is done; False when there is no such call."""
        call = self._calls.get(name)
        if call is not None:
            call.stop("completed")
        return call is not None

    def hold(self, name: str, held: bool) -> bool:
        """See `OfferTrunk`."""
        call = self._calls.get(name)
        if call is not None:
            call.hold(held)
        return call is not None

    async def _run(self, name: str, call: WebRtcCall) -> None:
        try:
            await run_call(self.context, call)
        except Exception as error:  # the task's edge
            logger.error("call failed", extra={"trunk": self.context.name}, exc_info=error)
        finally:
            del self._calls[name]


def open_trunk(context: TrunkContext, settings: WhipTrunk) -> WhipListener:
    """The listener of a trunk, not yet started."""
    return WhipListener(context, settings)

"""What every kind of trunk has in common: its standing, and what runs it.

A trunk is one configured way by which calls come in: `[trunks.<name>]` with a `kind`. Each kind has its
settings in `koemori.server.capture.<kind>_settings` and its listener in `koemori.server.capture.<kind>`.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from koemori.server.calls.live import LiveCalls
from koemori.server.telemetry import Metrics
from starlette.websockets import WebSocket

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class TrunkStatus:
    """How a trunk is doing; counts since the start, no personal data.

    Attributes:
        calls_live: Now.
        calls_taken: Calls that began.
        refused: Code of the reason → how often: `not-allowed`, `bad-signature`, `too-many-calls`, …
        problems: Code of what is wrong with calls → how often: `no-media`, `one-way`, `label-unmatched`,
            `codec-not-agreed`, …; `koemori doctor trunks` has a sentence for each.
        last_call_at: When the last call began.
        last_media_at: When audio last came.
        opened_at: When the trunk was opened.
    """

    calls_live: int = 0
    calls_taken: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    last_call_at: datetime | None = None
    last_media_at: datetime | None = None
    opened_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class TrunkContext:
    """What a listener is given.

    Attributes:
        name: Of the trunk.
        live: Runs each call: `await live.run(source)`.
        metrics: What is counted.
        status: The trunk's own.
        public_url: How the outside reaches the service's HTTP port, where it is known.
    """

    name: str
    live: LiveCalls
    metrics: Metrics
    status: TrunkStatus
    public_url: str | None = None

    def refuse(self, code: str) -> None:
        """Count a refusal; the peer is told by the protocol's own means."""
        self.status.refused[code] += 1
        self.metrics.trunk_refusals.labels(self.name, code).inc()

    def problem(self, code: str) -> None:
        """Count what is wrong with a call; the first of each kind is told in the log."""
        self.status.problems[code] += 1
        if self.status.problems[code] == 1:
            logger.warning("trunk has a problem", extra={"trunk": self.name, "problem": code})


class TrunkListener(Protocol):
    """Takes calls from one trunk."""

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            KoemoriError: An address or a certificate cannot be used.
        """
        ...

    async def aclose(self) -> None:
        """Take nothing more and let go of everything; live calls have been sealed before."""
        ...


@runtime_checkable
class SocketTrunk(TrunkListener, Protocol):
    """A trunk whose phone system opens a WebSocket at `/ingest/<name>`."""

    async def serve(self, socket: WebSocket) -> None:
        """Take one connection, not yet accepted; refuse it or run its calls to the end."""
        ...

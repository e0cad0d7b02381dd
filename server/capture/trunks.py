"""All trunks of the service: opened after the pipeline, closed after the calls are sealed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from koemori.server.calls.live import LiveCalls
from koemori.server.capture.kinds import open_trunk
from koemori.server.capture.settings import TrunkConfig
from koemori.server.capture.trunk import SocketTrunk, TrunkContext, TrunkListener, TrunkStatus
from koemori.server.capture.trunk_metrics import observe_trunks
from koemori.server.telemetry import Metrics

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Trunks:
    """The trunks that are open, by name."""

    listeners: dict[str, TrunkListener] = field(default_factory=dict)
    statuses: dict[str, TrunkStatus] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def open(
        cls, configured: Mapping[str, TrunkConfig], live: LiveCalls, metrics: Metrics, public_url: str | None
    ) -> Trunks:
        """Open every trunk of the settings.

        Raises:
            KoemoriError: One cannot be opened; those opened before are closed again.
        """
        trunks = cls()
        observe_trunks(metrics, trunks.statuses)
        try:
            for name, settings in configured.items():
                status = trunks.statuses[name] = TrunkStatus()
                listener = open_trunk(TrunkContext(name, live, metrics, status, public_url), settings)
                await listener.start()
                trunks.listeners[name], trunks.kinds[name] = listener, settings.kind
                logger.info("trunk is open", extra={"trunk": name, "kind": settings.kind})
        except BaseException:
            await trunks.aclose()
            raise
        return trunks

    def socket(self, name: str) -> SocketTrunk | None:
        """The trunk that takes WebSockets at `/ingest/<name>`; None when there is none."""
        listener = self.listeners.get(name)
        return listener if isinstance(listener, SocketTrunk) else None

    async def aclose(self) -> None:
        """Close every trunk; one that fails does not keep the others open."""
        for name, listener in self.listeners.items():
            try:
                await listener.aclose()
            except Exception as error:
                logger.error("trunk not closed", extra={"trunk": name}, exc_info=error)
        self.listeners.clear()

"""The standing of trunks on `/metrics`, as it is whenever somebody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from koemori.server.capture.trunk import TrunkStatus
from koemori.server.telemetry import Metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

PREFIX = "koemori_trunk"


def observe_trunks(metrics: Metrics, statuses: Mapping[str, TrunkStatus]) -> None:
    """Show the trunks on `/metrics`; once per `Metrics`."""
    metrics.registry.register(TrunkCollector(statuses))


class TrunkCollector(Collector):
    """Reads what the trunks count anyway; ages are those of the moment, absent before the first."""

    def __init__(
        self, statuses: Mapping[str, TrunkStatus], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._statuses = statuses
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        live = GaugeMetricFamily(f"{PREFIX}_calls_live", "Calls of a trunk now", labels=["trunk"])
        taken = CounterMetricFamily(f"{PREFIX}_calls", "Calls of a trunk that began", labels=["trunk"])
        problems = CounterMetricFamily(
            f"{PREFIX}_problems", "What was wrong with calls of a trunk", labels=["trunk", "problem"]
        )
        ages = {
            name: GaugeMetricFamily(f"{PREFIX}_{name}_age_seconds", text, labels=["trunk"])
            for name, text in (
                ("open", "Since a trunk was opened"),
                ("last_call", "Since a call of a trunk last began"),
                ("last_media", "Since audio of a trunk last came"),
            )
        }
        now = self._now()
        for trunk, status in tuple(self._statuses.items()):
            live.add_metric([trunk], status.calls_live)
            taken.add_metric([trunk], status.calls_taken)
            for code, count in tuple(status.problems.items()):
                problems.add_metric([trunk, code], count)
            moments = (status.opened_at, status.last_call_at, status.last_media_at)
            for age, at in zip(ages.values(), moments, strict=True):
                if at is not None:
                    age.add_metric([trunk], max(0.0, (now - at).total_seconds()))
        yield from (live, taken, problems, *ages.values())

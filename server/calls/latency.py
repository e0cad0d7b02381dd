"""Latency of a call's events: percentiles by nearest rank, per kind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from koemori.server.wire import Percentiles, WireLatency

KINDS = ("partial", "utterance", "alert")


def percentiles(values_ms: Iterable[int]) -> Percentiles:
    """p50, p95 and p99 by nearest rank; all null when there is nothing to rank."""
    ranked = sorted(values_ms)
    if not ranked:
        return Percentiles()

    def at(percent: int) -> int:
        return ranked[max(0, -(-percent * len(ranked) // 100) - 1)]

    return Percentiles(p50=at(50), p95=at(95), p99=at(99), count=len(ranked))


@dataclass(slots=True)
class LatencyLog:
    """Latencies of one call's events, in milliseconds."""

    _values: dict[str, list[int]] = field(default_factory=lambda: {kind: [] for kind in KINDS})

    def note(self, kind: str, latency_ms: int) -> None:
        """Keep one latency; kinds that are not reported are passed over."""
        if kind in self._values:
            self._values[kind].append(latency_ms)

    def report(self) -> WireLatency:
        """Percentiles per kind."""
        return WireLatency(
            partial=percentiles(self._values["partial"]),
            utterance=percentiles(self._values["utterance"]),
            alert=percentiles(self._values["alert"]),
        )

"""Logs and metrics of the service, without personal data.

Lower layers log through the standard library: a constant message, facts in `extra`. Here those records become
one JSON object a line on stderr. Two rules keep people out of them: a key with a whole `pii` segment
(`pii`, `pii.text`, `caller.pii`) is dropped with its value, and an exception leaves its class, code and
places, but not its text unless it is one of our own (whose text may hold nothing personal).
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, Protocol, TextIO

import structlog
from koemori.audio.errors import KoemoriError
from koemori.models.ports import Load, LoadLevel
from koemori.server.config import LoggingSettings
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_PII_SEGMENT = "pii"
_STAGE_BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0, 3.5, 5.0, 10.0)
_LATENCY_BUCKETS_S = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.5, 5.0, 10.0)


def configure_logging(settings: LoggingSettings, stream: TextIO | None = None) -> None:
    """Send every logger of the process through the filter, to `stream` (stderr when None)."""
    renderer: structlog.types.Processor
    if settings.format == "json":
        renderer = structlog.processors.JSONRenderer(
            ensure_ascii=False, default=lambda value: type(value).__name__
        )
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=False)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            describe_exception,
            drop_quoted_objects,
            drop_personal_data,
            renderer,
        ],
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
        logging.getLogger(name).setLevel(logging.WARNING)
    # Request lines carry what was searched for, and library chatter below warning carries addresses.
    logging.getLogger("uvicorn.access").disabled = True
    for name in (
        "aioice",
        "aiortc",
        "httpx",
        "httpx2",
        "httpcore",
        "websockets",
        "faster_whisper",
        "sqlalchemy",
        "alembic",
        "asyncio",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)


def drop_personal_data(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Structlog processor: remove every key with a whole `pii` segment, at any depth."""
    return {key: _without_pii(value) for key, value in event.items() if not _is_personal(key)}


def drop_quoted_objects(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Structlog processor: the event loop quotes tasks and their exceptions below its first line."""
    if event.get("logger") == "asyncio":
        event["event"] = str(event.get("event", "")).partition("\n")[0]
    return event


def describe_exception(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Structlog processor: replace `exc_info` by class, code and places; a foreign error's text stays out."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["places"] = [
            f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}:{frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)[-8:]
        ]
        if isinstance(error, KoemoriError):
            event["code"] = error.code
            event["reason"] = str(error)
    return event


def _is_personal(key: object) -> bool:
    return _PII_SEGMENT in str(key).split(".")


def _without_pii(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _without_pii(inner) for key, inner in value.items() if not _is_personal(key)}
    if isinstance(value, (list, tuple)):
        return [_without_pii(inner) for inner in value]
    return value


class Metrics:
    """All counters, gauges and histograms of one process, in their own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._of_recording(self.registry)
        self._of_assistance(self.registry)

    def _of_recording(self, registry: CollectorRegistry) -> None:
        self.journal_age = Gauge(
            "koemori_journal_age_seconds", "Age of the oldest audio not yet on disk", registry=registry
        )
        self.journal_alarms = Counter(
            "koemori_journal_alarms",
            "Times the journal said that the disk fails or is slow",
            ["code"],
            registry=registry,
        )
        self.calls_live = Gauge("koemori_calls_live", "Calls being recorded now", registry=registry)
        self.calls_ended = Counter("koemori_calls_ended", "Calls that ended", ["reason"], registry=registry)
        self.gaps = Counter("koemori_gap_seconds", "Missing audio", ["cause"], registry=registry)
        self.ingest_errors = Counter(
            "koemori_ingest_errors", "Unusable messages and broken streams", ["code"], registry=registry
        )
        self.trunk_refusals = Counter(
            "koemori_trunk_refusals",
            "Calls, connections and requests that a trunk refused",
            ["trunk", "reason"],
            registry=registry,
        )
        self.events_waiting = Gauge(
            "koemori_events_waiting", "Events that the database has not taken yet", registry=registry
        )
        self.events_dropped = Counter(
            "koemori_events_dropped",
            "Events not kept because the database took none for too long",
            registry=registry,
        )
        self.sealing_seconds = Histogram(
            "koemori_sealing_seconds", "From the end of a call to its sealed recording", registry=registry
        )

    def _of_assistance(self, registry: CollectorRegistry) -> None:
        self.stage_latency = Histogram(
            "koemori_stage_latency_seconds",
            "From the end of the audio an event speaks of to its emission, by kind of event",
            ["kind"],
            buckets=_LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.stage = Histogram(
            "koemori_stage_seconds",
            "Where that time goes: one observation per event and stage",
            ["kind", "stage"],
            buckets=_STAGE_BUCKETS_S,
            registry=registry,
        )
        self.alerts = Counter("koemori_alerts", "Alerts raised", ["category", "severity"], registry=registry)
        self.partials_dropped = Counter(
            "koemori_partials_dropped", "Partials skipped because the assist side was late", registry=registry
        )
        self.voice_left_out = Counter(
            "koemori_voice_left_out_seconds",
            "Speech of callers whose loudness was not measured",
            registry=registry,
        )
        self.not_assisted = Counter(
            "koemori_not_assisted_seconds",
            "Recorded audio that was not listened to",
            ["reason"],
            registry=registry,
        )
        self.quarantined = Counter(
            "koemori_quarantined", "Texts that were not believed", ["reason"], registry=registry
        )
        self.assist_failures = Counter(
            "koemori_assist_failures", "Failures of the assist side of a call", ["error"], registry=registry
        )
        self.third_opinion = Counter(
            "koemori_third_opinion",
            "Doubts a language model was to be asked about, by what came of it",
            ["outcome"],
            registry=registry,
        )
        self.third_opinion_seconds = Histogram(
            "koemori_third_opinion_seconds",
            "From the request to the language model to its answer, or to giving up",
            buckets=_STAGE_BUCKETS_S,
            registry=registry,
        )

    def render(self) -> tuple[bytes, str]:
        """The exposition text and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class ObservedPool(Protocol):
    """What `/metrics` tells of a worker pool; the counts only ever rise."""

    @property
    def restarts(self) -> int:
        """Workers started again after they died."""
        ...

    @property
    def batches(self) -> int:
        """Runs of the model."""
        ...

    @property
    def windows(self) -> int:
        """Windows in those runs."""
        ...

    @property
    def busy_ms(self) -> float:
        """Time the workers have spent on them, summed over workers."""
        ...

    @property
    def load(self) -> Load:
        """How busy the pool is now."""
        ...


def observe_pool(metrics: Metrics, pool: ObservedPool) -> None:
    """Show a pool on `/metrics`, as it stands whenever somebody asks; once per `Metrics`."""
    metrics.registry.register(_PoolCollector(pool))


class _PoolCollector(Collector):
    def __init__(self, pool: ObservedPool) -> None:
        self._pool = pool

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        pool, load = self._pool, self._pool.load
        partials = load.level < LoadLevel.PARTIALS_OFF
        yield GaugeMetricFamily(
            "koemori_recogniser_load_level",
            "What is shed: 0 nothing, 1 partials reduced, 2 partials off, 3 large windows, 4 finals refused",
            value=int(load.level),
        )
        yield GaugeMetricFamily(
            "koemori_recogniser_partial_interval_seconds",
            "New speech between two partials; NaN while there are none",
            value=load.partial_interval_ms / 1000 if partials else float("nan"),
        )
        yield GaugeMetricFamily(
            "koemori_recogniser_waiting_windows", "Windows accepted and not yet begun", value=load.waiting
        )
        yield CounterMetricFamily(
            "koemori_recogniser_worker_restarts", "Workers started again after they died", value=pool.restarts
        )
        yield CounterMetricFamily("koemori_recogniser_batches", "Runs of the recogniser", value=pool.batches)
        yield CounterMetricFamily("koemori_recogniser_windows", "Windows in those runs", value=pool.windows)
        yield CounterMetricFamily(
            "koemori_recogniser_busy_seconds", "Time of workers spent on windows", value=pool.busy_ms / 1000
        )

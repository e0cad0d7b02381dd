"""Logs are JSON without personal data; metrics have no labels that could carry any."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from koemori.audio.errors import AudioFileError
from koemori.models.ports import Load, LoadLevel
from koemori.server.config import LoggingSettings
from koemori.server.telemetry import Metrics, configure_logging, observe_pool

pytestmark = pytest.mark.unit


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.getLogger("uvicorn.access").disabled)
    stream = io.StringIO()
    configure_logging(LoggingSettings(), stream)
    yield stream
    root.handlers[:], root.level = before[0], before[1]
    logging.getLogger("uvicorn.access").disabled = before[2]


def _lines(log: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_record_of_a_lower_layer_becomes_one_json_object(log: io.StringIO) -> None:
    logging.getLogger("koemori.audio.journal").warning("journal is late", extra={"call_id": "c", "age_ms": 3})
    (line,) = _lines(log)
    assert line["event"] == "journal is late"
    assert (line["call_id"], line["age_ms"], line["level"]) == ("c", 3, "warning")


@pytest.mark.parametrize("key", ["pii", "pii.text", "caller.pii", "a.pii.b"])
def test_a_key_with_a_pii_segment_is_dropped(log: io.StringIO, key: str) -> None:
    logging.getLogger("x").warning("heard", extra={key: "小野寺", "outer": {key: "小野寺", "kept": 1}})
    assert "小野寺" not in log.getvalue()
    assert _lines(log)[0]["outer"] == {"kept": 1}


def test_a_key_that_only_contains_the_letters_stays(log: io.StringIO) -> None:
    logging.getLogger("x").warning("heard", extra={"piiish": "kept"})
    assert _lines(log)[0]["piiish"] == "kept"


def test_a_foreign_error_leaves_its_class_and_place_but_not_its_text(log: io.StringIO) -> None:
    try:
        raise ValueError("小野寺 said so")
    except ValueError:
        logging.getLogger("x").exception("failed")
    assert "小野寺" not in log.getvalue()
    (line,) = _lines(log)
    assert line["error"] == "ValueError"
    assert "test_telemetry.py" in str(line["places"])


async def test_what_the_event_loop_says_of_a_lost_task_quotes_nobody(log: io.StringIO) -> None:
    async def fail() -> None:
        raise ValueError("小野寺 said so")

    task = asyncio.create_task(fail())
    await asyncio.wait({task})
    asyncio.get_running_loop().call_exception_handler(
        {"message": "Task exception was never retrieved", "exception": task.exception(), "task": task}
    )
    assert "小野寺" not in log.getvalue()
    (line,) = _lines(log)
    assert (line["event"], line["error"]) == ("Task exception was never retrieved", "ValueError")


def test_our_own_error_keeps_its_sentence(log: io.StringIO) -> None:
    try:
        raise AudioFileError("a.wav", "audio", "text")
    except AudioFileError:
        logging.getLogger("x").exception("failed")
    assert _lines(log)[0]["reason"] == "a.wav: expected audio; got text"


def test_metrics_render_in_their_own_registry() -> None:
    metrics = Metrics()
    metrics.alerts.labels("threat", "3").inc()
    body, content_type = metrics.render()
    assert b'koemori_alerts_total{category="threat",severity="3"} 1.0' in body
    assert content_type.startswith("text/plain")
    Metrics()


@dataclass
class BusyPool:
    """The figures of a pool that works."""

    load: Load
    restarts: int = 2
    batches: int = 40
    windows: int = 100
    busy_ms: float = 12_500.0


def test_a_pool_is_shown_as_it_stands_when_somebody_asks() -> None:
    metrics = Metrics()
    pool = BusyPool(Load(LoadLevel.NORMAL, 600, 0))
    observe_pool(metrics, pool)
    pool.load = Load(LoadLevel.PARTIALS_REDUCED, 1500, 7)
    pool.restarts += 1
    shown = metrics.render()[0].decode()
    for line in (
        "koemori_recogniser_load_level 1.0",
        "koemori_recogniser_partial_interval_seconds 1.5",
        "koemori_recogniser_waiting_windows 7.0",
        "koemori_recogniser_worker_restarts_total 3.0",
        "koemori_recogniser_batches_total 40.0",
        "koemori_recogniser_windows_total 100.0",
        "koemori_recogniser_busy_seconds_total 12.5",
    ):
        assert line in shown


def test_an_interval_that_means_nothing_is_not_a_number() -> None:
    metrics = Metrics()
    observe_pool(metrics, BusyPool(Load(LoadLevel.SHEDDING, 1500, 7)))
    assert b"koemori_recogniser_partial_interval_seconds NaN" in metrics.render()[0]


@pytest.mark.parametrize("library", ["aioice.ice", "aiortc.rtcdtlstransport", "httpx", "uvicorn.error"])
def test_what_libraries_say_of_addresses_is_left_out(log: io.StringIO, library: str) -> None:
    logging.getLogger(library).info("Check CandidatePair ('192.0.2.7', 5000)")
    assert log.getvalue() == ""
    logging.getLogger(library).warning("a warning")
    assert "a warning" in log.getvalue()

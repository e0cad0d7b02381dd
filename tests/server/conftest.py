"""What tests of the service share."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from koemori.server.config import LoggingSettings
from koemori.server.telemetry import configure_logging


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that the service logs in a test, as it would stand on stderr."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging(LoggingSettings(level="DEBUG"), stream)
    yield stream
    root.handlers[:], root.level = before
    logging.getLogger("uvicorn.access").disabled = False

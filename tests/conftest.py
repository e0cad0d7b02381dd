"""Rules for the whole suite: every module says what kind of test it is, and nothing is skipped in silence."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

MARKERS = ("unit", "integration", "model", "browser")
REQUIRE_ALL = os.environ.get("KOEMORI_REQUIRE_ALL") == "1"
"""Set by `.ci/run`: a test whose tool is missing fails instead of being skipped."""

os.environ.setdefault("PYANNOTE_METRICS_ENABLED", "0")

if importlib.util.find_spec("koemori") is None:  # pragma: no cover
    raise pytest.UsageError("koemori is not installed here: run `make dev` and use .venv/bin/pytest")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--update-golden`, which rewrites tests/golden/ from what the code gives now."""
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden/ and review the diff")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test without exactly one kind; skip browser tests only where no browser is installed."""
    for item in items:
        kinds = [name for name in MARKERS if item.get_closest_marker(name)]
        if len(kinds) != 1:
            raise pytest.UsageError(f"{item.nodeid}: expected one marker of {MARKERS}; got {kinds}")
        if kinds == ["browser"] and not REQUIRE_ALL and shutil.which("chromium") is None:
            item.add_marker(pytest.mark.skip(reason="no chromium here: apt install chromium"))


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The scripted calls, their audio and the labelled utterances."""
    return Path(__file__).resolve().parents[1] / "benchmarks" / "corpus"

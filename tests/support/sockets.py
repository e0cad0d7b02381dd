"""Help for tests of `/ingest/<trunk>`: wait, look at metrics, and read the recordings that were sealed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import soundfile
from koemori.server.archive.manifest import verify_recording
from koemori.server.capture.trunk import TrunkStatus
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

PATIENCE_S = 15


def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.01)


def recorded_ms(client: TestClient) -> int:
    """Media time of the live call that is furthest."""
    live = client.app.state.services.live  # type: ignore[attr-defined]
    return max((session.now_ms for session in tuple(live._sessions)), default=0)


def manifests(home: Path) -> list[Path]:
    """Every recording's manifest."""
    return sorted((home / "archive" / "recordings").glob("[0-9]*/*/*/manifest.json"))


def sealed(home: Path, count: int = 1) -> list[tuple[Any, dict[str, Any]]]:
    """All recordings, oldest first: samples (n, channels) and manifest; there must be this many."""
    until(lambda: len(manifests(home)) == count)
    found = []
    for path in manifests(home):
        assert verify_recording(path.parent).ok
        samples, _ = soundfile.read(path.parent / "master.flac", dtype="int16", always_2d=True)
        found.append((samples, json.loads(path.read_text(encoding="utf-8"))["body"]))
    return sorted(found, key=lambda one: str(one[1]["call_id"]))


def status(client: TestClient, trunk: str) -> TrunkStatus:
    """How a trunk is doing."""
    found: TrunkStatus = client.app.state.services.trunks.statuses[trunk]  # type: ignore[attr-defined]
    return found


def refused(client: TestClient, path: str, headers: dict[str, str] | None = None) -> bool:
    """Whether a socket is refused before it is accepted."""
    try:
        with client.websocket_connect(path, headers=headers or {}):
            return False
    except WebSocketDisconnect as error:
        return error.code == 1008

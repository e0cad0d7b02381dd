"""The server around the application: stopping it seals what is live; what stops it from starting is said."""

import asyncio
import gc
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from koemori.audio.errors import JournalError
from koemori.server import service
from koemori.server.archive.recover import JOURNAL_DIRECTORY
from koemori.server.config import Settings
from koemori.server.service import RunningService, ServiceError, bind, run_service
from websockets.asyncio.client import connect

from tests.fakes import media
from tests.fakes.light import light_app, light_settings

pytestmark = pytest.mark.integration

BOTH = ("inbound", "outbound")


@pytest.fixture(autouse=True)
def light(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def create(settings: Settings) -> FastAPI:
        return light_app(settings)

    monkeypatch.setattr(service, "create_app", create)
    yield
    logging.getLogger("uvicorn.error").filters.clear()


async def test_stopping_the_service_seals_live_calls_and_then_closes(tmp_path: Path) -> None:
    listener = bind("127.0.0.1", 0)
    running: asyncio.Future[RunningService] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(run_service(light_settings(tmp_path), listener, running.set_result))
    handle = await asyncio.wait_for(running, 20)
    async with connect(f"ws://127.0.0.1:{handle.port}/ingest/media") as socket:
        await socket.send(media.start(*BOTH))
        for number in range(1, 21):
            for track in BOTH:
                await socket.send(media.media(track, number))
        metrics = handle.services.metrics.calls_live
        async with asyncio.timeout(10):
            while not metrics.collect()[0].samples[0].value:  # type: ignore[index] # noqa: ASYNC110
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
        handle.stop()
        await asyncio.wait_for(socket.wait_closed(), 20)
    assert await asyncio.wait_for(task, 20) is False
    listener.close()
    (manifest,) = (tmp_path / "archive").rglob("manifest.json")
    body = json.loads(manifest.read_text(encoding="utf-8"))["body"]
    assert body["end_reason"] == "shutdown"
    assert body["audio"]["sample_count"] == 20 * 160


async def test_what_the_start_made_is_set_aside_from_the_garbage_collector(tmp_path: Path) -> None:
    listener, before = bind("127.0.0.1", 0), gc.get_freeze_count()

    def started(running: RunningService) -> None:
        service.set_aside_what_stays(running)
        running.stop()

    try:
        await asyncio.wait_for(run_service(light_settings(tmp_path), listener, started), 30)
        assert gc.get_freeze_count() - before > 10_000
    finally:
        gc.unfreeze()
        listener.close()


async def test_an_archive_in_use_stops_the_start_with_its_reason(tmp_path: Path) -> None:
    from koemori.audio.journal import Journal

    other = Journal(tmp_path / "archive" / JOURNAL_DIRECTORY)
    listener = bind("127.0.0.1", 0)
    try:
        with pytest.raises(JournalError):
            await run_service(light_settings(tmp_path), listener)
    finally:
        other.close()
        listener.close()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ServiceError, match="expected one this machine may use"):
        bind("192.0.2.1", 8410)

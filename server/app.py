"""The one place where the service's parts are joined.

Start: schema, recovery of what a crash left, models and journal, then the first request. Stop: live calls
are ended and sealed, their events stored, readers told; only then does the database close.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from fastapi import FastAPI
from koemori.assist.playbooks.schema import Playbook
from koemori.server import http, startup
from koemori.server.api.dependencies import Services
from koemori.server.archive.store import LocalRecordingStore
from koemori.server.auth.accounts import Accounts
from koemori.server.auth.attempts import AttemptLimiter
from koemori.server.auth.origins import Origins
from koemori.server.auth.passwords import Passwords
from koemori.server.auth.sessions import Sessions
from koemori.server.bells import Bells
from koemori.server.bus import InProcessBus
from koemori.server.calls.callers import in_database
from koemori.server.calls.live import LiveCalls
from koemori.server.calls.pipeline import Pipeline
from koemori.server.calls.ports import CallPorts
from koemori.server.calls.recording_pipeline import RecordingPipeline
from koemori.server.calls.session import SessionLimits
from koemori.server.capture import sockets, whip_routes
from koemori.server.capture.trunks import Trunks
from koemori.server.config import Settings
from koemori.server.cti.connections import CtiConnections
from koemori.server.cti.feed import CtiFeed
from koemori.server.db.call_store import CallRecords, DatabaseCallStore
from koemori.server.db.engine import Database
from koemori.server.db.repositories import playbooks
from koemori.server.playbooks import Playbooks
from koemori.server.queue_feed import QueueFeed
from koemori.server.search.sqlite import SqliteTranscriptIndex
from koemori.server.telemetry import Metrics
from koemori.server.wallboard import Thresholds
from koemori.server.ws import desk, wallboard
from koemori.server.ws.tickets import Tickets

logger = logging.getLogger(__name__)
SHUTDOWN = "shutdown"
SOCKETS = (desk.router, wallboard.router, sockets.router, whip_routes.router)


class OpenPipeline(Protocol):
    """What the application needs of the shared pipeline."""

    @property
    def ports(self) -> CallPorts:
        """What one call needs."""
        ...

    @property
    def playbooks(self) -> Playbooks:
        """The playbook that new calls begin with."""
        ...

    async def aclose(self) -> None:
        """Make the journal durable and stop the workers."""
        ...


PipelineOpener = Callable[[Settings, Metrics], Awaitable[OpenPipeline]]


async def open_as_set(settings: Settings, metrics: Metrics) -> OpenPipeline:
    """The pipeline that the settings ask for: with models, or for recording alone.

    Raises:
        KoemoriError: As the `open` of each says.
    """
    kind = Pipeline if settings.assist.enabled else RecordingPipeline
    return await kind.open(settings, metrics)


def create_app(
    settings: Settings,
    *,
    open_pipeline: PipelineOpener = open_as_set,
    passwords: Passwords | None = None,
) -> FastAPI:
    """The service as an ASGI application; it starts and stops with the application's lifespan.

    Args:
        settings: All settings.
        open_pipeline: Loads models and playbook and takes the journal; tests bring a light one.
        passwords: How passwords are hashed; tests bring a cheap one.

    Returns:
        The application. Its start raises `SchemaVersionError`, `JournalError`, `ModelError` or
        `PlaybookError` when the service cannot do its work.
    """
    origins = Origins(settings.server.public_url)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with running(settings, origins, open_pipeline, passwords) as services:
            app.state.services = services
            yield

    return http.build(origins, lifespan, SOCKETS)


@asynccontextmanager
async def running(
    settings: Settings,
    origins: Origins,
    open_pipeline: PipelineOpener = open_as_set,
    passwords: Passwords | None = None,
) -> AsyncIterator[Services]:
    """The service's parts, from start to stop; raises what `create_app` says of the start."""
    database = await asyncio.to_thread(startup.open_database, settings.database.url)
    try:
        async with _joined(settings, origins, database, open_pipeline, passwords) as services:
            try:
                yield services
            finally:
                services.renditions.close()
    finally:
        await asyncio.to_thread(database.close)


@asynccontextmanager
async def _joined(
    settings: Settings,
    origins: Origins,
    database: Database,
    open_pipeline: PipelineOpener,
    passwords: Passwords | None,
) -> AsyncIterator[Services]:
    metrics = Metrics()
    archive_dir = settings.archive.directory
    recovered = await asyncio.to_thread(startup.finish_interrupted, database, archive_dir)
    logger.info("ready for calls", extra={"recovered_calls": len(recovered)})
    pipeline = await open_pipeline(settings, metrics)
    bus = InProcessBus(DatabaseCallStore(CallRecords(database)), metrics.events_dropped.inc)
    metrics.events_waiting.set_function(lambda: bus.waiting)
    assist = settings.assist
    limits = SessionLimits(assist.queue_ms, assist.drain_s, assist.locale, settings.masking.plan())
    days = settings.assist.history_days
    ports = replace(pipeline.ports, look_up=in_database(database, days)) if days else pipeline.ports
    live = LiveCalls(ports, bus, metrics, limits)
    await asyncio.to_thread(pipeline.playbooks.keep_with, partial(_keep_playbook, database))
    watch = _watch_playbook(pipeline.playbooks, settings)
    bells = Bells()
    cti = CtiFeed(database, live, bus, bells, settings.cti.agents, settings.cti.request_key())
    listening = CtiConnections(cti, settings.cti.ami)
    trunks = await Trunks.open(settings.trunks, live, metrics, settings.server.public_url)
    try:
        listening.start()
        yield Services(
            settings=settings,
            database=database,
            accounts=Accounts(database, passwords),
            sessions=Sessions(database),
            attempts=AttemptLimiter(),
            tickets=Tickets(),
            origins=origins,
            index=SqliteTranscriptIndex(),
            bus=bus,
            live=live,
            trunks=trunks,
            cti=cti,
            bells=bells,
            playbooks=pipeline.playbooks,
            queues=QueueFeed(database, _thresholds(settings)),
            archive=LocalRecordingStore(archive_dir),
            metrics=metrics,
        )
    finally:
        if watch is not None:
            watch.cancel()
            await asyncio.wait({watch})
        await listening.aclose()
        await live.drain(SHUTDOWN)
        await trunks.aclose()
        await bus.aclose()
        await pipeline.aclose()


def _keep_playbook(database: Database, playbook: Playbook) -> None:
    with database.write() as transaction:
        if playbooks.keep(transaction, playbook, datetime.now(UTC)):
            logger.info("playbook kept", extra={"version": playbook.version})


def _watch_playbook(current: Playbooks, settings: Settings) -> asyncio.Task[None] | None:
    """Follow the changes of a playbook of one's own; the built-in one changes only with the program."""
    if settings.assist.playbook_dir is None or not settings.assist.playbook_poll_s:
        return None
    return asyncio.create_task(current.watch(settings.assist.playbook_poll_s), name="playbook-watch")


def _thresholds(settings: Settings) -> dict[str, Thresholds]:
    return {
        name: Thresholds(queue.threshold_s, queue.short_abandon_s) for name, queue in settings.queues.items()
    }

"""Runs the demo: a fresh data folder, the real service on loopback, and one caller after another."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import webbrowser
from contextlib import suppress
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from koemori.audio.call import CallId
from koemori.audio.journal_files import DirectoryLock
from koemori.server.archive.recover import JOURNAL_DIRECTORY
from koemori.server.config import (
    ArchiveSettings,
    DatabaseSettings,
    LoggingSettings,
    QueueSettings,
    ServerSettings,
    Settings,
)
from koemori.server.demo.phone import DemoPhone
from koemori.server.demo.script import PLAYLIST, ScriptedCall, load_script
from koemori.server.demo.seed import DemoSwitchboard, Person, make_people
from koemori.server.demo.summary import summarize
from koemori.server.service import RunningService, ServiceError, bind, run_service
from koemori.server.wire import CallStartedEvent

if TYPE_CHECKING:
    import socket

logger = logging.getLogger(__name__)

DEFAULT_DIRECTORY = Path("var/demo")
_MARK = ".koemori-demo"
_PAUSE_S = 4.0
_END_PATIENCE_S = 90.0
_LEAST_FREE_BYTES = 300 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line said."""

    once: bool
    headless: bool
    port: int
    directory: Path = DEFAULT_DIRECTORY


def demo_settings(options: DemoOptions, base: Settings) -> Settings:
    """Settings of the demo's service: its own folder and database on loopback; models as configured."""
    home = options.directory.resolve()
    return base.model_copy(
        update={
            "server": ServerSettings(host="127.0.0.1", port=options.port),
            "database": DatabaseSettings(url=f"sqlite:///{home / 'koemori.db'}"),
            "archive": ArchiveSettings(directory=home / "archive"),
            "queues": {"support": QueueSettings(), "delivery": QueueSettings()},
            "logging": LoggingSettings(level="ERROR", format="console"),
        }
    )


def prepare_directory(directory: Path) -> None:
    """Make the folder anew; one that holds anything but an earlier demo is refused.

    Raises:
        ServiceError: The folder holds something else, or the disk is almost full.
        JournalError: Another demo is running in it.
    """
    if directory.exists():
        if not (directory / _MARK).exists() and any(directory.iterdir()):
            raise ServiceError(
                f"folder {directory}", "an empty folder or an earlier demo's", "another's files"
            )
        journal = directory / "archive" / JOURNAL_DIRECTORY
        if journal.is_dir():
            DirectoryLock(journal).release()
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    (directory / _MARK).touch()
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < _LEAST_FREE_BYTES:
        least, free = _LEAST_FREE_BYTES // 2**20, free_bytes // 2**20
        raise ServiceError(f"disk of {directory}", f"at least {least} MB free", f"{free} MB")


async def run_demo(options: DemoOptions, base: Settings) -> dict[str, Any] | None:
    """Run until the first call is over (`once`) or a signal comes; the summary of the last whole call."""
    listener = bind("127.0.0.1", options.port)
    port = int(listener.getsockname()[1])
    try:
        prepare_directory(options.directory)
        settings = demo_settings(DemoOptions(options.once, options.headless, port, options.directory), base)
        return await _serve_and_play(options, settings, listener)
    finally:
        listener.close()


async def _serve_and_play(
    options: DemoOptions, settings: Settings, listener: socket.socket
) -> dict[str, Any] | None:
    running: asyncio.Future[RunningService] = asyncio.get_running_loop().create_future()
    service = asyncio.create_task(run_service(settings, listener, running.set_result))
    either: tuple[asyncio.Future[Any], ...] = (service, running)
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    if not running.done():
        await service
        raise ServiceError("service", "to start", "an early end")
    handle = running.result()
    player = asyncio.create_task(_play_all(options, handle))
    try:
        await asyncio.wait({service, player}, return_when=asyncio.FIRST_COMPLETED)
        return player.result() if player.done() else None
    finally:
        player.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await player
        handle.stop()
        await service


async def _play_all(options: DemoOptions, service: RunningService) -> dict[str, Any] | None:
    import httpx

    url = f"http://127.0.0.1:{service.port}"
    people = await asyncio.to_thread(make_people, service.services.accounts)
    async with httpx.AsyncClient(base_url=url, timeout=10, headers={"Origin": url}) as client:
        board = DemoSwitchboard(client)
        await board.earlier_today()
        _tell(url, people, options)
        names = islice(PLAYLIST, 1) if options.once else cycle(PLAYLIST)
        summary = None
        for name in names:
            script = await asyncio.to_thread(load_script, name)
            summary = await _play_one(script, people[0], board, service)
            if not options.once:
                await asyncio.sleep(_PAUSE_S)
        return summary


async def _play_one(
    script: ScriptedCall, agent: Person, board: DemoSwitchboard, service: RunningService
) -> dict[str, Any]:
    phone = DemoPhone(f"ws://127.0.0.1:{service.port}/ingest/media", script, agent.username)
    _say(f"{script.title} ({script.duration_ms // 1000} s)")
    watcher = service.services.bus.watch(frozenset({"call_started"}))
    async with watcher:
        await board.answered(script, phone.call_sid, agent.username)
        playing = asyncio.create_task(phone.play())
        finding = asyncio.create_task(_call_of(phone, watcher))
        try:
            either: tuple[asyncio.Task[Any], ...] = (playing, finding)
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not finding.done():
                playing.result()
            call_id = await finding
            reader = service.services.bus.subscribe(call_id)
            patience_s = script.duration_ms / 1000 + _END_PATIENCE_S
            async with reader, asyncio.timeout(patience_s):
                events = [event async for event in reader]
            await playing
        finally:
            playing.cancel()
            finding.cancel()
    await board.ended(phone.call_sid)
    return await asyncio.to_thread(summarize, events, script.samples)


async def _call_of(phone: DemoPhone, watcher: Any) -> CallId:
    async for event in watcher:
        if isinstance(event, CallStartedEvent) and event.external_ids.get("call_sid") == phone.call_sid:
            return CallId(event.call_id)
    raise ServiceError("call", "to start", "the service's end")


def _tell(url: str, people: tuple[Person, ...], options: DemoOptions) -> None:
    _say(f"Koemori demo: {url}")
    for person in people:
        _say(f"  {person.role.value:<10}  {person.username:<12} {person.password}")
    if not options.headless:
        _say("Ctrl-C ends it.")
        if os.environ.get("DISPLAY") or sys.platform in ("darwin", "win32"):
            webbrowser.open(url)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()

"""The web server around the application: its socket, its signals, and clear words when it cannot start."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI
from koemori.audio.errors import KoemoriError
from koemori.server.api.dependencies import Services
from koemori.server.app import SHUTDOWN, create_app
from koemori.server.calls.live import LiveCalls
from koemori.server.config import Settings
from koemori.server.telemetry import configure_logging

logger = logging.getLogger(__name__)

MAX_SOCKET_MESSAGE_BYTES = 1 << 20
SHUTDOWN_PATIENCE_S = 60
_TURN_S = 0.001
_SAID_BETTER = ("Traceback (most recent call last)", "Application startup failed")


class _Server(uvicorn.Server):
    """Leaves signals to us: they must seal calls before sockets close."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ServiceError(KoemoriError):
    """The service could not start."""

    code = "service"

    def __init__(self, what: str, expected: str, came: str) -> None:
        super().__init__(f"{what}: expected {expected}; got {came}")


@dataclass(slots=True)
class RunningService:
    """A service that answers requests.

    Attributes:
        port: Where it listens.
        services: Its parts.
    """

    port: int
    services: Services
    server: uvicorn.Server
    _stopping: asyncio.Task[None] | None = None

    def stop(self) -> None:
        """Seal every call, then close; a second time closes at once."""
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop(), name="service-stop")
        else:
            self.server.force_exit = True

    async def _stop(self) -> None:
        live = self.services.live
        if isinstance(live, LiveCalls):
            await live.drain(SHUTDOWN)
        self.server.should_exit = True


def serve_until_stopped(settings: Settings) -> bool:
    """Run the service until SIGTERM or SIGINT; True when it was SIGINT.

    Raises:
        ServiceError: The port is taken or cannot be had.
        KoemoriError: The application could not start.
    """
    configure_logging(settings.logging)
    prepare_process()
    listener = bind(settings.server.host, settings.server.port)
    try:
        return asyncio.run(run_service(settings, listener, set_aside_what_stays))
    finally:
        listener.close()


def prepare_process() -> None:
    """Let this process carry hundreds of calls.

    Two legs of RTP have four sockets, so the limit of open files is raised as far as it may be. Threads take
    turns five times as often as by default, for the journal must not wait behind whatever computes.
    """
    sys.setswitchinterval(_TURN_S)
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY or most > limit:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def set_aside_what_stays(_running: RunningService | None = None) -> None:
    """Keep the garbage collector from all that the start made; it lasts as long as the process.

    Modules, models and playbook are so many objects that going through them holds up every call for a quarter
    of a second, again and again.
    """
    gc.collect()
    gc.freeze()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes any free one.

    Raises:
        ServiceError: The address is taken, not ours, or not allowed.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ServiceError(f"port {port}", "a free port", "one that another program uses") from None
        reason = os.strerror(error.errno) if error.errno else "an unknown host name"
        raise ServiceError(f"address {host} port {port}", "one this machine may use", reason) from None
    listener.setblocking(False)
    return listener


async def run_service(
    settings: Settings,
    listener: socket.socket,
    started: Callable[[RunningService], None] | None = None,
) -> bool:
    """Serve on `listener` until a signal or `RunningService.stop`; seals every call before it returns.

    Args:
        settings: All settings.
        listener: From `bind`.
        started: Told once requests are answered.

    Returns:
        Whether SIGINT ended it.

    Raises:
        KoemoriError: The application could not start; the error says why.
    """
    app = create_app(settings)
    failures: list[Exception] = []
    _watch_lifespan(app, failures)
    _drop_tracebacks()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        ws_max_size=MAX_SOCKET_MESSAGE_BYTES,
        timeout_graceful_shutdown=SHUTDOWN_PATIENCE_S,
        server_header=False,
    )
    server = _Server(config)
    signals = _Signals(server)
    watcher = asyncio.create_task(_when_started(server, app, listener, signals, started))
    try:
        await server.serve(sockets=[listener])
    except SystemExit:
        # How the web server says that the application did not start; the reason is in `failures`.
        if not failures:
            raise
    finally:
        watcher.cancel()
        signals.end()
    if failures:
        raise failures[0]
    return signals.interrupted


class _Signals:
    """SIGTERM and SIGINT stop the service properly; before it has started, at once."""

    def __init__(self, server: uvicorn.Server) -> None:
        self.running: RunningService | None = None
        self.interrupted = False
        self._server = server
        self._loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.add_signal_handler(number, self._came, number)

    def _came(self, number: signal.Signals) -> None:
        self.interrupted = self.interrupted or number is signal.SIGINT
        if self.running is None:
            self._server.should_exit = True
        else:
            self.running.stop()

    def end(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._loop.remove_signal_handler(number)


async def _when_started(
    server: uvicorn.Server,
    app: FastAPI,
    listener: socket.socket,
    signals: _Signals,
    started: Callable[[RunningService], None] | None,
) -> None:
    while not server.started:  # noqa: ASYNC110 -- the server has no event for this
        await asyncio.sleep(0.02)
    port = int(listener.getsockname()[1])
    logger.info("service is listening", extra={"port": port})
    signals.running = RunningService(port, app.state.services, server)
    if started is not None:
        started(signals.running)


def _watch_lifespan(app: FastAPI, failures: list[Exception]) -> None:
    """Keep what went wrong at start or end, which the web server would only print."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def watched(current: FastAPI) -> AsyncIterator[Any]:
        try:
            async with inner(current) as state:
                yield state
        except Exception as error:
            failures.append(error)
            raise

    app.router.lifespan_context = watched


def _drop_tracebacks() -> None:
    def without_traceback(record: logging.LogRecord) -> bool:
        return not any(words in str(record.msg) for words in _SAID_BETTER)

    logging.getLogger("uvicorn.error").addFilter(without_traceback)

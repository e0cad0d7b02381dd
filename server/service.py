"""The web server around the application: its socket, its signals, and clear words when it cannot start."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from koemori.audio.errors import KoemoriError
from koemori.server.config import Settings
from koemori.server.telemetry import configure_logging

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

logger = logging.getLogger(__name__)

MAX_SOCKET_MESSAGE_BYTES = 1 << 20
SHUTDOWN_PATIENCE_S = 60


class ServiceError(KoemoriError):
    """The service could not start."""

    code = "service"

    def __init__(self, what: str, expected: str, came: str) -> None:
        super().__init__(f"{what}: expected {expected}; got {came}")


def serve_until_stopped(settings: Settings) -> int:
    """Run the service until a signal; 0 when it ended as asked.

    Raises:
        ServiceError: The port is taken or cannot be had.
        KoemoriError: The application could not start.
    """
    configure_logging(settings.logging)
    listener = bind(settings.server.host, settings.server.port)
    try:
        asyncio.run(run_service(settings, listener))
    finally:
        listener.close()
    return 0


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
    started: Callable[[int], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve on `listener` until a signal (or `stop`); seals every call before it returns.

    Args:
        settings: All settings.
        listener: From `bind`.
        started: Told the port once requests are answered.
        stop: Set it to end the service.

    Raises:
        KoemoriError: The application could not start; the error says why.
    """
    import uvicorn
    from koemori.server.app import create_app

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
    server = uvicorn.Server(config)
    watcher = asyncio.create_task(_watch(server, listener, started, stop))
    try:
        await server.serve(sockets=[listener])
    finally:
        watcher.cancel()
    if failures:
        raise failures[0]


async def _watch(
    server: uvicorn.Server,
    listener: socket.socket,
    started: Callable[[int], None] | None,
    stop: asyncio.Event | None,
) -> None:
    while not server.started:  # noqa: ASYNC110 -- the server has no event for this
        await asyncio.sleep(0.02)
    port = int(listener.getsockname()[1])
    logger.info("service is listening", extra={"port": port})
    if started is not None:
        started(port)
    if stop is not None:
        await stop.wait()
        server.should_exit = True


def _watch_lifespan(app: FastAPI, failures: list[Exception]) -> None:
    """Keep what went wrong at start or end, which the web server would only print."""
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def watched(current: FastAPI) -> AsyncIterator[object]:
        try:
            async with inner(current) as state:
                yield state
        except Exception as error:
            failures.append(error)
            raise

    app.router.lifespan_context = watched


def _drop_tracebacks() -> None:
    def without_traceback(record: logging.LogRecord) -> bool:
        return "Traceback (most recent call last)" not in str(record.msg)

    logging.getLogger("uvicorn.error").addFilter(without_traceback)

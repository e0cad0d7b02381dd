"""One worker process as the event loop sees it: started, given one batch at a time, watched, ended."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from koemori.models.errors import ModelError, TranscriptionError, WorkerFailedError
from koemori.models.worker_protocol import Answers, Decoder, LoadModel, Message, Ready, Refused, Work, encode

log = logging.getLogger(__name__)

WORKER_COMMAND: Final = (sys.executable, "-P", "-m", "koemori.models.worker")
"""`-P`: a folder named like a package must not be imported because the service was started beside it."""

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_PIPE_BYTES: Final = 1 << 20
_LONGEST_LINE: Final = 2000
_MOST_LAST_LINES: Final = 5
_KERNELS: Final = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
_MOST_KERNELS: Final = "32"
"""oneDNN keeps a compiled kernel for each shape it met, 1024 of them by default, some 200 KiB each; windows
as long as the speech have ever new shapes. With 32 memory stays flat, at the same CPU time."""


@dataclass(frozen=True, slots=True)
class WorkerCallbacks:
    """Whom a worker tells; both are called in the event loop, and nothing after `died`."""

    answered: Callable[[WorkerProcess, Answers], None]
    died: Callable[[WorkerProcess], None]


class WorkerProcess(asyncio.SubprocessProtocol):
    """Start with `start`; then `send` and `close`, or `kill`.

    There is no task and no queue between the caller and the pipe: a batch is written in the turn of the loop
    in which it is sent, and answers are read in the turn in which they arrive. One batch at a time bounds
    what the pipe has to hold.
    """

    def __init__(self, callbacks: WorkerCallbacks) -> None:
        self._callbacks = callbacks
        self._decoder = Decoder()
        self._ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._gone = asyncio.Event()
        self._started = False
        self._dead = False
        self._closing = False
        self._stderr = b""
        self._last_lines: list[str] = []
        self._transport: asyncio.SubprocessTransport
        self.pid = 0
        self.model_id = ""
        self.resident_bytes = 0
        """Memory the process held when its model was loaded."""

    @classmethod
    async def start(
        cls, command: tuple[str, ...], load: LoadModel, callbacks: WorkerCallbacks, timeout_s: float
    ) -> WorkerProcess:
        """Start a process and wait until it has loaded its model.

        Raises:
            TranscriptionError: The folder holds no model that can be loaded.
            WorkerFailedError: The process could not be started, ended, or did not become ready in time.
        """
        loop = asyncio.get_running_loop()
        threads = str(load.config.get("threads", 1))
        limits = {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": "1", _KERNELS: _MOST_KERNELS}
        environment = {**os.environ, **limits}
        try:
            _, worker = await loop.subprocess_exec(lambda: cls(callbacks), *command, env=environment)
        except OSError as failure:
            raise WorkerFailedError(
                f"to start {command[0]}", failure.strerror or type(failure).__name__
            ) from None
        try:
            worker._write(load)
            async with asyncio.timeout(timeout_s):
                ready = await worker._ready
        except TimeoutError:
            await worker.close(0)
            raise WorkerFailedError(f"a loaded model within {timeout_s:g} s", "no answer") from None
        except BaseException:
            await worker.close(0)
            raise
        if worker._dead:
            raise WorkerFailedError("a worker that lives on", "its end right after its start")
        worker._started = True
        worker.model_id, worker.resident_bytes = ready.model_id, ready.resident_bytes
        return worker

    def send(self, work: Work) -> None:
        """Hand over a batch; the answers come by callback. A dead worker takes it in silence.

        Raises:
            WorkerFailedError: The batch is over a limit of the protocol.
        """
        self._write(work)

    def kill(self) -> None:
        """End the process now; `died` is called when it is gone."""
        # The transport's own `kill` may take the exit status away from the loop, which waits for it.
        if self._transport.get_returncode() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def close(self, grace_s: float) -> None:
        """Let the process end by itself, kill it when it does not; `died` is not called any more."""
        self._closing = True
        if not self._ready.done():
            self._ready.cancel()
        if stdin := self._transport.get_pipe_transport(_STDIN):
            stdin.close()
        try:
            async with asyncio.timeout(grace_s):
                await self._gone.wait()
        except TimeoutError:
            self.kill()
            await self._gone.wait()

    def _write(self, message: Message) -> None:
        buffers = encode(message)
        stdin = cast("asyncio.WriteTransport | None", self._transport.get_pipe_transport(_STDIN))
        if stdin is not None and not stdin.is_closing():
            for buffer in buffers:
                stdin.write(buffer)

    def _take(self, message: Message) -> None:
        match message:
            case Ready() if not self._ready.done():
                self._ready.set_result(message)
            case Refused() if not self._ready.done():
                self._ready.set_exception(_start_failure(message))
            case Answers():
                if not self._closing:
                    self._callbacks.answered(self, message)
            case _:
                raise WorkerFailedError("a message of a worker", type(message).__name__)

    def _take_stderr(self, data: bytes) -> None:
        *lines, rest = (self._stderr + data).split(b"\n")
        self._stderr = rest[-_LONGEST_LINE:]
        for line in lines:
            text = line[:_LONGEST_LINE].decode(errors="replace").rstrip()
            if self._ready.done():
                # It has seen windows: whatever a library prints may quote them.
                log.warning("a speech worker printed", extra={"pid": self.pid, "pii.text": text})
            else:
                log.info("a speech worker printed while it started", extra={"pid": self.pid, "line": text})
                self._last_lines = [*self._last_lines[1 - _MOST_LAST_LINES :], text]

    def _die(self) -> None:
        if self._dead:
            return
        self._dead = True
        if self._started and not self._closing:
            self._callbacks.died(self)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Widen the pipe, so that a window goes over in one piece where the system allows it."""
        self._transport = cast("asyncio.SubprocessTransport", transport)
        self.pid = self._transport.get_pid()
        stdin = self._transport.get_pipe_transport(_STDIN)
        _widen(stdin.get_extra_info("pipe") if stdin is not None else None)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Take answers, and what libraries print."""
        if fd == _STDERR:
            self._take_stderr(data)
            return
        try:
            for message in self._decoder.push(data):
                self._take(message)
        except WorkerFailedError as failure:
            log.error("a speech worker broke the protocol", extra={"pid": self.pid, "error": str(failure)})
            self.kill()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """Without its output a worker is of no use, whatever it still does."""
        if fd == _STDOUT:
            self.kill()
            if self._ready.done():
                self._die()

    def process_exited(self) -> None:
        """The process is gone; its last output may still be in the pipes."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The process is gone and its pipes are closed."""
        status = self._transport.get_returncode()
        self._transport.close()
        self._gone.set()
        if self._ready.done():
            self._die()
        else:
            said = " / ".join(self._last_lines)
            came = f"exit status {status}{': ' if said else ''}{said}"
            self._ready.set_exception(WorkerFailedError("a worker that starts", came))


def _start_failure(refused: Refused) -> ModelError:
    if refused.code == TranscriptionError.code:
        return TranscriptionError(refused.reason)
    return WorkerFailedError("a worker that starts", refused.reason)


def _widen(pipe: Any) -> None:
    if sys.platform == "linux" and pipe is not None:
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

"""The `Diarizer` that runs pyannote in a process of its own.

The process starts at the first question, because importing torch takes seconds and hundreds of megabytes,
and ends after a while without one. Its interpreter may be another than ours, so that torch can live in an
environment of its own; Koemori need not be installed there. A process that dies, hangs or talks nonsense
costs one answer: the next question starts a new one.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from koemori.models import diarization_messages as messages
from koemori.models.diarization import LEAST_SAMPLES, SAMPLE_RATE_HZ, PipelineConfig
from koemori.models.errors import DiarizationUnavailableError
from koemori.models.types import SpeakerTurn

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BOOT = """
import runpy, sys, types
koemori = types.ModuleType("koemori")
koemori.__path__ = [sys.argv[1]]
sys.modules["koemori"] = koemori
runpy.run_module("koemori.models.diarization_worker", run_name="__main__")
"""
"""Puts our source folder under its name in an interpreter that does not know Koemori."""
_NOT_PASSED_ON = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV")
_LEAVE_S = 5.0


@dataclass(frozen=True, slots=True)
class DiarizationConfig:
    """Which pipeline, and the process around it.

    Attributes:
        weights: See `PipelineConfig`; empty means that nothing is configured.
        interpreter: Python that has torch and pyannote.audio; ours when None. 3.11 or newer.
        start_s: How long the process may take to load everything.
        answer_s: How long an answer may take, and
        answer_s_per_audio_s: how much more for each second of audio.
        idle_s: The process ends after this long without a question.
        retry_s: After finding that something is missing, for how long not to look again.
        longest_ms: Most audio of one question.
        niceness: Added to the process's; recording and recognising come first.
    """

    weights: PipelineConfig = field(default_factory=PipelineConfig)
    interpreter: Path | None = None
    start_s: float = 120.0
    answer_s: float = 30.0
    answer_s_per_audio_s: float = 2.0
    idle_s: float = 300.0
    retry_s: float = 600.0
    longest_ms: int = messages.MOST_SAMPLES * 1000 // SAMPLE_RATE_HZ
    niceness: int = 10

    @property
    def configured(self) -> bool:
        """Whether any weights are named."""
        return bool(self.weights.pipeline or self.weights.segmentation or self.weights.embedding)


class PyannoteDiarizer:
    """See the module. Belongs to one event loop; questions wait for each other.

    Args:
        config: See `DiarizationConfig`.
        clock: Seconds that never go back; decides when to look again for what was missing.
    """

    def __init__(self, config: DiarizationConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self.model_id = config.weights.model_id
        self._config = config
        self._clock = clock
        self._turn = asyncio.Lock()
        self._worker: _Worker | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._idle: asyncio.TimerHandle | None = None
        self._missing: tuple[float, str] | None = None

    @property
    def running(self) -> bool:
        """Whether a process is there now."""
        return self._worker is not None and self._worker.alive

    async def turns(self, samples: NDArray[np.float32], speakers: int | None = 2) -> tuple[SpeakerTurn, ...]:
        """See `Diarizer`; also unavailable: an answer that comes too late, or of a process that dies."""
        if not self._config.configured:
            raise DiarizationUnavailableError("weights in the section [diarization]")
        most = self._config.longest_ms * SAMPLE_RATE_HZ // 1000
        if len(samples) > most:
            raise DiarizationUnavailableError(f"at most {most // SAMPLE_RATE_HZ} s of audio")
        if len(samples) < LEAST_SAMPLES:
            return ()
        async with self._turn:
            if self._idle is not None:
                self._idle.cancel()
            try:
                worker = await self._ready()
                return await self._ask(worker, samples, speakers)
            finally:
                self._idle = asyncio.get_running_loop().call_later(self._config.idle_s, self._let_go)

    async def aclose(self) -> None:
        """End the process; a question being answered is given up."""
        if self._idle is not None:
            self._idle.cancel()
        self._let_go()
        if self._leaving:
            await asyncio.wait(set(self._leaving))

    async def _ready(self) -> _Worker:
        if self._worker is not None and self._worker.alive:
            return self._worker
        if self._missing is not None and self._clock() < self._missing[0]:
            raise DiarizationUnavailableError(self._missing[1])
        try:
            await asyncio.to_thread(self._config.weights.check)
            worker = await _Worker.start(self._config)
        except DiarizationUnavailableError as error:
            self._missing = (self._clock() + self._config.retry_s, error.missing)
            raise
        self._missing, self._worker = None, worker
        return worker

    async def _ask(
        self, worker: _Worker, samples: NDArray[np.float32], speakers: int | None
    ) -> tuple[SpeakerTurn, ...]:
        limit_s = self._config.answer_s + self._config.answer_s_per_audio_s * len(samples) / SAMPLE_RATE_HZ
        try:
            answer = await worker.ask({"kind": "turns", "speakers": speakers}, samples, limit_s)
            if answer["kind"] == "turns":
                return messages.read_turns(answer.get("turns"))
        except ValueError as error:
            self._let_go(at_once=True)
            raise DiarizationUnavailableError("an answer of the worker that makes sense") from error
        except BaseException:  # also when cancelled: an answer nobody reads would be taken for the next one
            self._let_go(at_once=True)
            raise
        raise DiarizationUnavailableError(f"an answer of the worker ({answer.get('reason', 'no reason')})")

    def _let_go(self, *, at_once: bool = False) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            task = asyncio.get_running_loop().create_task(worker.end(0.0 if at_once else _LEAVE_S))
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)


class _Worker:
    """One process; use it for one question at a time."""

    def __init__(self, process: Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, config: DiarizationConfig) -> _Worker:
        """Start the process and wait until its models are loaded.

        Raises:
            DiarizationUnavailableError: It cannot be started, or says what is missing.
        """
        from koemori.models import __path__ as folders

        root = str(Path(next(iter(folders))).parent)
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_PASSED_ON}
        environment.update(
            PYANNOTE_METRICS_ENABLED="0",
            HF_HUB_DISABLE_TELEMETRY="1",
            OMP_NUM_THREADS=str(config.weights.threads),
        )
        interpreter = str(config.interpreter or sys.executable)
        command = (interpreter, "-P", "-c", _BOOT, root)
        try:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=environment, start_new_session=True
            )
        except OSError as error:
            raise DiarizationUnavailableError("an interpreter that can be started") from error
        worker = cls(process)
        opening = {"kind": "open", "config": config.weights.to_json(), "niceness": config.niceness}
        try:
            answer = await worker.ask(opening, None, config.start_s)
        except ValueError as error:
            await worker.end(0.0)
            raise DiarizationUnavailableError("an interpreter whose answers make sense") from error
        except BaseException:
            await asyncio.shield(worker.end(0.0))
            raise
        if answer["kind"] == "ready":
            return worker
        await worker.end(_LEAVE_S)
        raise DiarizationUnavailableError(str(answer.get("missing", "a worker that gets ready")))

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.returncode is None

    async def ask(
        self, header: dict[str, Any], samples: NDArray[np.float32] | None, limit_s: float
    ) -> dict[str, Any]:
        """Send one message and wait for its answer, which has a `kind`.

        Raises:
            DiarizationUnavailableError: The process ended, or gave no answer in time.
            ValueError: The answer is no message.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise DiarizationUnavailableError("a worker with pipes")
        try:
            async with asyncio.timeout(limit_s):
                for part in messages.encode(header, samples):
                    stdin.write(part)
                await stdin.drain()
                header_bytes, payload_bytes = messages.lengths(
                    await stdout.readexactly(messages.PREFIX_BYTES)
                )
                answer = messages.read_header(await stdout.readexactly(header_bytes))
                await stdout.readexactly(payload_bytes)
        except TimeoutError as error:
            raise DiarizationUnavailableError(f"an answer of the worker within {limit_s:.0f} s") from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise DiarizationUnavailableError("a worker that keeps running") from error
        if not isinstance(answer.get("kind"), str):
            raise ValueError("expected a message with a kind; got one without")
        return answer

    async def end(self, grace_s: float) -> None:
        """Close its stdin, which ends it; kill it when it is still there after the grace."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.alive and grace_s > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(grace_s):
                    await self._process.wait()
        if self.alive:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()

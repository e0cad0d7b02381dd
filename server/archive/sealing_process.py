"""Sealing in a process of its own, so that it takes no time from the calls that are still recorded.

    sealer = SealingProcess()
    sealed = sealer.seal(journal_call, store)     # blocks; from any thread, one recording at a time
    sealer.close()

The process is started with the first recording, runs behind everything else, and ends with its pipe, however
its parent ends. Where it cannot be started, or dies, recordings are sealed here.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import IO

from koemori.audio.errors import KoemoriError
from koemori.audio.journal import JournalCall
from koemori.server.archive.errors import SealError
from koemori.server.archive.sealing import SealedRecording, seal
from koemori.server.archive.store import LocalRecordingStore

_log = logging.getLogger(__name__)
_NICE = 10
_GOODBYE_S = 10.0


@dataclass(slots=True)
class SealingProcess:
    """Seals for one archive at a time; the process is this object's own."""

    _turn: threading.Lock = field(default_factory=threading.Lock)
    _process: subprocess.Popen[bytes] | None = None
    _failed: bool = False

    def seal(self, call: JournalCall, store: LocalRecordingStore) -> SealedRecording:
        """As `koemori.server.archive.sealing.seal`.

        Raises:
            SealError: The recording could not be made, or an earlier one of this call is damaged.
        """
        with self._turn:
            answer = None if self._failed else self._ask((call, store))
        if answer is None:
            return seal(call, store)
        if isinstance(answer, SealedRecording):
            return answer
        raise SealError(str(answer))

    def close(self) -> None:
        """Let the process end."""
        with self._turn:
            process, self._process, self._failed = self._process, None, True
        if process is not None:
            with contextlib.suppress(OSError):
                process.communicate(timeout=_GOODBYE_S)

    def _ask(self, order: tuple[JournalCall, LocalRecordingStore]) -> SealedRecording | str | None:
        """What the process answers; None when there is none."""
        try:
            process = self._process = self._process or _start()
            if process.stdin is None or process.stdout is None:
                raise EOFError
            pickle.dump(order, process.stdin)
            process.stdin.flush()
            answer: SealedRecording | str = pickle.load(process.stdout)  # noqa: S301 -- our own child
        except (OSError, EOFError, pickle.PickleError) as error:
            self._failed = True
            _log.error("sealing process failed; recordings are sealed by the service", exc_info=error)
            return None
        return answer


def _start() -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "koemori.server.archive.sealing_process"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 -- ourselves


def main() -> None:
    """Seal what comes by standard input until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)
    _serve(sys.stdin.buffer, sys.stdout.buffer)


def _serve(orders: IO[bytes], answers: IO[bytes]) -> None:
    while True:
        try:
            call, store = pickle.load(orders)  # noqa: S301 -- our own parent
        except EOFError:
            return
        pickle.dump(_sealed(call, store), answers)
        answers.flush()


def _sealed(call: JournalCall, store: LocalRecordingStore) -> SealedRecording | str:
    try:
        return seal(call, store)
    except KoemoriError as error:
        return str(error)


if __name__ == "__main__":
    main()

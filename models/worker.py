"""A worker process: `python -m koemori.models.worker`, started by a `ProcessWorkerPool`, useless by hand.

It loads one model, says so, and then answers batch after batch, one at a time, until its standard input
closes: that is how its parent ends it, and how it learns that its parent is dead. Standard output belongs to
the protocol alone; what libraries print goes to standard error. The signals by which a terminal or a service
manager ends a whole group are ignored, so that the parent can have accepted windows finished first.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from koemori.audio.errors import KoemoriError
from koemori.models.errors import TranscriptionError, WorkerFailedError
from koemori.models.ports import Effort, Transcriber, TranscriptionRequest
from koemori.models.types import Hypothesis
from koemori.models.worker_protocol import (
    Answers,
    Decoder,
    Failure,
    LoadModel,
    Message,
    Ready,
    Refused,
    Work,
    encode,
)

_READ_BYTES: Final = 1 << 20

MakeTranscriber = Callable[[LoadModel], Transcriber]


NICENESS: Final = 5
"""How much further back in the queue for a core than the process that records."""


def main() -> int:
    """Serve Whisper over standard input and output."""
    if hasattr(os, "nice"):
        # The parent records; where cores are short, recording goes first.
        os.nice(NICENESS)
    return serve(load_whisper)


def load_whisper(load: LoadModel) -> Transcriber:
    """Load the model that the first message names.

    Raises:
        TranscriptionError: The folder holds no model that can be loaded.
        VocabularyError: The vocabulary is none.
        WorkerFailedError: A GPU is asked for that is not there, or cannot be used.
    """
    from koemori.models.vocabulary import vocabulary_from_data
    from koemori.models.whisper import WhisperConfig, WhisperTranscriber

    config = WhisperConfig(**load.config)
    vocabulary = None if load.vocabulary is None else vocabulary_from_data(load.vocabulary)
    try:
        return WhisperTranscriber(Path(load.folder), config, vocabulary)
    except TranscriptionError as failure:
        cause = failure.__cause__
        if config.device == "cuda" and cause is not None and _names_cuda(str(cause)):
            raise WorkerFailedError(
                f"CUDA device {config.device_index} with the NVIDIA driver, cuBLAS and cuDNN that "
                "CTranslate2 needs, or the device cpu",
                str(cause),
            ) from failure
        raise


def serve(make_transcriber: MakeTranscriber) -> int:
    """Answer the parent until it closes standard input.

    Args:
        make_transcriber: Called once with the first message.

    Returns:
        The exit status: 0 when the parent ended it, 1 when the model could not be loaded.
    """
    channel = _Channel.of_this_process()
    load = channel.receive()
    if not isinstance(load, LoadModel):
        return 1
    try:
        transcriber = make_transcriber(load)
    except KoemoriError as failure:
        channel.send(Refused(failure.code, _reason(failure)))
        return 1
    except Exception as failure:
        # Nobody's words have reached this process yet: the text may be passed on.
        channel.send(Refused(WorkerFailedError.code, f"{type(failure).__name__}: {failure}"))
        return 1
    channel.send(Ready(transcriber.model_id, resident_bytes()))
    while isinstance(work := channel.receive(), Work):
        began_ns, cpu_ns = time.monotonic_ns(), time.process_time_ns()
        answers = tuple(answer(transcriber, work.requests, work.effort))
        work_us = (time.monotonic_ns() - began_ns) // 1000
        cpu_us = (time.process_time_ns() - cpu_ns) // 1000
        channel.send(Answers(work.number, work_us, cpu_us, answers))
    return 0


def answer(
    transcriber: Transcriber, requests: tuple[TranscriptionRequest, ...], effort: Effort
) -> Iterable[Hypothesis | Failure]:
    """Transcribe windows together; when that fails, one by one, so that one cannot spoil its neighbours."""
    try:
        said = transcriber.transcribe(requests, effort)
        if len(said) == len(requests):
            return said
        failure = Failure(f"expected {len(requests)} hypotheses; got {len(said)}")
    except TranscriptionError as error:
        failure = Failure(str(error))
    except Exception as error:
        # The task's edge: a bug in a model library ends one window, not the process. The error's text may
        # quote the window.
        failure = Failure(f"expected a hypothesis; {type(error).__name__} came")
    if len(requests) == 1:
        return [failure]
    return [said for request in requests for said in answer(transcriber, (request,), effort)]


def resident_bytes() -> int:
    """Memory that this process holds now; its peak, or 0, where the system tells no more."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        pass
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class _Channel:
    """Blocking messages over two file descriptors."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._decoder = Decoder()
        self._received: list[Message] = []

    @classmethod
    def of_this_process(cls) -> _Channel:
        """Take over standard input and output; whatever else prints lands on standard error."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        source, sink = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        if hasattr(select, "poll"):
            threading.Thread(target=_end_with_parent, args=(source,), daemon=True).start()
        return cls(source, sink)

    def receive(self) -> Message | None:
        """Wait for the next message; None when the parent has closed the channel."""
        while not self._received:
            data = os.read(self._source, _READ_BYTES)
            if not data:
                return None
            self._received = self._decoder.push(data)
        return self._received.pop(0)

    def send(self, message: Message) -> None:
        """Write a whole message."""
        for part in encode(message):
            rest = memoryview(part)
            while rest:
                rest = rest[os.write(self._sink, rest) :]


def _end_with_parent(source: int) -> None:
    """End at once when nobody holds the other end any more, even in the midst of a window."""
    closing = select.poll()
    closing.register(source, 0)
    closing.poll()
    os._exit(0)


def _reason(failure: KoemoriError) -> str:
    text, cause = str(failure).removeprefix("worker: "), failure.__cause__
    return text if cause is None or str(cause) in text else f"{text} ({cause})"


def _names_cuda(text: str) -> bool:
    return any(word in text.lower() for word in ("cuda", "cublas", "cudnn", "nvidia"))


if __name__ == "__main__":
    sys.exit(main())

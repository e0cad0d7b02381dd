"""The process that carries torch and pyannote: answers questions on stdin until stdin ends.

First message: `open` with the pipeline's configuration; the answer is `ready`, or `unavailable` and the end.
Then `turns` with samples, each answered by `turns` or `failed`. One question at a time, in order.

It works at low priority on one thread, and without the network unless a hub was allowed: telemetry is off
before pyannote is imported, and an audit hook refuses every connection and name look-up besides.
"""

from __future__ import annotations

import os
import sys
from typing import Any, BinaryIO

from koemori.models import diarization_messages as messages
from koemori.models.diarization import PipelineConfig, SpeakerPipeline
from koemori.models.errors import DiarizationUnavailableError

_NETWORK_EVENTS = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
)


def main() -> int:
    """Serve stdin and stdout; 0 when stdin ended, 3 when there is no pipeline to be had."""
    questions = sys.stdin.buffer
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print must not look like an answer
    opening, _ = _read(questions)
    if opening is None:
        return 0
    config = PipelineConfig(**opening["config"])
    os.nice(int(opening.get("niceness", 0)))
    if not config.hub:
        sys.addaudithook(refuse_network)
    try:
        pipeline = SpeakerPipeline(config)
    except DiarizationUnavailableError as error:
        _write(answers, {"kind": "unavailable", "missing": error.missing})
        return 3
    _write(answers, {"kind": "ready"})
    while True:
        question, payload = _read(questions)
        if question is None:
            return 0
        _write(answers, _answer(pipeline, question, payload))


def refuse_network(event: str, _arguments: tuple[Any, ...]) -> None:
    """An audit hook: no network, whatever a library thinks.

    Raises:
        PermissionError: On connecting, sending and looking names up.
    """
    if event in _NETWORK_EVENTS:
        raise PermissionError(f"diarization worker: expected no network; got {event}")


def _answer(pipeline: SpeakerPipeline, question: dict[str, Any], payload: bytes) -> dict[str, Any]:
    head = {"number": question.get("number")}
    try:
        turns = pipeline.turns(messages.read_samples(payload), question.get("speakers"))
    except Exception as error:  # whatever a model does on odd audio, the process can go on
        return {**head, "kind": "failed", "reason": type(error).__name__}
    return {**head, "kind": "turns", "turns": messages.plain_turns(turns)}


def _read(stream: BinaryIO) -> tuple[dict[str, Any] | None, bytes]:
    prefix = stream.read(messages.PREFIX_BYTES)
    if len(prefix) < messages.PREFIX_BYTES:
        return None, b""
    header_bytes, payload_bytes = messages.lengths(prefix)
    return messages.read_header(stream.read(header_bytes)), stream.read(payload_bytes)


def _write(stream: BinaryIO, header: dict[str, Any]) -> None:
    for part in messages.encode(header):
        stream.write(part)
    stream.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(0)

"""Messages between a pool and its worker processes, as bytes. Pure: no pipe, no process.

A message is a prefix of 12 bytes (magic, length of the header, length of the payload, little endian), a JSON
header and a payload of raw float32 little-endian samples. Both lengths have limits, which the decoder
enforces before it waits for the rest. Nothing is pickled, so a worker gone mad can give a wrong answer, never
run code. Numbers and texts come out exactly as they went in.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.errors import WorkerFailedError
from koemori.models.ports import Effort, Purpose, TranscriptionRequest
from koemori.models.types import Hypothesis, SpeechSegment, Word, WorkTime

MOST_HEADER_BYTES: Final = 32 << 20
MOST_PAYLOAD_BYTES: Final = 256 << 20
MOST_WINDOW_SAMPLES: Final = 60 * 16_000
"""A minute; twice what Whisper looks at."""
MOST_TEXT_CHARACTERS: Final = 20_000
"""Prompt of one window; Whisper looks at a few hundred."""
MOST_BATCH: Final = MOST_PAYLOAD_BYTES // (4 * MOST_WINDOW_SAMPLES)

_MAGIC: Final = b"KOE1"
_PREFIX: Final = struct.Struct("<4sII")
_SAMPLE: Final = np.dtype("<f4")
_WORD_FIELDS: Final = tuple(field.name for field in fields(Word))
_WORK_FIELDS: Final = tuple(field.name for field in fields(WorkTime))
_HYPOTHESIS_FIELDS: Final = tuple(
    field.name for field in fields(Hypothesis) if field.name not in ("words", "work")
)
_REQUEST_FIELDS: Final = tuple(
    field.name for field in fields(TranscriptionRequest) if field.name not in ("segment", "purpose")
)


@dataclass(frozen=True, slots=True)
class LoadModel:
    """To a worker, first of all: the model to load.

    Attributes:
        config: Fields of `WhisperConfig`.
        vocabulary: What `Vocabulary.to_data` gives; None compares no words.
    """

    folder: str
    config: Mapping[str, Any]
    vocabulary: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """From a worker: the model is loaded; the process holds `resident_bytes` of memory."""

    model_id: str
    resident_bytes: int


@dataclass(frozen=True, slots=True)
class Refused:
    """From a worker, which ends with it: why it cannot start. `code` is that of the error behind it."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """To a worker: windows to transcribe together."""

    number: int
    effort: Effort
    requests: tuple[TranscriptionRequest, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """Instead of a hypothesis: why the model failed on a window. Says nothing of what was said."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answers:
    """From a worker: what came of the `Work` of the same number, one answer per request, in order.

    Attributes:
        work_us: Wall time in microseconds from the last byte of the question to this answer.
        cpu_us: The worker's processor time meanwhile.
    """

    number: int
    work_us: int
    cpu_us: int
    answers: tuple[Hypothesis | Failure, ...]


Message = LoadModel | Ready | Refused | Work | Answers


def encode(message: Message) -> list[bytes | memoryview]:
    """Lay out a message as buffers to be written one after the other; samples are not copied.

    Raises:
        WorkerFailedError: The message is over a limit.
    """
    samples: list[np.ndarray[Any, np.dtype[np.float32]]] = []
    match message:
        case LoadModel():
            header: dict[str, Any] = {
                "kind": "load",
                "folder": message.folder,
                "config": dict(message.config),
                "vocabulary": message.vocabulary,
            }
        case Ready():
            header = {"kind": "ready", "model": message.model_id, "resident": message.resident_bytes}
        case Refused():
            header = {"kind": "refused", "code": message.code, "reason": message.reason}
        case Work():
            samples = [
                np.ascontiguousarray(request.segment.samples, dtype=_SAMPLE) for request in message.requests
            ]
            requests = [_plain_request(request) for request in message.requests]
            header = {
                "kind": "work",
                "number": message.number,
                "effort": message.effort,
                "requests": requests,
            }
        case Answers():
            answers = [_plain_answer(answer) for answer in message.answers]
            header = {
                "kind": "answers",
                "number": message.number,
                "work_us": message.work_us,
                "cpu_us": message.cpu_us,
                "answers": answers,
            }
    text = json.dumps(header, default=_plain_number, separators=(",", ":")).encode("ascii")
    payload_bytes = sum(part.nbytes for part in samples)
    _check_lengths(len(text), payload_bytes)
    parts = [part.data.cast("B") for part in samples if part.nbytes]
    return [_PREFIX.pack(_MAGIC, len(text), payload_bytes) + text, *parts]


class Decoder:
    """Turns bytes back into messages, however they were cut; useless after its first error."""

    def __init__(self) -> None:
        self._held = bytearray()

    def push(self, data: bytes) -> list[Message]:
        """Add bytes; return the messages they complete, oldest first.

        Raises:
            WorkerFailedError: The bytes are no message, or announce one over a limit.
        """
        self._held += data
        return list(self._complete())

    def _complete(self) -> Iterator[Message]:
        while len(self._held) >= _PREFIX.size:
            magic, header_bytes, payload_bytes = _PREFIX.unpack_from(self._held)
            if magic != _MAGIC:
                raise WorkerFailedError("a message of the worker protocol", "other bytes")
            _check_lengths(header_bytes, payload_bytes)
            payload_at = _PREFIX.size + header_bytes
            end = payload_at + payload_bytes
            if len(self._held) < end:
                return
            header, payload = self._held[_PREFIX.size : payload_at], self._held[payload_at:end]
            del self._held[:end]
            try:
                message = _read(json.loads(header), payload)
            except (ValueError, KeyError, TypeError, AttributeError) as failure:
                # The text of such an error quotes the message, and with it what people said.
                raise WorkerFailedError("a whole message", type(failure).__name__) from None
            yield message


def _check_lengths(header_bytes: int, payload_bytes: int) -> None:
    for name, most, came in (
        ("header", MOST_HEADER_BYTES, header_bytes),
        ("payload", MOST_PAYLOAD_BYTES, payload_bytes),
    ):
        if came > most:
            raise WorkerFailedError(f"a {name} of at most {most} bytes", f"{came}")


def _plain_number(value: object) -> int | float | bool:
    if isinstance(value, np.generic):
        number: int | float | bool = value.item()
        return number
    raise TypeError(f"expected a number; got {type(value).__name__}")


def _plain_request(request: TranscriptionRequest) -> dict[str, Any]:
    segment, channel = request.segment, request.segment.channel
    return {
        "channel": [channel.call_id, channel.leg_id, channel.index, channel.role, channel.source],
        "span": [segment.start_ms, segment.end_ms, len(segment.samples)],
        "purpose": int(request.purpose),
        **{name: getattr(request, name) for name in _REQUEST_FIELDS},
    }


def _plain_answer(answer: Hypothesis | Failure) -> dict[str, Any]:
    if isinstance(answer, Failure):
        return {"failure": answer.reason}
    return {
        "words": [[getattr(word, name) for name in _WORD_FIELDS] for word in answer.words],
        "work": [getattr(answer.work, name) for name in _WORK_FIELDS],
        **{name: getattr(answer, name) for name in _HYPOTHESIS_FIELDS},
    }


def _read(header: dict[str, Any], payload: bytearray) -> Message:
    kind = header["kind"]
    if kind == "work":
        requests = tuple(_read_requests(header["requests"], payload))
        return Work(header["number"], Effort(header["effort"]), requests)
    if payload:
        raise ValueError("a payload without work")
    if kind == "answers":
        answers = tuple(_read_answer(plain) for plain in header["answers"])
        return Answers(header["number"], header["work_us"], header["cpu_us"], answers)
    if kind == "ready":
        return Ready(header["model"], header["resident"])
    if kind == "refused":
        return Refused(header["code"], header["reason"])
    if kind == "load":
        return LoadModel(header["folder"], header["config"], header["vocabulary"])
    raise ValueError("another kind")


def _read_requests(plain: list[dict[str, Any]], payload: bytearray) -> Iterator[TranscriptionRequest]:
    samples = np.frombuffer(payload, dtype=_SAMPLE).astype(np.float32, copy=False)
    lengths = [request["span"][2] for request in plain]
    if sum(lengths) != len(samples) or min(lengths, default=0) < 0:
        raise ValueError("another number of samples")
    at = 0
    for request in plain:
        call_id, leg_id, index, role, source = request["channel"]
        start_ms, end_ms, length = request["span"]
        channel = Channel(CallId(call_id), LegId(leg_id), index, ChannelRole(role), source)
        yield TranscriptionRequest(
            segment=SpeechSegment(channel, start_ms, end_ms, samples[at : at + length]),
            purpose=Purpose(request["purpose"]),
            **{name: request[name] for name in _REQUEST_FIELDS},
        )
        at += length


def _read_answer(plain: dict[str, Any]) -> Hypothesis | Failure:
    if "failure" in plain:
        return Failure(plain["failure"])
    return Hypothesis(
        words=tuple(Word(*word) for word in plain["words"]),
        work=WorkTime(*plain["work"]),
        **{name: plain[name] for name in _HYPOTHESIS_FIELDS},
    )

"""Messages between the diarizer and its worker process, as bytes. Pure: no pipe, no process, no torch.

Laid out as in `worker_protocol`: magic, length of the header, length of the payload (little endian), a JSON
header, and raw float32 little-endian samples. Both lengths have limits that a reader checks first; nothing
is pickled.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

import numpy as np
from koemori.models.types import SpeakerTurn
from numpy.typing import NDArray

PREFIX_BYTES: Final = 12
MOST_HEADER_BYTES: Final = 4 << 20
MOST_SAMPLES: Final = 2 * 3600 * 16_000
"""Two hours at 16 kHz."""
_MAGIC: Final = b"KOED"
_PREFIX: Final = struct.Struct("<4sII")
_SAMPLE: Final = np.dtype("<f4")


def encode(header: Mapping[str, Any], samples: NDArray[np.float32] | None = None) -> list[bytes | memoryview]:
    """Lay out a message as buffers to be written one after the other.

    Raises:
        ValueError: The message is over a limit.
    """
    text = json.dumps(header, separators=(",", ":")).encode("ascii")
    payload = memoryview(b"")
    if samples is not None and len(samples):
        payload = np.ascontiguousarray(samples, dtype=_SAMPLE).data.cast("B")
    _check(len(text), payload.nbytes)
    return [_PREFIX.pack(_MAGIC, len(text), payload.nbytes) + text, payload]


def lengths(prefix: bytes) -> tuple[int, int]:
    """Bytes of the header and of the payload that follow a prefix.

    Raises:
        ValueError: The bytes are no prefix, or announce a message over a limit.
    """
    magic, header_bytes, payload_bytes = _PREFIX.unpack(prefix)
    if magic != _MAGIC:
        raise ValueError("expected a message of the diarization worker; got other bytes")
    _check(header_bytes, payload_bytes)
    return header_bytes, payload_bytes


def read_header(text: bytes) -> dict[str, Any]:
    """The header of a message.

    Raises:
        ValueError: It is no JSON object.
    """
    header = json.loads(text)
    if not isinstance(header, dict):
        raise ValueError("expected a JSON object as header; got something else")
    return header


def read_samples(payload: bytes) -> NDArray[np.float32]:
    """The samples of a message."""
    return np.frombuffer(payload, dtype=_SAMPLE).astype(np.float32)


def plain_turns(turns: tuple[SpeakerTurn, ...]) -> list[list[str | int]]:
    """Turns as JSON values."""
    return [[turn.speaker, turn.start_ms, turn.end_ms] for turn in turns]


def read_turns(plain: object) -> tuple[SpeakerTurn, ...]:
    """Turns from JSON values, checked: a worker gone mad must not reach a transcript.

    Raises:
        ValueError: They are not turns in order of time.
    """
    turns: list[SpeakerTurn] = []
    for row in plain if isinstance(plain, list) else [None]:
        match row:
            case [str(speaker), int(start_ms), int(end_ms)] if 0 <= start_ms <= end_ms:
                turns.append(SpeakerTurn(speaker, start_ms, end_ms))
            case _:
                raise ValueError("expected turns of name, start and end; got something else")
    if any(one.start_ms > two.start_ms for one, two in pairwise(turns)):
        raise ValueError("expected turns in order of time; got another order")
    return tuple(turns)


def _check(header_bytes: int, payload_bytes: int) -> None:
    if header_bytes > MOST_HEADER_BYTES or payload_bytes > MOST_SAMPLES * _SAMPLE.itemsize:
        raise ValueError(f"expected a message within limits; got {header_bytes} and {payload_bytes} bytes")
    if payload_bytes % _SAMPLE.itemsize:
        raise ValueError("expected whole samples; got a part of one")

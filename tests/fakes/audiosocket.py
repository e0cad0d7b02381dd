"""What Asterisk writes to an AudioSocket."""

from __future__ import annotations

import uuid

import numpy as np
from numpy.typing import NDArray

UUID = "40325ec2-5efd-4bd3-805f-53576e581d10"


def frame(kind: int, payload: bytes = b"") -> bytes:
    """One frame: type, length, payload."""
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


def named(name: str = UUID) -> bytes:
    """The first frame."""
    return frame(0x01, uuid.UUID(name).bytes)


def audio(samples: NDArray[np.int16], kind: int = 0x10) -> bytes:
    """A frame of audio, 8 kHz unless the type says otherwise."""
    return frame(kind, samples.astype("<i2").tobytes())

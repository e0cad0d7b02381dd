"""The reference of `bench accuracy`: faster-whisper as anyone would call it, on the true turns.

It shares no code with the recogniser that it is compared with, only the weights: windows of 30 s, a beam of
five, no time stamps, no sampling. A turn is cut by the script's times with `MARGIN_MS` around it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soxr
from koemori.audio.frames import ms_to_samples
from koemori.server.bench.spelling import Errors, count_errors
from koemori.server.bench.tapes import Tape

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARGIN_MS = 250
_RATE_HZ = 16_000
_FULL_SCALE = 32_768


@dataclass(frozen=True, slots=True)
class OfflineReference:
    """Whisper over whole turns; one thread."""

    model: Any
    language: str = "ja"

    @classmethod
    def open(cls, folder: Path, device: str = "cpu", compute_type: str = "int8") -> OfflineReference:
        """Load the weights of a CTranslate2 Whisper folder."""
        from faster_whisper import WhisperModel

        model = WhisperModel(
            str(folder),
            device=device,
            compute_type=compute_type,
            cpu_threads=1,
            local_files_only=True,
        )
        return cls(model)

    def errors(self, tape: Tape) -> dict[str, Errors]:
        """Character errors per side."""
        texts: dict[str, str] = {role.value: "" for role in tape.roles}
        for role, samples in zip(tape.roles, tape.samples, strict=True):
            for turn in tape.turns:
                if turn.speaker == role.value:
                    cut = _cut(samples, tape.rate_hz, turn.start_ms, turn.end_ms)
                    texts[role.value] += self._transcribe(cut)
        return {side: count_errors(tape.text(side), heard) for side, heard in texts.items()}

    def _transcribe(self, samples: NDArray[np.float32]) -> str:
        segments, _ = self.model.transcribe(
            samples,
            language=self.language,
            beam_size=5,
            temperature=0.0,
            condition_on_previous_text=False,
            without_timestamps=True,
        )
        return "".join(segment.text for segment in segments)


def _cut(samples: NDArray[np.int16], rate_hz: int, start_ms: int, end_ms: int) -> NDArray[np.float32]:
    start = ms_to_samples(max(0, start_ms - MARGIN_MS), rate_hz)
    piece = samples[start : ms_to_samples(end_ms + MARGIN_MS, rate_hz)].astype(np.float32) / _FULL_SCALE
    return np.asarray(soxr.resample(piece, rate_hz, _RATE_HZ), dtype=np.float32)

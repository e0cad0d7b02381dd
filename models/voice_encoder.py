"""The GE2E voice encoder: a stretch of one voice → a vector that is close to other stretches of that voice.

The network is that of Resemblyzer (Apache-2.0), so that its published weights fit: 40 mel bands, three LSTM
layers, 256 numbers out. Loads torch, so import it in a process that may carry it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
DIMENSION = 256
_MELS = 40
_WINDOW = 400
_HOP = 160
_PARTIAL_FRAMES = 160
_PARTIAL_STEP = 77
"""The encoder judges 1.6 s at a time, 1.3 times per second."""
_LEAST_COVERAGE = 0.75
_LEAST_SAMPLES = SAMPLE_RATE_HZ // 4
_TARGET_RMS = 10 ** (-30 / 20)
"""Quieter audio is raised to -30 dBFS, as in training."""


class VoiceEncoder(torch.nn.Module):  # type: ignore[misc]
    """See the module. `state` is `model_state` of a Resemblyzer checkpoint."""

    def __init__(self, state: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.lstm = torch.nn.LSTM(_MELS, DIMENSION, 3, batch_first=True)
        self.linear = torch.nn.Linear(DIMENSION, DIMENSION)
        self.register_buffer("filters", torch.from_numpy(mel_filters()), persistent=False)
        self.register_buffer("window", torch.hann_window(_WINDOW), persistent=False)
        self.load_state_dict({name: state[name] for name in self.state_dict()})
        self.eval()

    def forward(self, voices: list[torch.Tensor]) -> torch.Tensor:
        """Embed each voice.

        Args:
            voices: float32 in [-1, 1], 16 kHz, each of shape `(n,)`.

        Returns:
            Unit vectors, shape `(len(voices), 256)`; NaN for a voice under a quarter of a second.
        """
        parts: list[torch.Tensor] = []
        owners: list[int] = []
        for index, voice in enumerate(voices):
            if len(voice) >= _LEAST_SAMPLES:
                mine = self._partials(voice)
                parts += mine
                owners += [index] * len(mine)
        answer = torch.full((len(voices), DIMENSION), math.nan)
        if not parts:
            return answer
        _, (hidden, _) = self.lstm(torch.stack(parts))
        raw = torch.nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)
        whose = torch.tensor(owners, device=raw.device)
        sums = torch.zeros((len(voices), DIMENSION), device=raw.device).index_add_(0, whose, raw)
        heard = torch.unique(whose)
        answer[heard.cpu()] = torch.nn.functional.normalize(sums[heard], dim=1).cpu()
        return answer

    def _partials(self, voice: torch.Tensor) -> list[torch.Tensor]:
        """Spectrogram windows of 1.6 s; the last is kept when three quarters of it are audio."""
        rms = float(voice.square().mean().sqrt())
        if 0 < rms < _TARGET_RMS:
            voice = voice * (_TARGET_RMS / rms)
        frames = math.ceil((len(voice) + 1) / _HOP)
        starts = list(range(0, max(1, frames - _PARTIAL_FRAMES + _PARTIAL_STEP + 1), _PARTIAL_STEP))
        covered = (len(voice) - starts[-1] * _HOP) / (_PARTIAL_FRAMES * _HOP)
        if covered < _LEAST_COVERAGE and len(starts) > 1:
            starts.pop()
        missing = (starts[-1] + _PARTIAL_FRAMES) * _HOP - len(voice)
        mel = self._mel(torch.nn.functional.pad(voice, (0, max(0, missing))))
        return [mel[start : start + _PARTIAL_FRAMES] for start in starts]

    def _mel(self, samples: torch.Tensor) -> torch.Tensor:
        """Power in mel bands, shape `(frames, 40)`; not logarithmic, as in training."""
        spectrum = torch.stft(
            samples, _WINDOW, _HOP, window=self.window, pad_mode="constant", return_complex=True
        )
        return (self.filters @ spectrum.abs().square()).T


def mel_filters() -> NDArray[np.float32]:
    """Slaney's mel filters for 40 bands up to 8 kHz, area-normalised, shape `(40, 201)`."""
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(SAMPLE_RATE_HZ / 2), _MELS + 2))
    bins = np.linspace(0.0, SAMPLE_RATE_HZ / 2, _WINDOW // 2 + 1)
    ramps = edges[:, None] - bins[None, :]
    widths = np.diff(edges)
    rising = -ramps[:-2] / widths[:-1, None]
    falling = ramps[2:] / widths[1:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters *= (2.0 / (edges[2:] - edges[:-2]))[:, None]
    return filters.astype(np.float32)


_LINEAR_HZ = 200 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _LINEAR_HZ
_LOG_STEP = math.log(6.4) / 27


def _hz_to_mel(hz: float) -> float:
    return hz / _LINEAR_HZ if hz < _BREAK_HZ else _BREAK_MEL + math.log(hz / _BREAK_HZ) / _LOG_STEP


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    curved: NDArray[np.float64] = _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ, curved)

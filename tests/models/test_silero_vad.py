"""Silero: one batched run equals single runs; real speech is heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from koemori.models.errors import ModelDigestError
from koemori.models.silero_vad import SileroVad, locate_silero
from numpy.typing import NDArray

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def channels(corpus: Path) -> NDArray[np.float32]:
    """The first 20 s of a call in windows, shape `(windows, 2, 512)`."""
    audio, rate = soundfile.read(corpus / "audio" / "c01.flac", dtype="float32", stop=20 * 8000)
    wide = soxr.resample(audio, rate, 16_000).astype(np.float32)
    count = len(wide) // 512
    return np.ascontiguousarray(wide[: count * 512].reshape(count, 512, 2).transpose(0, 2, 1))


def test_a_batched_run_gives_the_figures_of_single_runs(channels: NDArray[np.float32]) -> None:
    batched, single = SileroVad(), SileroVad()
    for windows in channels[:300]:
        together = batched.probabilities(("a", "b"), windows)
        alone = [single.probabilities((key,), windows[row : row + 1])[0] for row, key in enumerate("ab")]
        np.testing.assert_allclose(together, alone, atol=1e-4)


def test_it_hears_who_speaks(channels: NDArray[np.float32]) -> None:
    vad = SileroVad()
    heard = np.array([vad.probabilities(("a", "b"), windows) for windows in channels])
    at = {"agent": slice(25, 250), "customer": slice(295, 415), "nobody": slice(0, 10)}
    assert np.mean(heard[at["agent"], 0] > 0.5) > 0.8
    assert np.mean(heard[at["agent"], 1] > 0.5) < 0.02
    assert np.mean(heard[at["customer"], 1] > 0.5) > 0.8
    assert heard[at["nobody"]].max() < 0.5


def test_a_forgotten_channel_starts_anew(channels: NDArray[np.float32]) -> None:
    vad = SileroVad()
    first = [vad.probabilities(("a",), windows[:1])[0] for windows in channels[:40]]
    vad.forget("a")
    vad.forget("never seen")
    again = [vad.probabilities(("a",), windows[:1])[0] for windows in channels[:40]]
    assert first == again


def test_no_channel_is_no_work() -> None:
    assert SileroVad().probabilities((), np.zeros((0, 512), np.float32)).shape == (0,)


def test_a_network_with_other_bytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "silero.onnx"
    path.write_bytes(locate_silero().read_bytes() + b"x")
    with pytest.raises(ModelDigestError, match="expected sha256"):
        SileroVad(path)

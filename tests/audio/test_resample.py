"""Resampling in frames gives what resampling at once gives."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from koemori.audio.resample import ChannelResampler
from numpy.typing import NDArray

pytestmark = pytest.mark.unit
RATES = [8000, 11_025, 16_000, 44_100, 48_000]


def noise(count: int) -> NDArray[np.int16]:
    return np.random.default_rng(5).integers(-15_000, 15_000, count).astype(np.int16)


def in_frames(resampler: ChannelResampler, samples: NDArray[np.int16], size: int) -> NDArray[np.float32]:
    parts = [resampler.push(samples[at : at + size]) for at in range(0, len(samples), size)]
    return np.concatenate([*parts, resampler.flush()])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("size_ms", [10, 20, 33])
def test_frames_give_the_same_samples_as_the_whole(rate: int, size_ms: int) -> None:
    samples = noise(rate * 2 + 7)
    whole = in_frames(ChannelResampler(rate), samples, len(samples))
    framed = in_frames(ChannelResampler(rate), samples, rate * size_ms // 1000)
    assert framed.dtype == np.float32
    assert len(framed) == len(whole)
    assert np.abs(framed - whole).max() < 1e-6


@pytest.mark.parametrize("rate", [11_025, 44_100, 48_000])
def test_other_rates_are_those_of_the_library(rate: int) -> None:
    samples = noise(rate)
    whole = soxr.resample(samples.astype(np.float32) / 32768, rate, 16_000)
    assert np.abs(in_frames(ChannelResampler(rate), samples, rate // 50) - whole).max() < 1e-6


@pytest.mark.parametrize("tone_hz", [50, 300, 1000, 2600, 3400, 3750])
def test_telephone_tones_are_doubled_without_an_image(tone_hz: int) -> None:
    samples = (np.sin(2 * np.pi * tone_hz * np.arange(16_000) / 8000) * 20_000).astype(np.int16)
    doubled = in_frames(ChannelResampler(8000), samples, 160)
    expected = np.sin(2 * np.pi * tone_hz * np.arange(32_000) / 16_000) * 20_000 / 32768
    assert np.abs(doubled - expected)[500:-500].max() < 0.001
    spectrum = np.abs(np.fft.rfft(doubled * np.blackman(len(doubled))))
    image = 2 * (8000 - tone_hz)
    assert 20 * np.log10(spectrum[image - 8 : image + 8].max() / spectrum.max()) < -70


def test_telephone_audio_is_held_back_twelve_milliseconds() -> None:
    resampler = ChannelResampler(8000)
    assert len(resampler.push(noise(160))) == 2 * (160 - 96)
    assert len(resampler.push(noise(160))) == 2 * 160


@pytest.mark.parametrize("rate", RATES)
def test_an_hour_does_not_drift_by_a_sample(rate: int) -> None:
    resampler = ChannelResampler(rate)
    block = np.zeros(rate * 10, dtype=np.int16)
    count = sum(len(resampler.push(block)) for _ in range(360)) + len(resampler.flush())
    assert abs(count - 3600 * 16_000) <= 1


def test_a_click_stays_where_it_was() -> None:
    samples = np.zeros(8000 * 60, dtype=np.int16)
    samples[8000 * 59] = 30_000
    framed = in_frames(ChannelResampler(8000), samples, 160)
    assert abs(int(np.abs(framed).argmax()) - 16_000 * 59) <= 1


def test_the_same_rate_is_only_scaled() -> None:
    resampler = ChannelResampler(16_000)
    assert resampler.push(np.array([-32768, 0, 16384], dtype=np.int16)).tolist() == [-1.0, 0.0, 0.5]
    assert resampler.flush().shape == (0,)


def test_after_a_flush_a_new_timeline_begins() -> None:
    resampler = ChannelResampler(8000)
    first = in_frames(resampler, noise(4000), 160)
    assert np.array_equal(first, in_frames(resampler, noise(4000), 160))

"""Short gaps are bridged for whoever listens live, and fade; longer ones are told."""

from __future__ import annotations

import numpy as np
import pytest
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.audio.concealment import BRIDGED_MS, Concealment
from koemori.audio.frames import AudioFrame, Gap, GapCause
from numpy.typing import NDArray

pytestmark = pytest.mark.unit

CHANNEL = Channel(CallId("call"), LegId("leg"), 0, ChannelRole.AGENT, "rtp")


def voice(pitch_hz: int, rate_hz: int, start: int, count: int) -> NDArray[np.int16]:
    """Four harmonics."""
    time = np.arange(start, start + count) / rate_hz
    waves = [3_000 / n * np.sin(2 * np.pi * pitch_hz * n * time) for n in range(1, 5)]
    return np.asarray(np.sum(waves, axis=0), np.int16)


def frame(samples: NDArray[np.int16], start: int, rate_hz: int) -> AudioFrame:
    return AudioFrame(CHANNEL, start, rate_hz, samples)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
@pytest.mark.parametrize("pitch_hz", [80, 125, 250, 400])
def test_the_first_ten_milliseconds_go_on_as_the_voice_would_have(pitch_hz: int, rate_hz: int) -> None:
    heard, count = Concealment(rate_hz), rate_hz // 100
    for start in range(0, 12 * 2 * count, 2 * count):
        heard.sound(frame(voice(pitch_hz, rate_hz, start, 2 * count), start, rate_hz))
    filled = heard.sound(Gap(CHANNEL, 24 * count, count, GapCause.LOST, rate_hz))
    assert filled is not None
    missing = voice(pitch_hz, rate_hz, 24 * count, count).astype(int)
    assert np.abs(filled - missing).max() < 0.25 * np.abs(missing).max()


def test_a_gap_fades_to_silence_and_a_second_gap_fades_on() -> None:
    heard = Concealment(8_000)
    heard.sound(frame(voice(125, 8_000, 0, 800), 0, 8_000))
    first = heard.fill(240)
    second = heard.fill(400)
    assert np.abs(first[:80]).max() > 2_000
    assert 0 < np.abs(second[:80]).max() < np.abs(first[:80]).max()
    assert not second[240:].any()


def test_long_paused_and_first_gaps_are_told() -> None:
    heard = Concealment(8_000)
    assert heard.sound(Gap(CHANNEL, 0, 80, GapCause.LOST, 8_000)) is None
    heard.sound(frame(voice(125, 8_000, 80, 800), 80, 8_000))
    assert heard.sound(Gap(CHANNEL, 880, 80, GapCause.PAUSED, 8_000)) is None
    heard.sound(frame(voice(125, 8_000, 960, 800), 960, 8_000))
    assert heard.sound(Gap(CHANNEL, 1_760, BRIDGED_MS * 8 + 1, GapCause.LOST, 8_000)) is None
    assert heard.sound(Gap(CHANNEL, 5_000, 80, GapCause.CLOCK, 8_000)) is None

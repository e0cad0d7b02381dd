"""Keys heard as tones: found within the limits of telephones, and never in speech, music or line tones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.audio.codecs.g711 import decode_mulaw, encode_mulaw
from koemori.audio.dtmf import COLUMNS_HZ, ROWS_HZ, DtmfDetector, HeardKey
from koemori.audio.telephone_sounds import SOUND_RATE_HZ, SOUNDS
from numpy.typing import NDArray

pytestmark = pytest.mark.unit

KEYS = "123A456B789C*0#D"
CALLS = Path(__file__).parents[2] / "benchmarks/corpus/audio"


def keyed(
    tone_ms: int, *, amplitude: float = 4_000, twist_db: float = 0, off: float = 0, rate_hz: int = 8_000
) -> NDArray[np.int16]:
    """All keys, each after a pause of 45 ms and a little, with noise 20 dB below."""
    dice = np.random.default_rng(7)
    time = np.arange(tone_ms * rate_hz // 1_000) / rate_hz
    parts = []
    for index in range(len(KEYS)):
        row, column = ROWS_HZ[index // 4] * (1 + off), COLUMNS_HZ[index % 4] * (1 + off)
        high = 10 ** (twist_db / 20)
        tone = np.sin(2 * np.pi * row * time + index) + high * np.sin(2 * np.pi * column * time)
        parts += [np.zeros(45 * rate_hz // 1_000 + int(dice.integers(80))), amplitude * tone]
    sound = np.concatenate([*parts, np.zeros(rate_hz // 10)])
    sound += dice.normal(size=len(sound)) * amplitude / 10
    return np.asarray(sound, np.int16)


def heard(samples: NDArray[np.int16], rate_hz: int = 8_000, push_samples: int = 1_600) -> list[HeardKey]:
    detector, keys = DtmfDetector(rate_hz), []
    for start in range(0, len(samples), push_samples):
        keys += detector.push(start, samples[start : start + push_samples])
    return keys + detector.finish()


@pytest.mark.parametrize("tone_ms", [40, 65, 200])
@pytest.mark.parametrize(
    ("amplitude", "twist_db", "off"),
    [(4_000, 0, 0), (400, 0, 0), (2_000, 6, 0), (2_000, -6, 0), (4_000, 0, 0.015), (4_000, 0, -0.015)],
)
def test_keys_are_heard_through_mulaw(tone_ms: int, amplitude: float, twist_db: float, off: float) -> None:
    samples = keyed(tone_ms, amplitude=amplitude, twist_db=twist_db, off=off)
    assert "".join(key.key for key in heard(decode_mulaw(encode_mulaw(samples)))) == KEYS


@pytest.mark.parametrize("off", [0.035, -0.035])
def test_tones_too_far_off_are_no_keys(off: float) -> None:
    assert heard(keyed(100, off=off)) == []


def test_tones_too_short_are_no_keys() -> None:
    assert heard(keyed(23)) == []


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
@pytest.mark.parametrize("push_samples", [160, 5_000])
def test_a_key_lies_where_it_was_pressed_at_any_rate_and_however_it_is_cut(
    rate_hz: int, push_samples: int
) -> None:
    samples = np.zeros(rate_hz, dtype=np.int16)
    time = np.arange(rate_hz // 10) / rate_hz
    begin, end = rate_hz // 2, rate_hz // 2 + rate_hz // 10
    samples[begin:end] = 5_000 * (np.sin(2 * np.pi * 770 * time) + np.sin(2 * np.pi * 1_336 * time))
    (key,) = heard(samples, rate_hz, push_samples)
    assert key.key == "5"
    assert abs(key.start_sample - begin) <= rate_hz // 80
    assert abs(key.end_sample - end) <= rate_hz // 80


def test_a_long_press_is_one_key_and_a_hole_in_the_audio_ends_it() -> None:
    time = np.arange(8_000) / 8_000
    tone = np.asarray(4_000 * (np.sin(2 * np.pi * 941 * time) + np.sin(2 * np.pi * 1_477 * time)), np.int16)
    detector = DtmfDetector(8_000)
    assert detector.push(0, tone) == []
    (first,) = detector.push(10_000, tone)
    assert (first.key, first.start_sample) == ("#", 0)
    assert len(detector.finish()) == 1


@pytest.mark.parametrize("path", sorted(CALLS.glob("*.flac"))[:6], ids=lambda path: path.stem)
def test_speech_is_never_taken_for_a_key(path: Path) -> None:
    samples, rate_hz = soundfile.read(path, dtype="int16", always_2d=True)
    for channel in samples.T:
        assert heard(channel, rate_hz, 8_000) == []


@pytest.mark.parametrize("name", sorted(SOUNDS.keys() - {"dtmf"}))
def test_line_tones_noise_and_music_are_never_taken_for_keys(name: str) -> None:
    samples = np.asarray(SOUNDS[name](20) * 32_767, np.int16)
    assert heard(samples, SOUND_RATE_HZ, 8_000) == []

"""Level, pitch and tilt of made vowels and of telephone sounds."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.audio.telephone_sounds import dtmf, silence
from koemori.models.voice_features import VoiceMeasure, measure
from numpy.typing import NDArray

from tests.fakes.loudness import amplified, over_telephone, vowel

pytestmark = pytest.mark.unit


def semitones(pitch_hz: float) -> float:
    return float(12 * np.log2(pitch_hz / 55))


def measured(samples: NDArray[np.float32]) -> VoiceMeasure:
    found = measure(samples)
    assert found is not None
    return found


@settings(deadline=None, max_examples=25)
@given(pitch_hz=st.floats(85, 380), gain_db=st.floats(-25, 12))
def test_a_gain_moves_the_level_by_itself_and_nothing_else(pitch_hz: float, gain_db: float) -> None:
    plain, louder = (measured(vowel(pitch_hz)), measured(amplified(vowel(pitch_hz), gain_db)))
    assert louder.level_db - plain.level_db == pytest.approx(gain_db, abs=0.05)
    assert louder.pitch_semitones == pytest.approx(plain.pitch_semitones, abs=0.05)
    assert louder.tilt_db == pytest.approx(plain.tilt_db, abs=0.05)


@settings(deadline=None, max_examples=25)
@given(pitch_hz=st.floats(85, 380))
def test_pitch_is_heard_on_a_handset_that_cuts_the_fundamental_off(pitch_hz: float) -> None:
    line = over_telephone(vowel(pitch_hz, 1024), lowest_hz=300)[1000:-1000]
    assert measured(line).pitch_semitones == pytest.approx(semitones(pitch_hz), abs=0.5)


def test_a_harder_voice_has_more_treble() -> None:
    soft, hard = (measured(vowel(150, slope=slope)) for slope in (1.8, 1.0))
    assert hard.tilt_db > soft.tilt_db + 6


def test_samples_that_a_gap_filled_with_zeros_hardly_move_the_level() -> None:
    torn = vowel(150).copy()
    torn[2000:4000] = 0
    assert measured(torn).level_db == pytest.approx(measured(vowel(150)).level_db, abs=1.0)


def test_a_line_that_clips_says_so() -> None:
    assert measured(vowel(150)).clipped == 0
    assert measured(amplified(vowel(150), 30)).clipped > 0.3


@pytest.mark.parametrize("level_db", [-40, -25, -10])
def test_keys_pressed_silence_and_hiss_have_no_voice(level_db: float) -> None:
    keys = dtmf(4)
    pressed = np.flatnonzero(np.abs(keys) > 0.01)[0]
    hiss = np.random.default_rng(1).normal(size=8192).astype(np.float32) * np.float32(10 ** (level_db / 20))
    for nothing in (keys[pressed : pressed + 1600], keys, silence(0.512), hiss, vowel(150)[:1000]):
        assert measure(nothing) is None


def test_half_a_second_costs_far_less_than_a_hundredth_of_it() -> None:
    samples = over_telephone(vowel(150))
    measure(samples)
    costs = []
    for _ in range(20):
        began = time.thread_time()
        measure(samples)
        costs.append(time.thread_time() - began)
    assert float(np.median(costs)) < 0.005

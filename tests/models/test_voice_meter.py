"""When a voice counts as raised, on windows by script."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.models.voice_features import VoiceMeasure
from koemori.models.voice_meter import VoiceChange, VoiceMeter, VoiceWindow
from koemori.models.voice_thresholds import voice_thresholds

from tests.fakes.loudness import NORMAL, WINDOW_MS, spoken

pytestmark = pytest.mark.unit

LIMITS = voice_thresholds()
FIRST = -(-LIMITS.baseline_speech_ms // WINDOW_MS)
"""Windows until there is a baseline."""
FIRST_MS = FIRST * WINDOW_MS


def above(level_db: float, pitch: float = 0.0, tilt_db: float = 0.0, clipped: float = 0.0) -> VoiceMeasure:
    return VoiceMeasure(
        NORMAL.level_db + level_db, NORMAL.pitch_semitones + pitch, NORMAL.tilt_db + tilt_db, clipped
    )


SHOUT = above(8, pitch=4, tilt_db=4)


def play(windows: list[VoiceWindow], meter: VoiceMeter | None = None) -> list[VoiceChange]:
    meter = meter or VoiceMeter()
    return [change for window in windows for change in meter.push(window)]


def after_baseline(*measures: VoiceMeasure, start_ms: int = FIRST_MS) -> list[VoiceChange]:
    return play(spoken(*[NORMAL] * FIRST) + spoken(*measures, start_ms=start_ms))


measures = st.builds(
    VoiceMeasure,
    level_db=st.floats(-50, -10),
    pitch_semitones=st.floats(5, 30),
    tilt_db=st.floats(-25, 0),
    clipped=st.just(0.0),
)
calls = st.lists(measures, min_size=FIRST + 10, max_size=FIRST + 60)


def test_level_with_pitch_and_tilt_is_a_raised_voice_and_says_since_when() -> None:
    [change] = after_baseline(NORMAL, SHOUT, SHOUT, SHOUT)
    assert (change.raised, change.level_db, change.pitch_semitones) == (True, 8.0, 4.0)
    assert (change.since_ms, change.at_ms) == (FIRST_MS + WINDOW_MS, FIRST_MS + 4 * WINDOW_MS)


@pytest.mark.parametrize(
    "kept",
    [
        above(12),
        above(0, pitch=6, tilt_db=9),
        above(8, pitch=2),
        above(8, pitch=12),
        above(8, tilt_db=9, clipped=0.2),
        above(5.9, pitch=6, tilt_db=6),
    ],
    ids=[
        "a gain",
        "a high and hard voice",
        "a little higher",
        "an octave's error",
        "a line that clips",
        "a little louder",
    ],
)
def test_what_is_no_raised_voice(kept: VoiceMeasure) -> None:
    assert after_baseline(*[kept] * 40) == []


@pytest.mark.parametrize("kept", [above(8, pitch=4), above(8, tilt_db=6)], ids=["pitch", "tilt"])
def test_pitch_or_tilt_alone_supports_the_level_when_there_is_enough_of_it(kept: VoiceMeasure) -> None:
    assert [change.raised for change in after_baseline(*[kept] * 5)] == [True]


def test_a_word_or_two_is_not_enough() -> None:
    assert after_baseline(*[SHOUT, SHOUT, NORMAL, NORMAL, NORMAL] * 4) == []


def test_nothing_is_said_before_there_is_a_baseline_whatever_comes() -> None:
    assert play(spoken(*[NORMAL] * 20, *[SHOUT] * (FIRST - 20))) == []


def test_who_is_loud_from_the_start_is_not_raised() -> None:
    assert play(spoken(*[SHOUT] * (FIRST + 40))) == []


def test_louder_than_usual_means_louder_than_this_caller_usually_is() -> None:
    lively = [NORMAL, above(7)] * (FIRST // 2 + 1)
    barely, clearly = above(6.5, pitch=4, tilt_db=4), above(14, pitch=4, tilt_db=4)
    quiet_first = spoken(*lively)
    start_ms = quiet_first[-1].end_ms
    assert play(quiet_first + spoken(*[barely] * 20, start_ms=start_ms)) == []
    assert [one.raised for one in play(quiet_first + spoken(*[clearly] * 5, start_ms=start_ms))] == [True]


def test_a_rise_ends_when_the_voice_calms_down_and_does_not_flicker_between() -> None:
    between = above(5, pitch=2, tilt_db=2)
    up, down = after_baseline(*[SHOUT] * 5, *[between] * 20, *[NORMAL] * 5)
    assert (up.raised, down.raised) == (True, False)
    assert down.at_ms == FIRST_MS + 28 * WINDOW_MS
    assert down.since_ms == up.since_ms


def test_a_rise_ends_with_a_long_silence() -> None:
    meter = VoiceMeter()
    play(spoken(*[NORMAL] * FIRST, *[SHOUT] * 5), meter)
    end_ms = FIRST_MS + 5 * WINDOW_MS
    assert meter.pass_time(end_ms + LIMITS.end_silence_ms - 1) == []
    [ended] = meter.pass_time(end_ms + LIMITS.end_silence_ms)
    assert (ended.raised, ended.at_ms) == (False, end_ms + LIMITS.end_silence_ms)
    assert meter.pass_time(end_ms + 3 * LIMITS.end_silence_ms) == []


def test_loud_words_before_a_long_silence_do_not_count_with_those_after_it() -> None:
    later_ms = FIRST_MS + LIMITS.end_silence_ms + 3 * WINDOW_MS
    windows = spoken(*[NORMAL] * FIRST, SHOUT, SHOUT) + spoken(SHOUT, SHOUT, start_ms=later_ms)
    assert play(windows) == []


def test_a_rise_that_grows_is_said_again_from_the_same_start() -> None:
    first, second = after_baseline(*[SHOUT] * 5, *[replace(SHOUT, level_db=SHOUT.level_db + 5)] * 5)
    assert (first.raised, second.raised) == (True, True)
    assert second.level_db >= first.level_db + LIMITS.compare_again_db
    assert second.since_ms == first.since_ms


@given(call=calls, gain_db=st.floats(-30, 30))
def test_a_gain_on_the_whole_call_changes_nothing(call: list[VoiceMeasure], gain_db: float) -> None:
    # Level and gain in whole 1/64 dB, so that adding them rounds nothing.
    gain_db = round(gain_db * 64) / 64
    even = [replace(one, level_db=round(one.level_db * 64) / 64) for one in call]
    plain = play(spoken(*even))
    moved = play(spoken(*[replace(one, level_db=one.level_db + gain_db) for one in even]))
    assert [(one.at_ms, one.raised) for one in moved] == [(one.at_ms, one.raised) for one in plain]
    assert [one.level_db for one in moved] == pytest.approx([one.level_db for one in plain])


@given(call=calls, louder_db=st.floats(0, 20))
def test_louder_after_the_baseline_is_never_less_raised(call: list[VoiceMeasure], louder_db: float) -> None:
    first, then = call[:FIRST], call[FIRST:]
    # All of the rest by one effort: else the louder windows that join may be softer ones.
    same = [
        replace(one, pitch_semitones=first[0].pitch_semitones + 4, tilt_db=first[0].tilt_db) for one in then
    ]
    louder = [replace(one, level_db=one.level_db + louder_db) for one in same]
    assert how_long(first, louder) >= how_long(first, same)


@given(call=calls)
def test_changes_alternate_and_come_in_order_of_time(call: list[VoiceMeasure]) -> None:
    changes = play(spoken(*call))
    assert [one.at_ms for one in changes] == sorted(one.at_ms for one in changes)
    raised = False
    for change in changes:
        assert change.raised or raised
        assert change.since_ms < change.at_ms
        raised = change.raised


@given(call=calls, holes=st.lists(st.integers(0, 60), max_size=8))
def test_holes_in_the_audio_never_make_a_rise(call: list[VoiceMeasure], holes: list[int]) -> None:
    """A steady speaker whose windows are lost here and there stays unraised."""
    windows = spoken(*[NORMAL] * len(call))
    kept = [window for place, window in enumerate(windows) if place not in holes]
    assert play(kept) == []


def how_long(first: list[VoiceMeasure], then: list[VoiceMeasure]) -> int:
    meter = VoiceMeter()
    play(spoken(*first), meter)
    raised = 0
    for window in spoken(*then, start_ms=len(first) * WINDOW_MS):
        meter.push(window)
        raised += meter.raised
    return raised

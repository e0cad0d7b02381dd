"""Masking: nothing passes while it is on, keys never do, and every sample has its place."""

from collections.abc import Iterable

import numpy as np
import pytest
from koemori.audio.dtmf import COLUMNS_HZ, ROWS_HZ
from koemori.audio.frames import AudioFrame, Gap, GapCause
from koemori.audio.masking import MaskedBefore, Masking, MaskingChanged, MaskingLimits, Passed
from koemori.audio.signals import KeyCarrier, KeyPressed
from numpy.typing import NDArray

from tests.fakes.calls import AGENT, CUSTOMER, FRAME, RATE_HZ, STARTED, frame

pytestmark = pytest.mark.unit
_KEYS = "123A456B789C*0#D"
_NOISE = np.random.default_rng(7)


def tone(key: str, ms: int = 80, amplitude: float = 4_000.0) -> NDArray[np.int16]:
    """The two tones of a key."""
    place = _KEYS.index(key)
    time = np.arange(ms * RATE_HZ // 1000) / RATE_HZ
    waves = np.sin(2 * np.pi * ROWS_HZ[place // 4] * time) + np.sin(2 * np.pi * COLUMNS_HZ[place % 4] * time)
    return np.asarray(amplitude * waves, np.int16)


def noise(ms: int) -> NDArray[np.int16]:
    return np.asarray(_NOISE.normal(0, 300, ms * RATE_HZ // 1000), np.int16)


def keyed(keys: str, on_ms: int = 80, off_ms: int = 80) -> NDArray[np.int16]:
    """Half a second of line noise, the keys, and a second of noise again."""
    parts = [noise(500)]
    for key in keys:
        parts += [tone(key, on_ms), noise(off_ms)]
    return np.concatenate([*parts, noise(1_000)])


def feed(masking: Masking, samples: NDArray[np.int16], size: int = FRAME, start: int = 0) -> list[Passed]:
    passed: list[Passed] = []
    for at in range(0, len(samples), size):
        passed += masking.push(AudioFrame(CUSTOMER, start + at, RATE_HZ, samples[at : at + size]))
    return passed


def kept(passed: Iterable[Passed], count: int, channel: int = 1) -> NDArray[np.int16]:
    """What a master has of it: silence in gaps and where it was masked after the fact."""
    master = np.zeros(count, dtype=np.int16)
    covered = np.zeros(count, dtype=int)
    for one in passed:
        if isinstance(one, MaskingChanged) or one.channel.index != channel:
            continue
        if isinstance(one, AudioFrame):
            master[one.start_sample : one.end_sample] = one.samples
        elif isinstance(one, MaskedBefore):
            master[one.start_sample : one.start_sample + one.sample_count] = 0
        if isinstance(one, AudioFrame | Gap):
            covered[one.start_sample : one.end_sample] += 1
    assert (covered == 1).all()
    return master


def changes(passed: Iterable[Passed]) -> list[tuple[bool, str]]:
    return [(one.masked, one.reason) for one in passed if isinstance(one, MaskingChanged)]


def test_without_keys_and_masking_every_frame_passes_as_it_is() -> None:
    masking = Masking(STARTED, MaskingLimits())
    script = [frame(channel, index) for index in range(20) for channel in (AGENT, CUSTOMER)]
    passed = [one for given in script for one in masking.push(given)]
    assert passed == script
    assert masking.finish() == []


def test_while_masked_both_channels_become_gaps_and_late_frames_leave_their_place_lost() -> None:
    masking = Masking(STARTED, MaskingLimits())
    masking.push(frame(CUSTOMER, 0))
    lost = Gap(CUSTOMER, FRAME, FRAME, GapCause.LOST, RATE_HZ)
    assert masking.push(lost) == [lost]
    assert changes(masking.start("button", 5)) == [(True, "button")]
    later = Gap(CUSTOMER, 2 * FRAME, FRAME, GapCause.LOST, RATE_HZ)
    assert masking.push(later) == [later]
    for given in (frame(AGENT, 0), frame(CUSTOMER, 3)):
        [gap] = masking.push(given)
        assert isinstance(gap, Gap)
        assert (gap.channel, gap.start_sample, gap.end_sample) == (
            given.channel,
            given.start_sample,
            given.end_sample,
        )
        assert gap.cause is GapCause.MASKED
    assert masking.push(frame(CUSTOMER, 1, late=True)) == []
    assert changes(masking.stop()) == [(False, "button")]
    assert masking.push(frame(CUSTOMER, 2, late=True)) == [], "its place lies in the masked stretch"
    late = frame(CUSTOMER, 1, late=True)
    assert masking.push(late) == [late], "its place lies before it"


def test_masking_ends_by_itself_where_it_said_even_if_only_gaps_come() -> None:
    masking = Masking(STARTED, MaskingLimits(longest_s=1.0))
    [change] = masking.start("api")
    assert isinstance(change, MaskingChanged)
    assert change.until_sample == RATE_HZ
    gap = Gap(CUSTOMER, 0, 2 * RATE_HZ, GapCause.PAUSED, RATE_HZ)
    assert changes(masking.push(gap)) == [(False, "api")]
    assert not masking.masked


def test_an_hour_of_masking_takes_no_memory_per_frame() -> None:
    masking = Masking(STARTED, MaskingLimits())
    masking.start("api", 600)
    for index in range(2_000):
        masking.push(frame(CUSTOMER, index))
    assert len(masking._lines[1].spans._spans) == 1


@pytest.mark.parametrize("size", [80, 160, 320, 171, 800])
@pytest.mark.parametrize("on_ms", [45, 80, 300])
def test_tones_of_keys_never_pass_and_the_speech_around_them_does(size: int, on_ms: int) -> None:
    samples = keyed("159", on_ms, off_ms=700)
    masking = Masking(STARTED, MaskingLimits())
    passed = [*feed(masking, samples, size), *masking.finish()]
    master = kept(passed, len(samples))
    at = 500 * 8
    for _ in "159":
        assert not master[at - 90 * 8 : at + (on_ms + 280) * 8].any()
        assert np.count_nonzero(master[at + (on_ms + 340) * 8 : at + (on_ms + 560) * 8]) > 1_500
        at += (on_ms + 700) * 8
    assert np.count_nonzero(master[: 380 * 8]) > 2_900
    heard = [one for one in passed if isinstance(one, AudioFrame)]
    loudest = max(int(np.abs(one.samples.astype(int)).max()) for one in heard)
    assert sum(int((np.abs(one.samples.astype(int)) > 2_000).sum()) for one in heard) < 3 * 60, loudest


def test_four_keys_in_ten_seconds_switch_masking_on_until_ten_seconds_after_the_last() -> None:
    samples = np.concatenate([keyed("4111"), noise(11_000)])
    masking = Masking(STARTED, MaskingLimits())
    passed = feed(masking, samples)
    assert changes(passed) == [(True, "key-run"), (False, "key-run")]
    off = next(one for one in passed if isinstance(one, MaskingChanged) and not one.masked)
    last_key_end = (500 + 3 * 160 + 80) * 8
    assert abs(off.at_sample - last_key_end - 10 * RATE_HZ) < 400


def test_the_keys_of_the_settings_switch_masking_on_and_off() -> None:
    masking = Masking(STARTED, MaskingLimits(start_keys="*1", stop_keys="*2", run_keys=0))
    samples = np.concatenate([keyed("*1"), keyed("*2")])
    assert changes(feed(masking, samples)) == [(True, "keys"), (False, "keys")]


def _event(key: str, at: int, count: int = 800) -> KeyPressed:
    return KeyPressed(CUSTOMER, at, count, RATE_HZ, key, KeyCarrier.EVENT)


def test_a_key_event_masks_its_surroundings_and_what_was_passed_on_before() -> None:
    masking = Masking(STARTED, MaskingLimits())
    samples = noise(3_000)
    passed = feed(masking, samples[:8_000])
    passed += masking.push(_event("7", 7_200))
    passed += feed(masking, samples[8_000:], start=8_000)
    master = kept(passed, len(samples))
    assert not master[6_400 : 8_000 + 2_400].any()
    assert np.count_nonzero(master[:6_400]) > 6_200
    assert np.count_nonzero(master[10_400:]) > 13_000


def test_a_key_that_comes_as_event_and_as_tone_counts_once_and_one_pressed_twice_counts_twice() -> None:
    masking = Masking(STARTED, MaskingLimits(start_keys="11", run_keys=0))
    samples = keyed("1")
    tone_at = 500 * 8
    passed = feed(masking, samples[: tone_at + 1_600])
    passed += masking.push(_event("1", tone_at, 640))
    assert changes(passed) == []
    passed = feed(masking, samples[tone_at + 1_600 :], start=tone_at + 1_600)
    assert changes(passed) == []
    assert changes(masking.push(_event("1", tone_at + 8_000, 640))) == [(True, "keys")]


def test_a_short_masking_does_not_shorten_a_longer_one_but_the_agent_may() -> None:
    masking = Masking(STARTED, MaskingLimits())
    masking.start("button", 100)
    assert masking.start("card-asked", 60) == []
    [change] = masking.start("card-asked", 200)
    assert isinstance(change, MaskingChanged)
    assert (change.reason, change.until_sample) == ("button", 200 * RATE_HZ)
    [change] = masking.start("button", 30, exactly=True)
    assert isinstance(change, MaskingChanged)
    assert change.until_sample == 30 * RATE_HZ


def test_what_was_passed_on_since_the_question_is_told_once() -> None:
    masking = Masking(STARTED, MaskingLimits())
    for index in range(10):
        masking.push(frame(CUSTOMER, index))
        masking.push(frame(AGENT, index))
    told = [one for one in masking.start("card-asked", since_sample=800) if isinstance(one, MaskedBefore)]
    assert [(one.channel.index, one.start_sample, one.sample_count) for one in told] == [
        (0, 800, 800),
        (1, 800, 800),
    ]
    assert masking.start("card-asked", since_sample=800) == []


def test_a_tone_cut_short_by_a_loss_is_masked_all_the_same() -> None:
    masking = Masking(STARTED, MaskingLimits())
    samples = np.concatenate([noise(480), tone("5", 60)])
    passed = feed(masking, samples)
    lost = Gap(CUSTOMER, len(samples), FRAME, GapCause.LOST, RATE_HZ)
    passed += masking.push(lost)
    assert not kept(passed, len(samples) + FRAME)[480 * 8 :].any()


def test_a_late_frame_that_may_hold_a_tone_stays_lost() -> None:
    masking = Masking(STARTED, MaskingLimits())
    masking.push(Gap(CUSTOMER, 0, FRAME, GapCause.LOST, RATE_HZ))
    assert masking.push(AudioFrame(CUSTOMER, 0, RATE_HZ, tone("5", 20), late=True)) == []

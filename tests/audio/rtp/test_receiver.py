"""What a leg makes of packets that do not simply go on."""

from __future__ import annotations

import random
import struct
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.audio.frames import AudioFrame, Gap, GapCause
from koemori.audio.rtp.legs import RtpLegs
from koemori.audio.rtp.payload import STATIC_PAYLOAD_TYPES, PayloadType
from koemori.audio.rtp.receiver import LegEvent, MediaChanged
from koemori.audio.signals import KeyPressed

from tests.fakes.rtp_calls import PCMU, keep, new_legs, play

pytestmark = pytest.mark.unit

SPOKEN = b"\x10"
EVENTS = PayloadType(101, "TELEPHONE-EVENT", 8_000)
START_US = 10_000_000


def packet(
    index: int,
    *,
    kind: int = 0,
    number: int | None = None,
    ssrc: int = 1,
    payload: bytes = SPOKEN * 160,
    marker: bool = False,
    late_us: int = 0,
) -> tuple[int, bytes]:
    """A packet that belongs 20 ms times `index` after the start."""
    sequence = (65_530 + (index if number is None else number)) & 0xFFFF
    timestamp = (0xFFFF_FF00 + 160 * index) & 0xFFFF_FFFF
    header = struct.pack("!BBHII", 0x80, kind | (0x80 if marker else 0), sequence, timestamp, ssrc)
    return START_US + 20_000 * index + late_us, header + payload


def facts(events: list[LegEvent]) -> list[str]:
    return [event.what for event in events if isinstance(event, MediaChanged)]


def keys(events: list[LegEvent]) -> list[tuple[str, int, int]]:
    return [(e.key, e.start_sample, e.sample_count) for e in events if isinstance(e, KeyPressed)]


def test_a_batch_that_goes_on_becomes_one_frame() -> None:
    legs = new_legs(1)
    legs.push(0, [packet(n) for n in range(10)])
    (frame,) = legs.push(0, [packet(10), packet(11)])
    assert isinstance(frame, AudioFrame)
    assert (frame.start_sample, len(frame.samples), frame.late) == (1_600, 320, False)
    assert not frame.samples.flags.writeable


def test_a_leg_that_falls_silent_and_says_so_by_timestamps_loses_nothing() -> None:
    legs = new_legs(1)
    spoken = [packet(n) for n in range(10)]
    again = [packet(n, number=n - 40, marker=n == 50) for n in range(50, 60)]
    kept = keep(play(legs, [spoken + again]), 0)
    assert len(kept.samples) == 60 * 160
    assert not kept.gaps
    assert not kept.samples[1_600 : 50 * 160].any()
    assert kept.samples[50 * 160 :].all()
    assert legs.counters(0).lost == 0


@pytest.mark.parametrize("number", [13, 19])
def test_comfort_noise_is_silence_that_was_received(number: int) -> None:
    legs = new_legs(1)
    noise = packet(10, kind=number, payload=b"\x40")
    again = [packet(n, number=n - 89) for n in range(100, 110)]
    kept = keep(play(legs, [[packet(n) for n in range(10)] + [noise] + again]), 0)
    assert not kept.gaps
    assert len(kept.samples) == 110 * 160
    assert kept.covered.all()
    assert legs.counters(0).comfort_noise == 1
    assert legs.counters(0).unagreed == 0


def test_an_outage_is_told_while_it_lasts_and_counted_when_it_ends() -> None:
    legs = new_legs(1)
    told_at: list[int] = []

    def watch(now_us: int) -> None:
        told_at.append(legs.end_sample)

    sent = [packet(n) for n in range(50)] + [packet(n) for n in range(250, 300)]
    kept = keep(play(legs, [sent], watch), 0)
    assert kept.gaps == {"lost": 200 * 160}
    assert legs.counters(0).lost == 200
    during = [end for end in told_at if 50 * 160 < end < 249 * 160]
    assert len(during) > 10


def test_an_hour_of_silence_suppression_that_nobody_announced_is_no_flood_of_zeros() -> None:
    legs = new_legs(1)
    again = [packet(n, number=n - 180_000 + 50) for n in range(180_000, 180_010)]
    events = play(legs, [[packet(n) for n in range(50)] + again])
    kept = keep(events, 0)
    assert len(kept.samples) == 180_010 * 160
    assert kept.late == 10 * 8_000
    assert legs.counters(0).lost == 0


def test_a_sender_that_stood_still_goes_on_where_wall_time_says() -> None:
    legs = new_legs(1)
    paused = [(at + 5_000_000, datagram) for at, datagram in (packet(n) for n in range(50, 100))]
    kept = keep(play(legs, [[packet(n) for n in range(50)] + paused]), 0)
    assert abs(len(kept.samples) - (100 * 160 + 5 * 8_000)) <= 80
    assert int(kept.covered.sum()) == 100 * 160
    assert legs.counters(0).lost == 0


def test_packets_that_a_network_held_back_are_put_where_they_belong() -> None:
    legs = new_legs(1)
    stalled = [(START_US + 4_000_000, packet(n)[1]) for n in range(50, 200)]
    kept = keep(
        play(legs, [[packet(n) for n in range(50)] + stalled + [packet(n) for n in range(200, 260)]]), 0
    )
    assert len(kept.samples) == 260 * 160
    assert kept.covered.all()
    assert int(kept.covered.max()) == 1
    assert legs.counters(0).lost == 0


def test_another_sender_takes_over_once_the_first_is_silent() -> None:
    legs = new_legs(1)
    other = [packet(n, ssrc=2, number=n + 900) for n in range(60, 120)]
    events = play(legs, [[packet(n) for n in range(50)] + other])
    kept = keep(events, 0)
    assert facts(events) == ["started", "ssrc"]
    assert legs.counters(0).ssrc_changes == 1
    assert legs.counters(0).lost == 0
    assert abs(len(kept.samples) - 120 * 160) <= 8
    assert int(kept.covered.sum()) == 110 * 160


def test_a_sender_that_comes_back_is_taken_again() -> None:
    """Music on hold is another sender for a while."""
    legs = new_legs(1)
    music = [packet(n, ssrc=2, number=n + 900) for n in range(50, 150)]
    back = [packet(n, number=n - 100) for n in range(150, 250)]
    kept = keep(play(legs, [[packet(n) for n in range(50)] + music + back]), 0)
    assert legs.counters(0).ssrc_changes == 2
    assert int(kept.covered.sum()) == 250 * 160


def test_strays_of_another_sender_are_counted_and_change_nothing() -> None:
    legs = new_legs(1)
    sent = [packet(n) for n in range(300)]
    strays = [packet(n, ssrc=n, number=7, late_us=5_000) for n in range(20, 280, 20)]
    kept = keep(play(legs, [sorted(sent + strays)]), 0)
    assert legs.counters(0).foreign == len(strays)
    assert legs.counters(0).received == 300
    assert kept.covered.all()
    assert not kept.gaps


def test_a_pause_is_a_gap_and_what_comes_in_it_is_left_out() -> None:
    legs = new_legs(1)

    def act(now_us: int) -> None:
        passed = (now_us - START_US) // 20_000
        if passed == 50:
            paused.extend(legs.pause(0, now_us))
        if passed == 150:
            paused.extend(legs.resume(0, now_us))

    paused: list[LegEvent] = []
    events: list[LegEvent] = []
    for index in range(300):
        now_us = packet(index)[0]
        act(now_us)
        events += paused
        paused.clear()
        events += legs.push(0, [packet(index)])
        events += legs.advance(now_us)
    kept = keep(events + legs.finish(packet(300)[0]), 0)
    assert legs.counters(0).withheld == 100
    assert abs(kept.gaps["paused"] - 16_000) <= 160
    assert int(kept.covered.sum()) == 200 * 160
    assert abs(len(kept.samples) - 300 * 160) <= 160


def test_a_key_is_told_once_with_its_length() -> None:
    legs = new_legs(1, {**PCMU, 101: EVENTS})
    event = [
        (packet(10 + n)[0], packet(10, kind=101, number=10 + n, payload=bytes([5, end, 0, 0]))[1][:-2])
        for n, end in enumerate([10, 10, 10, 138, 138, 138])
    ]
    event = [
        (at, datagram + struct.pack("!H", 160 * min(n + 1, 4))) for n, (at, datagram) in enumerate(event)
    ]
    again = [packet(n) for n in range(16, 30)]
    events = play(legs, [[packet(n) for n in range(10)] + event + again])
    assert keys(events) == [("5", 1_600, 640)]
    assert not keep(events, 0).gaps
    assert legs.counters(0).events == 6


def test_a_key_whose_end_is_lost_is_told_all_the_same() -> None:
    legs = new_legs(1, {**PCMU, 101: EVENTS})
    event = packet(10, kind=101, payload=b"\x0b\x0a\x01\x40")
    events = play(legs, [[packet(n) for n in range(10)] + [event] + [packet(n) for n in range(11, 60)]])
    assert keys(events) == [("#", 1_600, 320)]


def test_audio_of_a_type_that_was_not_agreed_is_decoded_and_counted() -> None:
    legs = new_legs(1)
    kept = keep(play(legs, [[packet(n, kind=8, payload=b"\xd5" * 160) for n in range(40)]]), 0)
    assert kept.covered.all()
    assert legs.counters(0).unagreed == 40


def test_audio_that_nobody_can_decode_is_a_gap_and_counted() -> None:
    legs = new_legs(1)
    sent = [packet(n, kind=18 if 20 <= n < 30 else 0) for n in range(60)]
    kept = keep(play(legs, [sent]), 0)
    assert kept.gaps == {"lost": 1_600}
    assert legs.counters(0).unknown == 10


def test_a_narrow_leg_in_a_wide_call_keeps_its_time() -> None:
    legs = new_legs(1, rate_hz=16_000)
    kept = keep(play(legs, [[packet(n) for n in range(100) if n != 50]]), 0)
    assert len(kept.samples) == 100 * 320
    assert kept.gaps == {"lost": 320}
    assert np.abs(kept.samples[320 * 20 : 320 * 40].astype(int)).min() > 3_000


def test_legs_that_begin_and_end_apart_end_at_the_same_sample_and_lose_nothing() -> None:
    legs = new_legs(2)
    events = play(legs, [[packet(n) for n in range(100)], [packet(n, ssrc=4) for n in range(25, 90)]])
    first, second = keep(events, 0), keep(events, 1)
    assert len(first.samples) == len(second.samples) == 100 * 160
    assert second.gaps == {"clock": 35 * 160}
    assert second.covered[25 * 160]
    assert not second.covered[25 * 160 - 1]


def test_a_leg_that_never_speaks_is_told_all_along() -> None:
    legs = new_legs(2)
    events = play(legs, [[packet(n) for n in range(200)], []])
    silent = [e for e in events if isinstance(e, Gap) and e.channel.index == 1]
    assert len(silent) > 3
    assert all(gap.cause is GapCause.CLOCK for gap in silent)
    assert sum(gap.sample_count for gap in silent) == 200 * 160


def test_too_many_too_large_and_malformed_datagrams_are_refused() -> None:
    legs = new_legs(1)
    flood = [(START_US + n, packet(n)[1]) for n in range(600)]
    legs.push(0, [(START_US, b"x"), (START_US, packet(0)[1] + bytes(3_000)), *flood])
    assert legs.counters(0).refused == 204
    assert legs.counters(0).received == 398


def test_a_report_says_how_the_sender_is_received() -> None:
    legs = new_legs(1)
    assert legs.report(0, START_US) is None
    legs.push(0, [packet(n) for n in range(100) if n % 4])
    report = legs.report(0, packet(100)[0])
    assert report is not None
    ssrc, fraction, highest = struct.unpack("!IB3xI", report[8:20])
    assert (ssrc, fraction, highest) == (1, 24 * 256 // 99, 65_530 + 99)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 1 << 32))
def test_no_sequence_of_datagrams_breaks_a_leg(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311
    opus = PayloadType(111, "OPUS", 48_000, 2)
    kinds = {**STATIC_PAYLOAD_TYPES, 101: EVENTS, 111: opus}
    legs: RtpLegs = new_legs(2, kinds, dice.choice([8_000, 16_000]))
    events: list[LegEvent] = []
    now_us = START_US
    for _ in range(60):
        now_us += dice.choice([0, 40_000, 40_000, 700_000, 5_000_000])
        batch = []
        for _ in range(dice.randrange(6)):
            index = dice.randrange(4) * dice.choice([1, 1, 1_000, 70_000]) + dice.randrange(20)
            kind = dice.choice([0, 0, 0, 8, 9, 11, 13, 101, 111, 77])
            body = dice.randbytes(dice.choice([0, 1, 4, 160]))
            batch.append((now_us, packet(index, kind=kind, ssrc=dice.randrange(3), payload=body)[1]))
            if dice.random() < 0.1:
                batch.append((now_us, dice.randbytes(dice.randrange(40))))
        leg = dice.randrange(2)
        events += legs.push(leg, batch)
        legs.control(leg, now_us, dice.randbytes(30))
        if dice.random() < 0.05:
            events += legs.pause(leg, now_us)
        if dice.random() < 0.1:
            events += legs.resume(leg, now_us)
        events += legs.advance(now_us)
    events += legs.finish(now_us)
    kept = [keep(events, leg) for leg in range(2)]
    assert len(kept[0].samples) == len(kept[1].samples)
    for leg in range(2):
        counted = legs.counters(leg)
        assert counted.lost >= 0


def test_numbers_and_timestamps_at_odds_cost_no_more_than_their_number() -> None:
    """Each packet begins a new segment by its timestamp; what is held must not be sorted anew for each."""
    dice = random.Random(4)  # noqa: S311
    legs = new_legs(1)
    spent_s = 0.0
    for step in range(12):
        now_us = START_US + 1_200_000 * step
        batch = [
            (now_us, packet(dice.randrange(1 << 20), number=(400 * step + n) * 7 % 3_000)[1])
            for n in range(400)
        ]
        before_s = time.process_time()
        legs.push(0, batch)
        legs.advance(now_us)
        spent_s += time.process_time() - before_s
    legs.finish(now_us)
    assert spent_s < 1.5
    counted = legs.counters(0)
    assert counted.received + counted.late + counted.duplicated + counted.foreign <= 12 * 400
    assert counted.restarts > 10

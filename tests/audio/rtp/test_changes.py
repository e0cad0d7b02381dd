"""What a sender may change in a call: its numbers, its codec, its clock; and late packets of G.722."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from koemori.audio.rtp.payload import STATIC_PAYLOAD_TYPES, PayloadType, audio_rate_hz, can_decode
from koemori.audio.rtp.receiver import LegEvent, MediaChanged

from tests.fakes.encoded import encoded_tone
from tests.fakes.rtp_calls import keep, new_legs, play

pytestmark = pytest.mark.unit

START_US = 5_000_000
OPUS = PayloadType(111, "OPUS", 48_000, 2)


def sent(
    payloads: list[bytes], kind: int, *, ticks: int = 160, first: int = 0, number: int = 0, timestamp: int = 0
) -> list[tuple[int, bytes]]:
    """Packets of one SSRC, each 20 ms after the last; packet `first` is at its time."""
    return [
        (
            START_US + 20_000 * (first + n),
            struct.pack("!BBHII", 0x80, kind, number + n & 0xFFFF, timestamp + ticks * n & 0xFFFF_FFFF, 3)
            + payload,
        )
        for n, payload in enumerate(payloads)
    ]


def facts(events: list[LegEvent]) -> list[tuple[str, str]]:
    return [(event.what, event.codec) for event in events if isinstance(event, MediaChanged)]


SPOKEN = [b"\x10" * 160] * 50


def test_a_sender_that_counts_anew_goes_on_where_wall_time_says() -> None:
    legs = new_legs(1)
    anew = sent(SPOKEN, 0, first=60, number=40_000, timestamp=3_000_000_000)
    events = play(legs, [sent(SPOKEN, 0) + anew])
    kept = keep(events, 0)
    assert facts(events) == [("started", "PCMU"), ("restarted", "PCMU")]
    assert legs.counters(0).restarts == 1
    assert int(kept.covered.sum()) == 100 * 160
    assert abs(len(kept.samples) - 110 * 160) <= 8


def test_a_sender_that_counts_anew_a_little_back_is_not_taken_for_duplicates() -> None:
    legs = new_legs(1)
    anew = sent(SPOKEN * 4, 0, first=50, number=20, timestamp=3_000_000_000)
    play(legs, [sent(SPOKEN, 0) + anew])
    counted = legs.counters(0)
    assert counted.restarts == 1
    assert counted.received >= 240


def test_the_codec_may_change_while_the_timeline_goes_on() -> None:
    legs = new_legs(1, dict(STATIC_PAYLOAD_TYPES))
    wide = encoded_tone("g722", 16_000, 800)
    events = play(legs, [sent(SPOKEN, 0) + sent(wide, 9, first=50, number=50, timestamp=50 * 160)])
    kept = keep(events, 0)
    assert facts(events) == [("started", "PCMU"), ("codec", "G722")]
    assert len(kept.samples) == 100 * 160
    assert kept.covered.all()
    heard = kept.samples[60 * 160 : 90 * 160].astype(np.float64)
    assert abs(int(np.abs(np.fft.rfft(heard)).argmax()) * 8_000 / len(heard) - 800) < 4


def test_a_codec_with_another_clock_begins_a_segment_of_its_own() -> None:
    legs = new_legs(1, {**STATIC_PAYLOAD_TYPES, 111: OPUS}, 16_000)
    opus = sent(encoded_tone("libopus", 48_000, 800), 111, ticks=960, first=50, number=50, timestamp=8_000)
    events = play(legs, [sent(SPOKEN, 0) + opus])
    kept = keep(events, 0)
    assert facts(events) == [("started", "PCMU"), ("restarted", "OPUS")]
    assert legs.counters(0).lost == 0
    assert abs(len(kept.samples) - 100 * 320) <= 16
    heard = kept.samples[60 * 320 : 90 * 320].astype(np.float64)
    assert abs(int(np.abs(np.fft.rfft(heard)).argmax()) * 16_000 / len(heard) - 800) < 4


def test_a_late_packet_of_a_codec_with_memory_sounds_as_if_it_had_come_in_time() -> None:
    wide = sent(encoded_tone("g722", 16_000, 800, 2), 9)
    in_time = keep(play(new_legs(1, dict(STATIC_PAYLOAD_TYPES), 16_000), [wide]), 0)
    delayed = sorted((at + (900_000 if n == 40 else 0), datagram) for n, (at, datagram) in enumerate(wide))
    legs = new_legs(1, dict(STATIC_PAYLOAD_TYPES), 16_000)
    late = keep(play(legs, [delayed]), 0)
    assert legs.counters(0).late == 1
    assert late.covered.all()
    place = slice(40 * 320, 41 * 320)
    wrong = late.samples[place].astype(float) - in_time.samples[place]
    assert np.sqrt((wrong**2).mean()) < 0.1 * np.sqrt((in_time.samples[place].astype(float) ** 2).mean())


def test_the_rate_of_a_call_follows_from_what_was_agreed() -> None:
    rates = [audio_rate_hz(STATIC_PAYLOAD_TYPES[number]) for number in (0, 8, 9)]
    assert rates == [8_000, 8_000, 16_000]
    assert audio_rate_hz(OPUS) == 16_000
    assert audio_rate_hz(PayloadType(96, "L16", 24_000)) == 24_000
    assert can_decode(OPUS)
    assert not can_decode(PayloadType(18, "G729", 8_000))
    assert not can_decode(PayloadType(101, "TELEPHONE-EVENT", 8_000))


def test_a_sender_report_before_the_first_packet_is_kept_for_it() -> None:
    report = struct.pack("!BBHIQIII", 0x80, 200, 6, 3, 0x1234_5678_9ABC_DEF0, 0, 0, 0)
    legs = new_legs(1)
    legs.control(0, START_US - 50_000, report)
    legs.push(0, sent(SPOKEN[:10], 0))
    owed = legs.report(0, START_US + 1_000_000)
    assert owed is not None
    assert struct.unpack_from("!I", owed, 24)[0] == 0x5678_9ABC

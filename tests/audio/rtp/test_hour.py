"""An hour of two legs over a bad network, in virtual time: the account is exact, the legs stay together."""

from __future__ import annotations

import struct

import pytest
from koemori.audio.rtp.rtcp import SenderReport

from tests.fakes.rtp_calls import Batch, keep, marks, new_legs, play
from tests.fakes.rtp_line import Network, Sender

pytestmark = pytest.mark.unit

PACKET_MS = 40
HOUR = 3_600_000 // PACKET_MS
ZERO_US = 1_000_000


def bad_line(seed: int) -> Network:
    return Network(seed=seed, loss=0.1, duplicates=0.01, jitter_us=200_000)


def test_an_hour_of_loss_jitter_drift_and_outages_is_aligned_and_accounted_to_the_packet() -> None:
    senders = [
        Sender(ZERO_US, 0, PACKET_MS, 500, {HOUR // 3: 77}, range(50_000, 50_075), bad_line(1)),
        Sender(ZERO_US + 180_000, 100, PACKET_MS, 500, {HOUR // 2: 78}, range(20_000, 20_075), bad_line(2)),
    ]
    legs = new_legs()
    events = play(legs, [list(sender.arrivals(HOUR)) for sender in senders])

    for leg, sender in enumerate(senders):
        counted = legs.counters(leg)
        assert counted.expected == sender.sent
        assert counted.received + counted.late == sender.sent - sender.dropped
        assert counted.lost == sender.dropped
        assert counted.duplicated == sender.duplicated
        assert counted.ssrc_changes == 1
        assert counted.refused + counted.foreign + counted.restarts == 0

    kept = [keep(events, leg) for leg in range(2)]
    assert len(kept[0].samples) == len(kept[1].samples)
    for leg, sender in enumerate(senders):
        heard = sender.sent - sender.dropped
        assert int(kept[leg].covered.max()) == 1
        assert int(kept[leg].covered.sum()) == heard * PACKET_MS * 8
    found = [marks(kept[leg], sender, ZERO_US) for leg, sender in enumerate(senders)]
    common = sorted(found[0].keys() & found[1].keys())
    assert len(common) > 0.95 * HOUR / 500
    apart_ms = {mark: max(abs(a - b) for a in found[0][mark] for b in found[1][mark]) for mark in common}
    # Where jitter is 200 ms and nobody sends reports, the first half second cannot say where a leg begins.
    assert apart_ms.pop(0) <= 40
    assert max(apart_ms.values()) <= 20
    assert apart_ms[common[-1]] <= 5


def test_packets_later_than_the_hold_are_put_back_into_their_place() -> None:
    sender = Sender(ZERO_US, marks_every=50, network=Network(seed=3, jitter_us=450_000, loss=0.02))
    legs = new_legs(1)
    events = play(legs, [list(sender.arrivals(3_000))])
    counted, kept = legs.counters(0), keep(events, 0)
    assert counted.late > 300
    assert counted.received + counted.late == sender.sent - sender.dropped
    assert counted.lost == sender.dropped
    assert kept.late == counted.late * 160
    assert int(kept.covered.sum()) == (sender.sent - sender.dropped) * 160
    places = [ms for found in marks(kept, sender, ZERO_US).values() for ms in found]
    assert max(places) - min(places) < 1


def test_sender_reports_of_one_clock_place_legs_whose_packets_travel_differently() -> None:
    """Leg 1 takes 150 ms longer; by arrival it would be placed that much too late."""
    senders = [
        Sender(ZERO_US, marks_every=250, network=Network(seed=5, jitter_us=20_000)),
        Sender(
            ZERO_US + 400_000, 60, 20, 250, ssrc=9, network=Network(6, jitter_us=20_000, delay_us=170_000)
        ),
    ]
    arrivals: list[Batch] = [list(sender.arrivals(6_000)) for sender in senders]
    first_timestamps = [struct.unpack_from("!I", min(leg)[1], 4)[0] for leg in arrivals]
    legs = new_legs()

    def report(now_us: int) -> None:
        if now_us % 5_000_000:
            return
        for leg, sender in enumerate(senders):
            ticks = (now_us - sender.start_us) * 8 * (1_000_000 + sender.ppm) // 1_000_000_000
            ntp = (now_us << 32) // 1_000_000
            timestamp = (first_timestamps[leg] + ticks) & 0xFFFF_FFFF
            name = b"\x81\xca\x00\x03" + struct.pack("!IBB", sender.ssrc, 1, 3) + b"sbc\0\0\0"[:6]
            said = struct.pack("!BBHIQIII", 0x80, 200, 6, sender.ssrc, ntp, timestamp, 0, 0)
            assert SenderReport(sender.ssrc, ntp, timestamp).ntp_us == now_us
            legs.control(leg, now_us, said + name)

    kept_events = play(legs, arrivals, report)
    found = [marks(keep(kept_events, leg), sender, ZERO_US) for leg, sender in enumerate(senders)]
    late = [mark for mark in found[0].keys() & found[1].keys() if mark > 3]
    assert len(late) > 15
    # Marks of leg 1 were spoken 400 ms later, and both are measured against when they were spoken.
    assert max(abs(found[0][mark][0] - found[1][mark][0]) for mark in late) < 14

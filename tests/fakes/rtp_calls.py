"""Calls of simulated senders through the RTP legs, and what came of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.audio.codecs.g711 import decode_mulaw
from koemori.audio.frames import AudioFrame, Gap
from koemori.audio.rtp.legs import RtpLegs
from koemori.audio.rtp.payload import STATIC_PAYLOAD_TYPES, PayloadType
from koemori.audio.rtp.receiver import LegEvent
from numpy.typing import NDArray

from tests.fakes.rtp_line import MARK_CODES, Sender

TICK_US = 40_000
RATE_HZ = 8_000
PCMU = {0: STATIC_PAYLOAD_TYPES[0]}
MARK_SAMPLES = {int(decode_mulaw(bytes([code]))[0]): part for part, code in enumerate(MARK_CODES)}
Batch = Sequence[tuple[int, bytes]]


def new_legs(
    count: int = 2, kinds: Mapping[int, PayloadType] | None = None, rate_hz: int = RATE_HZ
) -> RtpLegs:
    """Legs of a call, all with the same payload types."""
    channels = [Channel(CallId("call"), LegId(str(n)), n, ChannelRole.UNKNOWN, "rtp") for n in range(count)]
    return RtpLegs(channels, [PCMU if kinds is None else kinds] * count, rate_hz)


def play(
    legs: RtpLegs,
    arrivals: Sequence[Batch],
    each_tick: Callable[[int], None] | None = None,
    *,
    until_us: int = 0,
) -> list[LegEvent]:
    """Bring every leg's datagrams tick by tick, as sockets would, and finish the call."""
    events: list[LegEvent] = []
    at = [0] * len(arrivals)
    now_us = min(leg[0][0] for leg in arrivals if leg) // TICK_US * TICK_US
    while now_us < until_us or any(at[n] < len(leg) for n, leg in enumerate(arrivals)):
        now_us += TICK_US
        for n, leg in enumerate(arrivals):
            begin = at[n]
            while at[n] < len(leg) and leg[at[n]][0] <= now_us:
                at[n] += 1
            if at[n] > begin:
                events += legs.push(n, leg[begin : at[n]])
        if each_tick is not None:
            each_tick(now_us)
        events += legs.advance(now_us)
    return events + legs.finish(now_us)


@dataclass(frozen=True, slots=True)
class Kept:
    """What the archive would make of one channel's events.

    Attributes:
        samples: In order, silence where nothing came.
        covered: How often each sample was brought.
        gaps: Samples per cause, as they were declared.
        late: Samples that came late.
    """

    samples: NDArray[np.int16]
    covered: NDArray[np.int8]
    gaps: Counter[str]
    late: int


def keep(events: Sequence[LegEvent], channel: int) -> Kept:
    """Sort a channel's events by position; what is not late must follow without a hole."""
    mine = [e for e in events if isinstance(e, AudioFrame | Gap) and e.channel.index == channel]
    end = max((event.end_sample for event in mine), default=0)
    samples, covered = np.zeros(end, dtype=np.int16), np.zeros(end, dtype=np.int8)
    gaps: Counter[str] = Counter()
    late = position = 0
    for event in mine:
        if isinstance(event, Gap):
            assert event.start_sample == position, "a gap that does not follow"
            gaps[event.cause.value] += event.sample_count
            position = event.end_sample
            continue
        covered[event.start_sample : event.end_sample] += 1
        samples[event.start_sample : event.end_sample] = event.samples
        if event.late:
            late += len(event.samples)
            assert event.end_sample <= position, "a late frame beyond what was told"
        else:
            assert event.start_sample == position, "a frame that does not follow"
            position = event.end_sample
    assert position == end
    return Kept(samples, covered, gaps, late)


def marks(kept: Kept, sender: Sender, zero_us: int) -> dict[int, list[float]]:
    """Where marks are, by the number of the mark: milliseconds later than they were spoken.

    `zero_us` is the true time of sample 0, as near as half the time between two marks.
    """
    loud = np.flatnonzero(np.abs(kept.samples.astype(np.int32)) > 1_000)
    if not len(loud):
        return {}
    starts = loud[np.concatenate(([True], np.diff(kept.samples[loud].astype(np.int32)) != 0))]
    found: dict[int, list[float]] = {}
    for start in starts.tolist():
        part = MARK_SAMPLES[int(kept.samples[start])]
        heard_us = start * 1_000_000 / RATE_HZ + zero_us
        packet_us = sender.packet_ms * 1_000
        near = (heard_us - sender.start_us) / packet_us - part
        mark = round(near / sender.marks_every)
        spoken_us = sender.true_us(mark * sender.marks_every + part)
        found.setdefault(mark, []).append((heard_us - spoken_us) / 1_000)
    return found

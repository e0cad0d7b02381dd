"""Legs on connections of their own become one call whose channels stay together, with nothing lost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from koemori.audio.call import CallEnded, CallStarted, ChannelRole
from koemori.audio.frames import AudioFrame, Gap, GapCause, SourceEvent
from koemori.audio.ingest.counted import Samples
from koemori.audio.ingest.legs import JoinLimits, LegFacts, LegJoiner
from koemori.audio.signals import CallDocument, CallUpdated, KeyPressed, UpdateKind

from tests.fakes.media import assemble

pytestmark = pytest.mark.unit
AGENT = LegFacts("a", 8000, ChannelRole.AGENT, {"linked_id": "7"}, agent_id="suzuki")
CUSTOMER = LegFacts("c", 8000, ChannelRole.CUSTOMER, {"unique_id": "8"}, customer_number="+81300000000")
CHUNK_S = 0.02


def numbered(first: int, count: int = 160) -> Samples:
    """Samples that tell where they belong; never zero."""
    return ((np.arange(first, first + count) % 30_000) + 1).astype(np.int16)


def chunks(seconds: float, rate_hz: int = 8000) -> Iterator[Samples]:
    size = round(rate_hz * CHUNK_S)
    return (numbered(number * size, size) for number in range(round(seconds / CHUNK_S)))


def spoken(events: list[SourceEvent], index: int) -> Samples:
    """Every sample of a channel in the order of its place, gaps left out."""
    parts = [e for e in events if isinstance(e, AudioFrame) and e.channel.index == index]
    return np.concatenate([part.samples for part in sorted(parts, key=lambda part: part.start_sample)])


def gaps(events: list[SourceEvent], index: int) -> list[tuple[int, int]]:
    found = [e for e in events if isinstance(e, Gap) and e.channel.index == index]
    assert all(gap.cause is GapCause.CLOCK for gap in found)
    return [(gap.start_sample, gap.sample_count) for gap in found]


def pair(seconds: float, second_after_s: float = 0.5) -> list[SourceEvent]:
    """A customer, and an agent who comes later."""
    joiner = LegJoiner("test")
    customer, events = joiner.enter(CUSTOMER, 100.0)
    agent = None
    for number, chunk in enumerate(chunks(seconds)):
        at_s = 100 + (number + 1) * CHUNK_S
        events += joiner.audio(customer, chunk, at_s)
        if at_s > 100 + second_after_s:
            if agent is None:
                agent, more = joiner.enter(AGENT, at_s - CHUNK_S)
                events += more
            events += joiner.audio(agent, chunk, at_s)
    return events + joiner.close("stop", 100 + seconds)


def test_two_legs_are_one_call_with_the_agent_first() -> None:
    events = pair(2.0)
    started = events[0]
    assert isinstance(started, CallStarted)
    assert [(c.role, c.leg_id, c.source) for c in started.channels] == [
        (ChannelRole.AGENT, "a", "test"),
        (ChannelRole.CUSTOMER, "c", "test"),
    ]
    assert started.external_ids == {"linked_id": "7", "unique_id": "8"}
    assert (started.agent_id, started.customer_number) == ("suzuki", "+81300000000")
    samples, there = assemble(events)
    assert np.array_equal(samples[1], np.concatenate(list(chunks(2.0))))
    assert not there[0, :4000].any()
    assert there[0, 4000:].all()
    assert samples[0, 4000:4010].tolist() == numbered(4000, 10).tolist()
    assert isinstance(events[-1], CallEnded)
    assert events[-1].end_ms == 2000


def test_a_leg_that_stays_alone_is_a_mono_call_with_every_sample() -> None:
    joiner = LegJoiner("test", JoinLimits(wait_ms=1000))
    leg, events = joiner.enter(CUSTOMER, 0.0)
    for number, chunk in enumerate(chunks(1.5)):
        events += joiner.audio(leg, chunk, (number + 1) * CHUNK_S)
        assert (joiner.started is None) == (number < 49)
    assert not joiner.has_place(ChannelRole.UNKNOWN)
    events += joiner.leave(leg, 1.5, "stop")
    samples, there = assemble(events)
    assert there.all()
    assert np.array_equal(samples[0], np.concatenate(list(chunks(1.5))))


def test_a_leg_that_leaves_before_it_said_anything_is_no_call() -> None:
    joiner = LegJoiner("test")
    leg, events = joiner.enter(CUSTOMER, 0.0)
    assert events + joiner.leave(leg, 0.5) == []
    assert joiner.ended
    with pytest.raises(ValueError, match="place"):
        joiner.enter(AGENT, 1.0)


def test_a_slow_line_loses_nothing_and_makes_no_gap() -> None:
    """The network stands still for one second; then all of it comes at once."""
    joiner = LegJoiner("test", JoinLimits(legs=1))
    leg, events = joiner.enter(CUSTOMER, 0.0)
    for number, chunk in enumerate(chunks(4.0)):
        due_s = (number + 1) * CHUNK_S
        events += joiner.audio(leg, chunk, 3.0 if 2.0 <= due_s < 3.0 else due_s)
    events += joiner.leave(leg, 4.0)
    assert gaps(events, 0) == []
    assert np.array_equal(spoken(events, 0), np.concatenate(list(chunks(4.0))))


def test_a_silent_sender_leaves_a_gap_as_long_as_its_silence() -> None:
    joiner = LegJoiner("test", JoinLimits(legs=1))
    leg, events = joiner.enter(CUSTOMER, 0.0)
    said = list(chunks(4.0))
    for number, chunk in enumerate(said):
        at_s = (number + 1) * CHUNK_S + (1.0 if number >= 100 else 0.0)
        events += joiner.audio(leg, chunk, at_s)
    events += joiner.leave(leg, 5.0)
    assert gaps(events, 0) == [(16_000, 8000)]
    assert np.array_equal(spoken(events, 0), np.concatenate(said))


def test_a_long_silence_is_told_second_by_second_and_as_long_as_it_was() -> None:
    """Asterisk keeps a media channel whose call has ended, and sends nothing on it for a minute."""
    joiner = LegJoiner("test", JoinLimits(legs=1))
    leg, events = joiner.enter(CUSTOMER, 0.0)
    for number, chunk in enumerate(chunks(2.0)):
        events += joiner.audio(leg, chunk, (number + 1) * CHUNK_S)
    for tenth in range(20, 620):
        events += joiner.tick(tenth / 10)
    told = gaps(events, 0)
    assert 50 <= len(told) <= 60
    assert all(count >= 8000 for _, count in told)
    events += joiner.audio(leg, numbered(0), 62.0)
    events += joiner.tick(62.5)
    events += joiner.leave(leg, 62.5)
    _, there = assemble(events)
    assert abs(there.shape[1] - 62 * 8000) <= 0.02 * 8000
    assert np.array_equal(spoken(events, 0), np.concatenate([*chunks(2.0), numbered(0)]))


def test_audio_that_comes_after_its_gap_was_told_is_late_and_not_lost() -> None:
    joiner = LegJoiner("test", JoinLimits(legs=1))
    leg, events = joiner.enter(CUSTOMER, 0.0)
    said = list(chunks(10.0))
    for number, chunk in enumerate(said[:100]):
        events += joiner.audio(leg, chunk, (number + 1) * CHUNK_S)
    for tenth in range(21, 70):
        events += joiner.tick(tenth / 10)
    assert gaps(events, 0)
    for number, chunk in enumerate(said[100:], start=100):
        events += joiner.audio(leg, chunk, max(7.0, (number + 1) * CHUNK_S))
    events += joiner.leave(leg, 10.0)
    samples, there = assemble(events)
    assert there.all()
    assert np.array_equal(samples[0], np.concatenate(said))
    assert any(isinstance(event, AudioFrame) and event.late for event in events)


@pytest.mark.parametrize("fast_ppm", [100, -100])
def test_legs_stay_together_for_an_hour_though_their_clocks_do_not(fast_ppm: int) -> None:
    """100 ppm apart and 40 ms of jitter; without correction they would be 360 ms apart at the end."""
    jitter = np.random.default_rng(4)
    joiner = LegJoiner("test")
    (first, events), (second, _) = joiner.enter(CUSTOMER, 0.0), joiner.enter(AGENT, 0.0)
    quiet = np.zeros(1600, dtype=np.int16)
    ends = {0: 0, 1: 0}
    for number in range(18_000):
        for leg, ppm in ((first, 0), (second, fast_ppm)):
            at_s = (number + 1) * 0.2 * (1 - ppm * 1e-6) + abs(jitter.normal(0, 0.01))
            for event in joiner.audio(leg, quiet, at_s):
                if isinstance(event, AudioFrame | Gap):
                    ends[event.channel.index] = event.end_sample
                    events.append(event) if isinstance(event, Gap) else None
        joiner.tick(number * 0.2)
    slower = 0 if fast_ppm < 0 else 1
    put_in = gaps(events, slower)
    assert sum(count for _, count in gaps(events, 1 - slower)) < 80, "only where it begins"
    assert all(count <= 80 for _, count in put_in)
    # Both have said the same number of samples; the slower one's are spread over the faster one's time.
    assert abs(sum(count for _, count in put_in) - 0.36 * 8000) <= 0.02 * 8000
    begun_later = sum(count for _, count in gaps(events, 1 - slower))
    assert ends[slower] - ends[1 - slower] == sum(count for _, count in put_in) - begun_later


def test_a_leg_of_a_lower_rate_is_raised_to_the_calls() -> None:
    joiner = LegJoiner("test")
    wide = LegFacts("w", 16_000, ChannelRole.AGENT)
    (narrow_leg, events), (wide_leg, _) = joiner.enter(CUSTOMER, 0.0), joiner.enter(wide, 0.0)
    time = np.arange(16_000) / 8000
    tone = (8000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    for number in range(100):
        at_s = (number + 1) * CHUNK_S
        events += joiner.audio(narrow_leg, tone[number * 160 : (number + 1) * 160], at_s)
        events += joiner.audio(wide_leg, numbered(number * 320, 320), at_s)
    events += joiner.close("stop", 2.0)
    samples, there = assemble(events)
    assert there.all()
    assert samples.shape == (2, 32_000)
    assert np.abs(samples[1, 400:31_000:2].astype(int) - tone[200:15_500]).max() <= 2


def test_who_comes_after_another_has_left_takes_the_channel() -> None:
    joiner = LegJoiner("test")
    (customer, events), (agent, _) = joiner.enter(CUSTOMER, 0.0), joiner.enter(AGENT, 0.0)
    colleague = None
    for number, chunk in enumerate(chunks(6.0)):
        at_s = (number + 1) * CHUNK_S
        events += joiner.audio(customer, chunk, at_s)
        if at_s <= 2.0:
            events += joiner.audio(agent, chunk, at_s)
        elif at_s <= 2.02:
            events += joiner.leave(agent, at_s)
            assert joiner.has_place(ChannelRole.AGENT)
            assert not joiner.has_place(ChannelRole.CUSTOMER), "a customer's voice is no agent's"
        elif at_s > 4.0:
            if colleague is None:
                colleague, more = joiner.enter(LegFacts("b", 8000, agent_id="sato"), at_s - CHUNK_S)
                events += more
            events += joiner.audio(colleague, chunk, at_s)
    events += joiner.close("stop", 6.0)
    (update,) = [event for event in events if isinstance(event, CallUpdated)]
    assert (update.kind, update.agent_id, update.facts) == (UpdateKind.TRANSFERRED, "sato", {"channel": 0})
    samples, there = assemble(events)
    assert there[1].all()
    assert not there[0, 16_000:32_000].any()
    assert samples[0, 32_000:32_100].tolist() == numbered(32_000, 100).tolist()


def test_a_key_is_told_where_the_leg_stands_and_never_printed() -> None:
    joiner = LegJoiner("test")
    (customer, events), (agent, _) = joiner.enter(CUSTOMER, 0.0), joiner.enter(AGENT, 0.0)
    for number, chunk in enumerate(chunks(1.0)):
        for leg in (customer, agent):
            events += joiner.audio(leg, chunk, (number + 1) * CHUNK_S)
    (pressed,) = joiner.key(customer, "7", 1.0)
    assert isinstance(pressed, KeyPressed)
    assert (pressed.channel.index, pressed.start_sample, pressed.key) == (1, 8000, "7")
    assert "key" not in repr(pressed).replace("KeyPressed", "").replace("KeyCarrier", "")


def test_documents_are_kept_and_numbered_whenever_they_come() -> None:
    joiner = LegJoiner("test", JoinLimits(legs=1))
    leg, _ = joiner.enter(CUSTOMER, 0.0)
    assert joiner.document(leg, "metadata.json", "application/json", b"{}") == []
    early = [e for e in joiner.audio(leg, numbered(0), 0.02) if isinstance(e, CallDocument)]
    late = joiner.document(leg, "text.txt", "text/plain", b"bye")
    assert [(d.name, d.content) for d in early] == [("metadata-1.json", b"{}")]
    assert [(d.name, d.content) for d in late if isinstance(d, CallDocument)] == [("text-2.txt", b"bye")]
    assert joiner.document(leg, "big.txt", "text/plain", b"x" * 300_000) == []
    many = [joiner.document(leg, "text.txt", "text/plain", b"x") for _ in range(60)]
    assert sum(map(len, many)) == 48


def test_two_legs_that_claim_one_role_keep_only_one_of_it() -> None:
    joiner = LegJoiner("test")
    for name in ("a", "b"):
        leg, _ = joiner.enter(LegFacts(name, 8000, ChannelRole.CUSTOMER), 0.0)
        events = joiner.audio(leg, numbered(0), 0.02)
    events += joiner.tick(1.0)
    started = events[0]
    assert isinstance(started, CallStarted)
    assert [channel.role for channel in started.channels] == [ChannelRole.CUSTOMER, ChannelRole.UNKNOWN]

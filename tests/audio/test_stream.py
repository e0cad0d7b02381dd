"""Media messages become one call: order, loss, duplicates, late tracks, and how a stream ends."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.audio.call import CallEnded, CallStarted, ChannelRole
from koemori.audio.codecs.g711 import decode_mulaw
from koemori.audio.errors import MediaMessageError
from koemori.audio.frames import AudioFrame, Gap, GapCause, SourceEvent
from koemori.audio.ingest.dialects.load import load_dialect
from koemori.audio.ingest.stream import MediaStream
from koemori.audio.signals import KeyPressed

from tests.fakes.media import STOP, assemble, media, payload, start

pytestmark = pytest.mark.unit
TWILIO = load_dialect("twilio")


def new_stream(passed_s: float = 3600.0) -> MediaStream:
    """A stream whose start lies this long ago whenever anything comes."""
    times = iter([0.0])
    return MediaStream(
        TWILIO, now=lambda: datetime(2026, 11, 22, tzinfo=UTC), clock_s=lambda: next(times, passed_s)
    )


def play(*messages: str, stream: MediaStream | None = None) -> list[SourceEvent]:
    stream = stream or new_stream()
    return [event for message in messages for event in stream.push(message)]


def frames(events: list[SourceEvent]) -> list[AudioFrame]:
    return [event for event in events if isinstance(event, AudioFrame)]


def gaps(events: list[SourceEvent]) -> list[tuple[int, int, int, GapCause]]:
    return [(e.channel.index, e.start_sample, e.sample_count, e.cause) for e in events if isinstance(e, Gap)]


def test_start_names_call_agent_queue_and_number() -> None:
    (started,) = play(start(parameters={"agent": "suzuki", "queue": "support", "from": "+81300000000"}))
    assert isinstance(started, CallStarted)
    assert (started.agent_id, started.queue, started.customer_number) == ("suzuki", "support", "+81300000000")
    assert started.external_ids == {"stream_sid": "MZ1", "call_sid": "CA1"}
    assert [(c.index, c.role, c.leg_id) for c in started.channels] == [
        (0, ChannelRole.AGENT, "outbound"),
        (1, ChannelRole.CUSTOMER, "inbound"),
    ]


def test_track_roles_parameter_swaps_the_sides() -> None:
    (started,) = play(start(parameters={"track_roles": "inbound=agent, outbound=customer"}))
    assert isinstance(started, CallStarted)
    assert [c.leg_id for c in started.channels] == ["inbound", "outbound"]


@pytest.mark.parametrize("value", ["inbound=boss", "other=agent", "=", "", 7, None, {"inbound": "agent"}])
def test_unreadable_track_roles_leave_the_usual_ones(value: object) -> None:
    (started,) = play(start(parameters={"track_roles": value}))
    assert isinstance(started, CallStarted)
    assert [c.leg_id for c in started.channels] == ["outbound", "inbound"]


def test_both_tracks_in_order_are_decoded_sample_by_sample() -> None:
    order = [(track, number) for number in (1, 2, 3) for track in ("inbound", "outbound")]
    events = play(start(), *(media(track, number) for track, number in order), STOP)
    samples, there = assemble(events)
    assert there.all()
    for row, track in ((0, "outbound"), (1, "inbound")):
        assert np.array_equal(samples[row], decode_mulaw(b"".join(payload(track, n) for n in (1, 2, 3))))
    assert events[-1] == CallEnded(events[0].call_id, 60, "stop")  # type: ignore[union-attr]


def test_frames_own_read_only_samples() -> None:
    (frame,) = frames(play(start(), media("inbound", 1)))
    assert not frame.samples.flags.writeable


def test_alaw_and_linear_encodings_are_decoded() -> None:
    alaw = frames(play(start(encoding="audio/x-alaw"), media("inbound", 1, body=b"\xd5\x55")))
    assert alaw[0].samples.tolist() == [8, -8]
    linear = frames(
        play(start(encoding="audio/x-l16", sampleRate=16000), media("inbound", 1, body=b"\x01\x00\xff\xff"))
    )
    assert (linear[0].samples.tolist(), linear[0].sample_rate_hz) == ([1, -1], 16000)


def test_a_duplicate_is_dropped_and_counted() -> None:
    stream = new_stream()
    events = play(start(), media("inbound", 1), media("inbound", 1), media("inbound", 2), stream=stream)
    assert len(frames(events)) == 2
    assert stream.counters()["inbound"].duplicated == 1


def test_a_missing_chunk_becomes_lost_once_the_hold_is_over() -> None:
    numbers = [1, 2, *range(4, 16)]
    events = play(start("inbound"), *(media("inbound", n) for n in numbers), STOP)
    assert gaps(events) == [(0, 320, 160, GapCause.LOST)]
    samples, there = assemble(events)
    assert np.array_equal(
        samples[0][there[0]], decode_mulaw(b"".join(payload("inbound", n) for n in numbers))
    )


def test_chunks_behind_a_missing_one_wait_no_longer_than_the_hold() -> None:
    stream = new_stream()
    play(start("inbound"), media("inbound", 1), stream=stream)
    waits = [len(play(media("inbound", n), stream=stream)) for n in range(3, 15)]
    assert waits == [0] * 10 + [12, 1]


def test_the_other_tracks_progress_ends_the_hold_of_a_track_that_stopped() -> None:
    stream = new_stream()
    play(start(), media("inbound", 1), media("inbound", 3), stream=stream)
    events = play(*(media("outbound", n) for n in range(1, 16)), stream=stream)
    assert [f.start_sample for f in frames(events) if f.channel.leg_id == "inbound"] == [320]


def test_a_chunk_after_its_gap_is_late_and_keeps_its_place() -> None:
    numbers = [1, *range(3, 15), 2]
    events = play(start("inbound"), *(media("inbound", n) for n in numbers), STOP)
    (late,) = [frame for frame in frames(events) if frame.late]
    assert late.start_sample == 160
    samples, there = assemble(events)
    assert there.all()
    assert np.array_equal(samples[0], decode_mulaw(b"".join(payload("inbound", n) for n in range(1, 15))))


def test_small_timestamp_jitter_is_ignored_while_numbers_follow() -> None:
    times = [0, 35, 28, 95, 80, 99, 160]
    events = play(start("inbound"), *(media("inbound", n + 1, at) for n, at in enumerate(times)), STOP)
    assert gaps(events) == []
    assert [frame.start_sample for frame in frames(events)] == [n * 160 for n in range(7)]


def test_a_timestamp_jump_without_a_missing_number_is_a_clock_gap() -> None:
    events = play(start("inbound"), media("inbound", 1), media("inbound", 2, 1020), STOP)
    assert gaps(events) == [(0, 160, 8000, GapCause.CLOCK)]


def test_a_timestamp_that_goes_back_moves_nothing() -> None:
    times = [5000, 5020, 0, 20, 40]
    events = play(start("inbound"), *(media("inbound", n + 1, at) for n, at in enumerate(times)), STOP)
    assert gaps(events) == [(0, 0, 40_000, GapCause.CLOCK)]
    assert [f.start_sample for f in frames(events)] == [40_000 + n * 160 for n in range(5)]


def test_an_unbelievable_timestamp_does_not_make_a_gap_of_years() -> None:
    times = [0, 10**13, 40, 60]
    events = play(start("inbound"), *(media("inbound", n + 1, at) for n, at in enumerate(times)), STOP)
    assert gaps(events) == []
    assert len(frames(events)) == 4


def test_a_long_loss_is_split_between_missing_numbers_and_the_clock() -> None:
    events = play(start("inbound"), media("inbound", 1), media("inbound", 4, 10_060), STOP)
    assert gaps(events) == [(0, 160, 320, GapCause.LOST), (0, 480, 80_000, GapCause.CLOCK)]


def test_a_peer_that_counts_anew_loses_nothing() -> None:
    bodies = [bytes([n]) * 160 for n in range(1, 9)]
    numbers = [1, 2, 3, 4, 1, 2, 3, 4]
    messages = [
        media("inbound", n, 20 * i, body) for i, (n, body) in enumerate(zip(numbers, bodies, strict=True))
    ]
    events = play(start("inbound"), *messages, STOP)
    samples, there = assemble(events)
    assert there.all()
    assert np.array_equal(samples[0], decode_mulaw(b"".join(bodies)))


def test_a_track_that_starts_late_begins_with_a_gap() -> None:
    inbound = [media("inbound", n) for n in range(1, 11)]
    events = play(start(), *inbound, media("outbound", 1, 200), STOP)
    assert (0, 0, 1600, GapCause.CLOCK) in gaps(events)
    assemble(events)


def test_a_track_that_never_speaks_is_one_gap() -> None:
    events = play(start(), *(media("inbound", n) for n in range(1, 6)), STOP)
    assert gaps(events) == [(0, 0, 800, GapCause.LOST)]


def test_a_dead_socket_yields_what_was_held_and_ends_the_call() -> None:
    stream = new_stream()
    events = play(start("inbound"), media("inbound", 1), media("inbound", 3), stream=stream)
    events += stream.close("disconnected")
    assert gaps(events) == [(0, 160, 160, GapCause.LOST)]
    assert isinstance(events[-1], CallEnded)
    assert (events[-1].reason, events[-1].end_ms) == ("disconnected", 60)
    assert stream.close("again") == []


def test_a_socket_that_dies_before_start_is_no_call() -> None:
    stream = new_stream()
    assert stream.push('{"event":"connected"}') == []
    assert stream.close("disconnected") == []


def test_marks_are_passed_over_and_keys_are_told_where_the_audio_stands() -> None:
    events = play(
        start(),
        media("inbound", 1),
        '{"event":"dtmf","dtmf":{"track":"inbound_track","digit":"4"}}',
        '{"event":"mark","mark":{"name":"x"}}',
    )
    (pressed,) = [event for event in events if isinstance(event, KeyPressed)]
    assert (pressed.channel.role, pressed.start_sample, pressed.key) == (ChannelRole.CUSTOMER, 160, "4")
    assert "'4'" not in repr(events)


@pytest.mark.parametrize("digit", ["", "11", "E", "１", 5, None])
def test_what_is_no_key_is_refused_without_repeating_it(digit: object) -> None:
    stream = new_stream()
    stream.push(start())
    with pytest.raises(MediaMessageError, match="key of a telephone") as refused:
        stream.push(json.dumps({"event": "dtmf", "dtmf": {"digit": digit}}))
    assert "11" not in str(refused.value)


def test_a_peer_cannot_claim_more_gaps_than_time_has_passed() -> None:
    stream = new_stream(passed_s=2.0)
    events = play(start("inbound"), media("inbound", 1), media("inbound", 2, 3_000_000), stream=stream)
    events += play(media("inbound", 150_000, 3_000_020), STOP, stream=stream)
    samples, there = assemble(events)
    assert there.sum() == 3 * 160
    assert samples.shape[1] <= 7 * 8000 + 3 * 160


def shared_numbers(count: int, first_outbound: int = 0) -> list[tuple[int, str, int]]:
    """(number over both tracks, track, number on its track); outbound begins after some inbound ones."""
    tracks = ["inbound"] * first_outbound + ["inbound", "outbound"] * count
    return [(n, track, tracks[:n].count(track)) for n, track in enumerate(tracks, start=1)]


def shared_media(number: int, track: str, own: int, start_ms: int = 0) -> str:
    return media(track, number, start_ms + (own - 1) * 20, payload(track, own))


@pytest.mark.parametrize("first_outbound", [0, 1, 300])
def test_one_count_over_both_tracks_is_no_loss(first_outbound: int) -> None:
    chunks = shared_numbers(60, first_outbound)
    starts = {"inbound": 0, "outbound": first_outbound * 20}
    events = play(start(), *(shared_media(*chunk, starts[chunk[1]]) for chunk in chunks), STOP)
    assert {cause for _, _, _, cause in gaps(events)} <= {GapCause.CLOCK, GapCause.LOST}
    assert sum(count for _, _, count, _ in gaps(events)) == first_outbound * 160
    samples, there = assemble(events)
    for row, track in ((0, "outbound"), (1, "inbound")):
        count = sum(1 for chunk in chunks if chunk[1] == track)
        whole = b"".join(payload(track, n) for n in range(1, count + 1))
        assert np.array_equal(samples[row][there[row]], decode_mulaw(whole))


def test_with_one_count_over_both_tracks_frames_soon_come_at_once() -> None:
    stream = new_stream()
    chunks = shared_numbers(30)
    play(start(), *(shared_media(*chunk) for chunk in chunks[:20]), stream=stream)
    assert [len(frames(play(shared_media(*chunk), stream=stream))) for chunk in chunks[20:]] == [1] * 40


@pytest.mark.parametrize("gone", [3, 30])
def test_with_one_count_over_both_tracks_a_loss_is_still_a_loss(gone: int) -> None:
    chunks = [chunk for chunk in shared_numbers(40) if chunk[0] != gone]
    events = play(start(), *(shared_media(*chunk) for chunk in chunks), STOP)
    ((_, at, count, cause),) = gaps(events)
    assert (at, count, cause) == ((gone - 1) // 2 * 160, 160, GapCause.LOST)
    assemble(events)


def test_with_one_count_over_both_tracks_a_late_chunk_finds_its_gap() -> None:
    chunks = shared_numbers(60)
    late = chunks.pop(40)
    events = play(start(), *(shared_media(*chunk) for chunk in [*chunks, late]), STOP)
    samples, there = assemble(events)
    assert there.all()
    assert [frame.late for frame in frames(events)].count(True) == 1
    whole = b"".join(payload("inbound", n) for n in range(1, 61))
    assert np.array_equal(samples[1], decode_mulaw(whole))


@given(seed=st.integers(0, 2**32), count=st.integers(1, 60), drift=st.integers(0, 8))
@settings(max_examples=40, deadline=None)
def test_any_order_within_the_window_with_duplicates_gives_the_same_audio(
    seed: int, count: int, drift: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - a shuffle, not a secret
    messages = [(n, track) for n in range(1, count + 1) for track in ("inbound", "outbound")]
    messages.sort(key=lambda item: item[0] + rng.uniform(0, drift))
    doubled = [item for item in messages for _ in range(1 + (rng.random() < 0.2))]
    events = play(start(), *(media(track, n) for n, track in doubled), STOP)
    assert gaps(events) == []
    assert not any(frame.late for frame in frames(events))
    samples, _ = assemble(events)
    for row, track in ((0, "outbound"), (1, "inbound")):
        whole = b"".join(payload(track, n) for n in range(1, count + 1))
        assert np.array_equal(samples[row], decode_mulaw(whole))


@given(seed=st.integers(0, 2**32), count=st.integers(1, 60), drift=st.integers(0, 8))
@settings(max_examples=40, deadline=None)
def test_any_order_of_one_count_over_both_tracks_keeps_every_sample_and_the_time(
    seed: int, count: int, drift: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 - a shuffle, not a secret
    chunks = sorted(shared_numbers(count), key=lambda chunk: chunk[0] + rng.uniform(0, drift))
    events = play(start(), *(shared_media(*chunk) for chunk in chunks), STOP)
    kept = sorted(frame.samples.tobytes() for frame in frames(events))
    sent = sorted(decode_mulaw(payload(track, own)).tobytes() for _, track, own in chunks)
    assert kept == sent
    assert abs(assemble(events)[0].shape[1] - count * 160) <= 8 * 160


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["inbound", "outbound"]),
            st.one_of(st.integers(0, 60), st.integers(0, 10**15 - 1)),
            st.one_of(st.integers(0, 3000), st.integers(0, 10**15 - 1)),
            st.integers(0, 400),
        ),
        max_size=60,
    )
)
@settings(max_examples=150, deadline=None)
def test_no_received_sample_is_ever_lost(chunks: list[tuple[str, int, int, int]]) -> None:
    bodies = [bytes([n % 256]) * size for n, (_, _, _, size) in enumerate(chunks)]
    messages = [
        media(track, number, at, body) for (track, number, at, _), body in zip(chunks, bodies, strict=True)
    ]
    stream = new_stream()
    events = play(start(), *messages, STOP, stream=stream)
    got = sorted(frame.samples.tobytes() for frame in frames(events))
    seen: set[tuple[str, int, int, bytes]] = set()
    for (track, number, at, _), body in zip(chunks, bodies, strict=True):
        seen.add((track, number, at, body))
    assert sum(len(item) // 2 for item in got) >= sum(len(body) for *_, body in seen)
    ends = {0: 0, 1: 0}
    for event in events:
        if isinstance(event, AudioFrame | Gap):
            if not (isinstance(event, AudioFrame) and event.late):
                assert event.start_sample == ends[event.channel.index]
            ends[event.channel.index] = max(ends[event.channel.index], event.end_sample)
    assert ends[0] == ends[1]

"""Messages between pool and workers: exact, whatever their contents and however the pipe cuts them."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.errors import WorkerFailedError
from koemori.models.ports import Effort, Purpose, TranscriptionRequest
from koemori.models.types import Hypothesis, SpeechSegment, Word, WorkTime
from koemori.models.worker_protocol import (
    MOST_HEADER_BYTES,
    MOST_PAYLOAD_BYTES,
    Answers,
    Decoder,
    Failure,
    LoadModel,
    Message,
    Ready,
    Refused,
    Work,
    encode,
)

pytestmark = pytest.mark.unit

texts = st.text(max_size=20)
times = st.integers(0, 2**53)
measures = st.floats(allow_nan=False)
words = st.builds(Word, texts, times, times, measures, texts, texts)
hypotheses = st.builds(
    Hypothesis,
    words=st.lists(words, max_size=4).map(tuple),
    text=texts,
    language=texts,
    audio_end_ms=times,
    model_id=texts,
    no_speech_probability=measures,
    mean_log_probability=measures,
    compression_ratio=measures,
    work=st.builds(WorkTime, times, times),
)
channels = st.builds(
    Channel, texts.map(CallId), texts.map(LegId), st.integers(0, 9), st.sampled_from(ChannelRole), texts
)
samples = st.lists(st.floats(width=32), max_size=30).map(lambda values: np.array(values, dtype=np.float32))
requests = st.builds(
    TranscriptionRequest,
    segment=st.builds(SpeechSegment, channels, times, times, samples),
    purpose=st.sampled_from(Purpose),
    language=texts,
    prompt=texts,
)
messages = st.one_of(
    st.builds(
        LoadModel,
        texts,
        st.dictionaries(texts, st.one_of(texts, times, measures, st.booleans())),
        st.none() | st.dictionaries(texts, st.one_of(texts, st.lists(st.dictionaries(texts, texts)))),
    ),
    st.builds(Ready, texts, times),
    st.builds(Refused, texts, texts),
    st.builds(Work, times, st.sampled_from(Effort), st.lists(requests, max_size=4).map(tuple)),
    st.builds(
        Answers, times, times, times, st.lists(hypotheses | st.builds(Failure, texts), max_size=3).map(tuple)
    ),
)


def laid_out(*wanted: Message) -> bytes:
    return b"".join(bytes(part) for message in wanted for part in encode(message))


def comparable(message: Message) -> object:
    """Equal for equal messages: samples as bytes, since they compare by value only."""
    if not isinstance(message, Work):
        return message
    return (
        message.number,
        message.effort,
        [
            (
                [getattr(asked.segment, name) for name in ("channel", "start_ms", "end_ms")],
                asked.segment.samples.dtype,
                asked.segment.samples.tobytes(),
                [getattr(asked, name) for name in ("purpose", "language", "prompt")],
            )
            for asked in message.requests
        ],
    )


@settings(deadline=None)
@given(st.lists(messages, max_size=3), st.data())
def test_any_cutting_gives_the_same_messages(wanted: list[Message], data: st.DataObject) -> None:
    raw = laid_out(*wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    decoder = Decoder()
    came = [
        message
        for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)
        for message in decoder.push(raw[start:end])
    ]
    assert [comparable(message) for message in came] == [comparable(message) for message in wanted]


@settings(deadline=None)
@given(messages, st.data())
def test_a_message_cut_short_gives_nothing(message: Message, data: st.DataObject) -> None:
    raw = laid_out(message)
    assert Decoder().push(raw[: data.draw(st.integers(0, len(raw) - 1))]) == []


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_other_bytes_are_refused_or_awaited_and_never_crash(raw: bytes) -> None:
    decoder = Decoder()
    try:
        assert decoder.push(raw) == []
    except WorkerFailedError:
        return
    assert len(raw) < 12 or raw.startswith(b"KOE1")


@pytest.mark.parametrize(
    ("header_bytes", "payload_bytes"), [(MOST_HEADER_BYTES + 1, 0), (10, MOST_PAYLOAD_BYTES + 1)]
)
def test_a_message_over_a_limit_is_refused_at_its_prefix(header_bytes: int, payload_bytes: int) -> None:
    with pytest.raises(WorkerFailedError, match=r"expected a (header|payload) of at most"):
        Decoder().push(struct.pack("<4sII", b"KOE1", header_bytes, payload_bytes))


def test_a_header_over_the_limit_is_not_sent() -> None:
    with pytest.raises(WorkerFailedError, match="expected a header of at most"):
        encode(Refused("transcription", "a" * MOST_HEADER_BYTES))


@pytest.mark.parametrize(
    "header",
    [
        b"[]",
        b"{}",
        b"{",
        b'{"kind":"other"}',
        b'{"kind":"ready"}',
        b'{"kind":"work","number":1,"effort":"full","requests":[{"span":[0,1,7]}]}',
        b'{"kind":"answers","number":1,"work_us":1,"cpu_us":1,"answers":[{"text":"secret"}]}',
        b"\xff\xff",
    ],
)
def test_a_header_of_another_shape_is_refused_without_quoting_it(header: bytes) -> None:
    with pytest.raises(WorkerFailedError, match="expected a whole message") as refusal:
        Decoder().push(struct.pack("<4sII", b"KOE1", len(header), 0) + header)
    assert "secret" not in str(refusal.value)


def test_samples_of_other_shapes_in_memory_come_out_as_float32() -> None:
    channel = Channel(CallId("01CALL"), LegId("a"), 0, ChannelRole.AGENT, "test")
    stereo = np.arange(20, dtype=np.float32).reshape(10, 2)
    segment = SpeechSegment(channel, 0, 1, stereo[:, 1])
    work = Work(1, Effort.FAST, (TranscriptionRequest(segment, Purpose.FINAL),))
    (came,) = Decoder().push(laid_out(work))
    assert isinstance(came, Work)
    np.testing.assert_array_equal(came.requests[0].segment.samples, stereo[:, 1])


def test_numbers_of_numpy_come_out_as_numbers() -> None:
    word = Word("は", int(np.int64(3)), np.int64(4), np.float32(0.1))  # type: ignore[arg-type]
    said = Hypothesis((word,), "は", "ja", 4, "m", 0.0, np.float64(-0.1), 1.0)
    (came,) = Decoder().push(laid_out(Answers(1, 2, 3, (said,))))
    assert came == Answers(1, 2, 3, (said,))
    assert type(came.answers[0].words[0].probability) is float

"""AudioSocket frames: every type that Asterisk sends, however the bytes are cut, and nothing else."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.audio.errors import AudioSocketError
from koemori.audio.ingest.audiosocket import (
    RATES_HZ,
    AudioSocketReader,
    SocketAudio,
    SocketEnded,
    SocketFrame,
    SocketKey,
    SocketNamed,
)

from tests.fakes.audiosocket import UUID, audio, frame, named

pytestmark = pytest.mark.unit


def read(raw: bytes, step: int = 0) -> list[SocketFrame]:
    reader = AudioSocketReader()
    pieces = [raw] if not step else [raw[at : at + step] for at in range(0, len(raw), step)]
    return [one for piece in pieces for one in reader.push(piece)]


def test_a_channel_is_named_speaks_presses_and_hangs_up() -> None:
    samples = np.arange(-80, 80, dtype=np.int16)
    name, spoken, key, end = read(named() + audio(samples) + frame(0x03, b"#") + frame(0x00))
    assert name == SocketNamed(UUID)
    assert isinstance(spoken, SocketAudio)
    assert spoken.sample_rate_hz == 8000
    assert np.array_equal(spoken.samples, samples)
    assert (key, end) == (SocketKey("#"), SocketEnded(error=False))
    assert "#" not in repr(key)


@pytest.mark.parametrize(("kind", "rate_hz"), sorted(RATES_HZ.items()))
def test_the_type_tells_the_rate(kind: int, rate_hz: int) -> None:
    _, spoken = read(named() + frame(kind, bytes(320)))
    assert isinstance(spoken, SocketAudio)
    assert (spoken.sample_rate_hz, len(spoken.samples)) == (rate_hz, 160)


@given(step=st.integers(1, 60), count=st.integers(0, 5))
def test_frames_are_the_same_however_the_bytes_come(step: int, count: int) -> None:
    raw = named() + b"".join(frame(0x03, str(digit).encode()) for digit in range(count)) + frame(0xFF, b"\1")
    assert read(raw, step) == read(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        frame(0x10, bytes(320)),
        frame(0x01, bytes(15)),
        named() + frame(0x10, bytes(321)),
    ],
)
def test_other_bytes_are_refused_at_once(raw: bytes) -> None:
    with pytest.raises(AudioSocketError, match=r"expected .*; got "):
        read(raw)


def test_what_means_nothing_is_passed_over_and_counted() -> None:
    reader = AudioSocketReader()
    came = reader.push(named() + named() + frame(0x03, b"x") + frame(0x42, b"abc") + frame(0x03, b"12"))
    assert (came, reader.unknown) == ([SocketNamed(UUID)], 4)


def test_after_the_end_nothing_counts() -> None:
    reader = AudioSocketReader()
    assert len(reader.push(named() + frame(0x00) + frame(0x03, b"1"))) == 2
    assert reader.push(frame(0x03, b"1")) == []


@given(st.lists(st.binary(max_size=80), max_size=6), st.booleans())
def test_no_bytes_break_the_reader(pieces: list[bytes], begun: bool) -> None:
    reader = AudioSocketReader()
    with contextlib.suppress(AudioSocketError):
        if begun:
            reader.push(named())
        for piece in pieces:
            reader.push(piece)
            assert len(reader._pending) < 3 + 65_536

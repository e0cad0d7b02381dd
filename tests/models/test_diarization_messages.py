"""Messages to and from the diarization worker."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from koemori.models import diarization_messages as messages
from koemori.models.types import SpeakerTurn

pytestmark = pytest.mark.unit


@given(
    samples=arrays.arrays(np.float32, st.integers(0, 200), elements=st.floats(-1, 1, width=32)),
    speakers=st.none() | st.integers(1, 9),
)
def test_a_question_comes_out_as_it_went_in(samples: np.ndarray, speakers: int | None):
    data = b"".join(messages.encode({"kind": "turns", "speakers": speakers}, samples))
    header_bytes, payload_bytes = messages.lengths(data[: messages.PREFIX_BYTES])
    rest = data[messages.PREFIX_BYTES :]
    assert len(rest) == header_bytes + payload_bytes
    assert messages.read_header(rest[:header_bytes]) == {"kind": "turns", "speakers": speakers}
    assert np.array_equal(messages.read_samples(rest[header_bytes:]), samples)


def test_turns_come_out_as_they_went_in():
    turns = (SpeakerTurn("S1", 0, 900), SpeakerTurn("S2", 900, 2000))
    assert messages.read_turns(messages.plain_turns(turns)) == turns


@pytest.mark.parametrize(
    "plain",
    [None, {}, [["S1", 0]], [["S1", 0, "900"]], [[1, 0, 900]], [["S1", 900, 0]], [["S1", -5, 0]],
     [["S1", 500, 900], ["S2", 0, 400]]],
)  # fmt: skip
def test_what_is_no_list_of_turns_in_order_is_refused(plain: object):
    with pytest.raises(ValueError, match="expected turns"):
        messages.read_turns(plain)


@pytest.mark.parametrize(
    "prefix",
    [b"HTTP/1.1 404", struct.pack("<4sII", b"KOED", 1 << 30, 0), struct.pack("<4sII", b"KOED", 2, 1 << 31),
     struct.pack("<4sII", b"KOED", 2, 3)],
)  # fmt: skip
def test_foreign_bytes_and_lengths_over_a_limit_are_refused_before_they_are_waited_for(prefix: bytes):
    with pytest.raises(ValueError, match="expected"):
        messages.lengths(prefix)


def test_a_header_that_is_no_object_is_refused():
    with pytest.raises(ValueError, match="JSON object"):
        messages.read_header(b"[1]")

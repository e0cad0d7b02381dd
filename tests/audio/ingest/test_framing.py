"""Binary and text framing of FreeSWITCH and Asterisk: whatever the cut, the samples are the same."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.audio.call import ChannelRole
from koemori.audio.codecs.g711 import decode_alaw
from koemori.audio.errors import MediaMessageError
from koemori.audio.ingest.chan_websocket import FORMATS, AudioFormat, KeyEnd, MediaStart, read_text
from koemori.audio.ingest.freeswitch import ForkFacts, PcmFraming, read_metadata

pytestmark = pytest.mark.unit


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8), st.sampled_from([1, 2]))
def test_pcm_may_be_cut_anywhere(payload: bytes, cuts: list[int], channels: int) -> None:
    framing = PcmFraming(channels)
    places = [0, *sorted(min(cut, len(payload)) for cut in cuts), len(payload)]
    parts = [framing.push(payload[a:b]) for a, b in itertools.pairwise(places)]
    whole = len(payload) - len(payload) % (2 * channels)
    expected = np.frombuffer(payload[:whole], dtype="<i2").reshape(-1, channels)
    for channel in range(channels):
        assert np.array_equal(np.concatenate([part[channel] for part in parts]), expected[:, channel])


def test_every_format_has_its_rate() -> None:
    rates = {name: AudioFormat(name).rate_hz for name in FORMATS}
    assert (rates["ulaw"], rates["slin"], rates["slin16"], rates["slin48"]) == (8000, 8000, 16_000, 48_000)
    assert AudioFormat("slin").push(b"\x01\x00\xff\xff").tolist() == [1, -1]
    assert AudioFormat("alaw").push(b"\xd5\x55").tolist() == decode_alaw(b"\xd5\x55").tolist()


def test_both_spellings_of_asterisk_say_the_same() -> None:
    plain = (
        "MEDIA_START connection_id:rec1 channel:WebSocket/rec1/0x7f channel_id:17.4 format:slin16 ptime:20"
    )
    spelled = {
        "event": "MEDIA_START",
        "connection_id": "rec1",
        "channel_id": "17.4",
        "format": "slin16",
        "channel_variables": {"__KOEMORI_CALL": "7", "odd": 3},
    }
    assert read_text(plain) == MediaStart("rec1", "17.4", "slin16")
    assert read_text(json.dumps(spelled)) == MediaStart("rec1", "17.4", "slin16", {"KOEMORI_CALL": "7"})
    for text in ("DTMF_END digit:# channel_id:17.4", '{"event":"DTMF_END","channel_id":"17.4","digit":"#"}'):
        assert read_text(text) == KeyEnd("#")
        assert "#" not in repr(read_text(text))
    for text in ("MEDIA_XOFF", "STATUS channel_id:1 queue_length:3", '{"event":"QUEUE_DRAINED"}'):
        assert read_text(text) is None


@pytest.mark.parametrize(
    ("text", "fatal"),
    [
        ("MEDIA_START format:g729", True),
        ("MEDIA_START", True),
        ('{"event":"MEDIA_START","format":["slin"]}', True),
        ("DTMF_END digit:77", False),
        ("DTMF_END", False),
        ("{", False),
        ('{"event":3}', False),
        ("x" * 70_000, False),
    ],
)
def test_what_cannot_be_used_is_said_without_repeating_it(text: str, fatal: bool) -> None:
    with pytest.raises(MediaMessageError) as refused:
        read_text(text)
    assert refused.value.fatal is fatal
    assert "77" not in str(refused.value)


def test_metadata_of_a_fork_is_read() -> None:
    facts = read_metadata(
        '{"uuid":"u","callid":"c","join":"j","rate":"16000","mix":"mono","role":"agent","from":"03"}'
    )
    assert facts == ForkFacts(
        join="j",
        rate_hz=16_000,
        channels=1,
        role=ChannelRole.AGENT,
        external_ids={"channel_uuid": "u", "sip_call_id": "c"},
        customer_number="03",
    )
    assert read_metadata("hello") == read_metadata("[1]") == ForkFacts()


@pytest.mark.parametrize(
    "text",
    [
        '{"rate":7}',
        '{"rate":null}',
        '{"rate":[]}',
        '{"rate":8000.0}',
        '{"mix":[]}',
        '{"mix":"quad"}',
        '{"role":{}}',
    ],
)
def test_metadata_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(MediaMessageError) as refused:
        read_metadata(text)
    assert refused.value.fatal


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
KEYS = ["event", "digit", "format", "channel_variables", "rate", "mix", "role", "join", "uuid"]


@given(
    st.one_of(
        st.text(max_size=80),
        st.text(max_size=40).map("MEDIA_START ".__add__),
        st.dictionaries(st.sampled_from(KEYS), JSON_VALUES).map(json.dumps),
    )
)
@settings(max_examples=100, deadline=None)
def test_any_text_is_understood_or_refused_and_nothing_else(text: str) -> None:
    for read in (read_text, read_metadata):
        try:
            read(text)
        except MediaMessageError:
            continue

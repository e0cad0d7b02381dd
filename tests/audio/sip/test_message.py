"""SIP messages and streams of them: every spelling is read, nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.audio.errors import SipError
from koemori.audio.sip.framing import Ping, StreamFramer, TooLong
from koemori.audio.sip.message import (
    Headers,
    MessageLimits,
    Request,
    Response,
    parse_message,
    split_list,
)

pytestmark = pytest.mark.unit

TOKEN = st.text("abcdefghijXYZ0123-.!%*_+`'~", min_size=2, max_size=12)
VALUE = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x2FFF, exclude_characters="\x7f"), max_size=40
)
ROWS = st.lists(
    st.tuples(
        TOKEN.filter(lambda name: name.lower() != "content-length"), VALUE.map(lambda text: text.strip(" \t"))
    ),
    max_size=8,
).map(lambda rows: Headers(tuple(rows)))
MESSAGES = st.one_of(
    st.builds(Request, TOKEN, TOKEN.map(lambda name: f"sip:{name}@host"), ROWS, st.binary(max_size=60)),
    st.builds(Response, st.integers(100, 699), st.just("Any Reason"), ROWS, st.binary(max_size=60)),
)


@settings(max_examples=60, deadline=None)
@given(MESSAGES)
def test_what_is_printed_is_read_again(message: Request | Response) -> None:
    assert parse_message(message.to_bytes()) == message


@settings(max_examples=60, deadline=None)
@given(st.lists(MESSAGES, min_size=1, max_size=4), st.integers(1, 50))
def test_a_stream_is_cut_where_its_messages_end(messages: list[Request | Response], step: int) -> None:
    whole = b"\r\n".join(message.to_bytes() for message in messages)
    framer = StreamFramer()
    found = [item for at in range(0, len(whole), step) for item in framer.push(whole[at : at + step])]
    assert [item for item in found if not isinstance(item, Ping)] == messages


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_an_error(noise: bytes) -> None:
    for data in (noise, b"INVITE sip:a SIP/2.0\r\n" + noise + b"\r\n\r\n", b"SIP/2.0 200 OK\r\nVia:" + noise):
        try:
            message = parse_message(data)
        except SipError:
            continue
        assert isinstance(message, (Request, Response))


def test_compact_folded_and_spaced_headers_are_read() -> None:
    message = parse_message(
        b"INVITE sip:a@b SIP/2.0\nv: SIP/2.0/UDP h;branch=z9hG4bK1,\r\n\t SIP/2.0/TCP i\r\ni : x\r\n"
        b"K:timer,100rel\r\nl: 3\r\n\r\nabcdef"
    )
    assert message.headers.listed("via") == ("SIP/2.0/UDP h;branch=z9hG4bK1", "SIP/2.0/TCP i")
    assert message.headers.get("call-id") == "x"
    assert message.headers.tokens("Supported") == {"timer", "100rel"}
    assert message.body == b"abc"


@pytest.mark.parametrize(
    "data",
    [
        b"INVITE sip:a@b SIP/2.0\r\nContent-Length: 9\r\n\r\nabc",
        b"INVITE sip:a@b SIP/2.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nabc",
        b"INVITE sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nX: a\rb\r\n\r\n",
        b"INVITE sip:a@b SIP/3.0\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nno colon\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\n" + b"X: y\r\n" * 201 + b"\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nX: " + b"y" * 8200 + b"\r\n\r\n",
        b"INVITE sip:a@b SIP/2.0\r\nX: y",
    ],
)
def test_a_message_that_is_cut_or_out_of_bounds_is_refused(data: bytes) -> None:
    with pytest.raises(SipError):
        parse_message(data)


def test_a_double_line_end_wants_an_answer_and_a_single_one_does_not() -> None:
    framer = StreamFramer()
    assert framer.push(b"\r\n") == []
    assert framer.push(b"\r\n") == [Ping()]
    assert framer.idle


def test_a_body_beyond_the_limit_is_told_from_its_head() -> None:
    framer = StreamFramer(MessageLimits(message_bytes=100))
    (item,) = framer.push(b"INVITE sip:a@b SIP/2.0\r\nl: 101\r\n\r\n")
    assert isinstance(item, TooLong)
    with pytest.raises(SipError):
        StreamFramer(MessageLimits(head_bytes=50)).push(b"x" * 51)


def test_commas_in_quotes_and_brackets_separate_nothing() -> None:
    assert split_list('"a, \\"b" <sip:c,d@e>;x=1, <sip:f> ,') == ['"a, \\"b" <sip:c,d@e>;x=1', "<sip:f>"]

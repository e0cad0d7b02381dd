"""Bodies of recording INVITEs: parts, session descriptions and answers to them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from koemori.audio.errors import SipError
from koemori.audio.sip.answer import AnswerPolicy, LocalStream, plan_answer, write_answer
from koemori.audio.sip.message import Headers
from koemori.audio.sip.multipart import find_metadata, find_sdp, split_body
from koemori.audio.sip.sdp import (
    Codec,
    Crypto,
    Direction,
    MediaLine,
    SessionDescription,
    parse_sdp,
    print_sdp,
)

pytestmark = pytest.mark.unit

HEAD = "v=0\r\no=s 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
WORD = st.text("abcXYZ019", min_size=1, max_size=8)
CODECS = st.lists(
    st.builds(Codec, st.integers(96, 127), WORD.map(str.upper), st.integers(1, 96_000), st.just(1), WORD),
    max_size=3,
    unique_by=lambda codec: codec.number,
)


@st.composite
def media_lines(draw: st.DrawFn) -> MediaLine:
    codecs = tuple(draw(CODECS))
    return MediaLine(
        kind="audio",
        port=draw(st.integers(0, 65_535)),
        protocol="RTP/SAVP",
        formats=tuple(str(codec.number) for codec in codecs),
        address="192.0.2.7",
        direction=draw(st.sampled_from([*Direction])),
        label=draw(WORD),
        codecs=codecs,
        rtcp_port=draw(st.none() | st.integers(1, 65_535)),
        rtcp_mux=draw(st.booleans()),
        cryptos=tuple(
            draw(st.lists(st.builds(Crypto, st.integers(0, 9), WORD.map(str.upper), WORD), max_size=2))
        ),
        ptime_ms=draw(st.none() | st.integers(1, 200)),
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(media_lines(), min_size=1, max_size=4), st.sampled_from(["192.0.2.7", "192.0.2.8"]))
def test_what_is_printed_is_read_again(lines: list[MediaLine], host: str) -> None:
    session = SessionDescription(f"s 1 2 IN IP4 {host}", tuple(lines), "name", host)
    assert parse_sdp(print_sdp(session)) == session


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from([*"vosctma=\r\n-: 019/", "m=audio ", "a=crypto:", "rtpmap:", "IN IP4 "]), max_size=80
    )
)
def test_any_text_is_a_description_or_an_error(pieces: list[str]) -> None:
    text = "".join(pieces).encode()
    for data in (text, b"m=audio 5 RTP/AVP 0\r\n" + text):
        try:
            plan = plan_answer(parse_sdp(data), AnswerPolicy())
        except SipError:
            continue
        assert len(plan.streams) <= 8


def parts_of(kind: str, body: str) -> tuple[bytes | None, bytes | None]:
    parts = split_body(Headers((("Content-Type", kind),)), body.replace("\n", "\r\n").encode())
    return find_sdp(parts), find_metadata(parts)


IN_ORDER = """--x
Content-Type: application/sdp

SDP
--x
Content-Type: application/rs-metadata+xml

XML
--x--
"""
SPACED = """preamble
--x  \nContent-type:application/rs-metadata

XML
--x\t
Content-Type: application/SDP; a=b

SDP
--x--"""
BY_DISPOSITION = """
--x
Content-Type: application/sdp

SDP
--x
Content-Disposition: recording-session

XML
--x--"""
WITH_GTD = """--x
Content-Type: application/sdp

SDP
--x
Content-Type: application/gtd

IAM,
--x
Content-Type: application/rs-metadata

XML"""


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/mixed;boundary=x", IN_ORDER),
        ('Multipart/Mixed; boundary="x"', SPACED),
        ("multipart/mixed;boundary=not-this", BY_DISPOSITION),
        ("multipart/mixed", WITH_GTD),
    ],
)
def test_every_shape_of_a_body_is_taken_apart(kind: str, body: str) -> None:
    sdp, metadata = parts_of(kind, body)
    assert sdp == b"SDP"
    assert metadata is not None
    assert metadata.strip() == b"XML"


def test_a_body_without_its_boundary_or_with_too_many_parts_is_refused() -> None:
    with pytest.raises(SipError):
        parts_of("multipart/mixed;boundary=x", "no delimiter")
    with pytest.raises(SipError):
        parts_of("multipart/mixed;boundary=x", "--x\n\na\n" * 30)


def test_a_foreign_delimiter_and_a_second_description_end_the_first() -> None:
    text = HEAD + "m=audio 4000 RTP/AVP 0\r\n--other\r\nX: y\r\n\r\nv=0\r\nm=audio 9 RTP/AVP 8\r\n"
    assert [line.port for line in parse_sdp(text.encode()).media] == [4000]
    assert (
        len(parse_sdp((HEAD + "m=audio 4 RTP/AVP 0\r\nv=0\r\nm=audio 5 RTP/AVP 0\r\n").encode()).media) == 1
    )


def answer_to(text: str, policy: AnswerPolicy | None = None) -> SessionDescription:
    plan = plan_answer(parse_sdp((HEAD + text.replace("\n", "\r\n")).encode()), policy or AnswerPolicy())
    locals_ = [LocalStream(20_000 + 2 * index, "b3Vycw==") for index in range(len(plan.streams))]
    return parse_sdp(print_sdp(write_answer(plan, locals_, "192.0.2.9", 7, 0)))


@pytest.mark.parametrize(
    ("offered", "expected"),
    [
        ("a=sendonly", "recvonly"),
        ("a=sendrecv", "recvonly"),
        ("a=inactive", "inactive"),
        ("a=recvonly", "inactive"),
        ("a=x", "recvonly"),
        ("c=IN IP4 0.0.0.0", "recvonly"),
    ],
)
def test_the_direction_follows_the_offer(offered: str, expected: str) -> None:
    (line,) = answer_to(f"m=audio 4000 RTP/AVP 0\n{offered}\n").media
    assert line.direction == expected


@pytest.mark.parametrize("offered", ["a=inactive", "c=IN IP4 0.0.0.0", "c=IN IP4 0.0.0.0\na=sendonly"])
def test_a_stream_is_held_by_its_direction_or_by_no_address(offered: str) -> None:
    plan = plan_answer(parse_sdp(f"{HEAD}m=audio 4000 RTP/AVP 0\r\n{offered}\r\n".encode()), AnswerPolicy())
    assert plan.streams[0].held


def test_video_is_refused_and_every_line_has_its_answer() -> None:
    answer = answer_to(
        "m=video 9 RTP/AVP 99\nm=audio 4000 RTP/AVP 18 8 0 101\n"
        "a=rtpmap:101 telephone-event/8000\na=label:q\n"
    )
    assert [(line.kind, line.port) for line in answer.media] == [("video", 0), ("audio", 20_000)]
    assert [codec.name for codec in answer.media[1].codecs] == ["PCMA", "TELEPHONE-EVENT"]
    assert answer.media[1].label == "q"


def test_an_offer_without_a_codec_of_ours_is_not_acceptable() -> None:
    with pytest.raises(SipError) as refused:
        answer_to("m=audio 4000 RTP/AVP 18\n")
    assert refused.value.status == 488


def test_a_key_is_answered_with_its_tag_and_suite() -> None:
    key = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    text = (
        f"m=audio 4 RTP/SAVP 0\na=crypto:3 UNKNOWN inline:{key}\n"
        f"a=crypto:5 AES_CM_128_HMAC_SHA1_32 inline:{key}|2^20\n"
    )
    (line,) = answer_to(text).media
    assert line.cryptos == (Crypto(5, "AES_CM_128_HMAC_SHA1_32", "b3Vycw=="),)
    assert line.protocol == "RTP/SAVP"
    for offer in ("m=audio 4 RTP/SAVP 0\n", "m=audio 4 UDP/TLS/RTP/SAVPF 0\n"):
        with pytest.raises(SipError):
            answer_to(offer)
    with pytest.raises(SipError):
        answer_to("m=audio 4 RTP/AVP 0\n", AnswerPolicy(require_srtp=True))


def test_streams_beyond_the_limit_are_refused_by_port_0() -> None:
    answer = answer_to("m=audio 4 RTP/AVP 0\n" * 3, AnswerPolicy(max_streams=2))
    assert [line.port for line in answer.media] == [20_000, 20_002, 0]

"""SIP, its bodies, and recording sessions."""

from __future__ import annotations

from koemori.audio.errors import KoemoriError
from koemori.audio.sip.answer import AnswerPolicy, plan_answer
from koemori.audio.sip.digest import DigestGuard
from koemori.audio.sip.framing import StreamFramer
from koemori.audio.sip.message import Headers, parse_message
from koemori.audio.sip.metadata import parse_metadata
from koemori.audio.sip.multipart import find_metadata, find_sdp, split_body
from koemori.audio.sip.sdp import parse_sdp, print_sdp

from tests.fakes.siprec import SHAPES
from tests.fakes.siprec_media import Recorder
from tests.fuzz.targets import Target, joined, lines

_INVITES = tuple(shape.filled(shape.invite()) for shape in SHAPES)
_OFFERS = tuple(shape.sdp(host="192.0.2.1").replace("\n", "\r\n").encode() for shape in SHAPES)
_METADATA = tuple(shape.metadata().encode() for shape in SHAPES)
_BODIES = tuple(
    f"{shape.content_type}\n{shape.body(shape.sdp(), shape.metadata())}".replace("\n", "\r\n").encode()
    for shape in SHAPES
)
_SIP_WORDS = (
    *(b"INVITE", b"ACK", b"BYE", b"CANCEL", b"UPDATE", b"OPTIONS", b"INFO", b"PRACK", b"SIP/2.0"),
    *(b"Via: ", b"v:", b"Content-Length: 0", b"l: 99999999", b"CSeq: 4294967295 INVITE", b"Require: 100rel"),
    *(b"\r\n\r\n", b"\r\n ", b"<", b">", b'"', b";tag=", b";branch=z9hG4bK", b";received=", b";rport"),
    *(
        b"Session-Expires: 90;refresher=uac",
        b"RAck: 1 1 INVITE",
        b"Content-Encoding: gzip",
        b"Proxy-Require: x",
    ),
    *(b"multipart/mixed;boundary=", b"--uniqueBoundary", b"application/sdp", b"application/rs-metadata+xml"),
    *(
        b'X-Cisco-Recording-Participant: sip:1@x;media-index="0"',
        b"Signal=5\r\nDuration=100",
        b"\xff",
        b"\x00",
    ),
)
_SDP_WORDS = (
    *(
        b"m=audio 1 RTP/AVP 0\r\n",
        b"m=audio 1 RTP/SAVP 0\r\n",
        b"m=video 1 RTP/AVP 96\r\n",
        b"c=IN IP4 0.0.0.0\r\n",
    ),
    *(
        b"a=rtpmap:96 opus/48000/2\r\n",
        b"a=label:1\r\n",
        b"a=rtcp:1\r\n",
        b"a=rtcp-mux\r\n",
        b"a=inactive\r\n",
    ),
    *(
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + b"A" * 40 + b"\r\n",
        b"a=ptime:-1\r\n",
        b"IP6 ::1",
        b"/127",
    ),
    *(b"99999999999999999999", b"a=fmtp:101 0-16\r\n", b"\xe3\x80\x80", b"\xc2\xb2", b"telephone-event/8000"),
)
_XML_WORDS = (
    *(
        b"<recording xmlns='urn:ietf:params:xml:ns:recording:1'>",
        b"</recording>",
        b"<datamode>partial</datamode>",
    ),
    *(b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"&b;", b"&#x0;", b"<![CDATA[", b"]]>", b"<?xml version='1.0'?>"),
    *(b"<participant participant_id='1'>", b"<participantstreamassoc participant_id='1'><send>1</send>"),
    *(
        b"<stream stream_id='1'><label>1</label></stream>",
        b"<nameID aor='sip:1@x'>",
        b"xmlns:a='b'",
        b"a:",
        b"<a>" * 50,
    ),
)


def _message(given: bytes) -> None:
    message = parse_message(given)
    parse_message(message.to_bytes())


def _stream(given: bytes) -> None:
    framer = StreamFramer()
    for part in lines(given):
        framer.push(part)


def _multipart(given: bytes) -> None:
    kind, _, body = given.partition(b"\r\n")
    parts = split_body(Headers((("Content-Type", kind.decode("utf-8", "replace")),)), body)
    find_sdp(parts)
    find_metadata(parts)


def _sdp(given: bytes) -> None:
    offer = parse_sdp(given)
    plan_answer(offer, AnswerPolicy())
    parse_sdp(print_sdp(offer))


def _metadata(given: bytes) -> None:
    known = None
    for part in lines(given):
        told = parse_metadata(part)
        known = told if known is None else known.merged(told)


def _session(given: bytes) -> None:
    """A whole sender: each message in its turn; a refused one does not end the others."""
    recorder = Recorder()
    for part in lines(given):
        try:
            message = parse_message(part)
        except KoemoriError:
            continue
        recorder.agent.receive(message, recorder.flow, recorder.now_s)
        recorder.wait(0.2)
    recorder.wait(0.5)


def _digest(given: bytes) -> None:
    guard = DigestGuard("koemori", {"sbc": "secret"})
    for part in lines(given):
        guard.challenges(1.0)
        guard.check("INVITE", part.decode("utf-8", "replace"), 1.0)


def _sessions() -> tuple[bytes, ...]:
    found = []
    for shape in SHAPES:
        steps = [shape.filled(shape.invite()), shape.filled(shape.request("ACK", 1), "z9hG4bK-ack")]
        for number, method in enumerate(("INVITE", "UPDATE", "INFO", "OPTIONS", "BYE"), 2):
            later = shape.invite(number) if method == "INVITE" else shape.request(method, number)
            steps.append(shape.filled(later, f"z9hG4bK-{number}", "x"))
        cancel = shape.filled(shape.request("CANCEL", 1))
        found += [joined(steps), joined([steps[0], cancel]), joined([steps[0], steps[0], *steps[1:]])]
    return tuple(found)


_DIGEST = (
    b'Digest username="sbc", realm="koemori", nonce="n", uri="sip:x", response="00", '
    b"algorithm=SHA-256, qop=auth"
)

SIP_TARGETS = (
    Target("sip-message", _message, _INVITES, _SIP_WORDS),
    Target("sip-stream", _stream, tuple(joined([one, one[:200], one[200:]]) for one in _INVITES), _SIP_WORDS),
    Target(
        "sip-digest",
        _digest,
        (_DIGEST, joined([_DIGEST, _DIGEST])),
        (b"nc=00000001", b'cnonce="', b"\\", b'"', b","),
    ),
    Target("multipart", _multipart, _BODIES, _SIP_WORDS),
    Target("sdp", _sdp, _OFFERS, _SDP_WORDS),
    Target("metadata", _metadata, (*_METADATA, joined([_METADATA[0], _METADATA[1]])), _XML_WORDS),
    Target("siprec-call", _session, _sessions(), (*_SIP_WORDS, *_SDP_WORDS, *_XML_WORDS[:4])),
)

"""RTP, RTCP and SRTP, alone and as what two hostile senders make of a call."""

from __future__ import annotations

from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.audio.errors import RtpPacketError
from koemori.audio.rtp.legs import RtpLegs
from koemori.audio.rtp.packet import RtpPacket, build_packet, parse_packet
from koemori.audio.rtp.payload import STATIC_PAYLOAD_TYPES, PayloadType
from koemori.audio.rtp.rtcp import build_receiver_report, parse_compound
from koemori.audio.rtp.srtp import SrtpKey, SrtpSession

from tests.fuzz.targets import Target, recorded, records

_KINDS = {
    **STATIC_PAYLOAD_TYPES,
    96: PayloadType(96, "OPUS", 48_000, 2),
    97: PayloadType(97, "L16", 16_000, 1),
    101: PayloadType(101, "TELEPHONE-EVENT", 8_000, 1),
}
_CHANNELS = tuple(
    Channel(CallId("0" * 26), LegId(f"leg-{index}"), index, ChannelRole.UNKNOWN, "rtp") for index in range(2)
)
_SUITE = "AES_CM_128_HMAC_SHA1_80"
_KEY = SrtpKey(_SUITE, bytes(range(30)))
_OPUS = bytes.fromhex("78078060c0e00800")
_WORDS = (
    *(
        b"\x80\x00",
        b"\x80\x80",
        b"\x80\x08",
        b"\x80\x09",
        b"\x80\x60",
        b"\x80\x61",
        b"\x80\x65",
        b"\x80\x0d",
        b"\x80\x13",
    ),
    *(
        b"\x90\x00",
        b"\xa0\x00",
        b"\x8f\x00",
        b"\xbe\xde\x00\x01",
        b"\x00\x00\x00\x00",
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
    ),
    *(
        b"\x81\xc8\x00\x06",
        b"\x81\xc9\x00\x01",
        b"\x81\xca\x00\x02",
        b"\x81\xcb\x00\x01",
        b"\x80\x00\x00\x00",
    ),
)


def _packet(
    number: int, kind: int = 0, ssrc: int = 7, payload: bytes = b"\x7f" * 160, *, marker: bool = False
) -> bytes:
    return build_packet(RtpPacket(kind, marker, number, number * 160, ssrc, payload))


def _calls() -> tuple[bytes, ...]:
    steady = [(leg, 10, _packet(number, ssrc=leg + 1)) for number in range(30) for leg in (0, 1)]
    lossy = [row for at, row in enumerate(steady) if at % 7]
    shuffled = [*steady[:10], *reversed(steady[10:20]), *steady[20:], *steady[5:8]]
    changed = [*steady[:20], *((0, 20, _packet(60_000 + at, ssrc=99)) for at in range(20))]
    jumps = [(0, 20, _packet(at * 3_000, ssrc=1)) for at in range(20)]
    mixed = [(0, 20, _packet(at, (0, 8, 9, 13, 19, 97)[at % 6])) for at in range(30)]
    opus = [(0, 20, _packet(at, 96, payload=_OPUS)) for at in range(10)]
    keys = [
        (0, 20, _packet(at, 101, payload=bytes((5, 0x8A if at % 5 == 4 else 0x0A, 0, 160))))
        for at in range(15)
    ]
    reports = [
        (2, 5, _SENDER_REPORT),
        (4, 5, b""),
        (6, 200, b""),
        (8, 5, b""),
        *steady[20:],
        (2, 0, _GOODBYE),
    ]
    return tuple(
        recorded(rows) for rows in (steady, lossy, shuffled, changed, jumps, mixed, opus, keys, reports)
    )


_SENDER_REPORT = bytes.fromhex(
    "80c80006 00000001 e9b0c0de80000000 00000500 00000010 00000a00".replace(" ", "")
) + bytes.fromhex("81ca0003 00000001 0104 6e616d65 0000".replace(" ", ""))
_GOODBYE = bytes.fromhex("80c90001000000 0181cb000100000001".replace(" ", ""))


def _rtp(given: bytes) -> None:
    parse_packet(build_packet(parse_packet(given)))


def _rtcp(given: bytes) -> None:
    compound = parse_compound(given)
    for report in compound.sender_reports:
        assert report.ntp_us >= -(1 << 63)
    build_receiver_report(1, (), next(iter(compound.names.values()), ""))


def _receiver(given: bytes) -> None:
    """Two legs of a call; `kind` says which one, and whether RTP, RTCP, a pause, time or an offer comes."""
    legs = RtpLegs(_CHANNELS, (_KINDS, _KINDS), 16_000)
    now_us, events = 1_000_000, []
    for kind, wait_ms, content in records(given):
        now_us += wait_ms * 1_000
        leg, deed = kind & 1, (kind >> 1) % 5
        if deed == 0:
            events += legs.push(leg, [(now_us, content)])
        elif deed == 1:
            legs.control(leg, now_us, content)
        elif deed == 2:
            events += legs.pause(leg, now_us) if wait_ms & 1 else legs.resume(leg, now_us)
        elif deed == 3:
            now_us += wait_ms * 100_000
            events += legs.advance(now_us)
            legs.report(leg, now_us)
        else:
            legs.agree(leg, {0: _KINDS[0]} if wait_ms & 1 else _KINDS)
    legs.finish(now_us)


def _srtp(given: bytes) -> None:
    session = SrtpSession(_KEY, _KEY)
    for kind, _, content in records(given):
        try:
            session.unprotect(content, control=bool(kind & 1))
        except RtpPacketError:
            continue


def _covered() -> bytes:
    sender = SrtpSession(_KEY, _KEY)
    rows = [(0, 0, sender.protect(_packet(number))) for number in range(10)]
    return recorded([*rows, rows[3], (1, 0, sender.protect(_SENDER_REPORT, control=True))])


MEDIA_TARGETS = (
    Target(
        "rtp",
        _rtp,
        (_packet(1), _packet(2, 101, payload=b"\x05\x8a\x00\xa0"), b"\xb1\x00" + _packet(3)[2:]),
        _WORDS,
    ),
    Target("rtcp", _rtcp, (_SENDER_REPORT, _GOODBYE, build_receiver_report(1, (), "name")), _WORDS),
    Target("receiver", _receiver, _calls(), _WORDS),
    Target("srtp", _srtp, (_covered(),), _WORDS),
)

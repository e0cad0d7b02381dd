"""RTP packets: header, payload, and what tells them from RTCP (RFC 3550 §5.1, RFC 5761 §4, RFC 8285)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from koemori.audio.errors import RtpPacketError

HEADER_BYTES: Final = 12
_FIXED: Final = struct.Struct("!BBHII")
_VERSION: Final = 2


class RtpPacket(NamedTuple):
    """One packet; `payload` is without padding, CSRC list and header extension, which are passed over.

    Attributes:
        payload_type: 0 to 127.
        marker: Begin of a talk spurt, or of a telephone event.
        sequence: 16 bits, as sent.
        timestamp: 32 bits, as sent, in ticks of the payload type's clock.
        ssrc: Who sent it.
        payload: What the codec takes.
    """

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse_packet(datagram: bytes) -> RtpPacket:
    """Read one RTP packet.

    Raises:
        RtpPacketError: It is not RTP version 2, or shorter than its header says.
    """
    if len(datagram) < HEADER_BYTES:
        raise RtpPacketError(f"at least {HEADER_BYTES} bytes", f"{len(datagram)}")
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(datagram)
    if first >> 6 != _VERSION:
        raise RtpPacketError("version 2", f"version {first >> 6}")
    begin, end = HEADER_BYTES, len(datagram)
    if first & 0x3F:
        begin += 4 * (first & 0x0F)
        if first & 0x10:
            if begin + 4 > end:
                raise RtpPacketError("a whole header extension", f"{end - begin} bytes of it")
            begin += 4 + 4 * int.from_bytes(datagram[begin + 2 : begin + 4], "big")
        if begin > end:
            raise RtpPacketError(f"a header of {begin} bytes as it says", f"{end} bytes in all")
        if first & 0x20:
            padding = datagram[-1]
            if not 1 <= padding <= end - begin:
                raise RtpPacketError(f"1 to {end - begin} bytes of padding", f"{padding}")
            end -= padding
    return RtpPacket(second & 0x7F, second >= 0x80, sequence, timestamp, ssrc, datagram[begin:end])


def build_packet(packet: RtpPacket) -> bytes:
    """Write one packet without CSRCs, extension or padding; numbers are taken modulo their width."""
    return (
        _FIXED.pack(
            _VERSION << 6,
            (packet.payload_type & 0x7F) | (0x80 if packet.marker else 0),
            packet.sequence & 0xFFFF,
            packet.timestamp & 0xFFFF_FFFF,
            packet.ssrc & 0xFFFF_FFFF,
        )
        + packet.payload
    )


def is_rtp(datagram: bytes) -> bool:
    """Whether a datagram may be RTP at all: keep-alives and strays are not."""
    return len(datagram) >= HEADER_BYTES and datagram[0] >> 6 == _VERSION


def is_rtcp(datagram: bytes) -> bool:
    """Whether a datagram on a port for both is RTCP: its packet type is 192 to 223 (RFC 5761 §4)."""
    return len(datagram) >= 2 and 192 <= datagram[1] <= 223

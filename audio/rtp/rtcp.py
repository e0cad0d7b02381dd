"""RTCP: what senders say of their clocks and names, and the reports that we owe them (RFC 3550 §6).

Read: SR, RR (passed over), SDES CNAME, BYE; any other type is passed over, and so is a compound that begins
with something else than a report (RFC 5506). Written: RR with SDES CNAME.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from koemori.audio.errors import RtpPacketError

_SR: Final = 200
_RR: Final = 201
_SDES: Final = 202
_BYE: Final = 203
_CNAME: Final = 1
_MAX_PACKETS: Final = 64
_MAX_CNAME_BYTES: Final = 255
_MOST_LOST: Final = 0x7F_FFFF


@dataclass(frozen=True, slots=True)
class SenderReport:
    """A sender's word on which RTP timestamp was which time of its wall clock.

    Attributes:
        ssrc: Whose.
        ntp: 64 bits: seconds since 1900 and 2^-32 parts of a second.
        timestamp: RTP timestamp of that moment, 32 bits.
    """

    ssrc: int
    ntp: int
    timestamp: int

    @property
    def ntp_us(self) -> int:
        """The wall clock in microseconds since 1900; 0 when the sender has none."""
        return (self.ntp * 1_000_000) >> 32

    @property
    def middle(self) -> int:
        """The middle 32 bits, as a report refers to it (LSR)."""
        return (self.ntp >> 16) & 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Compound:
    """What one RTCP datagram said that matters to a recorder."""

    sender_reports: tuple[SenderReport, ...] = ()
    names: dict[int, str] = field(default_factory=dict)
    """SSRC → CNAME. It may hold a user's name or address: never logged."""
    goodbyes: tuple[int, ...] = ()
    """SSRCs that will send no more."""


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """How one sender is received (RFC 3550 §6.4.1).

    Attributes:
        ssrc: The sender.
        fraction_lost: Of the packets since the last report, in 1/256.
        lost: Packets since the beginning; duplicates may make it negative.
        highest_sequence: Extended, 32 bits.
        jitter: In ticks of the RTP clock.
        last_sr: `SenderReport.middle` of the newest one; 0 when there was none.
        delay_since_sr: Since that came, in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int
    lost: int
    highest_sequence: int
    jitter: int
    last_sr: int = 0
    delay_since_sr: int = 0


def parse_compound(datagram: bytes) -> Compound:
    """Read one RTCP datagram.

    Raises:
        RtpPacketError: It is not RTCP version 2, or its lengths do not add up.
    """
    reports: list[SenderReport] = []
    names: dict[int, str] = {}
    goodbyes: list[int] = []
    for kind, count, body in _packets(datagram):
        if kind == _SR and len(body) >= 16:
            ssrc, ntp, timestamp = struct.unpack_from("!IQI", body)
            reports.append(SenderReport(ssrc, ntp, timestamp))
        elif kind == _SDES:
            names.update(_names(body, count))
        elif kind == _BYE:
            goodbyes += [
                int.from_bytes(body[at : at + 4], "big") for at in range(0, min(4 * count, len(body) - 3), 4)
            ]
    return Compound(tuple(reports), names, tuple(goodbyes))


def build_receiver_report(ssrc: int, blocks: Sequence[ReportBlock], cname: str) -> bytes:
    """Write an RR and the SDES that must follow it; at most 31 blocks and 255 bytes of name are sent."""
    name = cname.encode()[:_MAX_CNAME_BYTES]
    body = b"".join(_block(block) for block in blocks[:31])
    report = struct.pack("!BBHI", 0x80 | len(blocks[:31]), _RR, 1 + len(body) // 4, ssrc & 0xFFFF_FFFF)
    chunk = struct.pack("!IBB", ssrc & 0xFFFF_FFFF, _CNAME, len(name)) + name + b"\0"
    chunk += bytes(-len(chunk) % 4)
    return report + body + struct.pack("!BBH", 0x81, _SDES, len(chunk) // 4) + chunk


def _block(block: ReportBlock) -> bytes:
    lost = max(-_MOST_LOST - 1, min(_MOST_LOST, block.lost)) & 0xFF_FFFF
    return struct.pack(
        "!IIIIII",
        block.ssrc & 0xFFFF_FFFF,
        (max(0, min(255, block.fraction_lost)) << 24) | lost,
        block.highest_sequence & 0xFFFF_FFFF,
        max(0, min(0xFFFF_FFFF, block.jitter)),
        block.last_sr & 0xFFFF_FFFF,
        max(0, min(0xFFFF_FFFF, block.delay_since_sr)),
    )


def _packets(datagram: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Each packet's type, its count field, and its body."""
    at = 0
    for _ in range(_MAX_PACKETS):
        if at == len(datagram):
            return
        if len(datagram) - at < 4:
            raise RtpPacketError("a whole RTCP header", f"{len(datagram) - at} bytes of it")
        first, kind, words = struct.unpack_from("!BBH", datagram, at)
        if first >> 6 != 2:
            raise RtpPacketError("RTCP version 2", f"version {first >> 6}")
        end = at + 4 + 4 * words
        if end > len(datagram):
            raise RtpPacketError(f"an RTCP packet of {end - at} bytes", f"{len(datagram) - at}")
        yield kind, first & 0x1F, datagram[at + 4 : end]
        at = end
    raise RtpPacketError(f"at most {_MAX_PACKETS} RTCP packets in a datagram", "more")


def _names(body: bytes, chunks: int) -> Iterator[tuple[int, str]]:
    """Each chunk's SSRC and CNAME (RFC 3550 §6.5); what is cut short is left out."""
    at = 0
    for _ in range(chunks):
        if at + 4 > len(body):
            return
        ssrc = int.from_bytes(body[at : at + 4], "big")
        at += 4
        while at < len(body) and body[at]:
            kind, size = body[at], body[at + 1] if at + 1 < len(body) else 0
            text = body[at + 2 : at + 2 + size]
            if kind == _CNAME and len(text) == size:
                yield ssrc, text.decode("utf-8", "replace")
            at += 2 + size
        at += 4 - at % 4

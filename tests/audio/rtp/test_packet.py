"""RTP and RTCP datagrams: what is read, what is refused, what is written."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from koemori.audio.errors import RtpPacketError
from koemori.audio.rtp.numbering import extend_sequence, extend_timestamp
from koemori.audio.rtp.packet import RtpPacket, build_packet, is_rtcp, parse_packet
from koemori.audio.rtp.rtcp import ReportBlock, SenderReport, build_receiver_report, parse_compound

pytestmark = pytest.mark.unit

packets = st.builds(
    RtpPacket,
    st.integers(0, 127),
    st.booleans(),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF_FFFF),
    st.integers(0, 0xFFFF_FFFF),
    st.binary(max_size=300),
)


@given(packets)
def test_a_written_packet_is_read_as_it_was(packet: RtpPacket) -> None:
    assert parse_packet(build_packet(packet)) == packet


def test_sources_extension_and_padding_are_passed_over() -> None:
    header = struct.pack("!BBHII", 0b1011_0010, 8, 1, 2, 3) + bytes(8)
    extension = b"\xbe\xde\x00\x02" + bytes(8)
    packet = parse_packet(header + extension + b"sound" + b"\0\0\x03")
    assert packet.payload == b"sound"


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        bytes(11),
        b"\x00" + bytes(20),
        b"\x8f" + bytes(20),
        b"\x90" + bytes(11),
        b"\x90" + bytes(13) + b"\xff\xff",
        b"\xa0" + bytes(11),
        b"\xa0" + bytes(12) + b"\x09",
    ],
)
def test_what_is_shorter_than_it_says_is_refused(datagram: bytes) -> None:
    with pytest.raises(RtpPacketError):
        parse_packet(datagram)


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_parse_or_be_refused(datagram: bytes) -> None:
    for parse in (parse_packet, parse_compound):
        try:
            parse(datagram)
        except RtpPacketError:
            continue
    is_rtcp(datagram)


def test_rtcp_is_told_from_rtp_by_its_type() -> None:
    assert is_rtcp(b"\x80\xc8")
    assert is_rtcp(b"\x81\xcb")
    assert not is_rtcp(b"\x80\x88")
    assert not is_rtcp(b"\x80\x00")
    assert not is_rtcp(b"\x80")


def test_a_compound_tells_clock_name_and_goodbye() -> None:
    report = struct.pack("!BBHIQIII", 0x80, 200, 6, 7, 5 << 32 | 1 << 31, 160, 1, 160)
    named = b"\x81\xca" + struct.pack("!HI", 3, 7) + b"\x01\x03sbc\0\0\0"
    goodbye = struct.pack("!BBHI", 0x81, 203, 1, 7)
    compound = parse_compound(report + named + goodbye)
    assert compound.sender_reports == (SenderReport(7, 5 << 32 | 1 << 31, 160),)
    assert compound.sender_reports[0].ntp_us == 5_500_000
    assert compound.names == {7: "sbc"}
    assert compound.goodbyes == (7,)


@given(st.integers(-(1 << 30), 1 << 30), st.text(max_size=300))
def test_a_receiver_report_is_well_formed_whatever_it_reports(lost: int, name: str) -> None:
    block = ReportBlock(7, 300, lost, 1 << 33, -1)
    datagram = build_receiver_report(1, [block], name)
    assert len(datagram) % 4 == 0
    assert is_rtcp(datagram)
    assert list(parse_compound(datagram).names) == [1]
    assert datagram[4:8] == b"\0\0\0\x01"
    assert datagram[8:12] == b"\0\0\0\x07"


@given(st.integers(0, 1 << 40), st.integers(-0x7FFF, 0x7FFF))
def test_counters_that_wrapped_are_extended_to_the_nearest(near: int, step: int) -> None:
    assert extend_sequence((near + step) & 0xFFFF, near) == near + step
    assert extend_timestamp((near + step) & 0xFFFF_FFFF, near) == near + step

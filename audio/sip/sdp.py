"""Session descriptions: parse what a recording client offers, print what we answer.

Reads on over lines it does not know, lines in the wrong order and whatever follows a second `v=` or a
delimiter line that slipped into the part. What it understood survives printing and parsing.

Source: RFC 8866; RFC 3264 (directions); RFC 3605 (a=rtcp); RFC 4568 (a=crypto); RFC 4574 (a=label);
RFC 5761 (a=rtcp-mux); RFC 2543 §B.5 (hold by c=0.0.0.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from koemori.audio.errors import SipError


class Direction(StrEnum):
    """Which way media goes, seen from who wrote the description."""

    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    SENDRECV = "sendrecv"
    INACTIVE = "inactive"


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload type of a media line; `name` is in capitals."""

    number: int
    name: str
    clock_hz: int
    channels: int = 1
    parameters: str = ""


@dataclass(frozen=True, slots=True)
class Crypto:
    """One `a=crypto` line; `key` is the base64 of key and salt, without lifetime and MKI."""

    tag: int
    suite: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class MediaLine:
    """One `m=` line and its attributes.

    Attributes:
        kind: `audio`, `video`, …
        port: 0 means refused or ended.
        protocol: `RTP/AVP`, `RTP/SAVP`, …
        formats: As listed in the line.
        address: Where its sender wants media and RTCP; the session's when it has none of its own.
        direction: Its own, else the session's; None when neither says.
        label: `a=label`, opaque.
        codecs: Of audio lines with RTP, in the order of the line.
        rtcp_port: `a=rtcp`.
        rtcp_mux: RTP and RTCP on one port.
        cryptos: Keys for SRTP.
        ptime_ms: Audio per packet.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    address: str | None = field(default=None, repr=False)
    direction: Direction | None = None
    label: str | None = None
    codecs: tuple[Codec, ...] = ()
    rtcp_port: int | None = None
    rtcp_mux: bool = False
    cryptos: tuple[Crypto, ...] = ()
    ptime_ms: int | None = None

    @property
    def held(self) -> bool:
        """Whether its sender says that no media comes for now."""
        silent = self.direction in (Direction.INACTIVE, Direction.RECVONLY)
        return silent or self.address in ("0.0.0.0", "::")  # noqa: S104  (RFC 2543 hold, not an address)


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A session and its media lines."""

    origin: str = field(repr=False)
    media: tuple[MediaLine, ...]
    name: str = field(default="-", repr=False)
    address: str | None = field(default=None, repr=False)


_STATIC = {
    0: Codec(0, "PCMU", 8000),
    3: Codec(3, "GSM", 8000),
    4: Codec(4, "G723", 8000),
    8: Codec(8, "PCMA", 8000),
    9: Codec(9, "G722", 8000),
    10: Codec(10, "L16", 44_100, 2),
    11: Codec(11, "L16", 44_100),
    13: Codec(13, "CN", 8000),
    15: Codec(15, "G728", 8000),
    18: Codec(18, "G729", 8000),
    19: Codec(19, "CN", 8000),
}
_DIRECTIONS = frozenset(each.value for each in Direction)
_MAX_BYTES = 65_536
_MAX_LINES = 2_000
_MAX_MEDIA = 32
_MAX_FORMATS = 64
_MAX_CRYPTOS = 16
_LINE = re.compile(r"([a-z])=(.*)\Z")
_MEDIA = re.compile(r"(\S{1,32})\s+([0-9]{1,5})(?:/[0-9]{1,5})?\s+(\S{1,64})((?:\s+\S{1,32})*)\s*\Z")
_CONNECTION = re.compile(r"IN\s+IP[46]\s+([^\s/]{1,255})", re.IGNORECASE)
_RTPMAP = re.compile(r"([0-9]{1,3})\s+([^/\s]{1,64})/([0-9]{1,6})(?:/([0-9]{1,2}))?\s*\Z")
_FMTP = re.compile(r"([0-9]{1,3})\s+(.{1,512})\Z")
_CRYPTO = re.compile(r"([0-9]{1,9})\s+([A-Za-z0-9_]{1,64})\s+inline:([A-Za-z0-9+/=]{1,128})", re.IGNORECASE)
_PORT = re.compile(r"\s*([0-9]{1,5})(?:\s|\Z)")


def parse_sdp(text: bytes) -> SessionDescription:
    """Read a session description.

    Raises:
        SipError: 400: it has no media line that can be read; 413: it is beyond a limit.
    """
    if len(text) > _MAX_BYTES:
        raise SipError(413, f"a session description of at most {_MAX_BYTES} bytes", f"{len(text)} bytes")
    session: list[tuple[str, str]] = []
    sections: list[list[tuple[str, str]]] = []
    for key, value in _lines(text):
        if key == "m":
            sections.append([])
            if len(sections) > _MAX_MEDIA:
                raise SipError(413, f"at most {_MAX_MEDIA} media lines", "more")
        (sections[-1] if sections else session).append((key, value))
    if not sections:
        raise SipError(400, "a session description with a media line", "none")
    address = _connection(session)
    direction = _direction(session)
    return SessionDescription(
        origin=next((value for key, value in session if key == "o"), "- 0 0 IN IP4 0.0.0.0"),
        media=tuple(_media(section, address, direction) for section in sections),
        name=next((value for key, value in session if key == "s"), "-") or "-",
        address=address,
    )


def print_sdp(session: SessionDescription) -> bytes:
    """Write a session description."""
    lines = ["v=0", f"o={session.origin}", f"s={session.name}"]
    if session.address is not None:
        lines.append(_connection_line(session.address))
    lines.append("t=0 0")
    for media in session.media:
        lines += _printed(media, session.address)
    return ("\r\n".join(lines) + "\r\n").encode("utf-8", "surrogateescape")


def _lines(text: bytes) -> Iterator[tuple[str, str]]:
    versions = 0
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text.decode("utf-8", "surrogateescape"))):
        if number >= _MAX_LINES:
            raise SipError(413, f"a session description of at most {_MAX_LINES} lines", "more")
        match = _LINE.match(line.strip(" \t"))
        versions += line.startswith("v=")
        if versions > 1 or line.startswith("--"):
            return  # another description, or the delimiter of another body
        if match is not None:
            yield match[1], match[2]


def _media(section: list[tuple[str, str]], address: str | None, direction: Direction | None) -> MediaLine:
    match = _MEDIA.match(section[0][1])
    if match is None or int(match[2]) > 65_535:
        raise SipError(
            400, "a media line of kind, port, protocol and formats", f"{len(section[0][1])} characters"
        )
    formats = tuple(match[4].split())
    if len(formats) > _MAX_FORMATS:
        raise SipError(413, f"at most {_MAX_FORMATS} formats in a media line", f"{len(formats)}")
    attributes = [_attribute(value) for key, value in section if key == "a"]
    line = MediaLine(
        kind=match[1].lower(),
        port=int(match[2]),
        protocol=match[3].upper(),
        formats=formats,
        address=_connection(section) or address,
        direction=_direction(section) or direction,
        label=next((value.strip() for name, value in attributes if name == "label" and value.strip()), None),
        rtcp_port=_first_port(attributes),
        rtcp_mux=any(name == "rtcp-mux" for name, _ in attributes),
        cryptos=tuple(_cryptos(attributes)),
        ptime_ms=_ptime(attributes),
    )
    spoken = line.kind == "audio" and "RTP/" in line.protocol
    return replace(line, codecs=_codecs(formats, attributes)) if spoken else line


def _attribute(value: str) -> tuple[str, str]:
    name, _, rest = value.partition(":")
    return name.strip().lower(), rest


def _connection(lines: list[tuple[str, str]]) -> str | None:
    found = (_CONNECTION.match(value) for key, value in lines if key == "c")
    return next((match[1] for match in found if match is not None), None)


def _direction(lines: list[tuple[str, str]]) -> Direction | None:
    said = [value.strip().lower() for key, value in lines if key == "a"]
    return next((Direction(value) for value in said if value in _DIRECTIONS), None)


def _codecs(formats: tuple[str, ...], attributes: list[tuple[str, str]]) -> tuple[Codec, ...]:
    named: dict[int, Codec] = {}
    for name, value in attributes:
        mapped = _RTPMAP.match(value.strip()) if name == "rtpmap" else None
        if mapped is not None and int(mapped[3]) > 0:
            number = int(mapped[1])
            named[number] = Codec(number, mapped[2].upper(), int(mapped[3]), int(mapped[4] or 1) or 1)
    for name, value in attributes:
        told = _FMTP.match(value.strip()) if name == "fmtp" else None
        if told is None:
            continue
        known = named.get(int(told[1])) or _STATIC.get(int(told[1]))
        if known is not None:
            named[known.number] = replace(known, parameters=told[2].strip())
    numbers = dict.fromkeys(int(each) for each in formats if each.isascii() and each.isdigit())
    known_ones = (named.get(number) or _STATIC.get(number) for number in numbers if number < 128)
    return tuple(codec for codec in known_ones if codec is not None)


def _cryptos(attributes: list[tuple[str, str]]) -> Iterator[Crypto]:
    lines = [value for name, value in attributes if name == "crypto"][:_MAX_CRYPTOS]
    for value in lines:
        match = _CRYPTO.match(value.strip())
        if match is not None:
            yield Crypto(int(match[1]), match[2].upper(), match[3])


def _first_port(attributes: list[tuple[str, str]]) -> int | None:
    found = (_PORT.match(value) for name, value in attributes if name == "rtcp")
    return next((port for match in found if match and 0 < (port := int(match[1])) < 65_536), None)


def _ptime(attributes: list[tuple[str, str]]) -> int | None:
    said = (value.strip() for name, value in attributes if name == "ptime")
    return next(
        (int(value) for value in said if value.isascii() and value.isdigit() and len(value) < 5), None
    )


def _connection_line(address: str) -> str:
    return f"c=IN {'IP6' if ':' in address else 'IP4'} {address}"


def _printed(media: MediaLine, session_address: str | None) -> Iterator[str]:
    yield " ".join((f"m={media.kind} {media.port} {media.protocol}", *media.formats))
    if media.address is not None and media.address != session_address:
        yield _connection_line(media.address)
    for codec in media.codecs:
        channels = f"/{codec.channels}" if codec.channels > 1 else ""
        yield f"a=rtpmap:{codec.number} {codec.name}/{codec.clock_hz}{channels}"
        if codec.parameters:
            yield f"a=fmtp:{codec.number} {codec.parameters}"
    if media.ptime_ms is not None:
        yield f"a=ptime:{media.ptime_ms}"
    if media.rtcp_port is not None:
        yield f"a=rtcp:{media.rtcp_port}"
    if media.rtcp_mux:
        yield "a=rtcp-mux"
    for crypto in media.cryptos:
        yield f"a=crypto:{crypto.tag} {crypto.suite} inline:{crypto.key}"
    if media.label is not None:
        yield f"a=label:{media.label}"
    if media.direction is not None:
        yield f"a={media.direction}"

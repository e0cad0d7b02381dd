"""SIP messages: parse and print.

Reads what real senders write: compact names, folded lines, bare line feeds, any case. Names come out in
full, values without surrounding blanks. `Content-Length` is framing: it is checked, dropped, printed anew.
Everything a peer can make long has a limit.

Source: RFC 3261 §7, §20, §25; compact forms by the IANA registry of SIP header fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from koemori.audio.errors import SipError

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LINE_END = re.compile(r"\r?\n")
_DIGITS = re.compile(r"[0-9]{1,9}\Z")
_VERSION = "SIP/2.0"
_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9]{2})(?: (.*))?\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class MessageLimits:
    """What a peer may send at most."""

    message_bytes: int = 65_536
    head_bytes: int = 32_768
    headers: int = 200
    header_bytes: int = 8_192


@dataclass(frozen=True, slots=True)
class Headers:
    """Header fields in their order; names are in full, compared without regard to case."""

    rows: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """The first value of this name."""
        wanted = name.lower()
        return next((value for key, value in self.rows if key.lower() == wanted), None)

    def all(self, name: str) -> tuple[str, ...]:
        """Every row of this name, as written."""
        wanted = name.lower()
        return tuple(value for key, value in self.rows if key.lower() == wanted)

    def listed(self, name: str) -> tuple[str, ...]:
        """Every element of a header that is a list, whether on one row or on several."""
        return tuple(part for value in self.all(name) for part in split_list(value))

    def tokens(self, name: str) -> frozenset[str]:
        """A list of option tags, methods or the like, in lower case."""
        return frozenset(part.lower() for part in self.listed(name))


@dataclass(frozen=True, slots=True)
class Request:
    """A SIP request."""

    method: str
    uri: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    def to_bytes(self) -> bytes:
        """As it goes on the wire."""
        return _printed(f"{self.method} {self.uri} {_VERSION}", self.headers, self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """A SIP response."""

    status: int
    reason: str
    headers: Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    def to_bytes(self) -> bytes:
        """As it goes on the wire."""
        return _printed(f"{_VERSION} {self.status} {self.reason}", self.headers, self.body)


Message = Request | Response


class CutOffError(SipError):
    """A datagram that lost its end on the way; `message` has what came of its body."""

    code = "sip-cut-off"

    def __init__(self, message: Message, expected_bytes: int) -> None:
        super().__init__(400, f"a body of {expected_bytes} bytes", f"{len(message.body)} bytes")
        self.message = message


@dataclass(frozen=True, slots=True)
class Head:
    """A message without its body, and how long that is said to be (None: not said)."""

    message: Message
    content_bytes: int | None


_DEFAULT = MessageLimits()


def parse_message(datagram: bytes, limits: MessageLimits = _DEFAULT) -> Message:
    """Read one datagram.

    Raises:
        SipError: It is no SIP message, is cut off, or is beyond a limit.
    """
    if len(datagram) > limits.message_bytes:
        raise SipError(413, f"at most {limits.message_bytes} bytes", f"{len(datagram)} bytes")
    datagram = datagram.lstrip(b"\r\n")
    end = _HEAD_END.search(datagram, 0, limits.head_bytes + 4)
    if end is None:
        raise SipError(
            400, f"an empty line within {limits.head_bytes} bytes", f"{len(datagram)} bytes without"
        )
    head = parse_head(datagram[: end.start()], limits)
    body = datagram[end.end() :]
    if head.content_bytes is None:
        return with_body(head.message, body)
    if head.content_bytes > len(body):
        raise CutOffError(with_body(head.message, body), head.content_bytes)
    return with_body(head.message, body[: head.content_bytes])


def parse_head(head: bytes, limits: MessageLimits = _DEFAULT) -> Head:
    """Read a start line and headers, without the empty line.

    Raises:
        SipError: As `parse_message`.
    """
    text = head.decode("utf-8", "surrogateescape").lstrip("\r\n")
    lines = _unfolded(_LINE_END.split(text), limits)
    rows: list[tuple[str, str]] = []
    lengths: set[int] = set()
    for line in lines[1:]:
        name, value = _row(line)
        if name == "Content-Length":
            if not _DIGITS.match(value):
                raise SipError(400, "a Content-Length of 1 to 9 digits", f"{len(value)} characters")
            lengths.add(int(value))
        else:
            rows.append((name, value))
    if len(lengths) > 1:
        raise SipError(400, "one Content-Length", f"{len(lengths)} different ones")
    message = _started(lines[0], Headers(tuple(rows)))
    return Head(message, next(iter(lengths), None))


def with_body(message: Message, body: bytes) -> Message:
    """The same message with this body."""
    if isinstance(message, Request):
        return Request(message.method, message.uri, message.headers, body)
    return Response(message.status, message.reason, message.headers, body)


def split_list(value: str) -> list[str]:
    """Elements of a comma-separated header value; commas in quotes and angle brackets do not separate."""
    parts: list[str] = []
    begin = 0
    quoted = escaped = False
    depth = 0
    for place, sign in enumerate(value):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = sign == "\\", sign != '"'
        elif sign == '"':
            quoted = True
        elif sign in "<>":
            depth = 1 if sign == "<" else 0
        elif sign == "," and not depth:
            parts.append(value[begin:place])
            begin = place + 1
    parts.append(value[begin:])
    return [stripped for part in parts if (stripped := part.strip())]


def _started(line: str, headers: Headers) -> Message:
    status = _STATUS_LINE.match(line)
    if status is not None:
        return Response(int(status[1]), status[2] or "", headers)
    parts = line.split(" ")
    if len(parts) != 3 or parts[2].upper() != _VERSION or not _TOKEN.match(parts[0]) or not parts[1]:
        raise SipError(400, "a request line or a status line of SIP/2.0", f"{len(line)} other characters")
    return Request(parts[0], parts[1], headers)


def _unfolded(lines: Iterable[str], limits: MessageLimits) -> list[str]:
    whole: list[list[str]] = []
    for line in lines:
        if line[:1] in (" ", "\t") and whole[1:]:
            whole[-1].append(line.strip(" \t"))
            continue
        whole.append([line])
        if len(whole) > limits.headers + 1:
            raise SipError(400, f"at most {limits.headers} headers", "more")
    joined = [" ".join(parts) for parts in whole]
    longest = max(map(len, joined))
    if longest > limits.header_bytes:
        raise SipError(400, f"headers of at most {limits.header_bytes} characters", f"one of {longest}")
    return joined


def _row(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name, value = name.rstrip(" \t"), value.strip(" \t")
    if not colon or not _TOKEN.match(name):
        raise SipError(400, "a header name and a colon", f"a line of {len(line)} characters without")
    if _CONTROL.search(value):
        raise SipError(400, "a header value without control characters", "one with")
    full = _COMPACT.get(name.lower(), name) if len(name) == 1 else name
    return ("Content-Length", value) if full.lower() == "content-length" else (full, value)


def _printed(start: str, headers: Headers, body: bytes) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in headers.rows), f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body

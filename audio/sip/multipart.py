"""Bodies of several parts, in every shape that recording clients write them.

Quoted boundaries, blanks after a delimiter, text before the first part, headers without a blank, parts in
any order, parts of foreign types, a boundary in the header that is not the one in the body.

Source: RFC 2046 §5.1, RFC 5621 (Content-Disposition in SIP), RFC 7866 §9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from koemori.audio.errors import SipError
from koemori.audio.sip.fields import parameters
from koemori.audio.sip.message import Headers

SDP = "application/sdp"
METADATA = frozenset({"application/rs-metadata+xml", "application/rs-metadata"})
_MAX_PARTS = 20
_MAX_DEPTH = 2
_BOUNDARY = re.compile(rb"(?:\A|\n)--([0-9A-Za-z'()+_,\-./:=? ]{1,200}?)[ \t]*\r?\n")
_PREAMBLE_BYTES = 4_096
_BLANK_LINE = re.compile(rb"(?:\A|\r?\n)\r?\n")


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a body.

    Attributes:
        media_type: In lower case, without parameters.
        disposition: `session`, `recording-session`, … in lower case; empty when not said.
        content: As it came, without the line end that belongs to the delimiter.
    """

    media_type: str
    disposition: str
    content: bytes = field(repr=False)


def media_type_of(value: str | None) -> str:
    """`Application/SDP; charset=x` → `application/sdp`."""
    return (value or "").partition(";")[0].strip().lower()


def split_body(headers: Headers, body: bytes) -> tuple[Part, ...]:
    """Parts of a message's body; one for a body that is not multipart, none for an empty one.

    Raises:
        SipError: It is said to be multipart and no part is found, or there are too many.
    """
    if not body.strip():
        return ()
    kind = headers.get("Content-Type") or ""
    return tuple(_parts(kind, headers.get("Content-Disposition") or "", body, _MAX_DEPTH))


def find_sdp(parts: tuple[Part, ...]) -> bytes | None:
    """The first session description."""
    return next((part.content for part in parts if part.media_type == SDP), None)


def find_metadata(parts: tuple[Part, ...]) -> bytes | None:
    """The recording metadata."""
    return next(
        (
            part.content
            for part in parts
            if part.media_type in METADATA
            or (part.disposition == "recording-session" and part.media_type != SDP)
        ),
        None,
    )


def _parts(kind: str, disposition: str, body: bytes, depth: int) -> list[Part]:
    media_type = media_type_of(kind)
    if not media_type.startswith("multipart/"):
        return [Part(media_type, media_type_of(disposition), body)]
    if depth == 0:
        raise SipError(400, f"bodies nested at most {_MAX_DEPTH} deep", "deeper ones")
    boundary = parameters(kind.partition(";")[2]).get("boundary", "").strip().encode("utf-8", "replace")
    pieces = _pieces(body, boundary) if boundary else []
    if not pieces:  # the header's boundary is not in the body: the body's own first line says
        own = _BOUNDARY.search(body, 0, _PREAMBLE_BYTES)
        pieces = _pieces(body, own[1]) if own is not None else []
    if not pieces:
        raise SipError(400, "a multipart body with its boundary", f"{len(body)} bytes without")
    return [part for piece in pieces for part in _part(piece, depth)]


def _pieces(body: bytes, boundary: bytes) -> list[bytes]:
    """What lies between the delimiter lines; the last piece may lack its closing delimiter."""
    delimiter = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    marks = []
    for mark in delimiter.finditer(body):
        marks.append(mark)
        if mark[1]:
            break
        if len(marks) > _MAX_PARTS:
            raise SipError(413, f"at most {_MAX_PARTS} parts", "more")
    ends = [mark.start() for mark in marks[1:]]
    if marks and not marks[-1][1]:
        ends.append(len(body))
    begins = [mark.end() for mark in marks if not mark[1]]
    return [body[begin:end] for begin, end in zip(begins, ends, strict=True)]


def _part(piece: bytes, depth: int) -> list[Part]:
    # The piece begins with the line end of its delimiter.
    piece = re.sub(rb"\A\r?\n", b"", piece, count=1)
    blank = _BLANK_LINE.search(piece)
    head, content = (piece[: blank.start()], piece[blank.end() :]) if blank else (b"", piece)
    named: dict[str, str] = {}
    for line in re.split(r"\r?\n(?![ \t])", head[:8192].decode("utf-8", "replace")):
        name, colon, value = line.partition(":")
        if colon:
            named.setdefault(name.strip().lower(), " ".join(value.split()))
    kind = named.get("content-type", "text/plain")
    return _parts(kind, named.get("content-disposition", ""), content, depth - 1)

"""The Range header for one representation (RFC 9110 §14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from koemori.audio.errors import KoemoriError

_SINGLE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)


class RangeError(KoemoriError):
    """A range that lies outside the representation."""

    code = "range-not-satisfiable"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"range: expected one within {size_bytes} bytes; got one outside")
        self.size_bytes = size_bytes


@dataclass(frozen=True, slots=True)
class ByteRange:
    """Bytes `first` to `last`, both included, of `size_bytes`."""

    first: int
    last: int
    size_bytes: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.last - self.first + 1

    @property
    def content_range(self) -> str:
        """The Content-Range header's value."""
        return f"bytes {self.first}-{self.last}/{self.size_bytes}"


def read_range(header: str | None, size_bytes: int) -> ByteRange | None:
    """The one range asked for; None when the whole is to be sent.

    A header that is no single byte range is ignored, as a server may (§14.2).

    Raises:
        RangeError: It begins behind the end.
    """
    match = None if header is None else _SINGLE.fullmatch(header)
    if match is None or match[1] == match[2] == "":
        return None
    if match[1] == "":
        suffix = int(match[2])
        if suffix == 0 or size_bytes == 0:
            raise RangeError(size_bytes)
        return ByteRange(max(0, size_bytes - suffix), size_bytes - 1, size_bytes)
    first = int(match[1])
    if match[2] and int(match[2]) < first:
        return None
    if first >= size_bytes:
        raise RangeError(size_bytes)
    last = min(int(match[2]), size_bytes - 1) if match[2] else size_bytes - 1
    return ByteRange(first, last, size_bytes)


def range_header(headers: Mapping[str, str], etag: str) -> str | None:
    """The Range header, unless If-Range says that the client holds another version (RFC 9110 §13.1.5)."""
    if headers.get("if-range", etag) != etag:
        return None
    return headers.get("range")


def served_headers(part: ByteRange | None, served: ByteRange, etag: str) -> dict[str, str]:
    """Headers of an answer that holds `served`; `part` is None when that is the whole."""
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "Content-Length": str(served.length),
        "ETag": etag,
    }
    if part is not None:
        headers["Content-Range"] = part.content_range
    return headers

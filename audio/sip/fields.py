"""Header values that have parts: addresses, Via, CSeq; and the same person under two spellings.

Source: RFC 3261 §20.10, §20.42, §25; RFC 3581 (rport).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from koemori.audio.errors import SipError

_VIA = re.compile(r"SIP\s*/\s*2\.0\s*/\s*([A-Za-z0-9\-]+)\s+([^;,\s]+)\s*((?:;.*)?)\Z", re.IGNORECASE)
_CSEQ = re.compile(r"([0-9]{1,10})\s+([A-Za-z0-9\-.!%*_+`'~]+)\Z")
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?\Z")
_URI = re.compile(r"(sips?|tel):([^;?]*)", re.IGNORECASE)
_SEQUENCE_END = 2**31


@dataclass(frozen=True, slots=True)
class Address:
    """A name-addr or addr-spec with its parameters; parameter names are in lower case."""

    uri: str = field(repr=False)
    display: str = field(default="", repr=False)
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Via:
    """One hop that the answer goes back through."""

    transport: str
    host: str
    port: int | None
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def sent_by(self) -> str:
        """Host and port as one text."""
        return f"{self.host.lower()}:{self.port or ''}"


def parse_address(value: str) -> Address:
    """Read one `"Display" <uri>;parameters` or `uri;parameters`.

    A bracket that nobody closed goes on to the end: published traces have such contacts, and a call is not
    worth losing for them.

    Raises:
        SipError: There is no address in it.
    """
    before, opened, after = _unquoted_partition(value, "<")
    if opened:
        uri, _, rest = after.partition(">")
        display = before.strip().strip('"').replace('\\"', '"')
    else:
        uri, _, rest = value.partition(";")
        display, rest = "", f";{rest}"
    uri = uri.strip()
    if not uri or " " in uri:
        raise SipError(400, "an address", f"{len(value)} characters without one")
    return Address(uri, display, parameters(rest))


def parameters(text: str) -> Mapping[str, str]:
    """Read `;name=value;name`; a name without a value has the empty one, quotes are taken off."""
    found: dict[str, str] = {}
    rest = text
    while rest:
        part, _, rest = _unquoted_partition(rest, ";")
        name, _, value = part.partition("=")
        if name := name.strip().lower():
            found.setdefault(name, value.strip().strip('"'))
    return MappingProxyType(found)


def parse_via(value: str) -> Via:
    """Read one element of a Via header.

    Raises:
        SipError: It is none.
    """
    match = _VIA.match(value.strip())
    host = None if match is None else _HOST_PORT.match(match[2])
    if match is None or host is None or not 0 <= int(host[2] or 0) <= 65_535:
        raise SipError(400, "a Via header", f"{len(value)} other characters")
    port = int(host[2]) if host[2] else None
    return Via(match[1].upper(), host[1], port, parameters(match[3]))


def parse_cseq(value: str | None) -> tuple[int, str]:
    """Read a CSeq header: number and method.

    Raises:
        SipError: It is missing or none.
    """
    match = _CSEQ.match((value or "").strip())
    if match is None or int(match[1]) >= _SEQUENCE_END:
        raise SipError(400, "a CSeq of a number below 2^31 and a method", f"{len(value or '')} characters")
    return int(match[1]), match[2]


def uri_host(uri: str) -> tuple[str, int | None]:
    """Host and port of a SIP URI, brackets of IPv6 taken off; an empty host when there is none."""
    match = _URI.match(uri.strip("<> "))
    if match is None:
        return "", None
    found = _HOST_PORT.match(match[2].rpartition("@")[2])
    if found is None or int(found[2] or 0) > 65_535:
        return "", None
    return found[1].strip("[]"), int(found[2]) if found[2] else None


def same_person(text: str) -> str:
    """One spelling for an address of record: `user@host` in lower case, without scheme, port and parameters.

    `sip:8001@pbx.example:5060;user=phone`, `8001@PBX.example` and `<sip:8001@pbx.example>` are one person.
    """
    inner = text.strip()
    if "<" in inner:
        inner = inner.partition("<")[2].partition(">")[0]
    inner = re.sub(r"\A(sips?|tel):", "", inner.strip(), flags=re.IGNORECASE)
    user, at, host = inner.partition("@")
    user = user.partition(";")[0]
    if not at:
        return user.lower()
    match = _HOST_PORT.match(re.split(r"[;?>]", host, maxsplit=1)[0])
    return f"{user}@{match[1] if match else host}".lower()


def user_of(text: str) -> str:
    """The user part of an address: an extension or a telephone number."""
    return same_person(text).partition("@")[0]


def _unquoted_partition(text: str, sign: str) -> tuple[str, str, str]:
    quoted = escaped = False
    for place, each in enumerate(text):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = each == "\\", each != '"'
        elif each == '"':
            quoted = True
        elif each == sign:
            return text[:place], sign, text[place + 1 :]
    return text, "", ""

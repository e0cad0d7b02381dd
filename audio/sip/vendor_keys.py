"""Names that other systems have for a call, found by rules that are data (`metadata.toml`)."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeAlias

from koemori.audio.sip.message import Headers

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ElementsByName: TypeAlias = "Mapping[str, Sequence[Element]]"
"""Local name → elements of a document, in order."""

_MAX_TEXT = 256
_UCID_MARK = "FA08"


@dataclass(frozen=True, slots=True)
class MetadataRule:
    """A key that is the text of an element, perhaps only inside another or with an attribute's value."""

    key: str
    element: str
    within: str | None = None
    where: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """A key that is a SIP header's value."""

    key: str
    header: str


@dataclass(frozen=True, slots=True)
class CallerRule:
    """An element inside a participant whose text says whether that participant began the call."""

    element: str
    value: str
    began: bool


@dataclass(frozen=True, slots=True)
class VendorKeys:
    """All rules, in the order in which they are tried."""

    metadata: tuple[MetadataRule, ...]
    headers: tuple[HeaderRule, ...]
    callers: tuple[CallerRule, ...]

    def metadata_keys(self, named: ElementsByName) -> dict[str, str]:
        """Keys found in a document."""
        found: dict[str, str] = {}
        for rule in self.metadata:
            value = next(_matches(rule, named), "")
            if fit := _fit(rule.key, value):
                found.setdefault(rule.key, fit)
        return found

    def header_keys(self, headers: Headers) -> dict[str, str]:
        """Keys found in a request's headers."""
        found: dict[str, str] = {}
        for rule in self.headers:
            if fit := _fit(rule.key, headers.get(rule.header) or ""):
                found.setdefault(rule.key, fit)
        return found

    def began_call(self, participant: Element) -> bool | None:
        """Whether this participant began the call; None when it is not said."""
        told = {(local_name(each), local_text(each).lower()) for each in participant.iter()}
        return next((rule.began for rule in self.callers if (rule.element, rule.value) in told), None)


@cache
def load_vendor_keys() -> VendorKeys:
    """The rules that ship with the product."""
    table: dict[str, Any] = tomllib.loads(
        files("koemori.audio.sip").joinpath("metadata.toml").read_text(encoding="utf-8")
    )
    return VendorKeys(
        metadata=tuple(_metadata_rule(row) for row in table["metadata"]),
        headers=tuple(HeaderRule(row["key"], row["header"]) for row in table["header"]),
        callers=tuple(
            CallerRule(row["element"].lower(), row["value"].lower(), row["began"]) for row in table["caller"]
        ),
    )


def local_name(element: Element) -> str:
    """`{urn:…}DataMode`, `tns:dataMode` → `datamode`."""
    return _local(str(element.tag))


@lru_cache(maxsize=256)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2].rpartition(":")[2].lower()


def local_text(element: Element) -> str:
    """The element's own text, cut to what an identifier or a name can be."""
    return (element.text or "").strip()[:_MAX_TEXT]


def _metadata_rule(row: dict[str, Any]) -> MetadataRule:
    where = row.get("where")
    return MetadataRule(
        key=row["key"],
        element=row["element"].lower(),
        within=row["within"].lower() if "within" in row else None,
        where=None if where is None else (where["attribute"], where["value"].lower()),
    )


def _matches(rule: MetadataRule, named: ElementsByName) -> Iterator[str]:
    elements: Sequence[Element] = named.get(rule.element, ())
    if elements and rule.within is not None:
        outer = named.get(rule.within, ())[:1]
        elements = [each for one in outer for each in one.iter() if local_name(each) == rule.element]
    for each in elements:
        if rule.where is None or (each.get(rule.where[0]) or "").lower() == rule.where[1]:
            yield local_text(each)


def _fit(key: str, value: str) -> str:
    """A value fit to be stored, decoded where the key has a form that other systems show."""
    value = value.strip()
    if not value or len(value) > _MAX_TEXT or not value.isprintable():
        return ""
    return _ucid(value) if key == "avaya_ucid" else value


def _ucid(value: str) -> str:
    """An Avaya UCID as reports show it (20 digits), from user-to-user information in hex.

    Source: Avaya UUI, element FA: length 08, node (2 bytes), sequence (2), seconds (4).
    """
    digits = value.partition(";")[0].strip().upper()
    _, mark, rest = digits.partition(_UCID_MARK)
    if not mark or len(rest) < 16 or not all(sign in "0123456789ABCDEF" for sign in rest[:16]):
        return value
    return f"{int(rest[:4], 16):05d}{int(rest[4:8], 16):05d}{int(rest[8:16], 16):010d}"

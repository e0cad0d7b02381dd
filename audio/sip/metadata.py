"""Recording metadata: who takes part and whose voice each stream carries, in every vendor's XML.

Elements are known by their local names: namespaces, prefixes and letter case differ between vendors. DTDs,
entities and external references are refused by the parser. Documents with `datamode` partial are merged by
id into what is known; complete ones replace it.

Source: RFC 7865 §6; element placement of Oracle (send inside participant) and BroadWorks (send/id, aor).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from koemori.audio.errors import SipError
from koemori.audio.sip.fields import same_person
from koemori.audio.sip.vendor_keys import ElementsByName, load_vendor_keys, local_name, local_text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_MAX_BYTES = 262_144
_MAX_ELEMENTS = 4_000
_MAX_TEXT = 256
_MAX_KNOWN = 64
"""Participants, streams: a conference, with a margin."""


@dataclass(frozen=True, slots=True)
class Participant:
    """Someone on the recorded call.

    Attributes:
        id: Of the metadata.
        person: `user@host` in lower case; empty when not said.
        display: Name as shown; may be empty.
        sends: Ids of the streams that carry this voice.
        left: Whether a disassociation was told.
        began_call: True or False when the metadata says so.
    """

    id: str
    person: str = field(default="", repr=False)
    display: str = field(default="", repr=False)
    sends: tuple[str, ...] = ()
    left: bool = False
    began_call: bool | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What one document says, or several of them merged.

    Attributes:
        partial: Only what has changed.
        participants: By id, in the order in which they were first told.
        labels: Stream id → label of the SDP.
        keys: Names that other systems have for the call.
    """

    partial: bool = False
    participants: Mapping[str, Participant] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    keys: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def associated(self) -> bool:
        """Whether any participant is said to send any stream."""
        return any(each.sends for each in self.participants.values())

    def senders(self, stream_id: str) -> tuple[Participant, ...]:
        """Who sends a stream, those who have left apart."""
        return tuple(each for each in self.participants.values() if stream_id in each.sends and not each.left)

    def merged(self, newer: Metadata) -> Metadata:
        """What is known after a newer document."""
        if not newer.partial:
            return replace(newer, keys={**self.keys, **newer.keys})
        participants = dict(self.participants)
        for key, told in newer.participants.items():
            known = participants.get(key)
            participants[key] = told if known is None else _updated(known, told)
        labels = {**self.labels, **newer.labels}
        return Metadata(True, _newest(participants), _newest(labels), {**self.keys, **newer.keys})


_Told = TypeVar("_Told")


def _newest(known: dict[str, _Told]) -> dict[str, _Told]:
    return dict(list(known.items())[-_MAX_KNOWN:])


def parse_metadata(document: bytes) -> Metadata:
    """Read one metadata document.

    Raises:
        SipError: 413 or 400: too large, no XML, or XML with a DTD or entities.
    """
    if len(document) > _MAX_BYTES:
        raise SipError(413, f"metadata of at most {_MAX_BYTES} bytes", f"{len(document)} bytes")
    if document.count(b"<") > 4 * _MAX_ELEMENTS:
        raise SipError(413, f"metadata of at most {_MAX_ELEMENTS} elements", "more")
    try:
        root: Element = fromstring(document.strip(b"\r\n\t \0"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError) as error:
        raise SipError(400, "metadata in XML without DTD and entities", type(error).__name__) from None
    named: dict[str, list[Element]] = {}
    for count, element in enumerate(root.iter(), 1):
        if count > _MAX_ELEMENTS:
            raise SipError(413, f"metadata of at most {_MAX_ELEMENTS} elements", "more")
        named.setdefault(local_name(element), []).append(element)
    mode = next((local_text(each) for each in named.get("datamode", ())), "")
    return Metadata(
        partial=mode.lower() == "partial",
        participants=_participants(named),
        labels=_labels(named),
        keys=load_vendor_keys().metadata_keys(named),
    )


def _updated(known: Participant, told: Participant) -> Participant:
    return Participant(
        id=known.id,
        person=told.person or known.person,
        display=told.display or known.display,
        sends=told.sends or known.sends,
        left=told.left,
        began_call=known.began_call if told.began_call is None else told.began_call,
    )


def _labels(named: ElementsByName) -> dict[str, str]:
    found: dict[str, str] = {}
    for stream in named.get("stream", ()):
        identity = _identity(stream, "stream")
        label = next((local_text(each) for each in stream if local_name(each) == "label"), "")
        if identity and len(found) < _MAX_KNOWN:
            found.setdefault(identity, label)
    return found


def _participants(named: ElementsByName) -> dict[str, Participant]:
    found: dict[str, Participant] = {}
    for element in named.get("participant", ()):
        identity = _identity(element, "participant")
        if identity and identity not in found and len(found) < _MAX_KNOWN:
            found[identity] = _participant(identity, element)
    for element in named.get("participantstreamassoc", ()):
        known = _associated(found, element)
        if known is not None:
            found[known.id] = replace(known, sends=_together(known.sends, _sends(element)))
    for element in named.get("participantsessionassoc", ()):
        known = _associated(found, element)
        if known is not None:
            found[known.id] = replace(known, left=known.left or _has(element, "disassociate-time"))
    return found


def _associated(found: Mapping[str, Participant], element: Element) -> Participant | None:
    """Who an association is about; a delta may name somebody whom only earlier documents describe."""
    identity = _identity(element, "participant")
    if not identity or (identity not in found and len(found) >= _MAX_KNOWN):
        return None
    return found.get(identity) or Participant(identity)


def _participant(identity: str, element: Element) -> Participant:
    person = display = ""
    for each in element.iter():
        match local_name(each):
            case "nameid" | "aor":
                person = person or same_person((each.get("aor") or _own_text(each))[:_MAX_TEXT])
            case "name":
                display = display or local_text(each)
    return Participant(
        id=identity,
        person=person,
        display=display,
        sends=_sends(element),
        left=any(local_name(each) == "disassociate-time" for each in element),
        began_call=load_vendor_keys().began_call(element),
    )


def _sends(element: Element) -> tuple[str, ...]:
    """Stream ids: the text of `send`, or of `id` inside it (BroadWorks)."""
    found: list[str] = []
    for each in element:
        if local_name(each) == "send":
            inner = [local_text(child) for child in each if local_name(child) == "id"]
            found += [text for text in (*inner, local_text(each)) if text]
    return tuple(dict.fromkeys(found))[:_MAX_KNOWN]


def _together(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))[:_MAX_KNOWN]


def _has(element: Element, name: str) -> bool:
    return any(local_name(each) == name for each in element)


def _identity(element: Element, kind: str) -> str:
    return (element.get(f"{kind}_id") or element.get("id") or "").strip()[:_MAX_TEXT]


def _own_text(element: Element) -> str:
    return (element.text or "").strip()

"""What the phone system told about a call, as its journal's markers kept it: documents, roles, other facts.

Documents become files of the recording, byte for byte. Facts go into the manifest as codes and numbers; who
somebody is, what they dialled and what other systems call the call stays out of it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from koemori.audio.call import ChannelRole
from koemori.server.archive.manifest import MANIFEST_NAME, MASTER_NAME, file_sha256

ROLE = "document"
_PEOPLE = ("agent_id", "customer_number", "queue", "external_ids")
_LONGEST_NAME = 80
_LONGEST_CODE = 80
_RESERVED = frozenset({MANIFEST_NAME, MASTER_NAME})


@dataclass(frozen=True, slots=True)
class ToldDocument:
    """A document of the phone system; `name` is its file's name within the recording."""

    name: str
    at_ms: int
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Told:
    """All that was told.

    Attributes:
        documents: In the order in which they came; names are unique and fit to be file names.
        facts: As the manifest states them: `at_ms`, `what`, and codes.
        roles: Channel index → role, as last told.
        left_out: Documents that were beyond the limits of a call.
    """

    documents: tuple[ToldDocument, ...] = ()
    facts: tuple[Mapping[str, Any], ...] = ()
    roles: Mapping[int, str] = field(default_factory=dict)
    left_out: int = 0


def read_told(markers: Iterable[Mapping[str, Any]]) -> Told:
    """Read the bodies of a call's markers; one that cannot be read is passed over."""
    documents: list[ToldDocument] = []
    facts: list[Mapping[str, Any]] = []
    roles: dict[int, str] = {}
    left_out = 0
    for body in markers:
        try:
            match body.get("kind"):
                case "document":
                    documents.append(_document(body, {one.name for one in documents}))
                case "document-left-out":
                    left_out += 1
                case "masking":
                    facts.append(_masking(body))
                case "call-updated":
                    facts.append(_fact(body))
                    roles |= {
                        int(index): ChannelRole(role).value for index, role in body.get("roles", {}).items()
                    }
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
            continue
    return Told(tuple(documents), tuple(facts), roles, left_out)


def write_documents(told: Told, directory: Path) -> list[dict[str, Any]]:
    """Write the documents into a recording's directory; return their entries of the manifest's `files`."""
    entries = []
    for document in told.documents:
        path = directory / document.name
        path.write_bytes(document.content)
        entries.append(
            {
                "role": ROLE,
                "name": document.name,
                "media_type": document.media_type,
                "at_ms": document.at_ms,
                "size_bytes": len(document.content),
                "sha256": file_sha256(path),
            }
        )
    return entries


def _document(body: Mapping[str, Any], taken: set[str]) -> ToldDocument:
    content = base64.b64decode(body["base64"], validate=True)
    name = _file_name(str(body["name"]))
    stem, dot, ending = name.rpartition(".")
    number = 2
    while name in taken or name in _RESERVED:
        name = f"{stem}.{number}.{ending}" if dot else f"{ending}.{number}"
        number += 1
    return ToldDocument(name, int(body["at_ms"]), str(body["media_type"])[:_LONGEST_NAME], content)


def _file_name(name: str) -> str:
    """Only letters, digits, dots and hyphens, and no dot in front: what a sender names may not be a path."""
    plain = re.sub(r"[^a-z0-9.-]+", "-", name.lower()).strip(".-")[-_LONGEST_NAME:].strip(".-")
    return plain or "document"


def _fact(body: Mapping[str, Any]) -> dict[str, Any]:
    fact: dict[str, Any] = {"at_ms": int(body["at_ms"]), "what": str(body["what"])[:_LONGEST_CODE]}
    codes = {
        str(key)[:_LONGEST_CODE]: value if isinstance(value, int) else str(value)[:_LONGEST_CODE]
        for key, value in body.get("facts", {}).items()
    }
    if codes:
        fact["facts"] = codes
    if body.get("roles"):
        fact["roles"] = dict(body["roles"])
    if became_known := [key for key in _PEOPLE if key in body]:
        fact["became_known"] = became_known
    return fact


def _masking(body: Mapping[str, Any]) -> dict[str, Any]:
    codes = {"masked": int(body["masked"]), "reason": str(body["reason"])[:_LONGEST_CODE]}
    if "until_ms" in body:
        codes["until_ms"] = int(body["until_ms"])
    return {"at_ms": int(body["at_ms"]), "what": "masking", "facts": codes}

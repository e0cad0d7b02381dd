"""What identifies a caller, in searchable form: telephone number, order or contract number, name."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from koemori.assist.types import MatchedBy
from koemori.server.search.words import searchable

_FEWEST: Final = {MatchedBy.PHONE: 9, MatchedBy.NUMBER: 4, MatchedBy.NAME: 1}
"""Shorter keys join strangers: an extension, "0000"."""
CASE_FIELDS: Final = {
    MatchedBy.PHONE: "phone",
    MatchedBy.NUMBER: "order_or_contract_number",
    MatchedBy.NAME: "customer_name",
}
"""Surest first: this is the order in which a match is named."""


def keys_of(fields: Mapping[str, Any]) -> dict[MatchedBy, str]:
    """The keys that a case's fields hold, as on the wire (`{name: {"value": …}}`) or as plain texts."""
    found: dict[MatchedBy, str] = {}
    for kind, name in CASE_FIELDS.items():
        value = _value(fields.get(name))
        key = _KEYS[kind](value) if value else ""
        if len(key.strip()) >= _FEWEST[kind]:
            found[kind] = key
    return found


def cleared(fields: Mapping[str, Any]) -> set[MatchedBy]:
    """The kinds whose field somebody emptied: what it held before is not this caller's."""
    values = {kind: _value(fields.get(name)) for kind, name in CASE_FIELDS.items()}
    return {kind for kind, value in values.items() if value == ""}


def name_key(name: str) -> str:
    """A name as searched: folded spelling and reading, on two lines."""
    found = searchable(name)
    return f"{found.surface}\n{found.reading}"


def phone_key(number: str) -> str:
    """A telephone number as searched: digits only, and Japan's +81 written as the leading 0."""
    digits = "".join(str(int(char)) for char in number if char.isdecimal())
    if number.strip().startswith("+") and digits.startswith("81"):
        return "0" + digits[2:].removeprefix("0")
    return digits


def _value(field: Any) -> str | None:
    """The text of a field on the wire, or a plain one; None where there is no field."""
    return field.get("value") if isinstance(field, Mapping) else field


def _number_key(number: str) -> str:
    """An order or contract number: letters and digits only, folded."""
    return "".join(char for char in unicodedata.normalize("NFKC", number).casefold() if char.isalnum())


_KEYS: Final = {MatchedBy.PHONE: phone_key, MatchedBy.NUMBER: _number_key, MatchedBy.NAME: name_key}

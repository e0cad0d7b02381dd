"""Events as a phone system words them → the neutral schema, by rules that are data (`mappers/*.toml`).

A mapper names the path of each field and says which of the system's events is which of ours. What no rule
knows is passed over: systems add events all the time. Paths are keys joined by dots; where several are given
the first that is there counts; `*` takes the first element of a list or value of an object that fits.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from koemori.audio.errors import KoemoriError
from koemori.server.cti.schema import EventType, OperationalEvent
from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST_EVENTS: Final = 100
"""In one request."""
_FIELDS: Final = frozenset({"call_id", "linked_id", "leg_id", "queue", "agent_id", "from", "to", "reason"})
_MOST_DEPTH: Final = 12
_MOST_MS: Final = 10**15


class EventMappingError(KoemoriError):
    """An event that a mapper's rules take for one of theirs and that lacks what it must have."""

    code = "event-unreadable"

    def __init__(self, mapper: str, expected: str, came: str) -> None:
        super().__init__(f"event for {mapper}: expected {expected}; got {came}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MapperField(_Strict):
    """Where a field comes from.

    Attributes:
        paths: The first that is there counts.
        pattern: Its group `value` is taken; a text that does not match gives nothing.
    """

    paths: tuple[str, ...]
    pattern: str = ""


class MapperRule(_Strict):
    """Which of the system's events this is; every path of `when` has one of the values."""

    type: EventType
    when: dict[str, tuple[str, ...]]
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    transfer: Literal["blind", "attended", "conference"] | None = None


class EventMapper(_Strict):
    """One phone system.

    Attributes:
        id: As in the address it posts to.
        version: Raised with each change.
        source: Where its events are documented.
        system: `source` of the events it gives.
        batch: Path of a list of events, where a request has one.
        time: Where the time of an event stands; ISO 8601, or milliseconds since 1970.
        event_id: Parts that make an event unique, joined.
        fields: Our field → where it comes from.
        rules: In order; every one that fits gives an event.
    """

    id: str
    version: int
    source: str
    system: str
    batch: str = ""
    time: tuple[str, ...]
    event_id: tuple[str, ...]
    fields: dict[str, MapperField]
    rules: tuple[MapperRule, ...] = Field(min_length=1)

    def events(self, document: object) -> list[OperationalEvent]:
        """The events that a request's body holds.

        Raises:
            EventMappingError: It is no JSON object (or list of them), or one of its events cannot be read.
        """
        found: list[OperationalEvent] = []
        for one in self._documents(document):
            for rule in self.rules:
                if _fits(rule, one):
                    found.append(self._event(rule, one))
        return found

    def _documents(self, document: object) -> list[Mapping[str, Any]]:
        listed = _at(document, self.batch.split(".")) if self.batch else None
        whole = listed if isinstance(listed, list) else document
        documents = whole if isinstance(whole, list) else [whole]
        if len(documents) > MOST_EVENTS:
            raise EventMappingError(self.id, f"at most {MOST_EVENTS} events", f"{len(documents)}")
        found: list[Mapping[str, Any]] = [one for one in documents if isinstance(one, dict)]
        if len(found) < len(documents):
            raise EventMappingError(self.id, "JSON objects", "something else")
        return found

    def _event(self, rule: MapperRule, document: Mapping[str, Any]) -> OperationalEvent:
        parts = [_text(document, (path,)) for path in self.event_id]
        values: dict[str, Any] = {
            "source": self.system,
            "event_id": ":".join([rule.type.value, *(part for part in parts if part)])[-128:],
            "occurred_at": _time(_value(document, self.time)),
            "type": rule.type,
            "transfer": rule.transfer,
            "raw": dict(document),
        }
        if not all(parts):
            raise EventMappingError(self.id, "an event with " + " and ".join(self.event_id), "one without")
        for name, field in self.fields.items():
            if (text := _matched(field, _text(document, field.paths))) is not None:
                values[name] = text[:128]
        try:
            return OperationalEvent.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise EventMappingError(self.id, f"a usable {where}", str(first["type"])) from None


@cache
def load_mapper(name: str) -> EventMapper | None:
    """The mapper of this id; None when there is none. Reads only its own folder."""
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name):
        return None
    path = files("koemori.server.cti").joinpath("mappers", f"{name}.toml")
    if not path.is_file():
        return None
    mapper = EventMapper.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    if unknown := mapper.fields.keys() - _FIELDS:
        raise ValueError(f"mapper {name}: expected fields of {sorted(_FIELDS)}; got {sorted(unknown)}")
    return mapper


def _fits(rule: MapperRule, document: Mapping[str, Any]) -> bool:
    return (
        all(_text(document, (path,)) in values for path, values in rule.when.items())
        and all(_value(document, (path,)) is not None for path in rule.present)
        and all(_value(document, (path,)) is None for path in rule.absent)
    )


def _value(document: object, paths: tuple[str, ...]) -> object:
    return next((found for path in paths if (found := _at(document, path.split("."))) is not None), None)


def _at(document: object, path: list[str]) -> object:
    for depth, key in enumerate(path[:_MOST_DEPTH]):
        if key == "*":
            inner = list(document.values()) if isinstance(document, dict) else document
            if not isinstance(inner, list):
                return None
            rest = path[depth + 1 :]
            return next((found for one in inner[:64] if (found := _at(one, rest)) is not None), None)
        if not isinstance(document, dict):
            return None
        document = document.get(key)
    return document


def _text(document: object, paths: tuple[str, ...]) -> str | None:
    found = _value(document, paths)
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    return str(found).strip() or None


def _matched(field: MapperField, text: str | None) -> str | None:
    if text is None or not field.pattern:
        return text
    match = re.search(field.pattern, text[:1024])
    return match.group("value") if match else None


def _time(value: object) -> object:
    """Milliseconds since 1970 as seconds; texts are read by the schema."""
    if not isinstance(value, int) or isinstance(value, bool):
        return value
    return value / 1000 if abs(value) < _MOST_MS else None

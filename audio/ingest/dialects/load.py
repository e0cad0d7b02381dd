"""Read a dialect: the spelling of one provider's media messages, as data.

Adding a provider of this family is one TOML file beside this module; unknown or missing keys are errors.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

from koemori.audio.call import ChannelRole

Paths = tuple[tuple[str, ...], ...]
"""Places to look for a value, first found wins; each is a path of keys."""

EVENTS = frozenset({"connected", "start", "media", "stop", "ignore"})
ENCODINGS = frozenset({"mulaw", "alaw", "pcm_s16le"})


@dataclass(frozen=True, slots=True)
class StartPaths:
    """Where a start message says what."""

    stream_id: Paths
    call_id: Paths
    tracks: Paths
    encoding: Paths
    sample_rate_hz: Paths
    channels: Paths
    parameters: Paths


@dataclass(frozen=True, slots=True)
class MediaPaths:
    """Where a media message says what."""

    stream_id: Paths
    track: Paths
    chunk: Paths
    timestamp: Paths
    payload: Paths


@dataclass(frozen=True, slots=True)
class ParameterNames:
    """Names of the values a call may bring along."""

    agent_id: str
    queue: str
    customer_number: str
    track_roles: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider's spelling. `events` and `encodings` map their words to ours."""

    name: str
    version: int
    event: Paths
    first_chunk: int
    events: Mapping[str, str]
    start: StartPaths
    media: MediaPaths
    parameters: ParameterNames
    encodings: Mapping[str, str]
    roles: Mapping[str, ChannelRole]


def load_dialect(name: str) -> Dialect:
    """Return a dialect that ships with the product.

    Raises:
        ValueError: There is none of that name, or its file does not fit.
    """
    if not name.isidentifier():
        raise ValueError("expected a dialect's name; got something that cannot be one")
    source = files("koemori.audio.ingest.dialects") / f"{name}.toml"
    if not source.is_file():
        raise ValueError(f"expected a dialect that ships with Koemori; there is no {name}.toml")
    return parse_dialect(source.read_text(encoding="utf-8"))


def parse_dialect(text: str) -> Dialect:
    """Read a dialect from TOML.

    Raises:
        ValueError: The text is not TOML, or a key is missing, unknown or of the wrong type.
    """
    table = tomllib.loads(text)
    known = {
        "name",
        "version",
        "event",
        "first_chunk",
        "timestamp_unit",
        "events",
        "start",
        "media",
        "parameters",
        "encodings",
        "roles",
    }
    if set(table) != known:
        raise ValueError(f"dialect: expected the keys {sorted(known)}; got {sorted(table)}")
    if table["timestamp_unit"] != "ms":
        raise ValueError(f"dialect: expected timestamp_unit ms; got {table['timestamp_unit']!r}")
    _check_words("events", table["events"], EVENTS)
    _check_words("encodings", table["encodings"], ENCODINGS)
    _check_words("roles", table["roles"], frozenset(role.value for role in ChannelRole))
    return Dialect(
        name=table["name"],
        version=table["version"],
        event=_paths("event", table["event"]),
        first_chunk=table["first_chunk"],
        events=table["events"],
        start=StartPaths(**_path_table("start", table["start"], StartPaths)),
        media=MediaPaths(**_path_table("media", table["media"], MediaPaths)),
        parameters=ParameterNames(**_name_table(table["parameters"])),
        encodings=table["encodings"],
        roles={track: ChannelRole(role) for track, role in table["roles"].items()},
    )


def find(message: object, paths: Paths) -> Any:
    """Return the first value that one of the paths leads to; None when none does."""
    for path in paths:
        value = message
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


def _check_words(section: str, table: object, allowed: frozenset[str]) -> None:
    if not isinstance(table, dict) or not all(isinstance(v, str) and v in allowed for v in table.values()):
        raise ValueError(f"dialect: expected words of {sorted(allowed)} in [{section}]")


def _paths(key: str, value: object) -> Paths:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) and item for item in value):
        raise ValueError(f"dialect: expected a list of places for {key}")
    return tuple(tuple(item.split(".")) for item in value)


def _path_table(section: str, table: object, shape: type[StartPaths | MediaPaths]) -> dict[str, Paths]:
    names = {field.name for field in fields(shape)}
    if not isinstance(table, dict) or set(table) != names:
        raise ValueError(f"dialect: expected the keys {sorted(names)} in [{section}]")
    return {key: _paths(f"{section}.{key}", value) for key, value in table.items()}


def _name_table(table: object) -> dict[str, str]:
    names = {field.name for field in fields(ParameterNames)}
    if not isinstance(table, dict) or set(table) != names or not all(map(_is_text, table.values())):
        raise ValueError(f"dialect: expected a name for each of {sorted(names)} in [parameters]")
    return dict(table)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)

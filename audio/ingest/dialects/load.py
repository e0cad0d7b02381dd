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
"""Places to look for a value, first found wins; each is a path of keys; none: it is not told."""

EVENTS = frozenset({"connected", "start", "media", "stop", "key", "ignore"})
ENCODINGS = frozenset({"mulaw", "alaw", "pcm_s16le", "pcm_s16be", "g722", "opus"})
STATEFUL = frozenset({"g722", "opus"})
"""Decoded in the order of their numbers, so only where chunks have numbers."""
SIGNATURES = frozenset({"none", "url-sha1", "url-nonce-sha256"})
ORIGINS = frozenset({"stream", "first"})
_WORDS = {"signature": SIGNATURES, "timestamp_unit": frozenset({"ms"}), "timestamp_origin": ORIGINS}


@dataclass(frozen=True, slots=True)
class StartPaths:
    """Where a start message says what."""

    stream_id: Paths
    call_id: Paths
    tracks: Paths
    """A list of names; where it is told nowhere, all tracks of the dialect are expected."""
    encoding: Paths
    sample_rate_hz: Paths
    channels: Paths
    parameters: Paths
    """An object, its JSON, or `name=value` pairs between commas or semicolons."""


@dataclass(frozen=True, slots=True)
class MediaPaths:
    """Where a media message says what; without chunk and timestamp, audio is placed by count and arrival."""

    stream_id: Paths
    track: Paths
    chunk: Paths
    timestamp: Paths
    payload: Paths


@dataclass(frozen=True, slots=True)
class KeyPaths:
    """Where a message about a key of the telephone says what."""

    digit: Paths
    track: Paths


@dataclass(frozen=True, slots=True)
class ParameterNames:
    """Names of the values a call may bring along."""

    agent_id: str
    queue: str
    customer_number: str
    track_roles: str
    token: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """One provider's spelling. `events` and `encodings` map their words to ours.

    Attributes:
        signature: How the upgrade request is signed: `none`, `url-sha1` (base64 of the HMAC-SHA1 of the URL)
            or `url-nonce-sha256` (base64 of the HMAC-SHA256 of the URL, a dot and the nonce).
        signature_header: Where the signature stands; the nonce stands in this header's name and `-nonce`.
        timestamp_origin: `stream`: since the stream began; `first`: the first timestamp is the beginning.
        track_suffix: What a track's name may have at its end, in addition.
    """

    name: str
    version: int
    source: str
    event: Paths
    first_chunk: int
    timestamp_unit: str
    timestamp_origin: str
    track_suffix: str
    signature: str
    signature_header: str
    events: Mapping[str, str]
    start: StartPaths
    media: MediaPaths
    key: KeyPaths
    parameters: ParameterNames
    encodings: Mapping[str, str]
    roles: Mapping[str, ChannelRole]

    @property
    def numbered(self) -> bool:
        """Whether chunks have numbers and timestamps."""
        return bool(self.media.chunk and self.media.timestamp)

    def track(self, name: object) -> str | None:
        """Our name of a track as a message spells it; None when the dialect knows none such."""
        known = name.removesuffix(self.track_suffix) if isinstance(name, str) else ""
        return known if known in self.roles else None


def dialect_names() -> list[str]:
    """Names of the dialects that ship with the product."""
    folder = files("koemori.audio.ingest.dialects")
    return sorted(item.name[:-5] for item in folder.iterdir() if item.name.endswith(".toml"))


def load_dialect(name: str) -> Dialect:
    """Return a dialect that ships with the product.

    Raises:
        ValueError: There is none of that name, or its file does not fit.
    """
    if name not in dialect_names():
        raise ValueError(f"expected a dialect of {', '.join(dialect_names())}; there is no other")
    source = files("koemori.audio.ingest.dialects") / f"{name}.toml"
    return parse_dialect(source.read_text(encoding="utf-8"))


def parse_dialect(text: str) -> Dialect:
    """Read a dialect from TOML.

    Raises:
        ValueError: The text is not TOML, or a key is missing, unknown or of the wrong type.
    """
    table = tomllib.loads(text)
    known = {field.name for field in fields(Dialect)}
    if set(table) != known:
        raise ValueError(f"dialect: expected the keys {sorted(known)}; got {sorted(table)}")
    for key, allowed in _WORDS.items():
        if table[key] not in allowed:
            raise ValueError(f"dialect: expected {key} of {sorted(allowed)}; got {table[key]!r}")
    _check_words("events", table["events"], EVENTS)
    _check_words("encodings", table["encodings"], ENCODINGS)
    _check_words("roles", table["roles"], frozenset(role.value for role in ChannelRole))
    dialect = Dialect(
        **{
            **table,
            "event": _paths("event", table["event"]),
            "start": StartPaths(**_path_table("start", table["start"], StartPaths)),
            "media": MediaPaths(**_path_table("media", table["media"], MediaPaths)),
            "key": KeyPaths(**_path_table("key", table["key"], KeyPaths)),
            "parameters": ParameterNames(**_name_table(table["parameters"])),
            "roles": {track: ChannelRole(role) for track, role in table["roles"].items()},
        }
    )
    if not dialect.numbered and STATEFUL & set(dialect.encodings.values()):
        raise ValueError("dialect: expected numbered chunks beside g722 or opus; got none")
    return dialect


def find(message: object, paths: Paths) -> Any:
    """Return the first value that one of the paths leads to; None when none does.

    A key of digits is a place in a list; `*` makes a list of what the rest of the path finds in each item.
    """
    for path in paths:
        value = _walk(message, path)
        if value is not None:
            return value
    return None


def _walk(value: object, path: tuple[str, ...]) -> object:
    for index, key in enumerate(path):
        if isinstance(value, list) and key == "*":
            return [_walk(item, path[index + 1 :]) for item in value]
        if isinstance(value, list):
            value = value[int(key)] if key.isdigit() and int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def _check_words(section: str, table: object, allowed: frozenset[str]) -> None:
    if not isinstance(table, dict) or not all(isinstance(v, str) and v in allowed for v in table.values()):
        raise ValueError(f"dialect: expected words of {sorted(allowed)} in [{section}]")


def _paths(key: str, value: object) -> Paths:
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise ValueError(f"dialect: expected a list of places for {key}")
    if not value and key not in _MAY_BE_NOWHERE:
        raise ValueError(f"dialect: expected at least one place for {key}")
    return tuple(tuple(item.split(".")) for item in value)


_MAY_BE_NOWHERE = frozenset(
    {
        "start.call_id",
        "start.tracks",
        "start.channels",
        "start.parameters",
        "media.stream_id",
        "media.chunk",
        "media.timestamp",
        "key.digit",
        "key.track",
    }
)


def _path_table(
    section: str, table: object, shape: type[StartPaths | MediaPaths | KeyPaths]
) -> dict[str, Paths]:
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

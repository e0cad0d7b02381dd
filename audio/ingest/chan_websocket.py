"""Asterisk's `chan_websocket`: text messages in both of their spellings, and the formats it sends. No I/O.

Asterisk says `MEDIA_START` once, then sends audio in binary messages and `DTMF_END` for each key. It expects
nothing from us. One socket is one channel, so one party; which legs belong together is said in the address
(`v(call=…)` of the dial string) or in channel variables.

Source: github.com/asterisk/asterisk, channels/chan_websocket.c (event creation);
docs.asterisk.org/Configuration/Channel-Drivers/WebSocket.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from koemori.audio.codecs.g711 import decode_alaw, decode_mulaw
from koemori.audio.ingest.counted import Samples
from koemori.audio.ingest.freeswitch import PcmFraming
from koemori.audio.ingest.stream_start import kind_of, refuse, short_text

KEYS = frozenset("0123456789*#ABCD")
_SLIN_HZ = {
    "slin": 8_000,
    "slin12": 12_000,
    "slin16": 16_000,
    "slin24": 24_000,
    "slin32": 32_000,
    "slin44": 44_100,
    "slin48": 48_000,
}
_G711: dict[str, Callable[[bytes], Samples]] = {"ulaw": decode_mulaw, "alaw": decode_alaw}
FORMATS = (*_G711, *_SLIN_HZ)
_MOST_CHARACTERS = 65_535
_MOST_VARIABLES = 200


@dataclass(frozen=True, slots=True)
class MediaStart:
    """Audio will come.

    Attributes:
        connection_id: Of `websocket_client.conf`, or what the dial string made of it.
        channel_id: Asterisk's unique id of the WebSocket channel.
        format: Name of the audio format, one of `FORMATS`.
        variables: Of the channel, without marks of inheritance; empty in the plain spelling.
    """

    connection_id: str | None
    channel_id: str | None
    format: str
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class KeyEnd:
    """A key of the telephone was let go of."""

    key: str = field(repr=False)


def read_text(text: str) -> MediaStart | KeyEnd | None:
    """Understand a text message; None for what a recorder need not know.

    Raises:
        MediaMessageError: It is too long, a start without a format that we decode (`fatal`), or no known key.
    """
    if len(text) > _MOST_CHARACTERS:
        refuse(f"at most {_MOST_CHARACTERS} characters", f"{len(text)}")
    event, given = _json(text) if text.lstrip().startswith("{") else _plain(text)
    if event == "MEDIA_START":
        name = given.get("format")
        if name not in FORMATS:
            refuse(f"a format of {', '.join(FORMATS)}", short_text(name) or kind_of(name), fatal=True)
        return MediaStart(
            short_text(given.get("connection_id")),
            short_text(given.get("channel_id")),
            str(name),
            _variables(given.get("channel_variables")),
        )
    if event == "DTMF_END":
        key = given.get("digit")
        if not isinstance(key, str) or key.upper() not in KEYS:
            refuse("a key of a telephone", kind_of(key))
        return KeyEnd(key.upper())
    return None


class AudioFormat:
    """Decodes binary messages of one format.

    Attributes:
        rate_hz: Of the samples.
    """

    def __init__(self, name: str) -> None:
        """Begin a stream of a format of `FORMATS`."""
        self.rate_hz = _SLIN_HZ.get(name, 8_000)
        self._decode = _G711.get(name)
        self._framing = PcmFraming(1)

    def push(self, payload: bytes) -> Samples:
        """Return the samples that a message completes, shape `(n,)`."""
        return self._framing.push(payload)[0] if self._decode is None else self._decode(payload)


def _plain(text: str) -> tuple[str, dict[str, Any]]:
    """`EVENT name:value name:value`; a value may hold colons, not spaces."""
    event, *words = text.split(" ")[:32]
    pairs = (word.partition(":") for word in words)
    return event.strip(), {name: value.strip() for name, _, value in pairs}


def _json(text: str) -> tuple[str, dict[str, Any]]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        refuse("JSON", f"{len(text)} characters that are not")
    if not isinstance(value, dict) or not isinstance(value.get("event"), str):
        refuse("an object with an event", kind_of(value))
    return value["event"], value


def _variables(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or len(value) > _MOST_VARIABLES:
        return {}
    return {_own_name(key): text for key, text in value.items() if isinstance(text, str)}


def _own_name(name: str) -> str:
    """Without the one or two underscores that say how far a variable is inherited."""
    return name.removeprefix("_").removeprefix("_")

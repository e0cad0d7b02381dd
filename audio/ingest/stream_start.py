"""The start of a media stream, read by its dialect: what comes, whose it is, and which call it belongs to."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

import numpy as np
from koemori.audio.call import CallStarted, Channel, ChannelRole, LegId
from koemori.audio.codecs.g711 import decode_alaw, decode_mulaw
from koemori.audio.errors import MediaMessageError
from koemori.audio.ids import new_call_id
from koemori.audio.ingest.dialects.load import STATEFUL, Dialect, find
from numpy.typing import NDArray

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 48_000
_MAX_PARAMETER_CHARACTERS = 128
_MAX_PARAMETERS = 64
_MAX_DIGITS = 15


def _decode_pcm_le(payload: bytes) -> NDArray[np.int16]:
    return np.frombuffer(payload, dtype="<i2").astype(np.int16)


def _decode_pcm_be(payload: bytes) -> NDArray[np.int16]:
    return np.frombuffer(payload, dtype=">i2").astype(np.int16)


DECODERS: dict[str, Callable[[bytes], NDArray[np.int16]]] = {
    "mulaw": decode_mulaw,
    "alaw": decode_alaw,
    "pcm_s16le": _decode_pcm_le,
    "pcm_s16be": _decode_pcm_be,
}


WIDE_HZ = 16_000
"""What G.722 and Opus are decoded at, whatever their RTP clock is called."""


def stateful_decoder(codec: str) -> Callable[[bytes], NDArray[np.int16]]:
    """Decode one track's G.722 or Opus, payload after payload; FFmpeg is loaded only for them."""
    from koemori.audio.codecs.decoder import open_decoder

    decoder = open_decoder(codec.upper(), 8_000, 1)
    return lambda payload: decoder.decode((payload,))


def decoded_length(codec: str, payload: bytes) -> int:
    """Samples at `WIDE_HZ` that a payload of G.722 or Opus will become."""
    from koemori.audio.codecs.decoder import opus_ticks

    return 2 * len(payload) if codec == "g722" else opus_ticks(payload) // 3


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """What the receiver decides about streams, beside their dialect.

    Attributes:
        roles: Track → whose voice; over the dialect's, under the call's own `track_roles`.
        tracks: Expected where the dialect does not tell them; None: all that it knows.
        queue: Of calls that name none.
        token: What a call must bring among its parameters; None asks for nothing.
    """

    roles: Mapping[str, ChannelRole] = field(default_factory=dict)
    tracks: tuple[str, ...] | None = None
    queue: str | None = None
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class StreamStart:
    """A start message, understood.

    Attributes:
        stream_id: The provider's name of the stream.
        rate_hz: Of all tracks.
        codec: Ours, a key of `DECODERS`, or one that has a state.
        names: Tracks, different from each other.
        parameters: What the call brought along; its values may be anything.
        call_id: The provider's name of the call.
    """

    stream_id: str
    rate_hz: int
    codec: str
    names: tuple[str, ...]
    parameters: Mapping[str, Any]
    call_id: str | None


def read_start(
    message: dict[str, Any], dialect: Dialect, options: StreamOptions, most_tracks: int
) -> StreamStart:
    """Understand a start message.

    Raises:
        MediaMessageError: It names no audio that can be used, or lacks the token; always `fatal`.
    """
    paths = dialect.start
    stream_id = find(message, paths.stream_id)
    if not isinstance(stream_id, str) or not stream_id:
        refuse("a stream id in start", kind_of(stream_id), fatal=True)
    parameters = _parameters(find(message, paths.parameters))
    if options.token is not None and not _same(parameters.get(dialect.parameters.token), options.token):
        refuse("this trunk's token among the parameters", "another or none", fatal=True)
    encoding = find(message, paths.encoding)
    codec = dialect.encodings.get(encoding) if isinstance(encoding, str) else None
    if codec is None:
        refuse(f"an encoding of {sorted(dialect.encodings)}", _printable(encoding), fatal=True)
    rate = number(find(message, paths.sample_rate_hz), "a sample rate", fatal=True)
    rate = WIDE_HZ if codec in STATEFUL else rate
    if not MIN_RATE_HZ <= rate <= MAX_RATE_HZ:
        refuse(f"a sample rate from {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz", f"{rate} Hz", fatal=True)
    if paths.channels and number(find(message, paths.channels), "a channel count", fatal=True) != 1:
        refuse("mono tracks", "several channels in a track", fatal=True)
    names = _track_names(find(message, paths.tracks), dialect, options, most_tracks)
    return StreamStart(stream_id, rate, codec, names, parameters, short_text(find(message, paths.call_id)))


def call_of(
    start: StreamStart, dialect: Dialect, options: StreamOptions, started_at: datetime
) -> CallStarted:
    """The call that a start begins; the agent's track comes first."""
    spelled, parameters = dialect.parameters, start.parameters
    roles = {**dialect.roles, **options.roles, **_roles(parameters.get(spelled.track_roles), start.names)}
    order = sorted(start.names, key=lambda name: roles[name] is not ChannelRole.AGENT)
    call_id = new_call_id(started_at)
    external = {"stream_sid": short_text(start.stream_id), "call_sid": start.call_id}
    return CallStarted(
        call_id=call_id,
        started_at=started_at,
        sample_rate_hz=start.rate_hz,
        channels=tuple(
            Channel(call_id, LegId(name), index, roles[name], "media") for index, name in enumerate(order)
        ),
        external_ids={key: text for key, text in external.items() if text},
        agent_id=short_text(parameters.get(spelled.agent_id)),
        customer_number=short_text(parameters.get(spelled.customer_number)),
        queue=short_text(parameters.get(spelled.queue)) or options.queue,
    )


def refuse(expected: str, came: str, *, fatal: bool = False) -> NoReturn:
    """Raise `MediaMessageError`."""
    raise MediaMessageError(expected, came, fatal=fatal)


def kind_of(value: object) -> str:
    """Say what a value is without repeating it: it may hold anything a person said or dialled."""
    if value is None:
        return "nothing"
    if isinstance(value, (str, list, dict)):
        return f"{type(value).__name__} of length {len(value)}"
    return type(value).__name__


def number(value: object, what: str, *, fatal: bool = False) -> int:
    """Read a count that the wire carries as a string of digits or as a number."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**_MAX_DIGITS:
        return value
    refuse(f"{what} of at most {_MAX_DIGITS} digits", kind_of(value), fatal=fatal)


def short_text(value: object) -> str | None:
    """Return a short text that is fit to be stored, or None."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_PARAMETER_CHARACTERS:
        return None
    return value if value.isprintable() else None


def _printable(encoding: object) -> str:
    """Name an encoding that is refused: a codec's name helps, and is nobody's secret."""
    plain = isinstance(encoding, str) and encoding.isascii() and encoding.isprintable()
    return encoding if plain and isinstance(encoding, str) and len(encoding) <= 20 else kind_of(encoding)


def _same(given: object, token: str) -> bool:
    return isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _parameters(value: object) -> Mapping[str, Any]:
    """Read parameters, however they are wrapped; what cannot be read is none."""
    if isinstance(value, str):
        if value.lstrip().startswith("{"):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                return {}
        else:
            pairs = (part.partition("=") for part in value.replace(";", ",").split(","))
            value = {name.strip(): text.strip() for name, _, text in pairs if name.strip()}
    if not isinstance(value, dict) or len(value) > _MAX_PARAMETERS:
        return {}
    return value


def _track_names(
    value: object, dialect: Dialect, options: StreamOptions, most_tracks: int
) -> tuple[str, ...]:
    if not dialect.start.tracks:
        return options.tracks or tuple(dialect.roles)
    if not isinstance(value, list) or not value or len(value) > most_tracks:
        refuse(f"1 to {most_tracks} tracks", kind_of(value), fatal=True)
    names = [known for name in value if (known := dialect.track(name)) is not None]
    if len(names) != len(value) or len(set(names)) != len(names):
        refuse(f"different tracks of {sorted(dialect.roles)}", "others", fatal=True)
    return tuple(names)


def _roles(value: object, names: tuple[str, ...]) -> dict[str, ChannelRole]:
    """Read `inbound=customer,outbound=agent`; what cannot be read changes nothing."""
    if not isinstance(value, str):
        return {}
    known = {role.value: role for role in ChannelRole}
    pairs = (part.partition("=") for part in value.split(","))
    return {
        name.strip(): known[role.strip()]
        for name, _, role in pairs
        if name.strip() in names and role.strip() in known
    }

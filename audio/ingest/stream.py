"""Media over a WebSocket, as the Twilio family sends it: text messages → frames, no I/O.

The peer is the WebSocket client; it says `start` once, then sends base64 audio per track, then `stop`. The
dialect (`dialects/*.toml`) says how it spells that. A message that cannot be used raises
`MediaMessageError` and changes nothing; unless it is `fatal`, the stream goes on. However the stream ends,
everything received has been yielded, and the tracks end at the same sample.

Source: twilio.com/docs/voice/media-streams/websocket-messages.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

import numpy as np
from koemori.audio.call import CallEnded, CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.codecs.g711 import decode_alaw, decode_mulaw
from koemori.audio.errors import MediaMessageError
from koemori.audio.frames import SourceEvent, samples_to_ms
from koemori.audio.ids import new_call_id
from koemori.audio.ingest.dialects.load import Dialect, find, load_dialect
from koemori.audio.ingest.numbering import ChunkNumbers
from koemori.audio.ingest.track import Chunk, Track, TrackCounters, TrackLimits
from numpy.typing import NDArray

__all__ = ["MediaLimits", "MediaStream", "load_dialect"]

_MIN_RATE_HZ = 8_000
_MAX_RATE_HZ = 48_000
_MAX_PARAMETER_CHARACTERS = 128
_MAX_DIGITS = 15


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What one peer may send."""

    message_characters: int = 65_536
    payload_bytes: int = 32_768
    tracks: int = 2
    track: TrackLimits = field(default_factory=TrackLimits)


def _decode_pcm(payload: bytes) -> NDArray[np.int16]:
    return np.frombuffer(payload, dtype="<i2").astype(np.int16)


_DECODERS: dict[str, Callable[[bytes], NDArray[np.int16]]] = {
    "mulaw": decode_mulaw,
    "alaw": decode_alaw,
    "pcm_s16le": _decode_pcm,
}


@dataclass(slots=True)
class _Call:
    started: CallStarted
    stream_id: str
    decode: Callable[[bytes], NDArray[np.int16]]
    sample_bytes: int
    tracks: dict[str, Track]
    numbers: ChunkNumbers
    stream_ms: int = 0


class MediaStream:
    """One WebSocket's messages as one call."""

    def __init__(
        self,
        dialect: Dialect,
        limits: MediaLimits | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Begin before the first message; `now` gives the wall time of a call's start."""
        self._dialect = dialect
        self._limits = limits or MediaLimits()
        self._now = now
        self._call: _Call | None = None
        self._ended = False
        self.refused_messages = 0

    @property
    def call_id(self) -> CallId | None:
        """The call's id; None before `start`."""
        return self._call.started.call_id if self._call else None

    @property
    def ended(self) -> bool:
        """Whether `CallEnded` has been yielded (or the stream was closed before a call began)."""
        return self._ended

    def counters(self) -> dict[str, TrackCounters]:
        """Return what happened on each track."""
        return {name: track.counters for name, track in self._call.tracks.items()} if self._call else {}

    def push(self, text: str) -> list[SourceEvent]:
        """Take one text message; return the events it completes.

        Raises:
            MediaMessageError: The message cannot be used. State is unchanged; when the error is `fatal`,
                close the socket and call `close`.
        """
        try:
            return self._push(text)
        except MediaMessageError:
            self.refused_messages += 1
            raise

    def close(self, reason: str = "disconnected") -> list[SourceEvent]:
        """End the call because the socket did; empty when it has ended or never began."""
        if self._ended:
            return []
        self._ended = True
        if self._call is None:
            return []
        events: list[SourceEvent] = []
        tracks = self._call.tracks.values()
        for track in tracks:
            events += track.finish()
        end = max((track.position for track in tracks), default=0)
        for track in tracks:
            events += track.pad_to(end)
        started = self._call.started
        events.append(CallEnded(started.call_id, samples_to_ms(end, started.sample_rate_hz), reason))
        return events

    def _push(self, text: str) -> list[SourceEvent]:
        message = self._parse(text)
        word = find(message, self._dialect.event)
        match self._dialect.events.get(word) if isinstance(word, str) else None:
            case "connected" | "ignore":
                return []
            case "start":
                return [self._start(message)]
            case "media":
                return self._media(message)
            case "stop":
                if self._call is None:
                    _refuse("start before stop", "stop")
                return self.close("stop")
            case _:
                _refuse(f"an event of {sorted(self._dialect.events)}", _kind(word))

    def _parse(self, text: str) -> dict[str, Any]:
        if len(text) > self._limits.message_characters:
            _refuse(f"at most {self._limits.message_characters} characters", f"{len(text)}")
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            _refuse("JSON", f"{len(text)} characters that are not")
        if not isinstance(message, dict):
            _refuse("a JSON object", _kind(message))
        return message

    def _start(self, message: dict[str, Any]) -> CallStarted:
        if self._call is not None:
            _refuse("one start in a stream", "another start")
        if self._ended:
            _refuse("no start after the end", "start")
        paths = self._dialect.start
        stream_id = find(message, paths.stream_id)
        if not isinstance(stream_id, str) or not stream_id:
            _refuse("a stream id in start", _kind(stream_id), fatal=True)
        encoding = find(message, paths.encoding)
        codec = self._dialect.encodings.get(encoding) if isinstance(encoding, str) else None
        if codec is None:
            _refuse(f"an encoding of {sorted(self._dialect.encodings)}", _kind(encoding), fatal=True)
        rate = _number(find(message, paths.sample_rate_hz), "a sample rate", fatal=True)
        if not _MIN_RATE_HZ <= rate <= _MAX_RATE_HZ:
            _refuse(f"a sample rate from {_MIN_RATE_HZ} to {_MAX_RATE_HZ} Hz", f"{rate} Hz", fatal=True)
        if _number(find(message, paths.channels), "a channel count", fatal=True) != 1:
            _refuse("mono tracks", "several channels in a track", fatal=True)
        names = self._track_names(find(message, paths.tracks))
        parameters = find(message, paths.parameters)
        parameters = parameters if isinstance(parameters, dict) else {}
        started = self._call_started(message, stream_id, rate, names, parameters)
        numbers = ChunkNumbers()
        self._call = _Call(
            started,
            stream_id,
            _DECODERS[codec],
            2 if codec == "pcm_s16le" else 1,
            {
                channel.leg_id: Track(channel, rate, self._dialect.first_chunk, self._limits.track, numbers)
                for channel in started.channels
            },
            numbers,
        )
        return started

    def _track_names(self, value: object) -> list[str]:
        known = self._dialect.roles
        if not isinstance(value, list) or not value or len(value) > self._limits.tracks:
            _refuse(f"1 to {self._limits.tracks} tracks", _kind(value), fatal=True)
        names = [name for name in value if isinstance(name, str) and name in known]
        if len(names) != len(value) or len(set(names)) != len(names):
            _refuse(f"different tracks of {sorted(known)}", "others", fatal=True)
        return names

    def _call_started(
        self,
        message: dict[str, Any],
        stream_id: str,
        rate_hz: int,
        names: list[str],
        parameters: dict[str, Any],
    ) -> CallStarted:
        spelled = self._dialect.parameters
        roles = dict(self._dialect.roles) | _roles(parameters.get(spelled.track_roles), names)
        started_at = self._now()
        call_id = new_call_id(started_at)
        order = sorted(names, key=lambda name: roles[name] is not ChannelRole.AGENT)
        external = {"stream_sid": stream_id, "call_sid": find(message, self._dialect.start.call_id)}
        return CallStarted(
            call_id=call_id,
            started_at=started_at,
            sample_rate_hz=rate_hz,
            channels=tuple(
                Channel(call_id, LegId(name), index, roles[name], "media") for index, name in enumerate(order)
            ),
            external_ids={key: text for key, value in external.items() if (text := _text(value))},
            agent_id=_text(parameters.get(spelled.agent_id)),
            customer_number=_text(parameters.get(spelled.customer_number)),
            queue=_text(parameters.get(spelled.queue)),
        )

    def _media(self, message: dict[str, Any]) -> list[SourceEvent]:
        call = self._call
        if call is None:
            _refuse("start before media", "media")
        if self._ended:
            _refuse("no media after stop", "media")
        paths = self._dialect.media
        stream_id = find(message, paths.stream_id)
        if stream_id is not None and stream_id != call.stream_id:
            _refuse("media of this stream", "media of another stream")
        name = find(message, paths.track)
        track = call.tracks.get(name) if isinstance(name, str) else None
        if track is None:
            _refuse(f"a track of {sorted(call.tracks)}", _kind(name))
        number = _number(find(message, paths.chunk), "a chunk number")
        timestamp_ms = _number(find(message, paths.timestamp), "a timestamp")
        payload = self._payload(find(message, paths.payload), call.sample_bytes)
        samples = call.decode(payload)
        samples.setflags(write=False)
        chunk = Chunk(number, timestamp_ms, samples, zlib.crc32(payload))
        call.numbers.note(track.channel.leg_id, number)
        events: list[SourceEvent] = [*track.push(chunk, call.stream_ms)]
        call.stream_ms = max(call.stream_ms, track.received_ms())
        for each in call.tracks.values():
            events += each.release()
            events += each.expire(call.stream_ms)
        return events

    def _payload(self, value: object, sample_bytes: int) -> bytes:
        if not isinstance(value, str):
            _refuse("a base64 payload", _kind(value))
        if len(value) > self._limits.payload_bytes * 4 // 3 + 4:
            _refuse(f"a payload of at most {self._limits.payload_bytes} bytes", f"{len(value)} characters")
        try:
            payload = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            _refuse("a base64 payload", f"{len(value)} characters that are not")
        if len(payload) % sample_bytes:
            _refuse(f"a payload of whole {sample_bytes}-byte samples", f"{len(payload)} bytes")
        return payload


def _refuse(expected: str, came: str, *, fatal: bool = False) -> NoReturn:
    raise MediaMessageError(expected, came, fatal=fatal)


def _kind(value: object) -> str:
    """Say what a value is without repeating it: it may hold anything a person said or dialled."""
    if value is None:
        return "nothing"
    if isinstance(value, (str, list, dict)):
        return f"{type(value).__name__} of length {len(value)}"
    return type(value).__name__


def _number(value: object, what: str, *, fatal: bool = False) -> int:
    """Read a count that the wire carries as a string of digits or as a number."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**_MAX_DIGITS:
        return value
    _refuse(f"{what} of at most {_MAX_DIGITS} digits", _kind(value), fatal=fatal)


def _text(value: object) -> str | None:
    """Return a short text that is fit to be stored, or None."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_PARAMETER_CHARACTERS:
        return None
    return value if value.isprintable() else None


def _roles(value: object, names: list[str]) -> dict[str, ChannelRole]:
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

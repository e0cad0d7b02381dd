"""Media over a WebSocket, as the Twilio family sends it: text messages → frames, no I/O.

The peer is the WebSocket client; it says `start` once, then sends base64 audio per track, then `stop`. The
dialect (`dialects/*.toml`) says how it spells that. A message that cannot be used raises
`MediaMessageError` and changes nothing; unless it is `fatal`, the stream goes on. However the stream ends,
everything received has been yielded, and the tracks end at the same sample.

A peer may claim gaps by timestamps and numbers, but not beyond what can have passed since the start.

Source: twilio.com/docs/voice/media-streams/websocket-messages; the other dialects name theirs.
"""

from __future__ import annotations

import base64
import binascii
import json
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from koemori.audio.call import CallEnded, CallId, CallStarted, Channel, ChannelRole
from koemori.audio.errors import MediaMessageError
from koemori.audio.frames import AudioFrame, Gap, SourceEvent, samples_to_ms
from koemori.audio.ingest.counted import CountedTrack
from koemori.audio.ingest.dialects.load import STATEFUL, Dialect, find, load_dialect
from koemori.audio.ingest.numbering import ChunkNumbers
from koemori.audio.ingest.stream_start import (
    DECODERS,
    StreamOptions,
    call_of,
    decoded_length,
    kind_of,
    number,
    read_start,
    refuse,
    stateful_decoder,
)
from koemori.audio.ingest.track import Chunk, Track, TrackCounters, TrackLimits
from koemori.audio.signals import KeyCarrier, KeyPressed
from numpy.typing import NDArray

__all__ = ["MediaLimits", "MediaStream", "StreamOptions", "load_dialect"]

KEYS = frozenset("0123456789*#ABCD")
_BEGIN_TOGETHER_S = 0.2


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What one peer may send.

    Attributes:
        message_characters: Most in one message.
        payload_bytes: Most audio in one message, after base64.
        tracks: Most in one stream.
        ahead_ms: How far gaps may reach beyond the time since the start.
        track: How much disorder each track puts up with.
    """

    message_characters: int = 65_536
    payload_bytes: int = 32_768
    tracks: int = 2
    ahead_ms: int = 5_000
    track: TrackLimits = field(default_factory=TrackLimits)


@dataclass(slots=True)
class _Call:
    started: CallStarted
    stream_id: str
    codec: str
    sample_bytes: int
    began_s: float
    numbers: ChunkNumbers
    tracks: dict[str, Track] = field(default_factory=dict)
    counted: dict[str, CountedTrack] = field(default_factory=dict)
    """In place of `tracks`, where the dialect numbers nothing."""
    stream_ms: int = 0
    first_timestamp_ms: int | None = None

    def end(self) -> int:
        ends = [track.position for track in self.tracks.values()]
        return max(ends + [track.end for track in self.counted.values()], default=0)


class MediaStream:
    """One WebSocket's messages as one call."""

    def __init__(
        self,
        dialect: Dialect,
        limits: MediaLimits | None = None,
        options: StreamOptions | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin before the first message; `now` gives a call's wall time, `clock_s` the time that passes."""
        self._dialect = dialect
        self._limits = limits or MediaLimits()
        self._options = options or StreamOptions()
        self._now = now
        self._clock_s = clock_s
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
        """Return what happened on each numbered track."""
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

    def tick(self) -> list[SourceEvent]:
        """What the passing of time settles, where audio is placed by arrival; call it now and then."""
        if self._call is None or self._ended:
            return []
        at_s = self._clock_s()
        return [event for track in self._call.counted.values() for event in track.expire(at_s)]

    def close(self, reason: str = "disconnected") -> list[SourceEvent]:
        """End the call because the socket did; empty when it has ended or never began."""
        if self._ended:
            return []
        self._ended = True
        call = self._call
        if call is None:
            return []
        events: list[SourceEvent] = []
        for track in call.tracks.values():
            self._look_ahead(track, call)
            events += track.finish()
        for counted in call.counted.values():
            events += counted.finish()
        end = call.end()
        for track in call.tracks.values():
            events += track.pad_to(end)
        for counted in call.counted.values():
            events += counted.finish(end)
        return [
            *events,
            CallEnded(call.started.call_id, samples_to_ms(end, call.started.sample_rate_hz), reason),
        ]

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
            case "key":
                return self._key(message)
            case "stop":
                if self._call is None:
                    refuse("start before stop", "stop")
                return self.close("stop")
            case _:
                refuse(f"an event of {sorted(self._dialect.events)}", kind_of(word))

    def _parse(self, text: str) -> dict[str, Any]:
        if len(text) > self._limits.message_characters:
            refuse(f"at most {self._limits.message_characters} characters", f"{len(text)}")
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            refuse("JSON", f"{len(text)} characters that are not")
        if not isinstance(message, dict):
            refuse("a JSON object", kind_of(message))
        return message

    def _start(self, message: dict[str, Any]) -> CallStarted:
        if self._call is not None:
            refuse("one start in a stream", "another start")
        if self._ended:
            refuse("no start after the end", "start")
        start = read_start(message, self._dialect, self._options, self._limits.tracks)
        started = call_of(start, self._dialect, self._options, self._now())
        call = _Call(
            started,
            start.stream_id,
            start.codec,
            2 if start.codec.startswith("pcm") else 1,
            self._clock_s(),
            ChunkNumbers(),
        )
        for channel in started.channels:
            if self._dialect.numbered:
                track = call.tracks[channel.leg_id] = Track(
                    channel, start.rate_hz, self._dialect.first_chunk, self._limits.track, call.numbers
                )
                track.decode = stateful_decoder(start.codec) if start.codec in STATEFUL else None
            else:
                call.counted[channel.leg_id] = CountedTrack(
                    channel, start.rate_hz, start.rate_hz, call.began_s
                )
        self._call = call
        return started

    def _running(self, message: dict[str, Any], what: str) -> _Call:
        call = self._call
        if call is None:
            refuse(f"start before {what}", what)
        if self._ended:
            refuse(f"no {what} after stop", what)
        stream_id = find(message, self._dialect.media.stream_id)
        if stream_id is not None and stream_id != call.stream_id:
            refuse(f"{what} of this stream", f"{what} of another stream")
        return call

    def _media(self, message: dict[str, Any]) -> list[SourceEvent]:
        call = self._running(message, "media")
        paths = self._dialect.media
        name = self._dialect.track(find(message, paths.track))
        if name is None or (name not in call.tracks and name not in call.counted):
            refuse(f"a track of {sorted(call.tracks | call.counted)}", kind_of(find(message, paths.track)))
        if name in call.counted:
            payload = self._payload(find(message, paths.payload), call.sample_bytes)
            return self._count(call.counted[name], DECODERS[call.codec](payload))
        track = call.tracks[name]
        chunk_number = number(find(message, paths.chunk), "a chunk number")
        timestamp_ms = number(find(message, paths.timestamp), "a timestamp")
        payload = self._payload(find(message, paths.payload), call.sample_bytes)
        if track.decode is None:
            samples = DECODERS[call.codec](payload)
        else:
            samples = np.zeros(decoded_length(call.codec, payload), dtype=np.int16)
        samples.setflags(write=False)
        if self._dialect.timestamp_origin == "first":
            call.first_timestamp_ms = (
                timestamp_ms if call.first_timestamp_ms is None else call.first_timestamp_ms
            )
            timestamp_ms = max(0, timestamp_ms - call.first_timestamp_ms)
        coded = b"" if track.decode is None else payload
        chunk = Chunk(chunk_number, timestamp_ms, samples, zlib.crc32(payload), coded)
        call.numbers.note(track.channel.leg_id, chunk_number)
        self._look_ahead(track, call)
        events: list[SourceEvent] = [*track.push(chunk, call.stream_ms)]
        call.stream_ms = max(call.stream_ms, track.received_ms())
        for each in call.tracks.values():
            self._look_ahead(each, call)
            events += each.release()
            events += each.expire(call.stream_ms)
        return events

    def _count(self, track: CountedTrack, samples: NDArray[np.int16]) -> list[SourceEvent]:
        at_s = self._clock_s()
        events: list[AudioFrame | Gap] = []
        if not track.end:
            lead_s = at_s - track.origin_s - len(samples) / track.to_hz
            if lead_s > _BEGIN_TOGETHER_S:
                events += track.begin_at(round(lead_s * track.to_hz))
        return [*events, *track.push(samples, at_s)]

    def _look_ahead(self, track: Track, call: _Call) -> None:
        since_ms = int((self._clock_s() - call.began_s) * 1000)
        track.horizon = (since_ms + self._limits.ahead_ms) * track.sample_rate_hz // 1000

    def _key(self, message: dict[str, Any]) -> list[SourceEvent]:
        call = self._running(message, "key")
        digit = find(message, self._dialect.key.digit)
        if not isinstance(digit, str) or digit not in KEYS:
            refuse("a key of a telephone", kind_of(digit))
        name = self._dialect.track(find(message, self._dialect.key.track))
        channel = self._channel(call, name)
        track = call.tracks.get(channel.leg_id)
        place = call.counted[channel.leg_id].position if track is None else track.position
        rate_hz = call.started.sample_rate_hz
        return [KeyPressed(channel, place, 0, rate_hz, digit, KeyCarrier.SIGNALLING)]

    def _channel(self, call: _Call, name: str | None) -> Channel:
        """The channel of a track; where none is named, a caller presses keys, not an agent."""
        channels = call.started.channels
        named = next((channel for channel in channels if channel.leg_id == name), None)
        caller = next((one for one in channels if one.role is not ChannelRole.AGENT), channels[0])
        return named or caller

    def _payload(self, value: object, sample_bytes: int) -> bytes:
        if not isinstance(value, str):
            refuse("a base64 payload", kind_of(value))
        if len(value) > self._limits.payload_bytes * 4 // 3 + 4:
            refuse(f"a payload of at most {self._limits.payload_bytes} bytes", f"{len(value)} characters")
        try:
            payload = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            refuse("a base64 payload", f"{len(value)} characters that are not")
        if len(payload) % sample_bytes:
            refuse(f"a payload of whole {sample_bytes}-byte samples", f"{len(payload)} bytes")
        return payload

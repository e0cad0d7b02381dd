"""Genesys AudioHook, version 2, server side: messages in, frames and replies out, no I/O.

The client opens with what it can send, and says with each message how far its audio has come. Audio is
interleaved µ-law without headers: its place is the count of samples so far, and what the client kept back is
told (`paused`/`resumed`, `discarded`), so every gap is explicit. Numbers of messages rise by one on both
sides; a client that breaks that, or says what cannot be, is told to disconnect, and its call ends with what
has come. The client may claim gaps, but not beyond what can have passed since it opened.

Source: developer.genesys.cloud/devapps/audiohook, and github.com/purecloudlabs/
audiohook-reference-implementation, app/audiohook/src/protocol.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeGuard

import numpy as np
from koemori.audio.call import CallEnded, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.codecs.g711 import decode_mulaw
from koemori.audio.errors import MediaMessageError
from koemori.audio.frames import AudioFrame, Gap, GapCause, SourceEvent, samples_to_ms
from koemori.audio.ids import new_call_id
from koemori.audio.ingest.stream_start import kind_of, refuse, short_text
from koemori.audio.signals import CallDocument, CallUpdated, UpdateKind

NOBODY = "00000000-0000-0000-0000-000000000000"
"""Conversation of a connection probe."""
RATE_HZ = 8_000
_ROLES = {"internal": ChannelRole.AGENT, "external": ChannelRole.CUSTOMER}
_WANTED = (["external", "internal"], ["internal", "external"], ["external"], ["internal"])
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_DURATION = re.compile(r"PT(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,8})(?:\.(\d{1,9}))?S)?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")
_REASONS = {"end": "stop", "error": "error:peer", "disconnect": "disconnected", "reconnect": "reconnect"}
_MOST_OFFERS = 16
_TOLERANCE = RATE_HZ // 1000


@dataclass(frozen=True, slots=True)
class AudioHookLimits:
    """What a client may send.

    Attributes:
        text_characters: Most in one message; the protocol's own limit.
        audio_bytes: Most in one binary message.
        ahead_ms: How far gaps may reach beyond the time since the session was opened.
    """

    text_characters: int = 65_535
    audio_bytes: int = 65_536
    ahead_ms: int = 5_000


@dataclass(slots=True)
class Step:
    """What follows from a message.

    Attributes:
        events: Of the call.
        replies: Texts to send, in order.
        over: Whether nothing more is expected; the socket closes once the client has, or soon.
    """

    events: list[SourceEvent] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    over: bool = False


class AudioHookSession:
    """One socket.

    Attributes:
        probe: Whether this is a connection probe: answered, and nothing recorded.
        opened: Whether the client has opened.
        problems: Code of what was odd → how often: `position`, `audio-while-paused`, `peer-error`, …
    """

    def __init__(
        self,
        session_id: str | None = None,
        limits: AudioHookLimits | None = None,
        *,
        queue: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin before the first message.

        Args:
            session_id: From the header of the upgrade request; messages must carry the same.
            limits: See `AudioHookLimits`.
            queue: Of calls that name none.
            now: Wall time.
            clock_s: Time that passes.
        """
        self.probe = False
        self.opened = False
        self.problems: Counter[str] = Counter()
        self._id = session_id
        self._limits = limits or AudioHookLimits()
        self._queue = queue
        self._now = now
        self._clock_s = clock_s
        self._seq = 0
        self._client_seq = 0
        self._started: CallStarted | None = None
        self._columns: tuple[Channel, ...] = ()
        self._began_s = 0.0
        self._position = 0
        self._paused = False
        self._over = False

    def text(self, message: str) -> Step:
        """Take a text message. Never raises: a client that breaks the protocol is told to disconnect."""
        if self._over:
            return Step(over=True)
        try:
            return self._text(message)
        except MediaMessageError as error:
            return self._broken(error)

    def audio(self, payload: bytes) -> Step:
        """Take a binary message."""
        if self._over:
            return Step(over=True)
        try:
            return Step(self._audio(payload))
        except MediaMessageError as error:
            return self._broken(error)

    def end(self, reason: str, *, tell: bool = True) -> Step:
        """End from our side: `disconnect`, unless the client is gone."""
        if self._over:
            return Step(over=True)
        replies = [self._say("disconnect", {"reason": "completed"})] if tell and self._id else []
        return Step(self._close(reason), replies, over=True)

    def _text(self, text: str) -> Step:
        message = self._checked(text)
        kind, given = message["type"], message["parameters"]
        if kind == "open":
            return self._open(given, text)
        if kind == "close":
            reason = _REASONS.get(str(given.get("reason")), "stop")
            last = self._paused_until(message["position"])
            return Step(last + self._close(reason), [self._say("closed", {})], over=True)
        if kind == "ping":
            return Step(replies=[self._say("pong", {})])
        if kind == "error":
            self.problems["peer-error"] += 1
            return Step()
        if not self.opened:
            refuse("open before anything else", kind if kind in _KINDS else "another", fatal=True)
        step = self._inside(kind, given)
        self._check_position(message["position"])
        return step

    def _inside(self, kind: str, given: Mapping[str, Any]) -> Step:
        """A message of an open session."""
        match kind:
            case "update":
                return Step(self._updated(given), [self._say("updated", {})])
            case "paused":
                self._paused = True
                return Step()
            case "resumed":
                self._paused = False
                return Step(self._kept_back(given, GapCause.PAUSED))
            case "discarded":
                return Step(self._kept_back(given, GapCause.LOST))
            case _:
                refuse(f"a message of {sorted(_KINDS)}", "another", fatal=True)

    def _checked(self, text: str) -> dict[str, Any]:
        if len(text) > self._limits.text_characters:
            refuse(f"at most {self._limits.text_characters} characters", f"{len(text)}", fatal=True)
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            refuse("JSON", f"{len(text)} characters that are not", fatal=True)
        if not isinstance(message, dict) or message.get("version") != "2":
            refuse("an object of version 2", kind_of(message), fatal=True)
        if not isinstance(message.get("type"), str) or not isinstance(message.get("parameters"), dict):
            refuse("a type and parameters", "a message without", fatal=True)
        seq, server_seq = message.get("seq"), message.get("serverseq")
        if not _is_count(seq) or seq != self._client_seq + 1:
            refuse(f"message {self._client_seq + 1} of the client", "another", fatal=True)
        if not _is_count(server_seq) or server_seq > self._seq:
            refuse(f"at most {self._seq} as our last message", "another", fatal=True)
        given_id = message.get("id")
        if not isinstance(given_id, str) or not _UUID.fullmatch(given_id):
            refuse("a session id", kind_of(given_id), fatal=True)
        if self._id is not None and given_id.lower() != self._id.lower():
            refuse("this session's id", "another", fatal=True)
        _seconds(message.get("position"), "position")
        self._id, self._client_seq = given_id, seq
        return message

    def _open(self, given: Mapping[str, Any], text: str) -> Step:
        if self.opened:
            refuse("one open in a session", "another", fatal=True)
        conversation = given.get("conversationId")
        if not isinstance(conversation, str) or not _UUID.fullmatch(conversation):
            refuse("a conversation id", kind_of(conversation), fatal=True)
        media = _chosen(given.get("media"))
        self.opened, self.probe = True, conversation == NOBODY
        reply = self._say("opened", {"startPaused": False, "media": [media]})
        if self.probe:
            return Step(replies=[reply])
        self._began_s = self._clock_s()
        started = self._started = self._call(given, conversation, media["channels"])
        by_role = {channel.role: channel for channel in started.channels}
        self._columns = tuple(by_role[_ROLES[name]] for name in media["channels"])
        document = CallDocument(started.call_id, 0, "open-1.json", "application/json", text.encode())
        return Step([started, document], [reply])

    def _call(self, given: Mapping[str, Any], conversation: str, names: list[str]) -> CallStarted:
        participant = given.get("participant")
        participant = participant if isinstance(participant, dict) else {}
        own = given.get("customConfig")
        own = own if isinstance(own, dict) else {}
        number = short_text(participant.get("ani"))
        ids = {
            "conversation_id": conversation,
            "audiohook_session": self._id,
            "participant_id": short_text(participant.get("id")),
            "continues": _first_id(given.get("continuedSessions")),
        }
        started_at = self._now()
        call_id = new_call_id(started_at)
        roles = sorted((_ROLES[name] for name in names), key=lambda role: role is not ChannelRole.AGENT)
        return CallStarted(
            call_id=call_id,
            started_at=started_at,
            sample_rate_hz=RATE_HZ,
            channels=tuple(
                Channel(call_id, LegId(role.value), index, role, "audiohook")
                for index, role in enumerate(roles)
            ),
            external_ids={key: value for key, value in ids.items() if value},
            agent_id=short_text(own.get("agent")),
            customer_number=None if number is None else re.sub(r"^(?:tel|sip):", "", number) or None,
            queue=short_text(own.get("queue")) or self._queue,
        )

    def _audio(self, payload: bytes) -> list[SourceEvent]:
        if not self.opened:
            refuse("open before audio", "audio", fatal=True)
        if self.probe:
            return []
        count = len(self._columns)
        if len(payload) > self._limits.audio_bytes or len(payload) % count:
            most = self._limits.audio_bytes
            refuse(f"up to {most} bytes, {count} to a sample", f"{len(payload)}", fatal=True)
        length = len(payload) // count
        if self._paused:
            self.problems["audio-while-paused"] += 1
            return self._gap(length, GapCause.PAUSED)
        samples = decode_mulaw(payload).reshape(-1, count)
        events: list[SourceEvent] = []
        for column, channel in enumerate(self._columns):
            own = np.array(samples[:, column], dtype=np.int16)
            own.setflags(write=False)
            events.append(AudioFrame(channel, self._position, RATE_HZ, own))
        self._position += length
        return events if length else []

    def _kept_back(self, given: Mapping[str, Any], cause: GapCause) -> list[SourceEvent]:
        """A gap that the client tells; one that reaches beyond the time that has passed is cut."""
        start = _samples(given.get("start"), "start")
        length = _samples(given.get("discarded"), "discarded")
        if self.probe:
            return []
        if start != self._position:
            self.problems["position"] += 1
        before = self._gap(max(0, start - self._position), GapCause.LOST)
        return before + self._gap(length, cause)

    def _gap(self, count: int, cause: GapCause) -> list[SourceEvent]:
        since_ms = int((self._clock_s() - self._began_s) * 1000) + self._limits.ahead_ms
        most = since_ms * RATE_HZ // 1000 - self._position
        if count > most:
            self.problems["gap-too-long"] += 1
        count = min(count, max(0, most))
        if not count:
            return []
        start, self._position = self._position, self._position + count
        return [Gap(channel, start, count, cause, RATE_HZ) for channel in self._columns]

    def _updated(self, given: Mapping[str, Any]) -> list[SourceEvent]:
        language = given.get("language")
        if self._started is None or not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
            return []
        at_ms = samples_to_ms(self._position, RATE_HZ)
        return [CallUpdated(self._started.call_id, at_ms, UpdateKind.FACTS, {"language": language})]

    def _paused_until(self, position: object) -> list[SourceEvent]:
        """The pause in which a call ends; its length stands in no message but the closing one's position."""
        told = _samples(position, "position")
        return self._gap(max(0, told - self._position), GapCause.PAUSED) if self._paused else []

    def _check_position(self, position: object) -> None:
        """A position is told with what its message says included, and goes on during a pause."""
        ahead = _samples(position, "position") - self._position
        if not self.probe and (ahead < -_TOLERANCE or (ahead > _TOLERANCE and not self._paused)):
            self.problems["position"] += 1

    def _close(self, reason: str) -> list[SourceEvent]:
        self._over = True
        if self._started is None:
            return []
        return [CallEnded(self._started.call_id, samples_to_ms(self._position, RATE_HZ), reason)]

    def _broken(self, error: MediaMessageError) -> Step:
        self.problems["protocol"] += 1
        info = f"expected {error.expected}; got {error.came}"
        reply = self._say("disconnect", {"reason": "error", "info": info})
        return Step(self._close(f"error:{error.code}"), [reply], over=True)

    def _say(self, kind: str, parameters: Mapping[str, Any]) -> str:
        self._seq += 1
        return json.dumps(
            {
                "version": "2",
                "id": self._id or NOBODY,
                "type": kind,
                "seq": self._seq,
                "clientseq": self._client_seq,
                "parameters": parameters,
            }
        )


_KINDS = frozenset({"open", "close", "ping", "error", "update", "paused", "resumed", "discarded"})


def _chosen(offers: object) -> dict[str, Any]:
    """The best of what the client offers: µ-law, both sides apart, else one side."""
    if not isinstance(offers, list) or len(offers) > _MOST_OFFERS:
        refuse(f"1 to {_MOST_OFFERS} media offers", kind_of(offers), fatal=True)
    fitting = [
        offer
        for offer in offers
        if isinstance(offer, dict)
        and (offer.get("type"), offer.get("format"), offer.get("rate")) == ("audio", "PCMU", RATE_HZ)
    ]
    for channels in _WANTED:
        if any(offer.get("channels") == channels for offer in fitting):
            return {"type": "audio", "format": "PCMU", "channels": channels, "rate": RATE_HZ}
    refuse("an offer of PCMU at 8000 Hz, external or internal or both", "none such", fatal=True)


def _first_id(sessions: object) -> str | None:
    first = sessions[0] if isinstance(sessions, list) and sessions else None
    return short_text(first.get("id")) if isinstance(first, dict) else None


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


def _seconds(value: object, what: str) -> tuple[int, int]:
    """Read `PT1.6S` as whole seconds and nanoseconds."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) and len(value) <= 40 else None
    if found is None or value == "PT":
        refuse(f"a duration such as PT1.6S as {what}", kind_of(value), fatal=True)
    hours, minutes, seconds, fraction = found.groups()
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole, int((fraction or "").ljust(9, "0"))


def _samples(value: object, what: str) -> int:
    whole, nanoseconds = _seconds(value, what)
    return whole * RATE_HZ + round(nanoseconds * RATE_HZ / 1_000_000_000)

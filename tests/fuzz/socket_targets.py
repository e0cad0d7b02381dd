"""WebSocket dialects, AudioHook, FreeSWITCH, Asterisk, AudioSocket, AMI, and events of other systems."""

from __future__ import annotations

import json
from base64 import b64decode
from functools import partial
from pathlib import Path

from koemori.audio.errors import KoemoriError
from koemori.audio.ingest.audiohook import AudioHookSession
from koemori.audio.ingest.audiosocket import AudioSocketReader
from koemori.audio.ingest.chan_websocket import FORMATS, AudioFormat, MediaStart, read_text
from koemori.audio.ingest.dialects.load import dialect_names, load_dialect
from koemori.audio.ingest.freeswitch import PcmFraming, read_metadata
from koemori.audio.ingest.stream import MediaStream
from koemori.server.capture.http_signature import SignedRequest, check_signature
from koemori.server.cti.ami import AmiDialog
from koemori.server.cti.ami_events import AmiEvents
from koemori.server.cti.mapping import load_mapper
from koemori.server.cti.signing import SignatureCheck

from tests.fakes.audiohook import SECRET, AudioHookClient, signed_headers
from tests.fuzz.targets import Target, joined, lines

_STREAMS = Path(__file__).resolve().parents[1] / "data" / "streams"
_JSON_WORDS = (
    *(
        b'{"event":"media"',
        b'{"event":"start"',
        b'{"event":"stop"}',
        b'"timestamp":"',
        b'"payload":"',
        b'"sequenceNumber":"',
    ),
    *(
        b"null",
        b"true",
        b"[]",
        b"{}",
        b"-1",
        b"1e999",
        b"NaN",
        b"Infinity",
        b"9" * 30,
        b"9" * 400,
        b"[" * 200,
        b'"\\ud800"',
        b"\\u0000",
    ),
    *(
        b'"track":"inbound"',
        b'"track":"outbound"',
        b'"chunk":"2"',
        b'"dtmf":{"digit":"5"}',
        b"9007199254740993",
        b'"0001-01-01T00:00:00+23:59"',
        b'"9999-12-31T23:59:59-23:59"',
    ),
    *(
        b'"encoding":"audio/x-mulaw"',
        b'"encoding":"L16"',
        b'"encoding":"G722"',
        b'"encoding":"OPUS"',
        b"AAAA",
    ),
)


def _dialect(name: str, given: bytes) -> None:
    clock = iter(range(1_000_000))
    stream = MediaStream(load_dialect(name), clock_s=lambda: next(clock) * 0.02)
    for part in lines(given, b"\n"):
        try:
            stream.push(part.decode("utf-8", "replace"))
        except KoemoriError as error:
            if getattr(error, "fatal", False):
                break
        stream.tick()
    stream.close()


def _audiohook(given: bytes) -> None:
    session = AudioHookSession(clock_s=iter(range(1_000_000)).__next__)
    for part in lines(given):
        step = (
            session.audio(part[1:]) if part[:1] == b"\x01" else session.text(part.decode("utf-8", "replace"))
        )
        for reply in step.replies:
            json.loads(reply)
    session.end("disconnected")


def _chan_websocket(given: bytes) -> None:
    audio = AudioFormat("slin16")
    for part in lines(given):
        try:
            if part[:1] == b"\x01":
                audio.push(part[1:])
            elif isinstance(told := read_text(part.decode("utf-8", "replace")), MediaStart):
                audio = AudioFormat(told.format)
        except KoemoriError:
            continue


def _freeswitch(given: bytes) -> None:
    text, *parts = lines(given)
    facts = read_metadata(text.decode("utf-8", "replace"))
    framing = PcmFraming(facts.channels or 1)
    for part in parts:
        framing.push(part)


def _audiosocket(given: bytes) -> None:
    reader = AudioSocketReader()
    for part in lines(given, b"\xfe\xed"):
        reader.push(part)


def _ami(given: bytes) -> None:
    dialog, events = AmiDialog("koemori", "secret"), AmiEvents("asterisk")
    for part in lines(given):
        for message in dialog.push(part):
            try:
                events.push(message)
            except KoemoriError:
                continue
        dialog.outgoing()


def _mapper(name: str, given: bytes) -> None:
    mapper = load_mapper(name)
    assert mapper is not None
    try:
        document = json.loads(given)
    except (ValueError, RecursionError):
        return
    for event in mapper.events(document):
        assert event.names


def _proofs(given: bytes) -> None:
    """Signed requests: of AudioHook, and of events."""
    parts = [part.decode("latin-1") for part in lines(given, b"\n")]
    fields = dict(part.split(": ", 1) for part in parts if ": " in part)
    SignatureCheck("key").fault(fields.get("timestamp"), fields.get("signature"), given, 1_000.0)
    check_signature(SignedRequest("/ingest/x", "example.jp", fields), "key", b64decode(SECRET), 1_000.0)


def _hook_seeds() -> tuple[bytes, ...]:
    client = AudioHookClient()
    steps = [client.open().encode(), b"\x01" + client.audio(b"\x7f" * 160, b"\x10" * 160)]
    steps += [client.say("ping", rtt="PT0.1S").encode(), client.say("paused").encode()]
    steps += [client.say("resumed", start="PT1S", discarded="PT2S").encode()]
    steps += [client.say("discarded", start="PT1S", discarded="PT0.5S").encode()]
    steps += [client.say("update", language="ja-JP").encode(), client.say("close", reason="end").encode()]
    return joined(steps), joined([AudioHookClient().open(media=[]).encode()])


def _frames(*frames: tuple[int, bytes]) -> bytes:
    return b"".join(bytes((kind,)) + len(content).to_bytes(2, "big") + content for kind, content in frames)


_SOCKET = _frames(
    (1, bytes(range(16))), (0x10, b"\x01\x00" * 160), (3, b"5"), (0x12, b"\x01\x00" * 320), (0, b"")
)
_MANAGER = b"\r\n".join(
    (
        *(b"Asterisk Call Manager/7.0.3", b"Response: Success", b"Challenge: 123", b""),
        *(b"Response: Success", b"Message: Authentication accepted", b""),
        *(
            b"Event: QueueCallerJoin",
            b"Uniqueid: 1.1",
            b"Linkedid: 1.1",
            b"Queue: q",
            b"Position: 1",
            b"CallerIDNum: 0312345678",
            b"",
        ),
        *(b"Event: QueueCallerAbandon", b"Uniqueid: 1.1", b"Queue: q", b"Position: 1", b"HoldTime: 9", b""),
        *(
            b"Event: AgentConnect",
            b"Uniqueid: 1.1",
            b"Queue: q",
            b"Interface: PJSIP/8001",
            b"HoldTime: 2",
            b"RingTime: 1",
            b"",
        ),
        *(
            b"Event: BlindTransfer",
            b"TransfererUniqueid: 1.1",
            b"TransfererLinkedid: 1.1",
            b"Extension: 8002",
            b"",
        ),
        *(b"Event: UserEvent", b"UserEvent: KoemoriLeg", b"Uuid: x", b"Linkedid: 1.1", b""),
        *(b"Event: Hangup", b"Uniqueid: 1.1", b"Linkedid: 1.1", b"Channel: PJSIP/8001-00000001", b"", b""),
    )
)
_CONNECT = {
    "id": "1",
    "detail-type": "Amazon Connect Contact Event",
    "time": "2026-01-15T01:02:03Z",
    "detail": {
        "eventType": "QUEUED",
        "contactId": "c",
        "initialContactId": "c",
        "channel": "VOICE",
        "initiationMethod": "INBOUND",
        "queueInfo": {"queueArn": "arn:aws:connect:x:1:instance/i/queue/q", "queueType": "STANDARD"},
    },
}
_TOPIC = "v2.detail.events.conversation.{id}.acd.start"
_GENESYS = {
    "id": "1",
    "detail-type": _TOPIC,
    "time": "2026-01-15T01:02:03Z",
    "detail": {
        "topicName": "v2.detail.events.conversation.c-1.acd.start",
        "eventBody": {
            "eventTime": 1_768_438_923_000,
            "conversationId": "c-1",
            "sessionId": "s-1",
            "mediaType": "VOICE",
            "ani": "tel:+81312345678",
        },
    },
}
_EVENTS = {"amazon-connect": _CONNECT, "genesys": _GENESYS}
_HEADERS = signed_headers("example.jp", "/ingest/x", key="key", created="1000", expires="1030")
_SIGNED = "\n".join(f"{name}: {value}" for name, value in _HEADERS.items()).encode()
_STARTS = tuple(
    joined(
        [
            f"MEDIA_START connection_id:a channel_id:1.1 format:{name} ptime:20".encode(),
            b"\x01" + bytes(320),
            b"DTMF_END digit:#",
        ]
    )
    for name in FORMATS
)
_SPELLED = (
    b'{"event":"MEDIA_START","connection_id":"a","format":"slin16","channel_variables":{"KOEMORI_CALL":"7"}}'
)
_FORK = b'{"uuid":"1","callid":"2","join":"3","rate":16000,"mix":"stereo","role":"agent","from":"0312345678"}'


def _exchange(name: str) -> bytes:
    return (_STREAMS / f"{name}.jsonl").read_bytes()[: 8 * 1024]


SOCKET_TARGETS = (
    *(
        Target(f"stream-{name}", partial(_dialect, name), (_exchange(name),), _JSON_WORDS)
        for name in dialect_names()
    ),
    Target("audiohook", _audiohook, _hook_seeds(), (*_JSON_WORDS, b'"PT1.5S"', b"PT9999999999S", b'"seq":2')),
    Target(
        "chan-websocket", _chan_websocket, (*_STARTS, joined([_SPELLED, b"\x01" + bytes(99)])), _JSON_WORDS
    ),
    Target(
        "freeswitch",
        _freeswitch,
        (joined([_FORK, bytes(640), bytes(3)]), joined([b"{}", bytes(9)])),
        _JSON_WORDS,
    ),
    Target(
        "audiosocket",
        _audiosocket,
        (_SOCKET, _SOCKET[:40] + b"\xfe\xed" + _SOCKET[40:]),
        (b"\x01\x00\x10", b"\x18\xff\xff"),
    ),
    Target(
        "ami",
        _ami,
        (_MANAGER,),
        (b"\r\n\r\n", b"Event: ", b"Linkedid: ", b"Queue: ", b"HoldTime: 9e9", b"\xff", b": "),
    ),
    *(
        Target(f"events-{name}", partial(_mapper, name), (json.dumps(one).encode(),), _JSON_WORDS)
        for name, one in _EVENTS.items()
    ),
    Target(
        "proofs",
        _proofs,
        (_SIGNED, b"timestamp: 1000\nsignature: v1=" + b"0" * 64),
        (b'"@authority"', b";created=", b"sig1=:", b"="),
    ),
)

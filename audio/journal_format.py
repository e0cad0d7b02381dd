"""Bytes of the journal: record header, hash chain, record bodies. No files, no threads.

A record is header (56 bytes, big endian), payload, chain (32 bytes):

    magic "KMJ1" | type u8 | channel u8 | flags u8 | 0 u8 | call id 16 | seq u32 | first_sample u64
    | monotonic_ns u64 | wall_ns u64 | payload length u32 | payload | chain

    chain_0 = SHA256(0x03 || header_0 || payload_0)                         the open record
    chain_i = SHA256(0x02 || chain_{i-1} || header_i || SHA256(payload_i))

A record whose samples were taken out later (flag 2) carries SHA256(payload) and zeros as its payload; its
chain value is computed from that hash, and from the header without the flag.

The chain runs per call, not per file: it covers the payload as stored, so that integrity can be checked
without a key, and a call may go on in the next file. An audio payload is int16 little endian of one channel;
every other payload is JSON. Silence is never written: missing samples are a gap record.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any, Protocol

from koemori.audio.call import CallEnded, CallId, CallStarted, Channel, ChannelRole, LegId
from koemori.audio.errors import JournalError

MAGIC = b"KMJ1"
FORMAT_VERSION = 1
CHAIN_BYTES = 32
MAX_PAYLOAD_BYTES = 4 * 1024 * 1024
"""No record is longer: a reader need not believe a larger length field."""
FLAG_LATE = 0x01
FLAG_SCRUBBED = 0x02
"""The samples were taken out afterwards; the payload is their SHA-256 and zeros. Not part of the chain."""
FLAGS_AT = 6
SCRUBBED_LEAST_BYTES = 32
"""A shorter payload has no room for its hash, and is left."""
FILE_CALL_ID = bytes(16)
"""Call id of the record that heads each file; it belongs to no call."""

_HEADER = struct.Struct(">4sBBBB16sIQQQI")
HEADER_BYTES = _HEADER.size
OVERHEAD_BYTES = HEADER_BYTES + CHAIN_BYTES
_OPEN_PREFIX = b"\x03"
_LINK_PREFIX = b"\x02"


class RecordType(IntEnum):
    """What a record says. 7 is kept for payloads as they came off the wire."""

    OPEN = 0
    AUDIO = 1
    GAP = 2
    PAUSE = 3
    CLOCK = 4
    MARKER = 5
    CLOSE = 6
    FILE = 8


@dataclass(frozen=True, slots=True)
class RecordHeader:
    """The fixed part of a record; times are nanoseconds, `first_sample` is on the channel's timeline."""

    type: RecordType
    channel: int
    flags: int
    call_id: bytes
    seq: int
    first_sample: int
    monotonic_ns: int
    wall_ns: int
    payload_bytes: int

    def pack(self) -> bytes:
        """Return the 56 bytes of the header."""
        return _HEADER.pack(
            MAGIC,
            self.type,
            self.channel,
            self.flags,
            0,
            self.call_id,
            self.seq,
            self.first_sample,
            self.monotonic_ns,
            self.wall_ns,
            self.payload_bytes,
        )

    @property
    def late(self) -> bool:
        """Whether the samples came after their place had been declared a gap."""
        return bool(self.flags & FLAG_LATE)

    @property
    def scrubbed(self) -> bool:
        """Whether the samples were taken out after they had been written."""
        return bool(self.flags & FLAG_SCRUBBED)


@dataclass(frozen=True, slots=True)
class Record:
    """One record as stored: `payload` is what the cipher made of the plain bytes."""

    header: RecordHeader
    payload: bytes
    chain: bytes


def parse_header(buffer: bytes | memoryview, offset: int) -> RecordHeader | None:
    """Read the header at `offset`; None when these bytes cannot be one."""
    if offset + HEADER_BYTES > len(buffer):
        return None
    magic, kind, channel, flags, zero, call_id, seq, first, mono, wall, size = _HEADER.unpack_from(
        buffer, offset
    )
    if magic != MAGIC or zero != 0 or size > MAX_PAYLOAD_BYTES:
        return None
    try:
        record_type = RecordType(kind)
    except ValueError:
        return None
    return RecordHeader(record_type, channel, flags, call_id, seq, first, mono, wall, size)


def parse_record(buffer: bytes | memoryview, offset: int) -> Record | None:
    """Read the record at `offset`; None when it is cut off or is not one. The chain is not checked here."""
    header = parse_header(buffer, offset)
    if header is None:
        return None
    start = offset + HEADER_BYTES
    end = start + header.payload_bytes
    if end + CHAIN_BYTES > len(buffer):
        return None
    return Record(header, bytes(buffer[start:end]), bytes(buffer[end : end + CHAIN_BYTES]))


def chain_first(header: bytes, payload: bytes) -> bytes:
    """Chain value of an open record (and of a file record)."""
    return hashlib.sha256(_OPEN_PREFIX + header + payload).digest()


def chain_next(previous: bytes, header: bytes, payload: bytes) -> bytes:
    """Chain value of any later record of a call; a scrubbed one has the value it had before."""
    digest = hashlib.sha256(payload).digest()
    if header[FLAGS_AT] & FLAG_SCRUBBED:
        digest = payload[:CHAIN_BYTES]
        header = header[:FLAGS_AT] + bytes([header[FLAGS_AT] & ~FLAG_SCRUBBED]) + header[FLAGS_AT + 1 :]
    return hashlib.sha256(_LINK_PREFIX + previous + header + digest).digest()


def record_size(payload_bytes: int) -> int:
    """Bytes on disk of a record with such a payload."""
    return OVERHEAD_BYTES + payload_bytes


class PayloadCipher(Protocol):
    """What is done to a payload before it is written; `cipher_id` goes into the call's open record.

    The open record itself stays plain: it says which cipher is used.
    """

    cipher_id: str
    overhead_bytes: int
    """How much longer a stored payload is than a plain one."""

    def seal(self, plain: bytes, *, seq: int, header: bytes) -> bytes:
        """Turn plain bytes into stored bytes, bound to the header."""
        ...

    def open(self, stored: bytes, *, seq: int, header: bytes) -> bytes:
        """Turn stored bytes back."""
        ...


class PlainCipher:
    """Stores payloads as they are."""

    cipher_id = "none"
    overhead_bytes = 0

    def seal(self, plain: bytes, *, seq: int, header: bytes) -> bytes:
        """Return the bytes unchanged."""
        return plain

    def open(self, stored: bytes, *, seq: int, header: bytes) -> bytes:
        """Return the bytes unchanged."""
        return stored


@dataclass(frozen=True, slots=True)
class OpenFacts:
    """Body of an open record: all it takes to finish the recording without the process that began it."""

    started: CallStarted
    recording_id: str
    part: int
    recorder_version: str
    cipher_id: str


def to_json(body: Mapping[str, Any]) -> bytes:
    """Encode a record body: UTF-8, sorted keys, no spaces."""
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def from_json(payload: bytes) -> dict[str, Any]:
    """Decode a record body.

    Raises:
        JournalError: The bytes are not a JSON object.
    """
    try:
        body = json.loads(payload)
    except ValueError:
        raise JournalError(f"expected a JSON record body; got {len(payload)} other bytes") from None
    if not isinstance(body, dict):
        raise JournalError(f"expected a JSON object as record body; got {type(body).__name__}")
    return body


def open_body(facts: OpenFacts) -> bytes:
    """Encode the body of an open record."""
    started = facts.started
    return to_json(
        {
            "format": FORMAT_VERSION,
            "recording_id": facts.recording_id,
            "part": facts.part,
            "recorder_version": facts.recorder_version,
            "cipher": facts.cipher_id,
            "codec": "pcm_s16le",
            "started_at": started.started_at.astimezone(UTC).isoformat(),
            "sample_rate_hz": started.sample_rate_hz,
            "channels": [
                {"index": c.index, "role": c.role.value, "leg_id": c.leg_id, "source": c.source}
                for c in started.channels
            ],
            "external_ids": dict(started.external_ids),
            "agent_id": started.agent_id,
            "customer_number": started.customer_number,
            "queue": started.queue,
        }
    )


def parse_open(call_id: CallId, payload: bytes) -> OpenFacts:
    """Decode the body of an open record.

    Raises:
        JournalError: A field is missing or has an impossible value.
    """
    body = from_json(payload)
    try:
        channels = tuple(
            Channel(call_id, LegId(c["leg_id"]), int(c["index"]), ChannelRole(c["role"]), str(c["source"]))
            for c in body["channels"]
        )
        started = CallStarted(
            call_id=call_id,
            started_at=datetime.fromisoformat(body["started_at"]),
            sample_rate_hz=int(body["sample_rate_hz"]),
            channels=channels,
            external_ids=dict(body["external_ids"]),
            agent_id=body["agent_id"],
            customer_number=body["customer_number"],
            queue=body["queue"],
        )
        return OpenFacts(
            started, body["recording_id"], int(body["part"]), body["recorder_version"], body["cipher"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise JournalError(
            f"expected the fields of an open record; {type(error).__name__} on reading"
        ) from None


def close_body(ended: CallEnded, facts: Mapping[str, int]) -> bytes:
    """Encode the body of a close record; `facts` are counts worth keeping, as torn bytes on recovery."""
    return to_json({"end_ms": ended.end_ms, "reason": ended.reason, "facts": dict(facts)})


def parse_close(call_id: CallId, payload: bytes) -> CallEnded:
    """Decode the body of a close record.

    Raises:
        JournalError: A field is missing or has an impossible value.
    """
    body = from_json(payload)
    try:
        return CallEnded(call_id, int(body["end_ms"]), str(body["reason"]))
    except (KeyError, TypeError, ValueError) as error:
        raise JournalError(
            f"expected the fields of a close record; {type(error).__name__} on reading"
        ) from None

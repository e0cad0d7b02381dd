"""Reading a journal back: every call's longest chain of valid records, and what could not be believed.

A scan never writes. A record counts when its bytes are whole, its chain value follows from the record before
it, and its number is the next one; a record that was written twice (after a failed sync, into the next
file) counts once. After bytes that are no record the scan looks for the next one, so that damage in one call
does not take the others with it.
"""

from __future__ import annotations

import logging
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from koemori.audio.call import CallEnded, CallId, CallStarted
from koemori.audio.errors import JournalError
from koemori.audio.ids import bytes_to_call_id, id_to_bytes
from koemori.audio.journal_files import segment_numbers, segment_path
from koemori.audio.journal_format import (
    FILE_CALL_ID,
    HEADER_BYTES,
    MAGIC,
    OpenFacts,
    PayloadCipher,
    PlainCipher,
    Record,
    RecordHeader,
    RecordType,
    chain_first,
    chain_next,
    from_json,
    parse_close,
    parse_header,
    parse_open,
    parse_record,
    record_size,
)
from koemori.audio.recording import JournalHead

_log = logging.getLogger(__name__)
_RECENT_CHAINS = 1024
_OPEN_STREAMS = 8
_READ_BUFFER_BYTES = 1 << 18
_CIPHERS: dict[str, PayloadCipher] = {PlainCipher.cipher_id: PlainCipher()}


@dataclass(frozen=True, slots=True)
class Extent:
    """Records of one call in one file, by byte offset."""

    path: Path
    offsets: array[int]


@dataclass(frozen=True, slots=True)
class JournalCall:
    """One call as its journal tells it.

    Attributes:
        facts: What the open record says.
        head: Chain value, record count and end per channel of the valid records.
        ended: The close record's content; None for a call that was cut off.
        extents: Where the records lie, in order.
        last_wall_ns: Wall time of the last record.
        first_wall_ns: Wall time of the open record; with the monotonic pair it shows a stepped clock.
        first_monotonic_ns: Monotonic time of the open record.
        last_monotonic_ns: Monotonic time of the last record.
        cut_samples: End per channel that a cut-off last record names, where it goes past the valid ones.
        unlinked_records: Whole records of this call that do not follow from the valid ones.
        released: True once the sealed recording has taken the journal's place.
    """

    facts: OpenFacts
    head: JournalHead
    ended: CallEnded | None
    extents: tuple[Extent, ...]
    first_wall_ns: int
    last_wall_ns: int
    first_monotonic_ns: int
    last_monotonic_ns: int
    cut_samples: dict[int, int]
    unlinked_records: int
    released: bool

    @property
    def call_id(self) -> CallId:
        """The call's id."""
        return self.facts.started.call_id

    @property
    def started(self) -> CallStarted:
        """The event the call began with."""
        return self.facts.started

    def records(self) -> Iterator[tuple[int, int, Record]]:
        """Yield (extent number, offset, record) in order, with plain payloads, checking the chain again.

        Raises:
            JournalError: A record has changed since the scan, or the chain does not end at `head`.
        """
        cipher = cipher_of(self.facts.cipher_id)
        chain = b""
        for number, extent in enumerate(self.extents):
            with extent.path.open("rb", buffering=_READ_BUFFER_BYTES) as stream:
                for offset in extent.offsets:
                    stream.seek(offset)
                    head_bytes = stream.read(HEADER_BYTES)
                    header = parse_header(head_bytes, 0)
                    if header is None:
                        raise JournalError(
                            f"expected a record at byte {offset} of {extent.path.name}; got none"
                        )
                    body = stream.read(record_size(header.payload_bytes) - HEADER_BYTES)
                    record = parse_record(head_bytes + body, 0)
                    stored = b"" if record is None else record.payload
                    chain = (
                        chain_next(chain, head_bytes, stored) if chain else chain_first(head_bytes, stored)
                    )
                    if record is None or chain != record.chain:
                        raise JournalError(
                            f"expected record {header.seq} at byte {offset} of {extent.path.name} to fit the "
                            "chain; it does not"
                        )
                    plain = stored
                    if header.type is not RecordType.OPEN:
                        plain = cipher.open(stored, seq=header.seq, header=head_bytes)
                    yield number, offset, Record(header, plain, record.chain)
        if chain != self.head.chain:
            raise JournalError(
                f"expected {self.head.record_count} records up to the chain's head; the end is missing"
            )


class PayloadReader:
    """Reads single payloads of a call by place; the chain was checked by whoever found the places."""

    def __init__(self, call: JournalCall) -> None:
        self._call = call
        self._cipher = cipher_of(call.facts.cipher_id)
        self._streams: OrderedDict[int, BinaryIO] = OrderedDict()

    def __enter__(self) -> PayloadReader:
        return self

    def __exit__(self, *_: object) -> None:
        while self._streams:
            self._streams.popitem()[1].close()

    def read(self, extent: int, offset: int) -> bytes:
        """Return the plain payload of the record at a place that `JournalCall.records` gave.

        Raises:
            JournalError: There is no record any more.
        """
        stream = self._stream(extent)
        stream.seek(offset)
        head_bytes = stream.read(HEADER_BYTES)
        header = parse_header(head_bytes, 0)
        if header is None:
            raise JournalError(f"expected a record at byte {offset}; got none")
        return self._cipher.open(stream.read(header.payload_bytes), seq=header.seq, header=head_bytes)

    def _stream(self, extent: int) -> BinaryIO:
        stream = self._streams.get(extent)
        if stream is None:
            if len(self._streams) >= _OPEN_STREAMS:
                self._streams.popitem(last=False)[1].close()
            stream = self._streams[extent] = self._call.extents[extent].path.open(
                "rb", buffering=_READ_BUFFER_BYTES
            )
        return stream


def cipher_of(cipher_id: str) -> PayloadCipher:
    """Return the cipher an open record names.

    Raises:
        JournalError: No such cipher.
    """
    try:
        return _CIPHERS[cipher_id]
    except KeyError:
        raise JournalError(f"expected a cipher of {sorted(_CIPHERS)}; got {cipher_id!r}") from None


@dataclass(frozen=True, slots=True)
class TornTail:
    """Bytes of a file from the first that could not be believed to its end; `blank` when all are zero."""

    path: Path
    offset: int
    byte_count: int
    blank: bool


@dataclass(frozen=True, slots=True)
class JournalScan:
    """A whole journal directory: its calls in order of their open records, and what was torn."""

    calls: tuple[JournalCall, ...]
    torn: tuple[TornTail, ...]
    files: tuple[Path, ...]


def read_calls(directory: Path) -> list[JournalCall]:
    """Return the calls in a journal that no sealed recording has replaced yet, finished or cut off."""
    return [call for call in scan(directory).calls if not call.released]


def scan(directory: Path) -> JournalScan:
    """Read and verify every journal file of a directory; a missing directory is an empty journal."""
    walk = _Walk()
    paths = [segment_path(directory, number) for number in segment_numbers(directory)]
    for path in paths:
        walk.read(path)
    return JournalScan(walk.calls(), walk.torn_tails(), tuple(paths))


@dataclass(slots=True)
class _CallWalk:
    facts: OpenFacts
    chain: bytes
    first: RecordHeader
    last: RecordHeader
    extents: list[Extent] = field(default_factory=list)
    record_count: int = 1
    ends: dict[int, int] = field(default_factory=dict)
    ended: CallEnded | None = None
    cut: dict[int, int] = field(default_factory=dict)
    unlinked: int = 0
    recent: OrderedDict[int, bytes] = field(default_factory=OrderedDict)

    def note(self, path: Path, offset: int, record: Record) -> None:
        if not self.extents or self.extents[-1].path != path:
            self.extents.append(Extent(path, array("I")))
        self.extents[-1].offsets.append(offset)
        self.recent[record.header.seq] = record.chain
        if len(self.recent) > _RECENT_CHAINS:
            self.recent.popitem(last=False)

    def take(self, record: Record) -> None:
        header = record.header
        self.chain, self.last = record.chain, header
        self.record_count += 1
        if header.type is RecordType.AUDIO:
            self._reach(header.channel, header.first_sample + len(record.payload) // 2)
        elif header.type is RecordType.GAP:
            self._reach(header.channel, header.first_sample + int(from_json(record.payload)["sample_count"]))
        elif header.type is RecordType.CLOSE:
            self.ended = parse_close(self.facts.started.call_id, record.payload)

    def _reach(self, channel: int, end_sample: int) -> None:
        self.ends[channel] = max(self.ends.get(channel, 0), end_sample)

    def cut_off(self, header: RecordHeader) -> None:
        """Believe a broken audio record's header only for a length up to one second."""
        if header.type is not RecordType.AUDIO or header.channel >= len(self.facts.started.channels):
            return
        end = header.first_sample + header.payload_bytes // 2
        known = max(self.ends.get(header.channel, 0), self.cut.get(header.channel, 0))
        if known < end <= known + self.facts.started.sample_rate_hz:
            self.cut[header.channel] = end


class _Walk:
    def __init__(self) -> None:
        self._calls: dict[bytes, _CallWalk] = {}
        self._released: set[bytes] = set()
        self._orphans: list[tuple[bytes, Path, int]] = []
        self._sizes: dict[Path, int] = {}
        self._bad: dict[Path, int] = {}
        self._blank: set[Path] = set()

    def read(self, path: Path) -> None:
        data = path.read_bytes()
        self._sizes[path] = len(data)
        offset = 0
        while offset < len(data):
            record = parse_record(data, offset)
            if record is not None and self._accept(path, offset, data, record):
                offset += record_size(record.header.payload_bytes)
                continue
            if path not in self._bad and not data[offset:].strip(b"\0"):
                self._blank.add(path)
            self._distrust(path, offset, data, whole=record is not None)
            offset = data.find(MAGIC, offset + 1)
            if offset < 0:
                break

    def _distrust(self, path: Path, offset: int, data: bytes, *, whole: bool) -> None:
        self._bad.setdefault(path, offset)
        header = parse_header(data, offset)
        call = self._calls.get(header.call_id) if header else None
        if call is None or header is None:
            return
        if whole:
            call.unlinked += 1
        else:
            call.cut_off(header)

    def _accept(self, path: Path, offset: int, data: bytes, record: Record) -> bool:
        header = record.header
        raw_header = data[offset : offset + HEADER_BYTES]
        if header.call_id == FILE_CALL_ID:
            return self._accept_file_record(record, raw_header)
        call = self._calls.get(header.call_id)
        if call is None:
            if header.type is RecordType.OPEN:
                return self._accept_open(path, offset, record, raw_header)
            self._orphans.append((header.call_id, path, offset))
            return True
        if header.seq < call.record_count:
            return call.recent.get(header.seq, record.chain) == record.chain
        if header.seq != call.record_count:
            return False
        if chain_next(call.chain, raw_header, record.payload) != record.chain:
            return False
        call.take(record)
        call.note(path, offset, record)
        return True

    def _accept_file_record(self, record: Record, raw_header: bytes) -> bool:
        if chain_first(raw_header, record.payload) != record.chain:
            return False
        if record.header.type is RecordType.MARKER:
            self._released.add(id_to_bytes(str(from_json(record.payload)["call_id"])))
        return True

    def _accept_open(self, path: Path, offset: int, record: Record, raw_header: bytes) -> bool:
        if record.header.seq != 0 or chain_first(raw_header, record.payload) != record.chain:
            return False
        call_id = bytes_to_call_id(record.header.call_id)
        walk = _CallWalk(parse_open(call_id, record.payload), record.chain, record.header, record.header)
        walk.note(path, offset, record)
        self._calls[record.header.call_id] = walk
        return True

    def torn_tails(self) -> tuple[TornTail, ...]:
        for call_id, path, offset in self._orphans:
            if call_id not in self._released:
                self._bad[path] = min(self._bad.get(path, offset), offset)
        return tuple(
            TornTail(path, offset, self._sizes[path] - offset, path in self._blank)
            for path, offset in sorted(self._bad.items())
        )

    def calls(self) -> tuple[JournalCall, ...]:
        return tuple(
            JournalCall(
                facts=walk.facts,
                head=JournalHead(
                    walk.facts.started.call_id, walk.facts.part, walk.record_count, walk.chain, walk.ends
                ),
                ended=walk.ended,
                extents=tuple(walk.extents),
                first_wall_ns=walk.first.wall_ns,
                last_wall_ns=walk.last.wall_ns,
                first_monotonic_ns=walk.first.monotonic_ns,
                last_monotonic_ns=walk.last.monotonic_ns,
                cut_samples=walk.cut,
                unlinked_records=walk.unlinked,
                released=raw in self._released,
            )
            for raw, walk in self._calls.items()
        )

"""Reading a journal back: every call's valid records, and what could not be believed.

A scan never writes. A record counts when its bytes are whole, its number is the next one and its chain
value follows from the record before it; a record that was written twice (after a failed sync, into the next
file) counts once. After bytes that are no record the scan looks for the next one, so that damage in one
call does not take the others with it. Records behind a damaged one still count when they follow from the
chain value that the damaged one states, or from each other; the break is told.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from koemori.audio.call import CallEnded
from koemori.audio.ids import bytes_to_call_id, id_to_bytes
from koemori.audio.journal_files import segment_numbers, segment_path
from koemori.audio.journal_format import (
    FILE_CALL_ID,
    HEADER_BYTES,
    MAGIC,
    OpenFacts,
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
from koemori.audio.journal_records import Extent, JournalCall, read_record
from koemori.audio.recording import JournalHead

_RECENT_CHAINS = 1024


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
    walk.relink()
    return JournalScan(walk.calls(), walk.torn_tails(), tuple(paths))


@dataclass(slots=True)
class _CallWalk:
    facts: OpenFacts
    chain: bytes
    first: RecordHeader
    last: RecordHeader
    extents: list[Extent] = field(default_factory=list)
    record_count: int = 1
    next_seq: int = 1
    breaks: dict[int, bytes] = field(default_factory=dict)
    unlinked: list[tuple[int, Path, int]] = field(default_factory=list)
    """Whole records that did not follow when they were read: (seq, file, offset)."""
    ends: dict[int, int] = field(default_factory=dict)
    ended: CallEnded | None = None
    cut: dict[int, int] = field(default_factory=dict)
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
        self.next_seq = header.seq + 1
        if header.type is RecordType.AUDIO:
            self._reach(header.channel, header.first_sample + len(record.payload) // 2)
        elif header.type is RecordType.GAP:
            self._reach(header.channel, header.first_sample + int(from_json(record.payload)["sample_count"]))
        elif header.type is RecordType.CLOSE:
            self.ended = parse_close(self.facts.started.call_id, record.payload)

    def _reach(self, channel: int, end_sample: int) -> None:
        self.ends[channel] = max(self.ends.get(channel, 0), end_sample)

    def relink(self) -> None:
        """Take in what follows from the chain value of a damaged record, or from an unlinked one.

        Only after all files have been read: a record may have been written again further on.
        """
        stated: tuple[int, bytes] | None = None
        left: list[tuple[int, Path, int]] = []
        for seq, path, offset in sorted(self.unlinked, key=lambda place: place[0]):
            if seq < self.next_seq:
                continue
            with path.open("rb") as stream:
                raw_header, record = read_record(stream, offset)
            if seq == self.next_seq:
                link: bytes | None = self.chain
            else:
                link = stated[1] if stated is not None and stated[0] == seq - 1 else None
            if link is None or chain_next(link, raw_header, record.payload) != record.chain:
                stated = (seq, record.chain)
                left.append((seq, path, offset))
                continue
            if seq != self.next_seq:
                self.breaks[self.record_count] = link
            self.take(record)
            self.note(path, offset, record)
        self.unlinked = left

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
            call.unlinked.append((header.seq, path, offset))
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
        if header.seq < call.next_seq:
            return call.recent.get(header.seq, record.chain) == record.chain
        if header.seq != call.next_seq:
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

    def relink(self) -> None:
        for raw, call in self._calls.items():
            if call.unlinked and raw not in self._released:
                call.relink()

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
                next_seq=walk.next_seq,
                breaks=walk.breaks,
                cut_samples=walk.cut,
                unlinked_records=len(walk.unlinked),
                released=raw in self._released,
            )
            for raw, walk in self._calls.items()
        )

"""The writer's side of the journal: packs records, appends them, syncs, and moves on when a file fails.

Used by one thread. Every packed record is held until a sync has covered it; only then does it count as
written, and only then is its place remembered.
"""

from __future__ import annotations

import contextlib
import os
import time
from array import array
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from koemori.audio.call import CallEnded
from koemori.audio.errors import JournalError
from koemori.audio.ids import id_to_bytes
from koemori.audio.journal_files import SegmentFile, segment_numbers, segment_path, sync_directory
from koemori.audio.journal_format import (
    FILE_CALL_ID,
    FORMAT_VERSION,
    OpenFacts,
    PayloadCipher,
    RecordHeader,
    RecordType,
    chain_first,
    chain_next,
    from_json,
    parse_close,
    record_size,
    to_json,
)
from koemori.audio.journal_reader import Extent, JournalCall, JournalScan
from koemori.audio.recording import JournalHead

_BATCH_RECORDS = 256
_RETRY_S = (0.05, 0.2, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class JournalAlarm:
    """Something an operator must hear of: `journal-write-failed`, `journal-no-file`, `journal-overflow`."""

    code: str
    facts: Mapping[str, int | str]


@dataclass(slots=True, eq=False)
class CallState:
    """What the writer knows of one call."""

    call_id: bytes
    facts: OpenFacts
    cipher: PayloadCipher
    seq: int = 0
    chain: bytes = b""
    ends: dict[int, int] = field(default_factory=dict)
    ended: CallEnded | None = None
    extents: list[Extent] = field(default_factory=list)
    first_time: tuple[int, int] = (0, 0)
    """(wall, monotonic) nanoseconds of the first durable record."""
    last_time: tuple[int, int] = (0, 0)
    durable_seq: int = 0
    durable_chain: bytes = b""
    cut_samples: dict[int, int] = field(default_factory=dict)
    unlinked_records: int = 0

    @classmethod
    def resume(cls, raw_id: bytes, call: JournalCall, cipher: PayloadCipher) -> CallState:
        """Continue the chain of a call that an earlier process began."""
        return cls(
            raw_id,
            call.facts,
            cipher,
            seq=call.head.record_count,
            chain=call.head.chain,
            ends=dict(call.head.samples),
            ended=call.ended,
            extents=[Extent(extent.path, array("I", extent.offsets)) for extent in call.extents],
            first_time=(call.first_wall_ns, call.first_monotonic_ns),
            last_time=(call.last_wall_ns, call.last_monotonic_ns),
            durable_seq=call.head.record_count,
            durable_chain=call.head.chain,
            cut_samples=call.cut_samples,
            unlinked_records=call.unlinked_records,
        )

    def head(self) -> JournalHead:
        """Return the head over all durable records."""
        return JournalHead(
            self.facts.started.call_id,
            self.facts.part,
            self.durable_seq,
            self.durable_chain,
            dict(self.ends),
        )

    def snapshot(self) -> JournalCall:
        """Return the call over all durable records."""
        return JournalCall(
            facts=self.facts,
            head=self.head(),
            ended=self.ended,
            extents=tuple(Extent(extent.path, extent.offsets[:]) for extent in self.extents),
            first_wall_ns=self.first_time[0],
            last_wall_ns=self.last_time[0],
            first_monotonic_ns=self.first_time[1],
            last_monotonic_ns=self.last_time[1],
            cut_samples=self.cut_samples,
            unlinked_records=self.unlinked_records,
            released=False,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A record waiting to be written; without a state's chain when it is the note of a release."""

    state: CallState
    kind: RecordType
    channel: int
    flags: int
    first_sample: int
    payload: bytes
    monotonic_ns: int
    wall_ns: int
    future: Future[JournalHead] | None = None
    is_release: bool = False

    @classmethod
    def released(cls, state: CallState) -> Entry:
        """Make the note that a call's sealed recording has taken the journal's place."""
        payload = to_json(
            {
                "kind": "released",
                "call_id": state.facts.started.call_id,
                "recording_id": state.facts.recording_id,
            }
        )
        now, wall = time.monotonic_ns(), time.time_ns()
        return cls(state, RecordType.MARKER, 0, 0, 0, payload, now, wall, is_release=True)


@dataclass(slots=True, eq=False)
class _Packed:
    entry: Entry
    data: bytes
    chain: bytes
    offset: int = 0


class SegmentWriter:
    """Appends packed records to the current file."""

    def __init__(
        self,
        directory: Path,
        segment_bytes: int,
        open_segment: Callable[[Path], SegmentFile],
        alarm: Callable[[str, Mapping[str, int | str]], None],
        settled: Callable[[int], None],
    ) -> None:
        """Create the first file; OSError when that fails."""
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._open_segment = open_segment
        self._alarm = alarm
        self._settled = settled
        self._pending: deque[_Packed] = deque()
        self._needed: dict[int, set[bytes]] = {}
        self._live: set[bytes] = set()
        self.give_up_at: float | None = None
        self.oldest_ns = 0
        self.bytes_written = 0
        self.records_written = 0
        self.syncs = 0
        self.failures = 0
        self.sync_ms: deque[float] = deque(maxlen=1024)
        self._number = max(segment_numbers(directory), default=0)
        self._file: SegmentFile | None = None
        self._position = 0
        self._begin_file({"reason": "start"})

    def adopt(self, scan: JournalScan) -> None:
        """Take over an earlier process's files: each is deleted once no unreleased call has records in it."""
        for path in scan.files:
            self._needed.setdefault(_number_of(path), set())
        for call in scan.calls:
            raw = id_to_bytes(call.call_id)
            if call.released:
                continue
            self._live.add(raw)
            for extent in call.extents:
                self._needed[_number_of(extent.path)].add(raw)

    def write(self, entries: Sequence[Entry]) -> None:
        """Append records, in order; they are durable after the next `commit`."""
        if entries and not self.oldest_ns:
            self.oldest_ns = entries[0].monotonic_ns
        for start in range(0, len(entries), _BATCH_RECORDS):
            packed = [self._pack(entry) for entry in entries[start : start + _BATCH_RECORDS]]
            self._pending.extend(packed)
            try:
                self._append(packed)
                if self._position >= self._segment_bytes:
                    self._rotate()
            except OSError as error:
                self._replace(error)

    def commit(self) -> None:
        """Make everything written durable and complete the futures it covers."""
        if not self._pending:
            return
        try:
            self._sync()
        except OSError as error:
            self._replace(error)
        self._delete_unneeded()

    def finish(self) -> None:
        """Close the last file; remove it when no call needs it."""
        self.commit()
        self._drop_file()
        self._number += 1
        if not self._pending:
            self._delete_unneeded()

    def _pack(self, entry: Entry) -> _Packed:
        state = entry.state
        if entry.is_release:
            header = self._header(entry, FILE_CALL_ID, 0, len(entry.payload))
            chain = chain_first(header, entry.payload)
            return _Packed(entry, header + entry.payload + chain, chain)
        if state.seq == 0:
            stored = entry.payload
            header = self._header(entry, state.call_id, 0, len(stored))
            state.chain = chain_first(header, stored)
        else:
            cipher = state.cipher
            header = self._header(entry, state.call_id, state.seq, len(entry.payload) + cipher.overhead_bytes)
            stored = cipher.seal(entry.payload, seq=state.seq, header=header)
            state.chain = chain_next(state.chain, header, stored)
        state.seq += 1
        self._live.add(state.call_id)
        return _Packed(entry, header + stored + state.chain, state.chain)

    @staticmethod
    def _header(entry: Entry, call_id: bytes, seq: int, payload_bytes: int) -> bytes:
        return RecordHeader(
            entry.kind,
            entry.channel,
            entry.flags,
            call_id,
            seq,
            entry.first_sample,
            entry.monotonic_ns,
            entry.wall_ns,
            payload_bytes,
        ).pack()

    def _append(self, packed: Collection[_Packed]) -> None:
        if self._file is None:
            raise OSError(0, "no journal file")
        position = self._position
        for item in packed:
            item.offset = position
            position += len(item.data)
        self._file.append(b"".join(item.data for item in packed))
        self._position = position
        self.bytes_written += sum(len(item.data) for item in packed)

    def _sync(self) -> None:
        if self._file is None:
            raise OSError(0, "no journal file")
        began = time.perf_counter()
        self._file.sync()
        self.sync_ms.append((time.perf_counter() - began) * 1000)
        self.syncs += 1
        self._settle()

    def _settle(self) -> None:
        path = segment_path(self._directory, self._number)
        settled_bytes = 0
        needed = self._needed.setdefault(self._number, set())
        while self._pending:
            item = self._pending.popleft()
            self.records_written += 1
            entry, state = item.entry, item.entry.state
            if entry.is_release:
                self._live.discard(state.call_id)
                continue
            settled_bytes += record_size(len(entry.payload))
            needed.add(state.call_id)
            _note_durable(state, item, path)
            if entry.future is not None:
                entry.future.set_result(state.head())
        self.oldest_ns = 0
        self._settled(settled_bytes)

    def _rotate(self) -> None:
        """Begin the next file, once everything in this one is durable."""
        self._sync()
        self._drop_file()
        self._begin_file({"reason": "size"})

    def _drop_file(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None

    def _replace(self, error: OSError) -> None:
        """Give the current file up and write everything that is not durable yet into a new one.

        Returns only when that is done, or when `give_up_at` has passed; meanwhile the queue grows within
        its bound.
        """
        self.failures += 1
        self._alarm("journal-write-failed", {"errno": error.errno or 0, "file_number": self._number})
        self._drop_file()
        attempt = 0
        while True:
            try:
                self._begin_file({"reason": "write-failed", "errno": error.errno or 0})
                self._append(self._pending)
                self._sync()
            except OSError as again:
                self._drop_file()
                if self.give_up_at is not None and time.monotonic() > self.give_up_at:
                    self._abandon()
                    return
                if attempt % 10 == 0:
                    self._alarm("journal-no-file", {"errno": again.errno or 0, "file_number": self._number})
                time.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                attempt += 1
            else:
                return

    def _abandon(self) -> None:
        for item in self._pending:
            if item.entry.future is not None and not item.entry.future.done():
                item.entry.future.set_exception(
                    JournalError("expected the call's last record to be durable; the disk did not take it")
                )

    def _begin_file(self, facts: Mapping[str, int | str]) -> None:
        previous = self._number
        self._number += 1
        self._file = self._open_segment(segment_path(self._directory, self._number))
        self._needed.setdefault(self._number, set())
        payload = to_json(
            {
                "format": FORMAT_VERSION,
                "number": self._number,
                "previous": previous,
                "pid": os.getpid(),
                **facts,
            }
        )
        header = RecordHeader(
            RecordType.FILE, 0, 0, FILE_CALL_ID, 0, 0, time.monotonic_ns(), time.time_ns(), len(payload)
        ).pack()
        record = header + payload + chain_first(header, payload)
        self._file.append(record)
        self._position = len(record)
        self.bytes_written += len(record)

    def _delete_unneeded(self) -> None:
        """Delete the oldest files that no unreleased call has records in.

        Only from the oldest on: the note that a call is released must outlive the call's records.
        """
        deleted = False
        for number in sorted(self._needed):
            if number >= self._number or self._needed[number] & self._live:
                break
            with contextlib.suppress(FileNotFoundError):
                segment_path(self._directory, number).unlink()
            del self._needed[number]
            deleted = True
        if deleted:
            sync_directory(self._directory)


def _note_durable(state: CallState, item: _Packed, path: Path) -> None:
    entry = item.entry
    if not state.extents or state.extents[-1].path != path:
        state.extents.append(Extent(path, array("I")))
    state.extents[-1].offsets.append(item.offset)
    state.durable_seq += 1
    state.durable_chain = item.chain
    if entry.kind is RecordType.AUDIO:
        end = entry.first_sample + len(entry.payload) // 2
        state.ends[entry.channel] = max(state.ends.get(entry.channel, 0), end)
    elif entry.kind is RecordType.GAP:
        end = entry.first_sample + int(from_json(entry.payload)["sample_count"])
        state.ends[entry.channel] = max(state.ends.get(entry.channel, 0), end)
    elif entry.kind is RecordType.CLOSE:
        state.ended = parse_close(state.facts.started.call_id, entry.payload)
    if state.first_time == (0, 0):
        state.first_time = (entry.wall_ns, entry.monotonic_ns)
    state.last_time = (entry.wall_ns, entry.monotonic_ns)


def _number_of(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])

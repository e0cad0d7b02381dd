"""The writer's side of the journal: packs records, appends them, syncs, and moves on when a file fails.

Used by one thread. Every packed record is held until a sync has covered it; only then does it count as
written, and only then is its place remembered.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from koemori.audio.errors import JournalError
from koemori.audio.ids import id_to_bytes
from koemori.audio.journal_calls import Entry, note_durable
from koemori.audio.journal_files import SegmentFile, segment_numbers, segment_path, sync_directory
from koemori.audio.journal_format import (
    FILE_CALL_ID,
    FORMAT_VERSION,
    RecordHeader,
    RecordType,
    chain_first,
    chain_next,
    from_json,
    record_size,
    to_json,
)
from koemori.audio.journal_reader import JournalScan
from koemori.audio.journal_scrub import scrub
from koemori.audio.recording import MASKED_BEFORE

_BATCH_RECORDS = 256
_IDLE_FILE_BYTES = 16_384
_KEPT_AGES = 4096
LOSS_BOUND_MS = 250
"""What may be lost at most when the process or the machine dies."""
_SLOW_ALARM_EVERY_NS = 10_000_000_000
_RETRY_S = (0.05, 0.2, 1.0, 5.0)


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
        sync_interval_ns: int,
    ) -> None:
        """Create the first file; OSError when that fails."""
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._open_segment = open_segment
        self._alarm = alarm
        self._settled = settled
        self._sync_interval_ns = sync_interval_ns
        self._synced_ns = time.monotonic_ns()
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
        self.ages_ms: deque[float] = deque(maxlen=_KEPT_AGES)
        self._number = max(segment_numbers(directory), default=0)
        self._file: SegmentFile | None = None
        self._position = 0
        self._quiet_until_ns = 0
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
        """Append records, in order; durable after the next `commit`; a long backlog commits by itself."""
        for start in range(0, len(entries), _BATCH_RECORDS):
            # A sync in an earlier round (rotation, a replaced file) has covered all before this batch.
            self.oldest_ns = self.oldest_ns or entries[start].monotonic_ns
            packed = [self._pack(entry) for entry in entries[start : start + _BATCH_RECORDS]]
            self._pending.extend(packed)
            try:
                self._append(packed)
                if self._position >= self._segment_bytes:
                    self._rotate()
            except OSError as error:
                self._replace(error)
            if time.monotonic_ns() - self._synced_ns >= self._sync_interval_ns:
                self.commit()

    def commit(self) -> None:
        """Make everything written durable and complete the futures it covers."""
        if not self._pending:
            return
        try:
            self._sync()
        except OSError as error:
            self._replace(error)
        self._delete_unneeded()
        if not self._live and self._position > _IDLE_FILE_BYTES:
            self._begin_afresh()

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
        self._synced_ns = time.monotonic_ns()
        self._watch_age()
        self._settle()

    def _watch_age(self) -> None:
        """Tell when the promise of at most 250 ms would have been broken by a loss of power just now."""
        now_ns = time.monotonic_ns()
        age_ms = (now_ns - self.oldest_ns) / 1_000_000 if self.oldest_ns else 0.0
        self.ages_ms.append(age_ms)
        if age_ms > LOSS_BOUND_MS and now_ns >= self._quiet_until_ns:
            self._quiet_until_ns = now_ns + _SLOW_ALARM_EVERY_NS
            self._alarm("journal-slow", {"age_ms": int(age_ms), "sync_ms": int(self.sync_ms[-1])})

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
            note_durable(entry, path, item.offset, item.chain)
            if entry.kind is RecordType.MARKER:
                self._scrub(entry)
            if entry.future is not None:
                entry.future.set_result(state.head())
        self.oldest_ns = 0
        self._settled(settled_bytes)

    def _scrub(self, entry: Entry) -> None:
        """Take out the samples that a marker says must not be kept."""
        body = from_json(entry.payload)
        if body.get("kind") != MASKED_BEFORE:
            return
        try:
            scrub(entry.state.extents, body["channel"], body["start_sample"], body["sample_count"])
        except OSError as error:  # the archive takes them out all the same
            self._alarm("journal-scrub-failed", {"errno": error.errno or 0})

    def _rotate(self) -> None:
        """Begin the next file, once everything in this one is durable."""
        self._sync()
        self._drop_file()
        self._begin_file({"reason": "size"})

    def _begin_afresh(self) -> None:
        """Move on from a file that no call needs any more, so that its audio does not linger."""
        try:
            self._drop_file()
            self._begin_file({"reason": "idle"})
        except OSError as error:
            self._replace(error)
        self._delete_unneeded()

    def _drop_file(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()
        self._file = None

    def _undo_file(self) -> None:
        """Delete a new file that failed before anything in it was durable: a full disk needs the room."""
        self._drop_file()
        self._needed.pop(self._number, None)
        with contextlib.suppress(OSError):
            segment_path(self._directory, self._number).unlink()

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
                self._undo_file()
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


def _number_of(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])

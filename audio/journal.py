"""The crash-safe journal: one write-ahead file set per recorder process, shared by all its calls.

Callers queue records and return at once; one thread writes them and makes them durable at least every
100 ms with a single fdatasync for all calls. What is written survives the death of the process; what is
synced survives the loss of power. A record stays in memory until it is durable: when a write or a sync
fails, the file is given up, never synced again, and everything not yet durable goes into a new file.

Memory is the only bound: with a disk that takes nothing, audio is queued up to `memory_bytes` and then turned
into gap records, with an alarm. Queueing never blocks.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from koemori.audio.call import CallEnded, CallId, CallStarted
from koemori.audio.errors import JournalError
from koemori.audio.ids import id_to_bytes, new_recording_id
from koemori.audio.journal_calls import CallState, Entry, JournalAlarm
from koemori.audio.journal_files import DirectoryLock, DiskSegment, SegmentFile
from koemori.audio.journal_format import (
    MAX_PAYLOAD_BYTES,
    OpenFacts,
    PayloadCipher,
    PlainCipher,
    RecordType,
    close_body,
    open_body,
    record_size,
)
from koemori.audio.journal_reader import JournalScan, read_calls
from koemori.audio.journal_records import JournalCall
from koemori.audio.journal_writer import LOSS_BOUND_MS, SegmentWriter
from koemori.audio.recording import CallRecorder, JournalHead

__all__ = [
    "LOSS_BOUND_MS",
    "CallRecorder",
    "Journal",
    "JournalAlarm",
    "JournalCall",
    "JournalHead",
    "JournalMetrics",
    "read_calls",
]

_log = logging.getLogger(__name__)
SYNC_INTERVAL_MS = 100
SEGMENT_BYTES = 64 * 1024 * 1024
MEMORY_BYTES = 256 * 1024 * 1024
_GATHER_S = 0.004
_IDLE_S = 1.0


@dataclass(frozen=True, slots=True)
class JournalMetrics:
    """Counters since the start, and the state now; times in milliseconds."""

    age_ms: float
    """Age of the oldest record that is not durable yet; 0 when all are."""
    queued_bytes: int
    bytes_written: int
    records_written: int
    syncs: int
    sync_ms: tuple[float, ...]
    """The latest sync times, oldest first, at most 1024."""
    ages_ms: tuple[float, ...]
    """How old the oldest record was as each of the latest 4096 syncs made it durable, oldest sync first."""
    write_failures: int
    overflow_samples: int
    open_calls: int


def recorder_version() -> str:
    """Version of the installed recorder, for the record."""
    try:
        return version("koemori")
    except PackageNotFoundError:
        return "unknown"


@dataclass(slots=True)
class _Sink:
    """One call's way into the queue."""

    journal: Journal
    state: CallState

    def offer(
        self, kind: RecordType, channel: int, flags: int, first_sample: int, payload: bytes, *, force: bool
    ) -> bool:
        return self.journal._offer(self.state, kind, channel, flags, first_sample, payload, force)

    def finish(self, payload: bytes) -> Future[JournalHead]:
        return self.journal._finish(self.state, payload)


@dataclass(slots=True)
class _Queue:
    lock: threading.Lock = field(default_factory=threading.Lock)
    wake: threading.Event = field(default_factory=threading.Event)
    entries: list[Entry] = field(default_factory=list)
    bytes: int = 0
    oldest_ns: int = 0


class Journal:
    """Writes the journal of all calls of this process."""

    def __init__(
        self,
        directory: Path,
        *,
        on_alarm: Callable[[JournalAlarm], None] | None = None,
        sync_interval_ms: int = SYNC_INTERVAL_MS,
        segment_bytes: int = SEGMENT_BYTES,
        memory_bytes: int = MEMORY_BYTES,
        open_segment: Callable[[Path], SegmentFile] = DiskSegment,
        cipher: PayloadCipher | None = None,
    ) -> None:
        """Take the directory and start the writer thread.

        Args:
            directory: Made when missing; one process at a time.
            on_alarm: Called from the writer thread when the disk fails or the memory bound is hit.
            sync_interval_ms: Longest time between a write and the sync that covers it.
            segment_bytes: Size at which the next file is begun.
            memory_bytes: Bound on what waits in memory to become durable.
            open_segment: Creates a journal file; tests give one that fails.
            cipher: What is done to payloads; plain when left out.

        Raises:
            JournalError: Another process writes here, or the first file cannot be made.
        """
        self.directory = directory
        self._lock_file = DirectoryLock(directory)
        self._on_alarm = on_alarm
        self._sync_interval_ns = int(sync_interval_ms * 0.9 * 1_000_000)
        self._memory_bytes = memory_bytes
        self._cipher = cipher or PlainCipher()
        self._queue = _Queue()
        self._calls: dict[CallId, CallState] = {}
        self._stopping = False
        self._died = False
        self._overflow_samples = 0
        self._overflow_alarmed_at = -1e9
        try:
            self._writer = SegmentWriter(
                directory,
                segment_bytes,
                open_segment,
                self._alarm,
                self._settled,
                self._sync_interval_ns,
            )
        except OSError as error:
            self._lock_file.release()
            raise JournalError(
                f"expected to create a journal file in {directory}; got {error.strerror}"
            ) from error
        self._thread = threading.Thread(target=self._run, name="koemori-journal", daemon=True)
        self._thread.start()

    def open_call(self, started: CallStarted, *, recording_id: str | None = None) -> CallRecorder:
        """Begin a call's journal.

        Raises:
            JournalError: The id is not a ULID or is in use, or the journal is closed.
        """
        if self._stopping:
            raise JournalError("expected an open journal; it is closed")
        if started.call_id in self._calls:
            raise JournalError("expected a new call id; this journal already holds that call")
        facts = OpenFacts(
            started,
            recording_id or new_recording_id(started.started_at),
            1,
            recorder_version(),
            self._cipher.cipher_id,
        )
        state = CallState(id_to_bytes(started.call_id), facts, self._cipher)
        self._calls[started.call_id] = state
        self._offer(state, RecordType.OPEN, 0, 0, 0, open_body(facts), True)
        return CallRecorder(started, facts.recording_id, _Sink(self, state), self._note_overflow)

    def adopt(self, scan: JournalScan) -> None:
        """Take over the calls and files of an earlier process, to finish and release them here."""
        for call in scan.calls:
            if call.released or call.call_id in self._calls:
                continue
            self._calls[call.call_id] = CallState.resume(id_to_bytes(call.call_id), call, self._cipher)
        self._writer.adopt(scan)

    def finish_adopted(
        self, call_id: CallId, ended: CallEnded, facts: Mapping[str, int]
    ) -> Future[JournalHead]:
        """Write the close record of an adopted call that was cut off; `facts` are counts worth keeping."""
        return self._finish(self._state(call_id), close_body(ended, facts))

    def call(self, call_id: CallId) -> JournalCall:
        """Return a call as it stands on disk; complete once the future of its `close` is done.

        Raises:
            JournalError: The journal does not hold that call.
        """
        return self._state(call_id).snapshot()

    def release(self, call_id: CallId) -> None:
        """Say that a sealed recording has taken this call's place; files no call needs are deleted."""
        state = self._state(call_id)
        del self._calls[call_id]
        with self._queue.lock:
            self._queue.entries.append(Entry.released(state))
            self._queue.oldest_ns = self._queue.oldest_ns or time.monotonic_ns()
        self._queue.wake.set()

    def metrics(self) -> JournalMetrics:
        """Return the counters; cheap, from any thread."""
        oldest = min((t for t in (self._queue.oldest_ns, self._writer.oldest_ns) if t), default=0)
        return JournalMetrics(
            age_ms=(time.monotonic_ns() - oldest) / 1e6 if oldest else 0.0,
            queued_bytes=self._queue.bytes,
            bytes_written=self._writer.bytes_written,
            records_written=self._writer.records_written,
            syncs=self._writer.syncs,
            sync_ms=tuple(self._writer.sync_ms),
            ages_ms=tuple(self._writer.ages_ms),
            write_failures=self._writer.failures,
            overflow_samples=self._overflow_samples,
            open_calls=len(self._calls),
        )

    def close(self, timeout_s: float = 10.0) -> None:
        """Make everything durable and stop; files that no unreleased call needs are deleted.

        Raises:
            JournalError: The disk did not take everything within the time.
        """
        if self._stopping:
            return
        self._writer.give_up_at = time.monotonic() + timeout_s
        with self._queue.lock:
            self._stopping = True
        self._queue.wake.set()
        self._thread.join(timeout_s + 5.0)
        if not self._thread.is_alive():
            self._lock_file.release()
        if self._queue.bytes or self._thread.is_alive():
            raise JournalError(
                f"expected all records to be durable at the end; {self._queue.bytes} bytes are not"
            )

    def _state(self, call_id: CallId) -> CallState:
        try:
            return self._calls[call_id]
        except KeyError:
            raise JournalError("expected a call of this journal; got an unknown call id") from None

    def _offer(
        self,
        state: CallState,
        kind: RecordType,
        channel: int,
        flags: int,
        first_sample: int,
        payload: bytes,
        force: bool,
        future: Future[JournalHead] | None = None,
    ) -> bool:
        if self._died:
            raise JournalError("expected a running journal; its writer has failed, see the log")
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise JournalError(f"expected at most {MAX_PAYLOAD_BYTES} bytes in a record; got {len(payload)}")
        now = time.monotonic_ns()
        entry = Entry(state, kind, channel, flags, first_sample, payload, now, time.time_ns(), future)
        size = record_size(len(payload))
        queue = self._queue
        with queue.lock:
            if self._stopping:
                raise JournalError("expected an open journal; it is closed")
            if queue.bytes + size > self._memory_bytes and not force:
                return False
            queue.entries.append(entry)
            queue.bytes += size
            queue.oldest_ns = queue.oldest_ns or now
        if not queue.wake.is_set():
            queue.wake.set()
        return True

    def _finish(self, state: CallState, payload: bytes) -> Future[JournalHead]:
        future: Future[JournalHead] = Future()
        self._offer(state, RecordType.CLOSE, 0, 0, 0, payload, True, future)
        return future

    def _note_overflow(self, samples: int) -> None:
        self._overflow_samples += samples
        now = time.monotonic()
        if now - self._overflow_alarmed_at > 1.0:
            self._overflow_alarmed_at = now
            self._alarm("journal-overflow", {"queued_bytes": self._queue.bytes})

    def _alarm(self, code: str, facts: Mapping[str, int | str]) -> None:
        _log.error("journal alarm", extra={"code": code, **facts})
        if self._on_alarm is not None:
            try:
                self._on_alarm(JournalAlarm(code, dict(facts)))
            except Exception:  # a listener's mistake must not stop the writer
                _log.exception("journal alarm listener failed", extra={"code": code})

    def _settled(self, byte_count: int) -> None:
        with self._queue.lock:
            self._queue.bytes -= byte_count

    def _run(self) -> None:
        try:
            self._write_until_closed()
        except Exception:  # the thread's edge: recorders must hear of it at their next push
            self._died = True
            _log.exception("journal writer failed")
            self._alarm("journal-writer-failed", {"queued_bytes": self._queue.bytes})

    def _write_until_closed(self) -> None:
        queue, writer = self._queue, self._writer
        while True:
            due_ns = writer.oldest_ns + self._sync_interval_ns if writer.oldest_ns else 0
            wait_s = max(0.0, (due_ns - time.monotonic_ns()) / 1e9) if due_ns else _IDLE_S
            if queue.wake.wait(wait_s) and not self._stopping:
                time.sleep(min(_GATHER_S, wait_s))
            queue.wake.clear()
            stopping = self._stopping
            with queue.lock:
                entries, queue.entries = queue.entries, []
                queue.oldest_ns = 0
            writer.write(entries)
            urgent = stopping or any(entry.future is not None or entry.is_release for entry in entries)
            due = writer.oldest_ns and time.monotonic_ns() >= writer.oldest_ns + self._sync_interval_ns
            if urgent or due:
                writer.commit()
            if stopping and not queue.entries:
                writer.finish()
                return

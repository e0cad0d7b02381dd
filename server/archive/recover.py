"""Recovery, as a start does it after a crash: every unfinished call in the journals becomes a recording.

A call that was cut off gets a close record with reason `recovered`, its chain going on in a new journal
file, and is then sealed like any other. Bytes that could not be believed are copied aside first: they are
evidence too. Running it again, or after being killed in the middle, ends in the same recordings.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from koemori.audio.call import CallEnded, CallId, CallStarted
from koemori.audio.errors import JournalError
from koemori.audio.frames import samples_to_ms
from koemori.audio.journal import LOSS_BOUND_MS, Journal, JournalCall
from koemori.audio.journal_files import (
    TORN_DIRECTORY,
    make_directory,
    segment_numbers,
    sync_directory,
    sync_file,
)
from koemori.audio.journal_reader import TornTail, scan
from koemori.server.archive.errors import SealError
from koemori.server.archive.sealing import SealedRecording, seal_call
from koemori.server.archive.store import LocalRecordingStore, RecordingStore

_log = logging.getLogger(__name__)
__all__ = ["JOURNAL_DIRECTORY", "LOSS_BOUND_MS", "RecoveredCall", "recover"]
JOURNAL_DIRECTORY = "journal"
RECOVERED = "recovered"
_CLOSE_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class RecoveredCall:
    """What became of one unfinished call.

    Attributes:
        kept_ms: Length of the sealed recording up to the cut.
        lost_ms: What the journal itself shows to be missing at the end (longest of the channels). What died
            in memory leaves no trace; for a call that was cut off it is at most `LOSS_BOUND_MS` more.
        cut_off: False when the call had ended and only sealing was left to do.
        sealed: None when sealing failed; the journal then stays, and `problem` says why.
        torn_bytes: Unreadable bytes at the end of the journal's files, of all calls together, kept aside.
    """

    call_id: CallId
    recording_id: str
    started: CallStarted
    ended: CallEnded
    kept_ms: int
    lost_ms: int
    cut_off: bool
    torn_bytes: int
    sealed: SealedRecording | None
    problem: str | None


def recover(
    archive_dir: Path, on_sealed: Callable[[RecoveredCall], None] | None = None
) -> list[RecoveredCall]:
    """Finish every unfinished call of an archive.

    Args:
        archive_dir: Holds `journal/` and `recordings/`.
        on_sealed: Called for each call before its journal is released, to note the recording elsewhere.

    Returns:
        One entry per unfinished call, oldest first; empty when there was nothing to do.

    Raises:
        JournalError: Another process is writing this journal, or its disk does not answer.
    """
    directory = archive_dir / JOURNAL_DIRECTORY
    if not needs_recovery(directory):
        return []
    journal = Journal(directory)
    try:
        found = scan(directory)
        torn_bytes = sum(_keep_aside(directory, tail) for tail in found.torn)
        if torn_bytes:
            _log.warning("journal bytes kept aside", extra={"torn_bytes": torn_bytes})
        journal.adopt(found)
        store = LocalRecordingStore(archive_dir)
        return [
            _finish(journal, call, store, torn_bytes, on_sealed) for call in found.calls if not call.released
        ]
    finally:
        journal.close()


def needs_recovery(directory: Path) -> bool:
    """Whether a journal directory holds files of an earlier process."""
    return bool(segment_numbers(directory))


def _finish(
    journal: Journal,
    call: JournalCall,
    store: RecordingStore,
    torn_bytes: int,
    on_sealed: Callable[[RecoveredCall], None] | None,
) -> RecoveredCall:
    rate = call.started.sample_rate_hz
    kept = max(call.head.samples.values(), default=0)
    cut_off = call.ended is None or call.ended.reason == RECOVERED
    lost_ms = _lost_ms(call) if cut_off else 0
    ended = call.ended
    if ended is None:
        ended = CallEnded(call.call_id, samples_to_ms(kept, rate), RECOVERED)
        facts = {"kept_ms": ended.end_ms, "lost_ms": lost_ms, "torn_bytes": torn_bytes}
        try:
            journal.finish_adopted(call.call_id, ended, facts).result(_CLOSE_TIMEOUT_S)
        except TimeoutError:
            limit = f"{_CLOSE_TIMEOUT_S:g} s"
            raise JournalError(f"journal: expected its disk to answer within {limit}; got nothing") from None
    recovered = RecoveredCall(
        call_id=call.call_id,
        recording_id=call.facts.recording_id,
        started=call.started,
        ended=ended,
        kept_ms=samples_to_ms(kept, rate),
        lost_ms=lost_ms,
        cut_off=cut_off,
        torn_bytes=torn_bytes,
        sealed=None,
        problem=None,
    )

    def note(sealed: SealedRecording) -> None:
        if on_sealed is not None:
            on_sealed(replace(recovered, sealed=sealed))

    try:
        sealed = seal_call(journal, call.call_id, store, note)
    except SealError as error:
        _log.exception("recovery could not seal a call", extra={"call_id": call.call_id})
        return replace(recovered, problem=str(error))
    _log.warning(
        "call recovered",
        extra={"call_id": call.call_id, "kept_ms": recovered.kept_ms, "lost_ms": lost_ms, "cut_off": cut_off},
    )
    return replace(recovered, sealed=sealed)


def _lost_ms(call: JournalCall) -> int:
    """Return the longest shortfall of a channel against where the recording ends."""
    ends = {channel.index: call.head.samples.get(channel.index, 0) for channel in call.started.channels}
    end = max([*ends.values(), *call.cut_samples.values()])
    return samples_to_ms(end - min(ends.values()), call.started.sample_rate_hz)


def _keep_aside(directory: Path, tail: TornTail) -> int:
    """Copy what could not be believed to `torn/`; return its size. Zeroes say nothing and are not kept."""
    if tail.blank:
        return 0
    aside = directory / TORN_DIRECTORY
    make_directory(aside)
    target = aside / f"{tail.path.stem}-{tail.offset}.bin"
    if not target.exists():
        with tail.path.open("rb") as stream:
            stream.seek(tail.offset)
            target.write_bytes(stream.read(tail.byte_count))
        target.chmod(0o400)
        sync_file(target)
        sync_directory(aside)
    return tail.byte_count

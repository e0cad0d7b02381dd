"""Sealing: a call's journal becomes a FLAC master with a manifest.

Order matters. The journal is read and put in order, encoded, decoded again and compared sample by sample
through a hash; then the recording is stored durably in one step; only then may the journal be released. A
failure anywhere leaves the journal as it is, and sealing can be tried again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from koemori.audio.call import CallId
from koemori.audio.errors import JournalError
from koemori.audio.frames import samples_to_ms
from koemori.audio.journal import Journal, JournalCall, recorder_version
from koemori.server.archive.errors import ArchiveError, SealError
from koemori.server.archive.flac import BLOCK_SAMPLES, decode_pcm, pcm_sha256, write_flac
from koemori.server.archive.ledger import CAUSES, ChannelLedger, Ledger
from koemori.server.archive.manifest import (
    MANIFEST_NAME,
    MASTER_NAME,
    SCHEMA,
    SCHEMA_VERSION,
    DecodeError,
    file_sha256,
    manifest_bytes,
    read_manifest,
    verify_recording,
)
from koemori.server.archive.store import RecordingStore
from koemori.server.archive.timeline import Timeline, build_timeline, pcm_blocks
from koemori.server.archive.told import write_documents

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SealedRecording:
    """A recording that is in the store.

    Attributes:
        manifest_sha256: Of the bytes of `manifest.json`; keep it apart from the directory.
        pcm_sha256: Of the interleaved s16le samples.
        sample_count: Per channel.
    """

    recording_id: str
    call_id: CallId
    directory: Path
    manifest_sha256: str
    pcm_sha256: str
    ledger: Ledger
    sample_rate_hz: int
    sample_count: int
    duration_ms: int


def seal_call(
    journal: Journal,
    call_id: CallId,
    store: RecordingStore,
    on_sealed: Callable[[SealedRecording], None] | None = None,
) -> SealedRecording:
    """Seal a closed call of a running journal and release it; blocks, so call it in a thread.

    Args:
        journal: The future of the call's `close` must be done.
        call_id: The call.
        store: Where the recording goes.
        on_sealed: Called before the journal is released, to note the recording elsewhere; if it raises, the
            journal stays and the call is found again by `recover`.

    Raises:
        SealError: The recording could not be made; the journal stays.
    """
    sealed = seal(journal.call(call_id), store)
    if on_sealed is not None:
        on_sealed(sealed)
    journal.release(call_id)
    return sealed


def seal(call: JournalCall, store: RecordingStore) -> SealedRecording:
    """Make, check and store a call's recording; a call sealed before is only verified.

    Raises:
        SealError: The recording could not be made, or an earlier one of this call is damaged.
    """
    if call.ended is None:
        raise SealError("expected a closed call; this one has no close record")
    stored = store.find(call.facts.recording_id)
    if stored is not None:
        return _sealed_before(call.call_id, stored.directory)
    staged = store.stage(call.facts.recording_id)
    try:
        body, timeline = _prepare(call, staged)
        directory = store.commit(call.facts.recording_id, staged)
    except (JournalError, DecodeError, OSError) as error:
        store.discard(staged)
        raise SealError(f"expected to seal a recording; {type(error).__name__}: {error}") from error
    except ArchiveError:
        store.discard(staged)
        raise
    _log.info("recording sealed", extra={"call_id": call.call_id, "recording_id": call.facts.recording_id})
    return _describe(call.call_id, directory, body, timeline.ledger())


def _prepare(call: JournalCall, staged: Path) -> tuple[dict[str, Any], Timeline]:
    timeline = build_timeline(call)
    master = staged / MASTER_NAME
    blocks = pcm_blocks(call, timeline, BLOCK_SAMPLES)
    written = write_flac(master, blocks, timeline.sample_rate_hz, len(timeline.channels))
    decoded = pcm_sha256(master)
    if decoded != written:
        raise SealError(f"expected the master to decode to {written}; got {decoded}")
    documents = write_documents(timeline.told, staged)
    body = manifest_body(call, timeline, written, master, documents)
    (staged / MANIFEST_NAME).write_bytes(manifest_bytes(body))
    return body, timeline


def manifest_body(
    call: JournalCall,
    timeline: Timeline,
    pcm_digest: str,
    master: Path,
    documents: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """State what was recorded. Persons, numbers and external ids stay out of it."""
    ended = call.ended
    if ended is None:
        raise SealError("expected a closed call; this one has no close record")
    started = call.started
    wall_ns = call.last_wall_ns - call.first_wall_ns
    monotonic_ns = call.last_monotonic_ns - call.first_monotonic_ns
    return {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "recording_id": call.facts.recording_id,
        "part": call.facts.part,
        "previous_part_manifest_sha256": None,
        "call_id": call.call_id,
        "started_at": started.started_at.astimezone(UTC).isoformat(),
        "ended_at": datetime.fromtimestamp(call.last_wall_ns / 1e9, UTC).isoformat(),
        "end_reason": ended.reason,
        "clock": {
            "source": "system",
            "wall_minus_monotonic_ms": (wall_ns - monotonic_ns) // 1_000_000,
        },
        "recorder": {
            "name": "koemori",
            "version": call.facts.recorder_version,
            "sealed_by": recorder_version(),
        },
        "audio": _audio_body(call, timeline, pcm_digest),
        "gaps": _gaps_body(timeline),
        "ledger": {"channels": [channel.as_manifest() for channel in timeline.ledger().channels]},
        "journal": {
            "chain": call.head.chain.hex(),
            "record_count": call.head.record_count,
            "breaks": [{"after_records": index} for index in sorted(call.breaks)],
            "unlinked_records": call.unlinked_records,
            "cipher": call.facts.cipher_id,
        },
        "files": [
            {
                "role": "master",
                "name": master.name,
                "size_bytes": master.stat().st_size,
                "sha256": file_sha256(master),
            },
            *documents,
        ],
        "told": {
            "facts": list(timeline.told.facts),
            "documents_left_out": timeline.told.left_out,
        },
        "transcript": None,
    }


def _audio_body(call: JournalCall, timeline: Timeline, pcm_digest: str) -> dict[str, Any]:
    sources = {channel.index: channel for channel in call.started.channels}
    return {
        "codec": "flac",
        "sample_rate_hz": timeline.sample_rate_hz,
        "bits_per_sample": 16,
        "sample_count": timeline.sample_count,
        "duration_ms": samples_to_ms(timeline.sample_count, timeline.sample_rate_hz),
        "channels": [
            {
                "index": channel.index,
                "role": channel.role,
                "leg_id": sources[channel.index].leg_id,
                "source": sources[channel.index].source,
                "overlapped_samples": channel.overlapped_samples,
            }
            for channel in timeline.channels
        ],
        "pcm_format": "s16le interleaved",
        "pcm_sha256": pcm_digest,
    }


def _gaps_body(timeline: Timeline) -> list[dict[str, Any]]:
    return [
        {
            "channel": channel.index,
            "start_sample": span.start_sample,
            "sample_count": span.sample_count,
            "cause": span.cause.value,
        }
        for channel in timeline.channels
        for span in channel.missing
    ]


def _sealed_before(call_id: CallId, directory: Path) -> SealedRecording:
    result = verify_recording(directory, decode=decode_pcm)
    if not result.ok:
        failed = result.failures()[0]
        raise SealError(
            f"expected the recording sealed before to be whole; {failed.name} of {failed.file} differs"
        )
    body = read_manifest(directory)
    return _describe(call_id, directory, body, ledger_of(body))


def ledger_of(body: dict[str, Any]) -> Ledger:
    """Read the ledger back from a manifest's body."""
    return Ledger(
        tuple(
            ChannelLedger(
                index=entry["index"],
                role=entry["role"],
                duration_samples=entry["duration_samples"],
                duration_ms=entry["duration_ms"],
                samples={cause: entry[f"{cause}_samples"] for cause in CAUSES},
                ms={cause: entry[f"{cause}_ms"] for cause in CAUSES},
            )
            for entry in body["ledger"]["channels"]
        )
    )


def _describe(call_id: CallId, directory: Path, body: dict[str, Any], ledger: Ledger) -> SealedRecording:
    audio = body["audio"]
    return SealedRecording(
        recording_id=body["recording_id"],
        call_id=call_id,
        directory=directory,
        manifest_sha256=file_sha256(directory / MANIFEST_NAME),
        pcm_sha256=audio["pcm_sha256"],
        ledger=ledger,
        sample_rate_hz=audio["sample_rate_hz"],
        sample_count=audio["sample_count"],
        duration_ms=audio["duration_ms"],
    )

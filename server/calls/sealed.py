"""A sealed recording as the last event of a call tells it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from koemori.audio.call import CallStarted
from koemori.audio.frames import samples_to_ms
from koemori.server.wire import LedgerChannel, WireLedger, WireRecording

if TYPE_CHECKING:
    from koemori.server.archive.sealing import SealedRecording


def recording_of(recording: SealedRecording) -> WireRecording:
    """Where the recording is and what its manifest hashes to."""
    return WireRecording(
        id=recording.recording_id, manifest_sha256=recording.manifest_sha256, path=str(recording.directory)
    )


def ledger_of(recording: SealedRecording) -> WireLedger:
    """Where each channel's milliseconds went."""
    return WireLedger.model_validate(recording.ledger.as_json())


def unsealed_ledger(started: CallStarted, end_ms: int, ends: Mapping[int, int]) -> WireLedger:
    """The ledger of a call whose sealing failed: what was captured as far as the session knows."""
    channels = []
    for channel in started.channels:
        captured_ms = min(end_ms, samples_to_ms(ends.get(channel.index, 0), started.sample_rate_hz))
        channels.append(
            LedgerChannel(
                index=channel.index,
                role=channel.role,
                duration_ms=end_ms,
                captured_ms=captured_ms,
                lost_ms=end_ms - captured_ms,
            )
        )
    return WireLedger(channels=tuple(channels))

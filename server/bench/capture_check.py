"""Whether sealed recordings hold every sample that was sent, and no other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from koemori.server.archive.manifest import MANIFEST_NAME, MASTER_NAME, file_sha256
from koemori.server.bench.capture_voice import PACKET_SAMPLES, spoken
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Checked:
    """What the recordings of a run hold.

    Attributes:
        recordings: Found.
        legs_exact: Channels that without their gaps are, by SHA-256, what was sent.
        samples_sent: Of all legs.
        samples_lost: Sent and not in a recording.
        samples_late: In a recording, but after their place had been told as a gap.
        clock_gap_ms: Silence that keeps legs together, of all channels.
        masters_whole: Files whose digest is the manifest's.
    """

    recordings: int = 0
    legs_exact: int = 0
    samples_sent: int = 0
    samples_lost: int = 0
    samples_late: int = 0
    clock_gap_ms: int = 0
    masters_whole: int = 0


def check(archive: Path, sent: Mapping[int, int], call_of: Callable[[Mapping[str, Any]], int]) -> Checked:
    """Compare the recordings of an archive with what was sent.

    Args:
        archive: Where recordings lie.
        sent: Packets by leg; legs `2n` and `2n + 1` are channels 0 and 1 of call `n`.
        call_of: Number of the call that a manifest's body is of.
    """
    recordings = exact = lost = late = clock_ms = whole = 0
    missing = dict(sent)
    for path in sorted(archive.rglob(MANIFEST_NAME)):
        body = json.loads(path.read_text(encoding="utf-8"))["body"]
        master = path.parent / MASTER_NAME
        recordings += 1
        whole += any(row["sha256"] == file_sha256(master) for row in body["files"] if row["role"] == "master")
        samples, _ = soundfile.read(master, dtype="int16", always_2d=True)
        for channel in range(samples.shape[1]):
            leg = 2 * call_of(body) + channel
            packets = missing.pop(leg)
            kept = _without_gaps(samples[:, channel], body["gaps"], channel)
            exact += _digest(kept) == _digest(spoken(leg, packets))
            ledger = body["ledger"]["channels"][channel]
            late += ledger["late_samples"]
            lost += packets * PACKET_SAMPLES - ledger["captured_samples"] - ledger["late_samples"]
            clock_ms += ledger["clock_ms"]
    lost += sum(missing.values()) * PACKET_SAMPLES
    return Checked(recordings, exact, sum(sent.values()) * PACKET_SAMPLES, lost, late, clock_ms, whole)


def _without_gaps(samples: NDArray[np.int16], gaps: list[dict[str, Any]], channel: int) -> NDArray[np.int16]:
    keep = np.ones(len(samples), dtype=bool)
    for gap in gaps:
        if gap["channel"] == channel:
            keep[gap["start_sample"] : gap["start_sample"] + gap["sample_count"]] = False
    return samples[keep]


def _digest(samples: NDArray[np.int16]) -> str:
    return hashlib.sha256(samples.tobytes()).hexdigest()

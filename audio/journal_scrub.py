"""Takes samples that must not be kept out of journal records that are written already.

The chain covers a payload by its hash. A scrubbed record keeps that hash at the beginning of its payload,
zeros after it and a flag in its header; so the chain still verifies, and the samples are gone. It is written
over in one call; torn by a crash it is a damaged record, and no more than that record.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from koemori.audio.journal_format import (
    FLAG_SCRUBBED,
    FLAGS_AT,
    HEADER_BYTES,
    SCRUBBED_LEAST_BYTES,
    RecordType,
    parse_header,
)
from koemori.audio.journal_records import Extent

_MOST_BEHIND: Final = 250
"""So many records in a row that end before the stretch end the search: the rest is older still."""


def scrub(extents: Iterable[Extent], channel: int, start_sample: int, sample_count: int) -> int:
    """Scrub the records of one channel that lie within a stretch, searching from the newest.

    A record that lies in it in part is left: the archive takes its samples out when the call is sealed.

    Returns:
        How many records were scrubbed.

    Raises:
        OSError: A file could not be read or written.
    """
    end_sample = start_sample + sample_count
    scrubbed = behind = 0
    for extent in reversed(tuple(extents)):
        done, behind = _scrub_file(
            extent.path, extent.offsets[::-1], channel, start_sample, end_sample, behind
        )
        scrubbed += done
        if behind >= _MOST_BEHIND:
            break
    return scrubbed


def _scrub_file(
    path: Path, newest_first: Iterable[int], channel: int, start: int, end: int, behind: int
) -> tuple[int, int]:
    scrubbed = 0
    file = os.open(path, os.O_RDWR)
    try:
        for offset in newest_first:
            raw = os.pread(file, HEADER_BYTES, offset)
            header = parse_header(raw, 0)
            if header is None or header.type is not RecordType.AUDIO or header.channel != channel:
                continue
            first, last = header.first_sample, header.first_sample + header.payload_bytes // 2
            behind = behind + 1 if last <= start else 0
            if behind >= _MOST_BEHIND:
                break
            if first < start or last > end or header.scrubbed or header.payload_bytes < SCRUBBED_LEAST_BYTES:
                continue
            payload = os.pread(file, header.payload_bytes, offset + HEADER_BYTES)
            flagged = raw[:FLAGS_AT] + bytes([raw[FLAGS_AT] | FLAG_SCRUBBED]) + raw[FLAGS_AT + 1 :]
            kept = hashlib.sha256(payload).digest().ljust(header.payload_bytes, b"\0")
            os.pwrite(file, flagged + kept, offset)
            scrubbed += 1
        if scrubbed:
            os.fdatasync(file)
    finally:
        os.close(file)
    return scrubbed, behind

"""`koemori recover`: what a start-up does after a crash, by hand."""

from __future__ import annotations

import json
import sys

from koemori.server.commands.exits import FAILED, OK, UnusableInputError
from koemori.server.commands.options import ArchiveOption, ConfigOption, quiet_logging, settings_for


def recover(archive: ArchiveOption = None, config: ConfigOption = None) -> int:
    """Seal what a crash left in the journals; one JSON line per call with kept and lost milliseconds."""
    settings = settings_for(config, archive=archive)
    quiet_logging(settings)
    directory = settings.archive.directory
    if directory.exists() and not directory.is_dir():
        raise UnusableInputError(directory.name, "a folder of journals and recordings", "a file")
    from koemori.server.archive.recover import recover as recover_archive

    calls = recover_archive(directory)
    for call in calls:
        row = {
            "call_id": call.call_id,
            "recording_id": call.recording_id,
            "kept_ms": call.kept_ms,
            "lost_ms": call.lost_ms,
            "cut_off": call.cut_off,
            "torn_bytes": call.torn_bytes,
            "reason": call.ended.reason,
            "path": None if call.sealed is None else str(call.sealed.directory),
            "manifest_sha256": None if call.sealed is None else call.sealed.manifest_sha256,
            "problem": call.problem,
        }
        sys.stdout.write(json.dumps(row, ensure_ascii=False) + "\n")
    kept_ms = sum(call.kept_ms for call in calls)
    sys.stderr.write(f"{len(calls)} calls recovered, {kept_ms} ms kept\n")
    return FAILED if any(call.sealed is None for call in calls) else OK

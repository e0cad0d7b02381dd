"""A process that records a call at the pace of a phone line until it is killed.

Run as `python recording_child.py ARCHIVE`. After each push it says on stdout how many frames it has pushed,
one line each. Frame n of channel c holds the samples of `tests.fakes.recorded.samples_of`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from koemori.audio.journal import Journal

from tests.fakes.recorded import FRAME, frame, new_call


def main(archive: Path) -> None:
    """Record until killed."""
    recorder = Journal(archive / "journal").open_call(call := new_call())
    began = time.monotonic()
    step = 0
    while True:
        time.sleep(max(0.0, began + (step + 1) * 0.02 - time.monotonic()))
        for channel in call.channels:
            recorder.push(frame(call, channel.index, step * FRAME))
        step += 1
        sys.stdout.write(f"{step}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""SIGKILL at random moments: at most 250 ms are gone, and what is kept is exactly what was recorded."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.server.archive.flac import decode_pcm
from koemori.server.archive.manifest import MASTER_NAME, verify_recording
from koemori.server.archive.recover import LOSS_BOUND_MS, recover

from tests.fakes.recorded import FRAME, samples_of

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[3]
KILLS, AT_ONCE = 20, 4
SEEDED = random.Random(20261122)  # noqa: S311 - moments, not secrets
MOMENTS = [SEEDED.uniform(0.2, 1.2) for _ in range(KILLS)]


class Child:
    """A recording process and the frames it said it had pushed."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("recording_child.py")), str(archive)],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )

    def kill_after(self, step_count: int) -> int:
        """Kill once that many steps are pushed; return how many were pushed by then."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if int(line) >= step_count:
                break
        self.process.send_signal(signal.SIGKILL)
        rest = self.process.stdout.read().split()
        self.process.wait(10)
        self.process.stdout.close()
        return int(rest[-1]) if rest else step_count


@pytest.mark.parametrize("group", range(KILLS // AT_ONCE))
def test_a_killed_recorder_loses_at_most_250_ms(tmp_path: Path, group: int) -> None:
    moments = MOMENTS[group * AT_ONCE : (group + 1) * AT_ONCE]
    children = [Child(tmp_path / str(index)) for index in range(AT_ONCE)]
    pushed = [child.kill_after(int(moment * 50)) for child, moment in zip(children, moments, strict=True)]
    for child, step_count in zip(children, pushed, strict=True):
        (one,) = recover(child.archive)
        assert one.sealed is not None
        assert one.cut_off
        assert step_count * 20 - one.kept_ms <= LOSS_BOUND_MS
        samples, _ = soundfile.read(one.sealed.directory / MASTER_NAME, dtype="int16", always_2d=True)
        for channel in one.sealed.ledger.channels:
            kept = channel.samples["captured"]
            assert kept >= step_count * FRAME - LOSS_BOUND_MS * 8
            assert np.array_equal(samples[:kept, channel.index], samples_of(channel.index, 0, kept))
            assert kept + channel.samples["crash"] == len(samples)
        assert verify_recording(one.sealed.directory, decode=decode_pcm).ok

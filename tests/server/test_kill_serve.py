"""`kill -9` of the real service in mid-call, again and again: what was captured is all there."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import soundfile
from koemori.audio.codecs import g711
from numpy.typing import NDArray

from tests.support.service import FRAME_SAMPLES, Phone, Service

pytestmark = pytest.mark.model

ROUNDS = 8
LOSS_LIMIT_MS = 250


def noise_calls(seed: int) -> NDArray[np.uint8]:
    """Four seconds of two unlike channels in which no stretch repeats, as µ-law."""
    return np.random.default_rng(seed).integers(0, 256, size=(2, 32_000), dtype=np.uint8)


def masters(archive: Path) -> dict[str, Path]:
    """FLAC master per call id, from the manifests."""
    return {
        json.loads(path.read_text(encoding="utf-8"))["body"]["call_id"]: path.parent / "master.flac"
        for path in archive.rglob("manifest.json")
    }


@pytest.mark.timeout(600)
def test_kills_lose_at_most_250_ms_each(tmp_path: Path) -> None:
    service = Service(tmp_path)
    moments = random.Random(20_261_122)  # noqa: S311 -- a seeded list of moments, not a secret
    losses_ms: list[float] = []
    seen: set[str] = set()
    for round_number in range(ROUNDS):
        mulaw = noise_calls(round_number)
        if service.process is None:
            service.start()
        phone = Phone(service, mulaw)
        phone.talk(until_frame=moments.randint(15, 150))
        service.kill()
        phone.vanish()
        sent = phone.sent_frames * FRAME_SAMPLES
        if round_number % 2:
            done = service.command("recover", "--archive", str(tmp_path / "archive"))
            assert done.returncode == 0, done.stderr
        else:
            service.start()  # which recovers, and takes the next round's call
        new = {call: path for call, path in masters(tmp_path / "archive").items() if call not in seen}
        assert len(new) == 1
        seen |= set(new)
        samples, rate_hz = soundfile.read(next(iter(new.values())), dtype="int16")
        assert rate_hz == 8000
        kept = len(samples)
        assert kept <= sent
        for row in (0, 1):
            expected = g711.decode_mulaw(mulaw[row, :kept].tobytes())
            # One track's last frame may have been written while the other's was not.
            whole = kept - FRAME_SAMPLES
            assert np.array_equal(samples[:whole, row], expected[:whole])
        losses_ms.append((sent - kept) / 8)
    service.stop()
    print("loss_ms", sorted(losses_ms))  # noqa: T201 -- shown by -s and on failure
    assert max(losses_ms) <= LOSS_LIMIT_MS

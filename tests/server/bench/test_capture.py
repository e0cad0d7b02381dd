"""The capture benchmark: a service in a process of its own, real SIP and RTP, every sample compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from koemori.server.bench.capture import HEADINGS
from koemori.server.bench.capture_check import check
from koemori.server.bench.capture_voice import LOOP_PACKETS, PACKET_SAMPLES, spoken
from koemori.server.cli import main

pytestmark = pytest.mark.integration


def test_ten_calls_are_recorded_to_the_last_sample_and_the_figures_say_at_what_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "capture.json"
    command = ["koemori", "bench", "capture", "--calls", "10", "--seconds", "4", "--calls-per-s", "20"]
    monkeypatch.setattr("sys.argv", [*command, "--scratch", str(tmp_path), "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    result = json.loads(out.read_text(encoding="utf-8"))
    (row,) = result["runs"]
    assert row["recordings"] == row["masters_whole"] == 10
    assert row["legs_exact"] == 20
    assert row["samples_lost"] == row["packets_dropped_by_kernel"] == row["overflow_samples"] == 0
    assert row["packets_sent"] * PACKET_SAMPLES == row["samples_sent"]
    assert row["packets_sent"] >= 20 * 4 * 45  # a busy machine sends fewer
    assert row["syncs"] > 10
    assert row["journal_age_ms"]["max"] >= row["journal_age_ms"]["p50"] > 0
    assert row["cpu_s_per_call_s"] > 0
    assert row["mib"] > 20
    assert HEADINGS in capsys.readouterr().err
    assert not list(tmp_path.glob("koemori-bench-*"))


def test_every_packet_of_every_leg_is_another() -> None:
    legs = [spoken(leg, 2 * LOOP_PACKETS).reshape(-1, PACKET_SAMPLES) for leg in range(3)]
    packets = {packet.tobytes() for leg in legs for packet in leg}
    assert len(packets) == 3 * 2 * LOOP_PACKETS
    numbered = legs[0][LOOP_PACKETS:] - legs[0][:LOOP_PACKETS]
    assert np.abs(numbered).max() < 250


def test_what_is_missing_from_a_recording_is_counted(tmp_path: Path) -> None:
    import soundfile

    folder = tmp_path / "one"
    folder.mkdir()
    whole = spoken(0, 10)
    kept = np.concatenate((whole[:PACKET_SAMPLES], whole[2 * PACKET_SAMPLES :]))
    soundfile.write(folder / "master.flac", np.stack((kept, spoken(1, 9)), axis=1), 8_000, subtype="PCM_16")
    body: dict[str, Any] = {
        "files": [{"role": "master", "sha256": "0"}],
        "gaps": [],
        "ledger": {
            "channels": [
                {"captured_samples": 9 * PACKET_SAMPLES, "late_samples": 0, "clock_ms": 0},
                {"captured_samples": 9 * PACKET_SAMPLES, "late_samples": 0, "clock_ms": 0},
            ]
        },
    }
    (folder / "manifest.json").write_text(json.dumps({"body": body}), encoding="utf-8")
    found = check(tmp_path, {0: 10, 1: 9, 2: 5}, lambda _: 0)
    assert (found.recordings, found.masters_whole, found.legs_exact) == (1, 0, 1)
    assert found.samples_lost == 6 * PACKET_SAMPLES
    assert found.samples_sent == 24 * PACKET_SAMPLES

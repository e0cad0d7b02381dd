"""The first thing anyone runs: `koemori demo --once --headless`, from nothing to an understood call."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from koemori.server.archive.manifest import verify_recording

pytestmark = pytest.mark.model


@pytest.mark.timeout(400)
def test_the_demo_records_hears_and_understands_its_first_call(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from koemori.server.cli import main; main()"),
            *("demo", "--once", "--headless", "--port", "0", "--data", str(tmp_path / "demo")),
        ],
        capture_output=True,
        text=True,
        timeout=380,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["ok"] is True
    assert min(summary["utterances"].values()) >= 3
    assert all(alert["quote"] and alert["severity"] >= 2 for alert in summary["alerts"])
    assert summary["guidance"]["first"]["say"]
    assert summary["case"]["fields"]
    assert summary["recording"]["samples_equal_input"] is True
    assert verify_recording(Path(summary["recording"]["path"])).ok
    for row in summary["ledger"]["channels"]:
        assert row["captured_ms"] == row["duration_ms"]

"""`koemori replay` on real audio with the real models: events, ledger, and samples kept to the last bit."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from koemori.server.archive.manifest import verify_recording
from koemori.server.wire import decode
from numpy.typing import NDArray

pytestmark = pytest.mark.model

RATE_HZ = 8000
COMMAND = (sys.executable, "-c", "from koemori.server.cli import main; main()", "replay")


@pytest.fixture(scope="module")
def excerpt(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of a scripted call: an insult, and the agent's answer."""
    samples, _ = soundfile.read(corpus / "audio" / "c01.flac", dtype="int16")
    path = tmp_path_factory.mktemp("calls") / "insult.wav"
    soundfile.write(path, samples[61 * RATE_HZ : 73 * RATE_HZ], RATE_HZ, subtype="PCM_16")
    return path


def _replay(*arguments: object, timeout_s: float = 120) -> tuple[int, list[dict[str, Any]], str]:
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=timeout_s, check=False
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def _of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == kind]


def _master(ended: dict[str, Any]) -> NDArray[np.int16]:
    directory = Path(ended["recording"]["path"])
    assert verify_recording(directory).ok
    samples: NDArray[np.int16] = soundfile.read(directory / "master.flac", dtype="int16", always_2d=True)[0]
    return samples


def test_a_call_at_full_speed_gives_the_contracts_events(excerpt: Path, tmp_path: Path) -> None:
    code, events, errors = _replay(excerpt, "--speed", "max", "--archive", tmp_path)
    assert (code, "koemori:" in errors) == (0, False)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert all(decode(json.dumps(event)).type == event["type"] for event in events)
    assert events[0]["type"] == "call_started"
    assert [event["type"] for event in events[-2:]] == ["case", "call_ended"]
    assert {event["speaker"] for event in _of(events, "utterance")} == {"agent", "customer"}
    assert any(event["severity"] >= 2 and event["quote"] for event in _of(events, "alert"))
    ends = [event["end_ms"] for event in _of(events, "utterance")]
    assert ends == sorted(ends)
    ended = events[-1]
    assert ended["duration_ms"] == 12_000
    for row in ended["ledger"]["channels"]:
        causes = [value for key, value in row.items() if key.endswith("_ms") and key != "duration_ms"]
        assert sum(causes) == row["duration_ms"] == 12_000
    assert np.array_equal(_master(ended), soundfile.read(excerpt, dtype="int16")[0])


def test_swapped_roles_put_the_agent_first(excerpt: Path, tmp_path: Path) -> None:
    code, events, _ = _replay(excerpt, "--roles", "customer,agent", "--speed", "max", "--archive", tmp_path)
    assert code == 0
    assert [channel["role"] for channel in events[0]["channels"]] == ["agent", "customer"]
    assert np.array_equal(_master(events[-1])[:, ::-1], soundfile.read(excerpt, dtype="int16")[0])


def test_an_interrupted_call_is_sealed_and_says_so(excerpt: Path, tmp_path: Path) -> None:
    arguments = [*COMMAND, str(excerpt), "--archive", str(tmp_path)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        time.sleep(1.5)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    events = [first, *map(json.loads, rest.splitlines())]
    assert (process.returncode, "koemori:" in errors) == (130, False)
    assert events[-1]["reason"] == "interrupted"
    kept = _master(events[-1])
    assert len(kept) >= RATE_HZ
    assert np.array_equal(kept, soundfile.read(excerpt, dtype="int16")[0][: len(kept)])


def test_a_live_call_reports_its_latency(excerpt: Path, tmp_path: Path) -> None:
    code, events, _ = _replay(excerpt, "--speed", "1", "--archive", tmp_path)
    assert code == 0
    latency = events[-1]["latency"]
    assert latency["utterance"]["count"] == len(_of(events, "utterance"))
    assert latency["partial"]["count"] == len(_of(events, "partial")) > 0
    assert all(event["emitted_ms"] >= event["at_ms"] for event in _of(events, "utterance"))

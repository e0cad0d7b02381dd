"""Whole runs of the comparison, with a server that listens and systems that say what a script tells them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks.peers import comparison
from benchmarks.peers.alignment import Turn
from benchmarks.peers.comparison import Plan, run_plan
from benchmarks.peers.processes import PeerError, Server, free_port, plain_environment
from benchmarks.peers.records import StreamLog
from benchmarks.peers.streams import LINE_HZ, Stream
from benchmarks.peers.systems import paced

pytestmark = pytest.mark.integration

SAID = "はい、そうです。"


class Listening:
    """A server that anyone can connect to; the client hears what was said, or the line breaks."""

    def __init__(self, name: str, breaks: bool = False) -> None:
        self.name = name
        self.breaks = breaks
        self.played = 0

    def options(self, model: Path) -> list[str]:
        return [model.name]

    def versions(self) -> dict[str, str]:
        return {"python": "3"}

    async def start(self, model: Path, streams: int, directory: Path) -> Server:
        port = free_port()
        command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
        server = Server(command, plain_environment(), directory, port)
        await server.listening(20)
        return server

    async def play(self, server: Server, mulaw: bytes, samples: bytes, log: StreamLog) -> None:
        self.played += 1
        async for _ in paced(mulaw, LINE_HZ // 10, log):
            if self.breaks:
                raise PeerError("expected the stream to go on; got ConnectionClosedError")
        log.commit(SAID)
        log.closed_s = log.now()
        log.complete = True


@pytest.fixture
def systems(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Listening]:
    made = {"koemori": Listening("koemori"), "peer": Listening("peer", breaks=True)}
    stream = Stream("x", bytes(LINE_HZ * 3 // 10), (Turn(0.0, 0.2, SAID),))
    monkeypatch.setattr(comparison, "all_systems", lambda: made)
    monkeypatch.setattr(comparison, "choose_streams", lambda calls, count, seconds: [stream] * count)
    monkeypatch.setattr(comparison, "ensure_model", lambda name: tmp_path / name)
    monkeypatch.setattr(comparison, "HOME", tmp_path / "home")
    return made


def test_a_broken_peer_is_recorded_and_only_its_run_is_done_again(
    systems: dict[str, Listening], tmp_path: Path
) -> None:
    out = tmp_path / "results" / "peers.json"
    plan = Plan(("koemori", "peer"), (2,), ("c01",), 1, 50.0)
    first = run_plan(plan, out, {"command": "first"}, 1024)
    ours, broken = first["runs"]
    assert ours["error"] is None
    assert [stream["last_utterance"] for stream in ours["streams"]] == ["after the end of the audio"] * 2
    assert ours["cpu_s_per_audio_s"] >= 0
    assert broken["error"] == "expected the stream to go on; got ConnectionClosedError"
    assert first["summary"]["2 streams"]["koemori"]["cer"] == 0
    assert first["summary"]["2 streams"]["peer"]["rounds"] == 0

    systems["peer"].breaks = False
    second = run_plan(plan, out, {"command": "second"}, 1024)
    assert (systems["koemori"].played, systems["peer"].played) == (2, 4)
    assert [run["error"] for run in second["runs"]] == [None, None]
    assert json.loads(out.read_text(encoding="utf-8")) == second
    events = (tmp_path / "home" / "runs" / "peer" / "1-x.jsonl").read_text(encoding="utf-8")
    assert json.loads(events)["text"] == SAID

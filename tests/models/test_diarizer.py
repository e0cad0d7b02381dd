"""The process around pyannote: lazy, bounded, replaced when it fails. A script stands in for its worker."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from koemori.models.diarization import PipelineConfig
from koemori.models.diarizer import DiarizationConfig, PyannoteDiarizer
from koemori.models.errors import DiarizationUnavailableError
from koemori.models.types import SpeakerTurn

from tests.support.diarization import wrapped

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
SECOND = np.zeros(16_000, np.float32)
STAND_IN = """#!{python}
import os, sys, time, types
koemori = types.ModuleType("koemori")
koemori.__path__ = [{root!r}]
sys.modules["koemori"] = koemori
from koemori.models import diarization_messages as messages
from koemori.models.diarization_worker import _read, _write
from pathlib import Path

folder = Path({folder!r})
behaviour = (folder / "behaviour").read_text()
with (folder / "starts").open("a") as starts:
    starts.write("x")
out = sys.stdout.buffer
_read(sys.stdin.buffer)
if behaviour == "missing":
    _write(out, {{"kind": "unavailable", "missing": "the package torch"}})
    sys.exit(3)
if behaviour == "babble":
    out.write(b"Welcome to this interpreter!")
    out.flush()
    time.sleep(60)
_write(out, {{"kind": "ready"}})
while True:
    question, payload = _read(sys.stdin.buffer)
    if question is None:
        sys.exit(0)
    samples = len(messages.read_samples(payload))
    if behaviour == "die":
        os._exit(9)
    if behaviour == "hang":
        time.sleep(60)
    if behaviour == "nonsense":
        out.write(b"Segmentation fault (core dumped)")
        out.flush()
        time.sleep(60)
    if behaviour == "fail":
        _write(out, {{"kind": "failed", "reason": "ValueError"}})
        continue
    _write(out, {{"kind": "turns", "turns": [["S%d" % question["speakers"], 0, samples // 16]]}})
"""


class Stand:
    """A configuration whose interpreter is the stand-in; `behaviour` may change between starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.script = folder / "python"
        self.script.write_text(STAND_IN.format(python=sys.executable, root=str(ROOT), folder=str(folder)))
        self.script.chmod(0o755)
        self.behave("answer")
        self.config = DiarizationConfig(weights=weights(folder), interpreter=self.script)

    def behave(self, behaviour: str) -> None:
        (self.folder / "behaviour").write_text(behaviour)

    @property
    def starts(self) -> int:
        path = self.folder / "starts"
        return len(path.read_text()) if path.exists() else 0


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


def weights(folder: Path) -> PipelineConfig:
    digests = {}
    for name in ("segmentation.bin", "voice.pt"):
        (folder / name).write_bytes(name.encode())
        digests[name] = hashlib.sha256(name.encode()).hexdigest()
    return PipelineConfig(
        segmentation=str(folder / "segmentation.bin"), embedding=str(folder / "voice.pt"), digests=digests
    )


@asynccontextmanager
async def diarizer(
    config: DiarizationConfig, clock: Callable[[], float] = lambda: 0.0
) -> AsyncIterator[PyannoteDiarizer]:
    made = PyannoteDiarizer(config, clock)
    try:
        yield made
    finally:
        await made.aclose()


async def test_the_process_starts_at_the_first_question_and_answers_the_next_ones_too(stand: Stand):
    async with diarizer(stand.config) as made:
        assert not made.running
        assert stand.starts == 0
        assert await made.turns(SECOND) == (SpeakerTurn("S2", 0, 1000),)
        assert await made.turns(SECOND[:12_000], 3) == (SpeakerTurn("S3", 0, 750),)
        assert stand.starts == 1
        assert made.running
    assert not made.running


async def test_too_little_audio_for_a_turn_needs_no_process(stand: Stand):
    async with diarizer(stand.config) as made:
        assert await made.turns(SECOND[:100]) == ()
        assert stand.starts == 0


async def test_an_interpreter_that_says_something_else_first_is_none_and_is_not_asked_again_at_once(
    stand: Stand,
):
    stand.behave("babble")
    async with diarizer(stand.config) as made:
        for _ in range(2):
            with pytest.raises(DiarizationUnavailableError, match="answers make sense"):
                await made.turns(SECOND)
        assert stand.starts == 1
        assert not made.running


async def test_questions_asked_together_are_answered_each_by_its_own(stand: Stand):
    async with diarizer(stand.config) as made:
        answers = await asyncio.gather(*(made.turns(SECOND, number) for number in (1, 2, 3)))
        assert [turns[0].speaker for turns in answers] == ["S1", "S2", "S3"]


async def test_the_process_ends_after_a_while_without_a_question(stand: Stand):
    async with diarizer(replace(stand.config, idle_s=0.01)) as made:
        await made.turns(SECOND)
        async with asyncio.timeout(10):
            while made.running:  # noqa: ASYNC110 (a process's end is no event of this loop)
                await asyncio.sleep(0.01)
        await made.turns(SECOND)
        assert stand.starts == 2


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [("die", "keeps running"), ("hang", "within"), ("nonsense", "makes sense"), ("fail", "ValueError")],
)
async def test_a_worker_gone_wrong_costs_one_answer(stand: Stand, behaviour: str, said: str):
    stand.behave(behaviour)
    async with diarizer(replace(stand.config, answer_s=1.0, answer_s_per_audio_s=0.0)) as made:
        with pytest.raises(DiarizationUnavailableError, match=said):
            await made.turns(SECOND)
        if behaviour == "fail":
            return
        stand.behave("answer")
        assert await made.turns(SECOND) == (SpeakerTurn("S2", 0, 1000),)
        assert stand.starts == 2


async def test_an_answer_nobody_waits_for_any_more_is_not_taken_for_the_next(stand: Stand):
    stand.behave("hang")
    async with diarizer(stand.config) as made:
        question = asyncio.create_task(made.turns(SECOND, 1))
        async with asyncio.timeout(20):
            while stand.starts == 0 or not made.running:  # noqa: ASYNC110 (as above)
                await asyncio.sleep(0.01)
        question.cancel()
        with pytest.raises(asyncio.CancelledError):
            await question
        stand.behave("answer")
        assert await made.turns(SECOND, 2) == (SpeakerTurn("S2", 0, 1000),)


async def test_what_is_missing_is_said_and_not_looked_for_again_too_soon(stand: Stand):
    stand.behave("missing")
    now_s = 0.0
    async with diarizer(stand.config, lambda: now_s) as made:
        for _ in range(3):
            with pytest.raises(DiarizationUnavailableError, match="the package torch"):
                await made.turns(SECOND)
        assert stand.starts == 1
        stand.behave("answer")
        now_s = 601.0
        assert await made.turns(SECOND)


async def test_nothing_configured_is_said_at_once():
    async with diarizer(DiarizationConfig()) as made:
        with pytest.raises(DiarizationUnavailableError, match=r"\[diarization\]"):
            await made.turns(SECOND)


async def test_more_audio_than_allowed_is_refused(stand: Stand):
    async with diarizer(replace(stand.config, longest_ms=500)) as made:
        with pytest.raises(DiarizationUnavailableError, match="at most 0 s"):
            await made.turns(SECOND)


async def test_an_interpreter_that_is_not_there_is_said(stand: Stand, tmp_path: Path):
    async with diarizer(replace(stand.config, interpreter=tmp_path / "none")) as made:
        with pytest.raises(DiarizationUnavailableError, match="interpreter"):
            await made.turns(SECOND)


async def test_weights_are_looked_at_before_a_process_is_started(stand: Stand):
    right = stand.config.weights
    wrong = {**right.digests, "voice.pt": "0" * 64}
    for config, said in (
        (replace(right, digests=wrong), r"voice\.pt with sha256 000000000000"),
        (replace(right, digests={}), r"sha256 of segmentation\.bin"),
        (replace(right, segmentation="/nowhere/segmentation.bin"), r"readable file segmentation\.bin"),
        (replace(right, embedding=""), "an embedding file"),
        (PipelineConfig(pipeline="/nowhere/pipeline"), "pipeline folder"),
        (PipelineConfig(pipeline=str(stand.folder)), r"config\.yaml"),
    ):
        async with diarizer(replace(stand.config, weights=config)) as made:
            with pytest.raises(DiarizationUnavailableError, match=said):
                await made.turns(SECOND)
    assert stand.starts == 0


async def test_the_real_worker_says_that_torch_is_not_installed(tmp_path: Path):
    (tmp_path / "torch.py").write_text("raise ImportError('not here')\n")
    python = wrapped(Path(sys.executable), tmp_path, "without-torch", "")
    async with diarizer(DiarizationConfig(weights=weights(tmp_path), interpreter=python)) as made:
        with pytest.raises(DiarizationUnavailableError, match="the package torch"):
            await made.turns(SECOND)


async def test_the_model_is_named_by_the_digests_of_its_files_or_by_its_pipeline(stand: Stand):
    assert PyannoteDiarizer(stand.config).model_id.startswith("pyannote:")
    hub = PipelineConfig(pipeline="pyannote/speaker-diarization-community-1", revision="abc")
    assert hub.model_id == "pyannote:pyannote/speaker-diarization-community-1@abc"


@pytest.mark.parametrize(
    "attempt", ["socket.create_connection(('127.0.0.1', 9))", "socket.getaddrinfo('localhost', 80)"]
)
def test_a_worker_with_local_weights_cannot_reach_the_network(attempt: str):
    code = (
        "import socket, sys; from koemori.models.diarization_worker import refuse_network;"
        f"sys.addaudithook(refuse_network); {attempt}"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "PermissionError: diarization worker: expected no network" in ended.stderr

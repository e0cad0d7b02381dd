"""The pool of worker processes around a scripted recogniser: real processes and pipes, no weights."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from koemori.audio.call import CallId, Channel, ChannelRole, LegId
from koemori.models.errors import (
    TranscriptionError,
    WorkerFailedError,
    WorkerPoolBusyError,
    WorkerPoolClosedError,
)
from koemori.models.ports import Purpose, TranscriptionRequest
from koemori.models.process_pool import MOST_DEATHS, ProcessWorkerPool
from koemori.models.scheduler import SchedulerConfig
from koemori.models.types import Hypothesis, SpeechSegment
from koemori.models.worker_spec import WorkerLimits, WorkerSpec

from tests.fakes.scripted_worker import COMMAND

pytestmark = pytest.mark.integration

OpenPool = Callable[..., Awaitable[ProcessWorkerPool]]


@pytest.fixture
async def open_pool(tmp_path: Path) -> AsyncIterator[OpenPool]:
    """Opens pools of scripted workers and closes them."""
    pools: list[ProcessWorkerPool] = []

    async def open_it(
        workers: int = 1,
        folder: str = "model",
        limits: WorkerLimits | None = None,
        spec: WorkerSpec | None = None,
    ) -> ProcessWorkerPool:
        wanted = spec or WorkerSpec(tmp_path / folder)
        pool = await ProcessWorkerPool.open(wanted, workers, limits=limits, command=COMMAND)
        pools.append(pool)
        return pool

    yield open_it
    for pool in pools:
        await pool.aclose()


def request(
    number: int, prompt: str = "", purpose: Purpose = Purpose.FINAL, call: str = ""
) -> TranscriptionRequest:
    """One second of sound; by default each number is a call of its own."""
    channel = Channel(CallId(call or f"01CALL{number}"), LegId("a"), 0, ChannelRole.AGENT, "test")
    samples = np.full(16_000, number, dtype=np.float32)
    return TranscriptionRequest(
        SpeechSegment(channel, number, number + 1000, samples), purpose, prompt=prompt
    )


def said(number: int, prompt: str = "") -> str:
    return f"{prompt}/{number}/{16_000 * number:g}"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 (a process's end is no event of this loop)
            await asyncio.sleep(0.005)


async def test_answers_come_back_to_their_askers_with_the_time_they_took(open_pool: OpenPool) -> None:
    pool = await open_pool(workers=2)
    answers = await asyncio.gather(*(pool.transcribe(request(number, "sleep:5")) for number in range(6)))
    assert [answer.text.split("/")[1] for answer in answers] == [str(number) for number in range(6)]
    assert {(answer.model_id, answer.work.encode_ms, answer.work.decode_ms) for answer in answers} == {
        (pool.model_id, 1, 2)
    }
    assert (pool.windows, pool.restarts) == (6, 0)
    assert pool.busy_ms >= 30
    assert len(pool.pids) == 2
    assert pool.resident_bytes > 2 << 20


async def test_thirty_seconds_of_sound_go_over_in_one_piece_and_exact(open_pool: OpenPool) -> None:
    pool = await open_pool()
    samples = np.zeros(30 * 16_000, dtype=np.float32)
    samples[-1] = 3.0
    answer = await pool.transcribe(
        TranscriptionRequest(SpeechSegment(request(7).segment.channel, 7, 30_007, samples), Purpose.FINAL)
    )
    assert answer.text == "/7/3"


async def test_a_window_nobody_could_transcribe_is_refused_before_it_is_sent(open_pool: OpenPool) -> None:
    pool = await open_pool()
    samples = np.zeros(61 * 16_000, dtype=np.float32)
    segment = SpeechSegment(request(1).segment.channel, 0, 61_000, samples)
    with pytest.raises(TranscriptionError, match="at most 960000 samples; got 976000"):
        await pool.transcribe(TranscriptionRequest(segment, Purpose.FINAL))
    with pytest.raises(TranscriptionError, match="characters of context"):
        await pool.transcribe(request(1, prompt="あ" * 20_001))


@pytest.mark.parametrize(
    ("folder", "error", "text"),
    [
        ("no-model", TranscriptionError, "expected a model; loading it failed"),
        ("bug", WorkerFailedError, "LookupError: 'a bug'|LookupError: a bug"),
        ("exit", WorkerFailedError, r"exit status 3: libsomething\.so: cannot open"),
    ],
)
async def test_workers_that_cannot_start_say_why(
    open_pool: OpenPool, folder: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        await open_pool(workers=2, folder=folder)


async def test_a_worker_that_takes_too_long_to_load_is_ended(open_pool: OpenPool) -> None:
    with pytest.raises(WorkerFailedError, match=r"expected a loaded model within 0\.5 s"):
        await open_pool(folder="slow", limits=WorkerLimits(start_s=0.5))


async def test_a_program_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailedError, match="expected to start"):
        await ProcessWorkerPool.open(WorkerSpec(tmp_path), command=(str(tmp_path / "nothing"),))


async def test_the_window_of_a_killed_worker_is_asked_again(open_pool: OpenPool) -> None:
    pool = await open_pool(workers=2)
    numbers = range(8)
    answers = [
        asyncio.ensure_future(pool.transcribe(request(number, "sleep:100", call="01CALL")))
        for number in numbers
    ]
    before = pool.pids
    await until(lambda: pool.windows >= 2)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert [answer.text for answer in await asyncio.gather(*answers)] == [
        said(number, "sleep:100") for number in numbers
    ]
    await until(lambda: pool.restarts == 2 and len(pool.pids) == 2)
    assert not set(pool.pids) & set(before)


async def test_workers_killed_again_and_again_lose_no_window_and_repeat_none(open_pool: OpenPool) -> None:
    """Four calls ask one window after the other; whenever ten more are answered, a worker is killed."""
    pool = await open_pool(workers=2)
    answers: dict[str, list[str]] = {f"01CALL{number}": [] for number in range(4)}

    async def ask(call: str) -> None:
        for number in range(15):
            answers[call].append((await pool.transcribe(request(number, "sleep:5", call=call))).text)

    async def kill() -> None:
        for answered in range(5, 60, 10):
            await until(lambda answered=answered: pool.windows >= answered and bool(pool.pids))
            os.kill(pool.pids[0], signal.SIGKILL)

    await asyncio.gather(kill(), *(ask(call) for call in answers))
    assert set(map(tuple, answers.values())) == {tuple(said(number, "sleep:5") for number in range(15))}
    assert pool.windows == 60


async def test_a_window_that_kills_its_workers_is_given_up_and_its_neighbours_are_not(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    pool = await open_pool(spec=WorkerSpec(tmp_path / "model", batch_size=4, batch_wait_ms=50))
    prompts = ["", "die", "", ""]
    answers = await asyncio.gather(
        *(pool.transcribe(request(number, prompt)) for number, prompt in enumerate(prompts)),
        return_exceptions=True,
    )
    assert isinstance(answers[1], TranscriptionError)
    texts = [answer.text for answer in answers if isinstance(answer, Hypothesis)]
    assert [text.split("/")[1] for text in texts] == ["0", "2", "3"]
    assert pool.restarts <= MOST_DEATHS
    assert (await pool.transcribe(request(5))).text == said(5)


async def test_a_worker_that_hangs_is_replaced(open_pool: OpenPool) -> None:
    limits = WorkerLimits(answer_s=1.5, answer_s_per_audio_s=0)
    pool = await open_pool(workers=2, limits=limits)
    hanging = asyncio.ensure_future(pool.transcribe(request(1, "hang")))
    others = [pool.transcribe(request(number)) for number in range(2, 6)]
    assert [answer.text for answer in await asyncio.gather(*others)] == [
        said(number) for number in range(2, 6)
    ]
    with pytest.raises(TranscriptionError, match="3 workers died"):
        await hanging
    await until(lambda: len(pool.pids) == 2)


async def test_a_stopped_worker_is_replaced_and_its_window_answered(open_pool: OpenPool) -> None:
    pool = await open_pool(limits=WorkerLimits(answer_s=1.0, answer_s_per_audio_s=0))
    (pid,) = pool.pids
    os.kill(pid, signal.SIGSTOP)
    assert (await pool.transcribe(request(1))).text == said(1)
    assert pool.restarts == 1


async def test_failures_of_the_model_reach_their_askers_alone_and_the_worker_lives(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    pool = await open_pool(spec=WorkerSpec(tmp_path / "model", batch_size=4, batch_wait_ms=50))
    before = pool.pids
    prompts = ["", "fail", "raise:secret", ""]
    answers = await asyncio.gather(
        *(pool.transcribe(request(number, prompt)) for number, prompt in enumerate(prompts)),
        return_exceptions=True,
    )
    assert [str(answer) for answer in answers if isinstance(answer, TranscriptionError)] == [
        "expected words; the script says no",
        "expected a hypothesis; LookupError came",
    ]
    assert sum(isinstance(answer, Hypothesis) for answer in answers) == 2
    assert pool.pids == before


async def test_windows_of_several_calls_go_in_one_batch(open_pool: OpenPool, tmp_path: Path) -> None:
    pool = await open_pool(spec=WorkerSpec(tmp_path / "model", batch_size=4, batch_wait_ms=200))
    answers = await asyncio.gather(*(pool.transcribe(request(number)) for number in range(4)))
    assert [answer.words[0].heard for answer in answers] == ["fast/4"] * 4
    assert (pool.batches, pool.windows, pool.capacity) == (1, 4, 4)


async def test_what_a_library_prints_does_not_disturb_the_answers_and_is_kept_out_of_logs(
    open_pool: OpenPool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    pool = await open_pool()
    answer = await pool.transcribe(request(1, "print:secret"))
    assert answer.text == said(1, "print:secret")

    def printed() -> list[logging.LogRecord]:
        return [record for record in caplog.records if record.getMessage() == "a speech worker printed"]

    await until(lambda: bool(printed()))
    assert vars(printed()[0])["pii.text"] == "secret on standard output"
    assert "secret" not in caplog.text


async def test_cancelling_drops_a_request_not_yet_begun(open_pool: OpenPool) -> None:
    pool = await open_pool()
    first = asyncio.ensure_future(pool.transcribe(request(1, "sleep:100")))
    second = asyncio.ensure_future(pool.transcribe(request(2)))
    await until(lambda: pool.load.waiting == 1)
    second.cancel()
    with suppress(asyncio.CancelledError):
        await second
    assert pool.load.waiting == 0
    assert (await first).text == said(1, "sleep:100")
    assert pool.windows == 1


async def test_cancelling_a_window_at_work_leaves_the_worker_to_the_next(open_pool: OpenPool) -> None:
    pool = await open_pool()
    first = asyncio.ensure_future(pool.transcribe(request(1, "sleep:50")))
    await asyncio.sleep(0)
    first.cancel()
    assert (await pool.transcribe(request(2))).text == said(2)
    assert pool.windows == 2


async def test_a_newer_partial_takes_the_place_of_one_that_waits(open_pool: OpenPool) -> None:
    pool = await open_pool()
    running = asyncio.ensure_future(pool.transcribe(request(1, "sleep:50")))
    partials = [
        asyncio.ensure_future(pool.transcribe(request(number, purpose=Purpose.PARTIAL, call="01CALL")))
        for number in (2, 3)
    ]
    with pytest.raises(WorkerPoolBusyError):
        await partials[0]
    assert (await partials[1]).text.startswith("/3/")
    await running


async def test_closing_finishes_what_was_accepted_even_when_a_worker_dies_meanwhile(
    open_pool: OpenPool,
) -> None:
    pool = await open_pool()
    answers = [asyncio.ensure_future(pool.transcribe(request(number, "sleep:20"))) for number in range(3)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(pool.aclose())
    await asyncio.sleep(0)
    with pytest.raises(WorkerPoolClosedError):
        await pool.transcribe(request(9))
    os.kill(pool.pids[0], signal.SIGKILL)
    assert [answer.text for answer in await asyncio.gather(*answers)] == [
        said(number, "sleep:20") for number in range(3)
    ]
    await closing
    assert pool.pids == ()


async def test_a_closing_that_is_cut_short_leaves_no_question_without_an_answer(open_pool: OpenPool) -> None:
    pool = await open_pool()
    answers = [asyncio.ensure_future(pool.transcribe(request(number, "sleep:60000"))) for number in range(2)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(pool.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    async with asyncio.timeout(10):
        came = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(failure) for failure in came] == [WorkerPoolClosedError] * 2
    with suppress(asyncio.CancelledError):
        await closing
    assert pool.pids == ()


async def test_no_worker_outlives_its_pool_and_closing_twice_is_closing(open_pool: OpenPool) -> None:
    pool = await open_pool(workers=2)
    pids = pool.pids
    await pool.aclose()
    await pool.aclose()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_signals_to_the_whole_group_do_not_end_a_worker(open_pool: OpenPool) -> None:
    pool = await open_pool()
    answer = asyncio.ensure_future(pool.transcribe(request(1, "sleep:50")))
    await asyncio.sleep(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(pool.pids[0], number)
    assert (await answer).text == said(1, "sleep:50")
    assert pool.restarts == 0


async def test_a_pool_whose_workers_cannot_be_started_again_answers_with_errors_and_recovers(
    open_pool: OpenPool, tmp_path: Path
) -> None:
    folder = tmp_path / "once"
    folder.mkdir()
    limits = WorkerLimits(first_pause_s=0.01, longest_pause_s=0.05)
    pool = await open_pool(folder="once", limits=limits)
    waiting = asyncio.ensure_future(pool.transcribe(request(1, "die")))
    with pytest.raises(TranscriptionError, match="none can be started"):
        await waiting
    with pytest.raises(TranscriptionError, match="none can be started"):
        await pool.transcribe(request(2))
    assert pool.load.level.name == "SHEDDING"
    (folder / "started").unlink()
    await until(lambda: bool(pool.pids))
    assert (await pool.transcribe(request(3))).text == said(3)
    assert pool.load.level.name == "NORMAL"


async def test_a_killed_parent_leaves_no_worker_behind(tmp_path: Path) -> None:
    code = (
        "import asyncio\nfrom pathlib import Path\n"
        "from koemori.models.process_pool import ProcessWorkerPool\n"
        "from koemori.models.worker_spec import WorkerSpec\n"
        "async def main():\n"
        f"    pool = await ProcessWorkerPool.open(WorkerSpec(Path('model')), 2, command={COMMAND!r})\n"
        "    print(*pool.pids, flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        COMMAND[0], "-c", code, stdout=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    os.kill(parent.pid, signal.SIGKILL)
    await parent.wait()
    await until(lambda: not any(is_running(pid) for pid in pids))


def is_running(pid: int) -> bool:
    """False also for a process that ended and that nobody has asked about yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_the_scheduler_gets_its_budgets_from_the_caller(tmp_path: Path) -> None:
    scheduler = SchedulerConfig(workers=9, most_finals=1)
    pool = await ProcessWorkerPool.open(WorkerSpec(tmp_path / "model"), scheduler=scheduler, command=COMMAND)
    running = asyncio.ensure_future(pool.transcribe(request(1, "sleep:100")))
    await asyncio.sleep(0)
    waiting = asyncio.ensure_future(pool.transcribe(request(2)))
    await asyncio.sleep(0)
    with pytest.raises(WorkerPoolBusyError):
        await pool.transcribe(request(3))
    await asyncio.gather(running, waiting)
    await pool.aclose()

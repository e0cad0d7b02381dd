"""Plans of capacity runs, and what is read from them."""

import asyncio

import numpy as np
import pytest
from koemori.audio.call import ChannelRole
from koemori.server.bench import process_tree
from koemori.server.bench.capacity import Plan, driver_cost, line, planned, spread
from koemori.server.bench.process_tree import Watch
from koemori.server.bench.tapes import Tape, Turn

from tests.fakes.bench_results import capacity

pytestmark = pytest.mark.unit

ROLES = (ChannelRole.AGENT, ChannelRole.CUSTOMER)


def tape(name: str, *turns: Turn) -> Tape:
    return Tape(name, 8000, np.zeros((2, 80_000), dtype=np.int16), ROLES, turns)


TAPES = [
    tape(name, Turn("agent", 500, 2000), Turn("customer", 3000, 5000), Turn("agent", 6000, 9000))
    for name in ("a", "b", "c")
]


def test_every_file_plays_once_before_one_plays_twice() -> None:
    calls = planned(TAPES, 5, Plan(seconds=30))
    names = [call.tape.name.split()[0] for call in calls]
    assert sorted(names[:3]) == ["a", "b", "c"]
    assert names[3:] == names[:2]
    assert {call.tape.duration_ms for call in calls} == {30_000}
    assert all(0 <= call.delay_ms <= Plan().stagger_ms for call in calls)


def test_calls_begin_just_before_a_turn_and_at_different_moments() -> None:
    calls = planned(TAPES, 12, Plan(seconds=30))
    assert all(min(turn.start_ms for turn in call.tape.turns) == 300 for call in calls)
    assert len({call.delay_ms for call in calls}) > 6
    assert len({call.tape.turns[0].end_ms for call in calls}) > 1


def test_a_seed_fixes_the_plan() -> None:
    def shape(seed: int) -> list[tuple[str, int, int]]:
        calls = planned(TAPES, 6, Plan(seconds=30, seed=seed))
        return [(call.tape.name, call.delay_ms, call.tape.turns[0].end_ms) for call in calls]

    assert shape(1) == shape(1)
    assert shape(1) != shape(2)


def test_calls_without_a_script_can_be_planned() -> None:
    assert planned([tape("x")], 2, Plan(seconds=20))[1].tape.turns == ()


def test_spread_is_the_dearest_over_the_cheapest() -> None:
    assert spread([0.10, 0.12, 0.11]) == 0.2
    assert spread([]) is None


def test_a_line_of_the_table_says_what_the_run_found() -> None:
    text = line(capacity()["runs"][3])
    assert text.split()[:2] == ["10", "1258/1666/1816"]
    assert "199/200" in text
    assert "partials_reduced 60%" in text


async def test_playing_to_nobody_costs_little() -> None:
    assert 0 <= await driver_cost(tape("x"), seconds=0.2, calls=2) < 0.5


async def test_a_watch_sees_time_and_memory_of_the_process() -> None:
    thrice = asyncio.Event()

    def read() -> dict[str, float | int | str]:
        if len(watch.samples) >= 3:
            thrice.set()
        return {"level": "normal"}

    watch = Watch(0.01, read)
    task = asyncio.create_task(watch.run())
    await thrice.wait()
    task.cancel()
    first, last = watch.samples[0], watch.samples[-1]
    assert last.at_s > first.at_s
    assert last.cpu_s >= first.cpu_s > 0
    assert 10 < last.memory.resident_mib < 100_000
    assert last.readings == {"level": "normal"}
    assert "this process" in process_tree.COVERS

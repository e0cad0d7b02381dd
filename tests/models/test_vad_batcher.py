"""Many channels and calls in one run of the detector."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from koemori.models.energy_vad import EnergyVad
from koemori.models.vad_batcher import VadBatcher

from tests.fakes.models import FailingVad, silence, tone

pytestmark = pytest.mark.unit

LOUD, QUIET = tone(32)[None], silence(32)[None]


async def test_what_is_asked_in_one_turn_is_one_run_and_each_gets_its_own() -> None:
    batcher = VadBatcher(EnergyVad())
    answers = await asyncio.gather(
        batcher.probabilities(("a/0", "a/1"), np.concatenate([LOUD, QUIET])),
        batcher.probabilities(("b/0",), LOUD),
        batcher.probabilities(("c/0",), QUIET),
    )
    assert batcher.runs == 1
    assert [answer.round().tolist() for answer in answers] == [[1, 0], [1], [0]]


async def test_with_many_channels_a_waiting_time_joins_later_questions() -> None:
    batcher = VadBatcher(EnergyVad(), wait_ms=5, many=2)
    await asyncio.gather(batcher.probabilities(("a",), LOUD), batcher.probabilities(("b",), LOUD))
    batcher.runs = 0
    first = asyncio.ensure_future(batcher.probabilities(("a",), LOUD))
    await asyncio.sleep(0)
    second = asyncio.ensure_future(batcher.probabilities(("b",), QUIET))
    await asyncio.gather(first, second)
    assert batcher.runs == 1


async def test_nobody_waits_when_all_have_asked() -> None:
    batcher = VadBatcher(EnergyVad(), wait_ms=60_000, many=2)
    await asyncio.gather(batcher.probabilities(("a",), LOUD), batcher.probabilities(("b",), LOUD))
    for _ in range(3):
        first = asyncio.ensure_future(batcher.probabilities(("a",), LOUD))
        await asyncio.sleep(0)
        await asyncio.gather(first, batcher.probabilities(("b",), QUIET))


async def test_few_channels_do_not_wait_for_others() -> None:
    batcher = VadBatcher(EnergyVad(), wait_ms=60_000, many=3)
    for _ in range(3):
        assert (await batcher.probabilities(("a", "b"), np.concatenate([LOUD, QUIET]))).tolist() == [1, 0]
        batcher.forget("a")
        batcher.forget("b")


async def test_a_cancelled_asker_does_not_disturb_the_others() -> None:
    batcher = VadBatcher(EnergyVad())
    first = asyncio.ensure_future(batcher.probabilities(("a",), LOUD))
    second = asyncio.ensure_future(batcher.probabilities(("b",), LOUD))
    first.cancel()
    assert (await second).tolist() == [1.0]


async def test_a_detector_that_fails_tells_every_asker() -> None:
    vad = FailingVad()
    vad.broken = True
    batcher = VadBatcher(vad)
    answers = await asyncio.gather(
        batcher.probabilities(("a",), LOUD), batcher.probabilities(("b",), LOUD), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [RuntimeError, RuntimeError]

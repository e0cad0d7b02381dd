"""Two models behind one pool."""

from __future__ import annotations

import pytest
from koemori.models.errors import WorkerPoolClosedError
from koemori.models.ports import Load, LoadLevel, Purpose, TranscriptionRequest
from koemori.models.routed_pool import RoutedWorkerPool
from koemori.models.types import SpeechSegment

from tests.fakes.models import CUSTOMER, ScriptedPool, hypothesis, silence

pytestmark = pytest.mark.unit


def request(purpose: Purpose) -> TranscriptionRequest:
    return TranscriptionRequest(SpeechSegment(CUSTOMER, 0, 10, silence(10)), purpose)


async def test_partials_go_to_one_model_and_finals_asked_in_advance_or_not_to_the_other() -> None:
    small, large = (ScriptedPool(lambda _, name=name: hypothesis(name)) for name in ("small", "large"))
    large.model_id = "large@0"
    pool = RoutedWorkerPool(small, large)
    texts = {purpose: (await pool.transcribe(request(purpose))).text for purpose in Purpose}
    assert texts == {Purpose.FINAL: "large", Purpose.ADVANCE: "large", Purpose.PARTIAL: "small"}
    assert (pool.model_id, pool.capacity) == ("large@0", 2)


@pytest.mark.parametrize(
    ("partials", "finals", "both"),
    [
        (LoadLevel.NORMAL, LoadLevel.NORMAL, LoadLevel.NORMAL),
        (LoadLevel.PARTIALS_REDUCED, LoadLevel.NORMAL, LoadLevel.PARTIALS_REDUCED),
        (LoadLevel.SHEDDING, LoadLevel.NORMAL, LoadLevel.PARTIALS_OFF),
        (LoadLevel.NORMAL, LoadLevel.LARGE_WINDOWS, LoadLevel.LARGE_WINDOWS),
        (LoadLevel.PARTIALS_OFF, LoadLevel.SHEDDING, LoadLevel.SHEDDING),
    ],
)
def test_the_load_is_what_either_model_is_short_of(
    partials: LoadLevel, finals: LoadLevel, both: LoadLevel
) -> None:
    small, large = ScriptedPool(), ScriptedPool()
    small.level, small.partial_interval_ms, small.waiting = partials, 1200, 2
    large.level, large.partial_interval_ms, large.waiting = finals, 700, 3
    assert RoutedWorkerPool(small, large).load == Load(both, 1200, 5)


def test_partials_come_as_rarely_as_the_model_with_less_room_wants_them() -> None:
    small, large = ScriptedPool(), ScriptedPool()
    small.partial_interval_ms, large.partial_interval_ms = 576, 1500
    large.level = LoadLevel.PARTIALS_REDUCED
    assert RoutedWorkerPool(small, large).load == Load(LoadLevel.PARTIALS_REDUCED, 1500, 0)


async def test_a_closed_pool_refuses_at_once() -> None:
    pool = RoutedWorkerPool(ScriptedPool(), ScriptedPool())
    await pool.aclose()
    with pytest.raises(WorkerPoolClosedError):
        await pool.transcribe(request(Purpose.FINAL))


def test_counts_are_those_of_both() -> None:
    small, large = ScriptedPool(), ScriptedPool()
    names = ("restarts", "batches", "windows", "busy_ms", "cpu_ms", "resident_bytes")
    for place, name in enumerate(names):
        setattr(small, name, place)
        setattr(large, name, 10)
    pool = RoutedWorkerPool(small, large)
    assert [getattr(pool, name) for name in names] == [10, 11, 12, 13, 14, 15]

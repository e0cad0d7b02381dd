"""No input makes a parser fail in a way of its own, or keeps it busy: those once found, and new ones."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.media_targets import MEDIA_TARGETS
from tests.fuzz.mutation import Mutator
from tests.fuzz.sip_targets import SIP_TARGETS
from tests.fuzz.socket_targets import SOCKET_TARGETS
from tests.fuzz.targets import LIMIT_MS, MOST_BYTES, Target

pytestmark = pytest.mark.unit

CORPUS = Path(__file__).with_name("corpus")
TARGETS = {target.name: target for target in (*SIP_TARGETS, *MEDIA_TARGETS, *SOCKET_TARGETS)}
FOUND = sorted(CORPUS.glob("*/*.bin"))


def cpu_ms(target: Target, content: bytes) -> float:
    """The least of three runs: what the input costs, not what else this machine does."""
    taken = []
    for _ in range(3):
        begun_s = time.thread_time()
        target(content)
        taken.append((time.thread_time() - begun_s) * 1000)
        if taken[-1] < LIMIT_MS:
            break
    return min(taken)


@pytest.mark.parametrize("path", FOUND, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_input_that_was_once_a_finding_is_none_any_more(path: Path) -> None:
    assert cpu_ms(TARGETS[path.parent.name], path.read_bytes()) < LIMIT_MS


def test_every_folder_of_the_corpus_belongs_to_a_target() -> None:
    assert {path.parent.name for path in FOUND} <= set(TARGETS)
    assert FOUND


@pytest.mark.parametrize("name", TARGETS)
def test_good_inputs_are_taken(name: str) -> None:
    for seed in TARGETS[name].seeds:
        assert cpu_ms(TARGETS[name], seed) < LIMIT_MS


@pytest.mark.parametrize("name", TARGETS)
def test_changed_inputs_are_refused_or_taken_and_never_take_long(name: str) -> None:
    target = TARGETS[name]

    @settings(
        max_examples=30,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**32))
    def try_one(seed: int) -> None:
        assert cpu_ms(target, Mutator(target.seeds, target.words, MOST_BYTES, seed).next()) < LIMIT_MS

    try_one()


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_refused_or_taken(name: str) -> None:
    target = TARGETS[name]

    @settings(
        max_examples=20,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.binary(max_size=300))
    def try_one(content: bytes) -> None:
        target(content)

    try_one()

"""Levels and the gate over them."""

from __future__ import annotations

import numpy as np
import pytest
from koemori.models.energy_vad import SILENCE_DBFS, EnergyVad, levels_dbfs

from tests.fakes.models import silence, tone

pytestmark = pytest.mark.unit


def test_levels_are_decibels_below_full_scale() -> None:
    levels = levels_dbfs(np.concatenate([tone(320, 1.0), silence(32), tone(320, 0.1)]))
    assert levels.shape == (21,)
    assert levels[5] == pytest.approx(-3.0, abs=0.2)
    assert levels[10] == SILENCE_DBFS
    assert levels[15] == pytest.approx(-23.0, abs=0.2)
    assert levels_dbfs(np.zeros(10, np.float32)).shape == (0,)


def test_the_gate_opens_at_its_threshold() -> None:
    vad = EnergyVad(threshold_dbfs=-23.0)
    windows = np.stack([tone(32, level) for level in (0.001, 0.1, 1.0)])
    assert vad.probabilities(("a", "b", "c"), windows) == pytest.approx([0, 0.5, 1], abs=0.05)
    assert vad.probabilities((), np.zeros((0, 512), np.float32)).shape == (0,)
    vad.forget("a")
